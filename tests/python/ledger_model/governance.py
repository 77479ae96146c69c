"""Section 8: proposals, votes, and what parameters and models may be."""

import re

from . import pricing, sprint, state
from .codec import DOCUMENT, RECORDS, VARIANTS, ProposalStatus, copy_of, empty
from .numbers import ONE

MODELS_MAX = 256
PRICE_MAX = 1 << 43
CAPACITY_MAX = 1 << 40
SPRINT_WEIGHT_MAX = 10 ** 9
RANGES = {"u32": (0, 2 ** 32 - 1), "ppm": (0, 2 ** 32 - 1), "u64": (0, 2 ** 63 - 1), "i32": (-2 ** 31, 2 ** 31 - 1),
          "amount": (0, 1 << 62)}
CHANGES = VARIANTS["Change"]


def _paths(kind, prefix=""):
    for field, inner in RECORDS[kind]:
        if inner in RECORDS:
            yield from _paths(inner, prefix + field + ".")
        else:
            yield prefix + field, inner


KINDS_BY_PATH = dict(_paths("Params"))


def _number(text):
    return eval(text.replace("^", "**").replace(" ", ""), {"__builtins__": {}})  # "2^48", of our own document.


# The table of section 8.
BOUNDS = {m.group(1): (_number(m.group(2)), _number(m.group(3)))
          for m in re.finditer(r"^\| `([a-z_.]+)` \| (-?[\d^]+) \| ([\d^]+) \|", DOCUMENT, re.MULTILINE)}
assert set(BOUNDS) == set(KINDS_BY_PATH), set(BOUNDS) ^ set(KINDS_BY_PATH)


def place_of(params, path):
    """The record that has the parameter, and its name there."""
    *records, name = path.split(".")
    for record in records:
        params = params[record]
    return params, name


def is_allowed(params):
    for path, (least, most) in BOUNDS.items():
        record, name = place_of(params, path)
        if not least <= record[name] <= most:
            return False
    time, check, money = params["time"], params["check"], params["money"]
    return (time["grace_blocks"] < time["settle_blocks"] < time["epoch_blocks"]
            and money["fee_executor"] + money["fee_ta"] + money["fee_validators"] == ONE
            and check["traffic_cut"] < check["traffic_half"] < check["traffic_full"]
            and check["rate_floor"] <= check["rate_half"] <= check["rate_max"]
            and params["pricing"]["stable_from"] <= params["pricing"]["stable_to"]
            and sprint.is_allowed(params))


def changed(params, changes):
    """The parameters after these changes; None where no network may have them."""
    params = copy_of(params)
    for one in changes:
        path = one["name"].decode("utf-8", "replace")
        if path not in KINDS_BY_PATH:
            return None
        least, most = RANGES[KINDS_BY_PATH[path]]
        if not least <= one["value"] <= most:
            return None
        record, name = place_of(params, path)
        record[name] = one["value"]
    return params if is_allowed(params) else None


def trouble_with(led, change):
    """Why this cannot be, as a TxCode's name, or None."""
    kind, body = CHANGES[change[0]], change[1]
    if kind == "ChangeRules":
        return None if body["version"] > led.chain["rules"] else "OutOfBounds"
    if kind == "ChangeParams":
        names = [one["name"] for one in body["changes"]]
        if not names or len(set(names)) < len(names):
            return "Malformed"
        return None if changed(led.params, body["changes"]) else "OutOfBounds"
    model = body["model"]
    allowed = (model["name"] and model["price"] > 0 and model["context"] > 0 and 1 <= model["top_k"] <= 20
               and 0 < model["price_floor"] <= model["price"] <= model["price_ceiling"] <= PRICE_MAX
               and model["capacity_tokens"] <= CAPACITY_MAX and model["sprint_weight"] <= SPRINT_WEIGHT_MAX)
    if not allowed:
        return "OutOfBounds"
    known = led.state.tables[b"m"]
    if any(other["name"] == model["name"] and other["id"] != model["id"] for other in known.values()):
        return "ConflictsWithRecord"
    return "QuotaExceeded" if b"m" + model["id"] not in known and len(known) >= MODELS_MAX else None


def carry_out(led, change):
    kind, body = CHANGES[change[0]], change[1]
    if kind == "ChangeRules":
        led.edit_chain()["rules"] = body["version"]
    elif kind == "ChangeParams":
        led.state.put(b"g", changed(led.params, body["changes"]))
    else:
        key = b"m" + body["model"]["id"]
        before = led.state.get(key)
        led.state.put(key, body["model"])
        pricing.set_terms(led, body["model"], before)


def key_of(number):
    return b"i" + state.big(number)


def propose(led, sender, event):
    rules = led.params["governance"]
    vote_until = led.height + rules["vote_blocks"]
    led.require(event["activate_height"] >= vote_until + rules["notice_blocks"], "TooEarly")
    trouble = trouble_with(led, event["change"])
    led.require(trouble is None, trouble)
    voting = [p for p in led.state.tables[b"i"].values() if p["status"] == ProposalStatus.Voting]
    led.require(len(voting) < rules["open_max"], "QuotaExceeded")
    account = led.state.edit(state.account(sender))
    led.require(account["balance"] >= rules["deposit"], "InsufficientBalance")
    account["balance"] -= rules["deposit"]
    number = led.chain["proposals"]
    led.edit_chain()["proposals"] += 1
    led.state.put(key_of(number), {
        **empty("Proposal"), "author": sender, "change": event["change"], "reason": event["reason"],
        "opened_height": led.height, "vote_until": vote_until,
        "activate_height": event["activate_height"], "deposit": rules["deposit"]})
    led.tell("ProposalOpened", proposal=number, author=sender, change=event["change"], vote_until=vote_until,
             activate_height=event["activate_height"])


def vote_proposal(led, sender, event):
    proposal = led.state.get(key_of(event["proposal"]))
    led.require(proposal is not None, "UnknownProposal")
    led.require(proposal["status"] == ProposalStatus.Voting, "TooLate")
    led.require_participant(sender)
    key = b"j" + state.big(event["proposal"]) + sender
    before = led.state.get(key)
    led.require(before is None or before["approve"] != event["approve"], "AlreadyDone")
    led.state.put(key, {"approve": event["approve"]})


def tell_decided(led, number, proposal):
    led.tell("ProposalDecided", proposal=number, **{
        name: proposal[name] for name in ("status", "approving_weight", "rejecting_weight", "total_weight")})


def count_votes(led):
    ending = sorted((p["vote_until"], key) for key, p in led.state.tables[b"i"].items()
                    if p["status"] == ProposalStatus.Voting)
    for vote_until, key in ending:
        if vote_until <= led.height:
            close(led, int.from_bytes(key[1:], "big"), led.state.edit(key))


def close(led, number, proposal):
    weights = {m["id"]: m["weight"] for m in led.table(led.chain["epoch"])["members"]}
    proposal["total_weight"] = sum(weights.values())
    for key in led.state.keys(b"j" + state.big(number)):
        side = "approving_weight" if led.state.get(key)["approve"] else "rejecting_weight"
        proposal[side] += weights.get(key[9:], 0)
        led.state.erase(key)
    approving, total, deposit = proposal["approving_weight"], proposal["total_weight"], proposal["deposit"]
    passes = 2 * approving > total
    proposal["status"] = ProposalStatus.Passed if passes else ProposalStatus.Rejected
    if not passes:
        proposal["closed_epoch"] = led.chain["epoch"]
    proposal["deposit"] = 0
    if passes or approving * ONE >= total * led.params["governance"]["deposit_return"]:
        led.pay(proposal["author"], deposit)
    else:
        led.pot("treasury", deposit)
    tell_decided(led, number, proposal)


def activate_proposals(led):
    for key in led.state.keys(b"i"):
        proposal = led.state.get(key)
        if proposal["status"] not in (ProposalStatus.Voting, ProposalStatus.Passed):
            if proposal["closed_epoch"] + led.params["time"]["retained_epochs"] < led.chain["epoch"]:
                led.state.erase(key)
            continue
        if proposal["status"] != ProposalStatus.Passed or proposal["activate_height"] > led.height:
            continue
        proposal = led.state.edit(key)
        possible = trouble_with(led, proposal["change"]) is None
        if possible:
            carry_out(led, proposal["change"])
        proposal["status"] = ProposalStatus.Active if possible else ProposalStatus.Void
        proposal["closed_epoch"] = led.chain["epoch"]
        tell_decided(led, int.from_bytes(key[1:], "big"), proposal)
