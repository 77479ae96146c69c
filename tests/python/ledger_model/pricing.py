"""Section 8: the price of a token."""

from .numbers import ONE, next_price, whole_price


def set_terms(led, model, before):
    """A new model, or other terms of a known one; before: its ModelInfo until now."""
    key = b"f" + model["id"]
    low, high = model["price_floor"] * ONE, model["price_ceiling"] * ONE
    old = led.state.get(key) or {"price": None, "load": 0, "last_low": None}
    price = model["price"] * ONE if before is None or before["price"] != model["price"] else old["price"]
    price = min(max(price, low), high)
    led.state.put(key, {
        "price": price, "epoch_start": price, "epoch_low": price,
        "last_low": price if before is None else old["last_low"],
        "load": old["load"] if model["capacity_tokens"] else 0, "capacity_tokens": model["capacity_tokens"],
        "floor": model["price_floor"], "ceiling": model["price_ceiling"]})


def price_for(led, request):
    terms = led.state.get(b"f" + request["model"])
    lowest = whole_price(terms["epoch_low"])
    if request["epoch"] < led.chain["epoch"]:
        lowest = min(lowest, whole_price(terms["last_low"]))
    led.require(request["price_cap"] >= lowest, "PriceAboveCap")
    return min(whole_price(terms["price"]), request["price_cap"])


def count_use(led, model, tokens):
    if led.state.get(b"f" + model)["capacity_tokens"]:
        led.state.edit(b"f" + model)["load"] += tokens


def begin_epoch(led):
    for key in led.state.keys(b"f"):
        terms = led.state.edit(key)
        terms.update(last_low=terms["epoch_low"], epoch_start=terms["price"], epoch_low=terms["price"])


def move_prices(led):
    pricing = led.params["pricing"]
    for key in led.state.keys(b"f"):
        if led.state.get(key)["capacity_tokens"] == 0:
            continue
        terms = led.state.edit(key)
        price = next_price(pricing, terms)
        terms.update(price=price, epoch_low=min(terms["epoch_low"], price),
                     load=terms["load"] - terms["load"] // pricing["window_blocks"])
