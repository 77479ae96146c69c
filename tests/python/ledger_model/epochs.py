"""Section 8: epochs, their tables, the draws that wait for a beacon, and what is forgotten."""

from . import cases, checks, governance, hearings, membership, pricing, sprint, state
from .codec import empty, encode, tagged, u64
from .numbers import capped_weights

ALLOWANCE, CHECK, COMMITTEE, SAMPLE, RECHECK, SPRINT_INPUTS, SPRINT_SAMPLES = range(7)
PRUNED_PER_BLOCK = 1024


def apply_genesis(led, genesis):
    network = tagged("gonka/network/1", encode("Genesis", genesis))
    chain = led.state.put(b"c", {**empty("Chain"), "network": network, "time_us": genesis["time_us"], "rules": 1,
                                 "sequencer": genesis["sequencer"], "participants": len(genesis["participants"]),
                                 "beacon": tagged("gonka/beacon/genesis/1", network)})
    led.state.put(b"g", genesis["params"])
    for model in genesis["models"]:
        led.state.put(b"m" + model["id"], model)
        pricing.set_terms(led, model, None)
    for source in genesis["accounts"]:
        led.state.ensure(state.account(source["id"]))["balance"] = source["balance"]
    for source in genesis["participants"]:
        led.state.ensure(state.account(source["id"]))
        led.state.put(state.participant(source["id"]), {
            **empty("Participant"), "chain_head": source["beacon_chain_end"],
            **{name: source[name] for name in ("endpoint", "models", "weight", "collateral")}})
    put_epoch_table(led, 0, 0)
    purses = led.state.purses()
    chain["totals"].update(purses, genesis=sum(purses.values()))


def adopt_chain_ends(led):
    for key in led.state.keys(b"p"):
        if led.state.get(key)["next_chain_end"] is not None:
            participant = led.state.edit(key)
            participant["chain_head"], participant["next_chain_end"] = participant["next_chain_end"], None


def put_epoch_table(led, epoch, first_height):
    members = []
    for key in led.state.keys(b"p"):
        one = led.state.get(key)
        if one["removed"] or membership.has_left(one, epoch):
            continue
        if one["active_from_epoch"] <= epoch and one["weight"] > 0:
            members.append({"id": key[1:], "weight": 0, "proven_weight": one["weight"],
                            "reputation": one["reputation"], "models": one["models"]})
    capped = capped_weights([m["proven_weight"] for m in members], led.params["money"]["weight_cap"])
    for member, weight in zip(members, capped):
        member["weight"] = weight
    led.tell("EpochStarted", epoch=epoch, members=len(members), total_weight=sum(capped))
    led.state.put(state.epoch_table(epoch), {
        "epoch": epoch, "first_height": first_height, "beacon": led.chain["beacon"], "members": members})


def begin_epoch(led):
    chain = led.edit_chain()
    sprint.earn_weights(led, chain["epoch"])
    chain["epoch"] += 1
    chain["epoch_first_height"] = led.height
    pricing.begin_epoch(led)
    governance.activate_proposals(led)
    membership.adopt_terms(led)
    put_epoch_table(led, chain["epoch"], led.height)
    return_allowances(led)


def return_allowances(led):
    over = sorted((value["expires_epoch"], key) for key, value in led.state.tables[b"l"].items())
    for expires_epoch, key in over:
        allowance, ta, developer = led.state.get(key), key[1:33], key[33:]
        if expires_epoch >= led.chain["epoch"] or allowance["open_records"] > 0:
            continue
        led.pay(developer, allowance["available"])
        if allowance["key_digest"] is not None:
            led.state.erase(b"k" + ta + allowance["key_digest"])
        led.state.erase(key)


# Draws.


def queue_draw(led, kind, ids):
    key = b"q" + state.big(led.chain["beacon_links"] + 2) + bytes([kind]) + ids
    if led.state.get(key) is None:
        led.state.put(key, {})
        led.edit_chain()["draws_pending"] += 1


def run_due_draws(led):
    beacon, links = led.chain["beacon"], led.chain["beacon_links"]
    for key in led.state.keys(b"q"):
        if int.from_bytes(key[1:9], "big") > links:
            break
        led.state.erase(key)
        led.edit_chain()["draws_pending"] -= 1
        kind, ids = key[9], key[10:]
        if kind == ALLOWANCE:
            if led.state.get(b"l" + ids) is not None:
                led.state.edit(b"l" + ids)["salt"] = tagged("gonka/draw/allowance/1", beacon, ids)
        elif kind == CHECK:
            checks.draw_check(led, ids, tagged("gonka/draw/check/1", beacon, ids))
        elif kind == COMMITTEE:
            cases.seat_committee(led, ids, tagged("gonka/draw/committee/1", beacon, ids))
        elif kind == SAMPLE:
            hearings.draw_hearing_sample(led, ids, tagged("gonka/draw/sample/1", beacon, ids))
        elif kind == SPRINT_INPUTS:
            epoch = int.from_bytes(ids, "big")
            sprint.draw_inputs(led, epoch, tagged("gonka/draw/sprint/1", beacon, u64(epoch)))
        elif kind == SPRINT_SAMPLES:
            epoch = int.from_bytes(ids, "big")
            sprint.draw_samples(led, epoch, tagged("gonka/draw/sprint-samples/1", beacon, u64(epoch)))
        else:
            checks.draw_recheck(led, ids, tagged("gonka/draw/recheck/1", beacon, ids))


# The root of an epoch's first state.

ROOT_BLOCKS = 16


def record_state_root(led):
    first = led.chain["epoch_first_height"]
    if led.chain["epoch"] > 0 and led.height == first + min(ROOT_BLOCKS, led.params["time"]["epoch_blocks"] - 1):
        assert led.state_root["height"] == first
        led.state.put(state.state_root(led.chain["epoch"]), led.state_root)


# The end of an epoch.


def settlement_height(led, epoch):
    time = led.params["time"]
    after = led.table(epoch + 1) if epoch < led.chain["epoch"] else None
    end = after["first_height"] if after else led.table(epoch)["first_height"] + time["epoch_blocks"]
    return end + time["settle_blocks"]


def prune(led):
    epoch = led.chain["epoch_pruned"]
    if epoch + led.params["time"]["retained_epochs"] >= led.chain["epoch_settled"]:
        return
    places = {m["id"]: place for place, m in enumerate(led.table(epoch)["members"])}
    gone = sorted((places[value["executor"]], key) for key, value in led.state.tables[b"r"].items()
                  if value.get("epoch") == epoch)
    keys = [key for _, key in gone]
    keys += sorted(key for key, value in led.state.tables[b"d"].items() if value["epoch"] == epoch)
    for letter in (b"s", b"b", b"v", b"n", b"E", b"S"):
        keys += led.state.keys(letter + state.big(epoch))
    for key in keys[:PRUNED_PER_BLOCK]:
        led.state.erase(key)
    if len(keys) < PRUNED_PER_BLOCK:
        led.state.erase(state.epoch_table(epoch))
        led.state.erase(state.state_root(epoch))
        led.edit_chain()["epoch_pruned"] += 1
        membership.forget_leavers(led, epoch)
