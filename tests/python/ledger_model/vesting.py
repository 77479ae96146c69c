"""Section 8, Vesting: emission that reaches its owner over some settlements."""

from . import state


def mint(led, who, amount):
    parts = led.params["money"]["vesting_epochs"]
    account = led.state.ensure(state.account(who))
    if parts == 0:
        account["balance"] += amount
        return
    if amount == 0:
        return
    releases = led.state.ensure(state.vesting(who))["releases"]
    releases += [0] * (parts - len(releases))
    for place in range(parts):
        releases[place] += amount // parts
    releases[parts - 1] += amount % parts


def release(led):
    for key in led.state.keys(b"V"):
        releases = led.state.edit(key)["releases"]
        amount = releases.pop(0)
        if not releases:
            led.state.erase(key)
        if amount > 0:
            led.pay(key[1:], amount)
            led.tell("Vested", participant=key[1:], amount=amount)
