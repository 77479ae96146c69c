"""The formulas: pure functions of integers. // rounds down."""

from math import isqrt

ONE = 1_000_000


# Section 7: rates, misses, reputation.


def traffic_floor(check, traffic):
    """min(T)."""
    cut, half, full = check["traffic_cut"], check["traffic_half"], check["traffic_full"]
    if traffic <= cut:
        return check["rate_max"]
    if traffic >= full:
        return check["rate_floor"]
    if traffic < half:
        return check["rate_max"] - (check["rate_max"] - check["rate_half"]) * (traffic - cut) // (half - cut)
    return check["rate_half"] - (check["rate_half"] - check["rate_floor"]) * (traffic - half) // (full - half)


def check_rate(check, reputation, traffic, records):
    most, least = check["rate_max"], traffic_floor(check, traffic)
    rate = most - (most - least) * min(reputation, ONE) // ONE
    wanted = check["checks_per_epoch_min"]
    needed = most if records <= wanted else min(most, -(-wanted * ONE // records))
    return max(rate, needed)


def miss_limit(duties, rate):
    """How many misses of so many duties bad luck explains: n up to four of them, then
    max(4, floor(n p + 1.6448536 sqrt(n p (1 - p)))), at most n."""
    if duties <= 4:
        return duties
    mean = duties * rate
    spread = isqrt(mean * (ONE - rate) * 16448536 ** 2 // 10 ** 14)
    return min(duties, max(4, (mean + spread) // ONE))


def beyond_bad_luck(reputation, misses_half, duties):
    return duties >= reputation["miss_sample_min"] and misses_half > 2 * miss_limit(duties, reputation["miss_rate"])


def availability(reputation, misses_half, duties):
    if not beyond_bad_luck(reputation, misses_half, duties):
        return ONE
    return ONE * (2 * duties - min(misses_half, 2 * duties)) // max(2 * duties, 1)


def counted_misses(proven, claims, others):
    parts = min(max(others, 1), 10)
    counted = proven + sum(claims)
    while True:
        left = proven + sum(min(claim, counted // parts) for claim in claims)
        if left == counted:
            return counted
        counted = left


def reputation_step(reputation):
    return -(-ONE // reputation["epochs_to_full"])


# Section 8: money.


def emission(initial, epoch):
    power, square = 1 << 127, 9995251127946402 * 2 ** 127 // 10 ** 16
    while epoch:
        if epoch & 1:
            power = power * square >> 127
        square = square * square >> 127
        epoch >>= 1
    return initial * power >> 127


def capped_weights(weights, cap):
    """The largest weights cut to the most that one may weigh."""
    count = len(weights)
    if count == 0:
        return []
    cap = max(cap, {2: 500_000, 3: 400_000}.get(count, -(-ONE // count)))
    ascending = sorted(weights)
    for cut in range(count):  # So many of the largest are cut.
        rest = ascending[:count - cut]
        if cap * cut >= ONE:
            break
        highest = cap * sum(rest) // (ONE - cap * cut)
        if rest[-1] <= highest:
            return [min(weight, highest) for weight in weights]
    return [min(weight, ascending[0]) for weight in weights]


def whole_price(micro):
    """The nearest whole unit, halves up."""
    return (micro + ONE // 2) // ONE


def next_price(pricing, terms):
    """A model's price after a block, in millionths."""
    use = min(terms["load"] * ONE // (terms["capacity_tokens"] * pricing["window_blocks"]), 10 * ONE)
    price = terms["price"]
    above, below = use - pricing["stable_to"], pricing["stable_from"] - use
    step = min(max(above, below, 0) * pricing["elasticity"], pricing["step_max"] * ONE)
    change = price * step // ONE ** 2
    price = price + change if above > 0 else price - change
    start, factor = terms["epoch_start"], pricing["epoch_factor"]
    price = min(max(price, start // factor), start * factor)
    return min(max(price, terms["floor"] * ONE), terms["ceiling"] * ONE)
