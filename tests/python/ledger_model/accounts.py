"""Section 6: accounts and allowances."""

from . import epochs, membership, state
from .codec import ZERO

def transfer(led, sender, event):
    led.require(event["amount"] > 0 and event["to"] != sender, "Malformed")
    account = led.state.edit(state.account(sender))
    led.require(account["balance"] >= event["amount"], "InsufficientBalance")
    account["balance"] -= event["amount"]
    led.pay(event["to"], event["amount"])


def deposit_collateral(led, sender, event):
    led.require(event["amount"] > 0, "Malformed")
    led.require_participant(sender)
    led.require(led.state.get(state.participant(sender))["last_epoch"] is None, "Left")
    account = led.state.edit(state.account(sender))
    led.require(account["balance"] >= event["amount"], "InsufficientBalance")
    account["balance"] -= event["amount"]
    led.state.edit(state.participant(sender))["collateral"] += event["amount"]


def commit_beacon(led, sender, event):
    led.require(event["chain_end"] != ZERO, "Malformed")
    led.require_participant(sender)
    led.state.edit(state.participant(sender))["next_chain_end"] = event["chain_end"]


def allow(led, sender, event):
    ta, digest = event["ta"], event["key_digest"]
    led.require(digest != ZERO, "Malformed")
    led.require(event["expires_epoch"] >= led.chain["epoch"], "AllowanceExpired")
    led.require_participant(ta)
    led.require(not membership.has_left(led.state.get(state.participant(ta)), led.chain["epoch"]), "Left")
    account = led.state.edit(state.account(sender))
    led.require(account["balance"] >= event["amount"], "InsufficientBalance")
    key = state.allowance(ta, sender)
    is_new = led.state.get(key) is None
    led.require(event["amount"] > 0 or not is_new, "Malformed")
    allowance = led.state.ensure(key)
    before = allowance["key_digest"]
    if digest != before:
        if digest is not None:
            led.require(led.state.get(b"k" + ta + digest) is None, "ConflictsWithRecord")
            led.state.put(b"k" + ta + digest, sender)
        if before is not None:
            led.state.erase(b"k" + ta + before)
    if is_new:
        epochs.queue_draw(led, epochs.ALLOWANCE, ta + sender)
    allowance["key_digest"], allowance["expires_epoch"] = digest, event["expires_epoch"]
    account["balance"] -= event["amount"]
    allowance["available"] += event["amount"]
