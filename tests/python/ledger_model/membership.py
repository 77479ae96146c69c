"""Section 8, Taking part: who is a participant from when to when, and the collateral of those who go."""

from . import sprint, state
from .codec import empty

PARTICIPANTS_MAX = 4096
UNBONDING_MAX = 16


def has_left(participant, epoch):
    return participant["last_epoch"] is not None and participant["last_epoch"] < epoch


def require_models(led, models):
    led.require(all(a < b for a, b in zip(models, models[1:])), "Malformed")
    for model in models:
        led.require(led.state.get(b"m" + model) is not None, "UnknownModel")


def register(led, sender, event):
    led.require(event["endpoint"], "Malformed")
    require_models(led, event["models"])
    known = led.state.get(state.participant(sender))
    if known is None:
        return join(led, sender, event)
    led.require(not known["removed"], "Removed")
    known = led.state.edit(state.participant(sender))
    known["next_terms"] = {"endpoint": event["endpoint"], "models": event["models"]}
    if known["last_epoch"] is None:
        return
    if has_left(known, led.chain["epoch"]):
        known.update(weight=sprint.newcomer_weight(led), active_from_epoch=led.chain["epoch"] + 1)
    known["last_epoch"] = None
    fill_collateral(led, sender, known)


def join(led, sender, event):
    led.require(led.chain["participants"] < PARTICIPANTS_MAX, "QuotaExceeded")
    led.edit_chain()["participants"] += 1
    fill_collateral(led, sender, led.state.put(state.participant(sender), {
        **empty("Participant"), "endpoint": event["endpoint"], "models": event["models"],
        "weight": sprint.newcomer_weight(led), "active_from_epoch": led.chain["epoch"] + 1}))


def fill_collateral(led, sender, participant):
    account = led.state.edit(state.account(sender))
    missing = max(0, led.params["money"]["collateral_min"] - participant["collateral"])
    led.require(account["balance"] >= missing, "InsufficientBalance")
    account["balance"] -= missing
    participant["collateral"] += missing
    led.tell("ParticipantJoined", participant=sender, from_epoch=led.chain["epoch"] + 1)


def update(led, sender, event):
    endpoint, models = event["endpoint"], event["models"]
    led.require(endpoint != b"" and not (endpoint is None and models is None), "Malformed")
    require_models(led, models or [])
    led.require_participant(sender)
    participant = led.state.edit(state.participant(sender))
    led.require(participant["last_epoch"] is None, "Left")
    before = participant["next_terms"] or participant
    participant["next_terms"] = {"endpoint": before["endpoint"] if endpoint is None else endpoint,
                                 "models": before["models"] if models is None else models}


def leave(led, sender, _):
    led.require(led.state.get(state.participant(sender)) is not None, "UnknownParticipant")
    participant = led.state.edit(state.participant(sender))
    led.require(participant["last_epoch"] is None, "Left")
    participant.update(last_epoch=led.chain["epoch"], next_terms=None)
    led.tell("ParticipantLeft", participant=sender, last_epoch=led.chain["epoch"])


def withdraw_collateral(led, sender, event):
    led.require(event["amount"] > 0, "Malformed")
    led.require(led.state.get(state.participant(sender)) is not None, "UnknownParticipant")
    participant = led.state.edit(state.participant(sender))
    free = participant["removed"] or participant["last_epoch"] is not None
    least = 0 if free else led.params["money"]["collateral_min"]
    led.require(participant["collateral"] >= event["amount"] + least, "InsufficientCollateral")
    led.require(len(participant["unbonding"]) < UNBONDING_MAX - 1, "QuotaExceeded")
    unbond(led, sender, participant, event["amount"], led.chain["epoch"])


def unbond(led, who, participant, amount, epoch):
    release = epoch + led.params["money"]["unbonding_epochs"]
    entry = next((one for one in participant["unbonding"] if one["release_epoch"] == release), None)
    if entry is None:
        entry = {"amount": 0, "release_epoch": release}
        participant["unbonding"].append(entry)
    participant["collateral"] -= amount
    entry["amount"] += amount
    led.tell("CollateralUnbonding", participant=who, amount=amount, release_epoch=release)


def take_stake(participant, at_most):
    """Out of collateral, then out of what unbonds; how much that was."""
    left = at_most
    for purse, name in [(participant, "collateral")] + [(one, "amount") for one in participant["unbonding"]]:
        taken = min(left, purse[name])
        purse[name] -= taken
        left -= taken
    return at_most - left


def slash(participant, part):
    """How much of collateral and of each entry that unbonds."""
    total = 0
    for purse, name in [(participant, "collateral")] + [(one, "amount") for one in participant["unbonding"]]:
        taken = purse[name] * part // 1_000_000
        purse[name] -= taken
        total += taken
    return total


def adopt_terms(led):
    for key in led.state.keys(b"p"):
        if led.state.get(key)["next_terms"] is not None:
            participant = led.state.edit(key)
            participant.update(participant["next_terms"], next_terms=None)


def settle_collateral(led, epoch):
    for key in led.state.keys(b"p"):
        if led.state.get(key)["last_epoch"] is None and not led.state.get(key)["unbonding"]:
            continue
        who, participant = key[1:], led.state.edit(key)
        if has_left(participant, epoch + 1) and participant["collateral"] > 0:
            unbond(led, who, participant, participant["collateral"], epoch)
        due = sum(one["amount"] for one in participant["unbonding"] if one["release_epoch"] <= epoch)
        participant["unbonding"] = [one for one in participant["unbonding"] if one["release_epoch"] > epoch]
        led.pay(who, due)
        if due > 0:
            led.tell("CollateralReleased", participant=who, amount=due)


def forget_leavers(led, epoch):
    for key in led.state.keys(b"p"):
        one = led.state.get(key)
        gone = has_left(one, epoch + 1) and not one["removed"] and one["convictions"] == 0
        if gone and one["collateral"] == 0 and not one["unbonding"] and key[1:] != led.chain["sequencer"]:
            led.state.erase(key)
            led.edit_chain()["participants"] -= 1
