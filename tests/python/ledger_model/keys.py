"""Section 3: warm keys, and whose signature counts as whose."""

from . import state
from .codec import EVENTS, encode, tagged

NODE_KEYS_MAX = 4
DELEGATIONS_MAX = 256
COLD = 1 << EVENTS.index("Delegate") | 1 << EVENTS.index("Revoke")


def delegation(warm):
    return b"y" + warm


def grace_end(led):
    return led.height + led.params["time"]["grace_blocks"]


def delegate(led, sender, event):
    key, replaces = event["key"], event["replaces"]
    led.require(key != sender and replaces != key, "Malformed")
    led.require(event["events"] & COLD == 0 and event["events"] >> len(EVENTS) == 0, "Malformed")
    led.require(event["events"] or event["speaks"] or event["orders"], "Malformed")
    led.require(event["expires_height"] >= led.height, "DelegationExpired")
    before = led.state.get(delegation(key))
    led.require(before is None or before["account"] == sender, "ConflictsWithRecord")
    if before is not None and before["speaks"] and not event["speaks"]:
        retire(led, sender, key)
    if event["speaks"]:
        led.require_participant(sender)
        take_over(led, sender, event)
    if replaces is not None:
        revoke(led, sender, {"key": replaces})
    if before is None:
        account = led.state.edit(state.account(sender))
        led.require(account["delegations"] < DELEGATIONS_MAX, "QuotaExceeded")
        account["delegations"] += 1
        led.state.ensure(state.account(key))
    terms = {name: event[name] for name in ("events", "speaks", "orders", "cap", "expires_height")}
    led.state.put(delegation(key), {**terms, "account": sender, "ends_height": event["expires_height"], "revoked": False})
    led.tell("KeyDelegated", account=sender, key=key, **terms)


def in_use(participant):
    """The newest node key, unless it is retired."""
    newest = participant["node_keys"][-1:]
    return newest[0]["key"] if newest and not newest[0]["retired"] else None


def retire(led, who, key):
    if led.state.get(state.participant(who)) is None:
        return  # Forgotten, with its node keys.
    for one in led.state.edit(state.participant(who))["node_keys"]:
        if one["key"] == key:
            one["retired"] = True
            one["until"] = min(one["until"], grace_end(led))


def take_over(led, sender, event):
    old = in_use(led.state.get(state.participant(sender)))
    if old is not None and old != event["key"]:
        retire(led, sender, old)
        led.state.edit(delegation(old))["speaks"] = False
    participant = led.state.edit(state.participant(sender))
    kept = [one for one in participant["node_keys"] if one["until"] >= led.height and one["key"] != event["key"]]
    led.require(len(kept) < NODE_KEYS_MAX, "QuotaExceeded")
    participant["node_keys"] = kept + [{"key": event["key"], "until": event["expires_height"], "retired": False}]


def revoke(led, sender, event):
    key = event["key"]
    found = led.state.get(delegation(key))
    led.require(found is not None and found["account"] == sender, "NotDelegated")
    led.require(not found["revoked"], "AlreadyDone")
    if found["speaks"]:
        retire(led, sender, key)
    found = led.state.edit(delegation(key))
    found.update(events=0, speaks=False, revoked=True, ends_height=min(found["ends_height"], grace_end(led)))
    led.tell("KeyRevoked", account=sender, key=key)


def end_delegations(led):
    ending = sorted((value["ends_height"], key[1:]) for key, value in led.state.tables[b"y"].items())
    for ends_height, warm in ending:
        if ends_height > led.height:
            break
        found = led.state.get(delegation(warm))
        if found["speaks"]:
            retire(led, found["account"], warm)
        if not found["revoked"]:
            led.tell("KeyRevoked", account=found["account"], key=warm)
        led.state.edit(state.account(found["account"]))["delegations"] -= 1
        led.state.erase(delegation(warm))


# What a warm key does for an account.


def require_named(led, warm, who, tag):
    found = led.state.get(delegation(warm))
    led.require(found is not None and found["account"] == who, "NotDelegated")
    led.require(found["expires_height"] >= led.height, "DelegationExpired")
    led.require(found["events"] >> tag & 1, "NotDelegated")


def charge(led, warm, spent):
    if spent == 0:
        return
    found = led.state.edit(delegation(warm))
    led.require(spent <= found["cap"], "DelegationCap")
    found["cap"] -= spent


def return_order(led, request, unused):
    """What of an escrow comes back unused, into the cap that it came out of."""
    if request["signer"] is None or unused == 0:
        return
    found = led.state.get(delegation(request["signer"]))
    if found is not None and found["account"] == request["developer"]:
        found = led.state.edit(delegation(request["signer"]))
        found["cap"] = min(found["cap"] + unused, 1 << 62)


# Signatures inside events.


def is_signed(led, key, message, signature):
    return (key, message, signature) in led.signatures


def is_signed_for(led, who, message, signature):
    """By the account itself or by a node key whose time is not over."""
    found = led.state.get(state.participant(who))
    node_keys = [one["key"] for one in found["node_keys"] if one["until"] >= led.height] if found else []
    return any(is_signed(led, key, message, signature) for key in [who, *node_keys])


def require_order(led, assignment, allowance):
    """The developer has ordered this, or its sub-account, or the allowance's API key stands for it."""
    request = assignment["request"]
    signer = request["signer"]
    if signer is not None:
        found = led.state.get(delegation(signer))
        led.require(found is not None and found["account"] == request["developer"] and found["orders"], "NotDelegated")
        led.require(found["ends_height"] >= led.height, "DelegationExpired")
        led.require(found["expires_height"] >= request["expiry_height"], "DelegationExpired")
    signature = assignment["developer_signature"]
    if signature is None:
        return led.require(allowance["key_digest"] is not None and signer is None, "BadSignature")
    message = tagged("gonka/request/1", encode("Request", request))
    led.require(is_signed(led, signer or request["developer"], message, signature), "BadSignature")
