"""The sampler of libgonka/doc/sampler.md, written from that document alone, and its test vectors.

    sampler_reference.py           checks every vector (so does pytest)
    sampler_reference.py --write   makes the file anew
"""

import json
import math
import pathlib
import struct
import sys

VECTORS = pathlib.Path(__file__).parent.parent / "golden" / "sampler.json"
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fefa38p-1"), float.fromhex("0x1.ef35793c7673p-45")
LOG2E, SQRT2 = float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.6a09e667f3bcdp+0")
LARGEST = struct.unpack("<f", bytes.fromhex("ffff7f7f"))[0]
MASK = 0xFFFFFFFF
INF = math.inf


def log(x):
    bits = struct.unpack("<Q", struct.pack("<d", x))[0]
    k = (bits >> 52) - 1023
    m = struct.unpack("<d", struct.pack("<Q", bits & (2**52 - 1) | 1023 << 52))[0]
    if m > SQRT2:
        m, k = m * 0.5, k + 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 2.0 / 25.0
    for n in range(23, 2, -2):
        p = p * z + 2.0 / n
    tail = (s * z) * p + k * LN2_LOW
    return k * LN2_HIGH + (2.0 * s + tail)


def exp(x):
    k = int(x * LOG2E - 0.5)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 1.0 / math.factorial(13)
    for n in range(12, -1, -1):
        p = p * r + 1.0 / math.factorial(n)
    return p * 2.0**k


def philox(c, k):
    (c0, c1, c2, c3), (k0, k1) = c, k
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = p1 >> 32 ^ c1 ^ k0, p1 & MASK, p0 >> 32 ^ c3 ^ k1, p0 & MASK
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return c0, c1, c2, c3


def gumbel(seed, position, i):
    s = struct.unpack("<8I", seed)
    word = [
        philox((2 * (i // 4) + j, position, s[2] ^ s[6], s[3] ^ s[7]), (s[0] ^ s[4], s[1] ^ s[5]))[i % 4]
        for j in (0, 1)
    ]
    r = (word[0] << 20) + (word[1] >> 12)
    return -log(-log((r + 0.5) * 2.0**-52))


def adjusted(logits, o, prompt, output):
    """Steps 1 to 3: id -> x for every id that is not excluded."""
    x = {i: min(v, LARGEST) for i, v in enumerate(logits) if v > -INF}
    ppm = lambda name, default: o.get(name, default) / 1000000
    repetition = ppm("repetition_penalty_ppm", 1000000)
    frequency, presence = ppm("frequency_penalty_ppm", 0), ppm("presence_penalty_ppm", 0)
    if repetition != 1 or frequency != 0 or presence != 0:
        for i in set(prompt) | set(output):
            if i in x:
                x[i] = x[i] / repetition if x[i] > 0 else x[i] * repetition
                if i in output:
                    x[i] = x[i] - frequency * output.count(i)
                    x[i] = x[i] - presence
    for i, bias_ppm in o.get("logit_bias", []):
        if i in x:
            x[i] = x[i] + bias_ppm / 1000000
    return x


def draw(logits, o, seed, position, prompt, output, claimed):
    """Returns (drawn id, margin of the claimed id before rounding to binary32)."""
    x = adjusted(logits, o, prompt, output)
    temperature = o.get("temperature_ppm", 1000000) / 1000000
    if temperature == 0:
        score, temperature = x, 1.0
    else:
        y = {i: v / temperature for i, v in x.items()}
        ranks = sorted(y, key=lambda i: (-y[i], i))
        w = lambda i: int(exp(y[i] - y[ranks[0]]) * 2.0**40) if y[i] - y[ranks[0]] >= -600 else 0
        kept = ranks[: o.get("top_k", 0) or None]
        if (top_p := o.get("top_p_ppm", 1000000)) < 1000000:
            weights = [w(i) for i in kept]
            total, run, n = sum(weights), 0, 0
            while kept and (n == 0 or run * 1000000 < top_p * total):
                run, n = run + weights[n], n + 1
            kept = kept[:n]
        if (min_p := o.get("min_p_ppm", 0)) != 0:
            kept = [i for i in kept if w(i) * 1000000 >= min_p << 40]
        score = {i: y[i] + gumbel(seed, position, i) for i in kept}
    drawn = min(score, key=lambda i: (-score[i], i), default=0)
    if claimed == drawn:
        return drawn, 0.0
    if claimed not in score:
        return drawn, INF
    return drawn, min((score[drawn] - score[claimed]) * temperature, LARGEST)


def f32_bits(x):
    return struct.pack(">f", x).hex()


def logits_of(case):
    if "logits_rule" in case:  # Multiples of 2^-16 in [-8, 8), exact in binary32.
        return [((i * 2654435761 & MASK) >> 12) / 65536 - 8 for i in range(case["logits_rule"])]
    return [struct.unpack(">f", bytes.fromhex(bits))[0] for bits in case["logits"]]


def answer(case):
    drawn, margin = draw(
        logits_of(case), case["options"], bytes.fromhex(case["seed"]), case["position"],
        case["prompt"], case["output"], case["claimed"],
    )  # fmt: skip
    return {"drawn": drawn, "margin": f32_bits(margin)}


def test_every_vector():
    cases = json.loads(VECTORS.read_text())["draws"]
    assert len(cases) > 100
    for case in cases:
        assert answer(case) == {"drawn": case["drawn"], "margin": case["margin"]}, case["name"]


def test_philox_known_answers():
    assert philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox((MASK,) * 4, (MASK,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


def test_log_and_exp_are_close_to_the_mathematical_ones():
    for n in range(1, 400):
        assert math.isclose(log(n / 37), math.log(n / 37), rel_tol=6e-16, abs_tol=2e-16)
        assert math.isclose(exp(-n / 3.7), math.exp(-n / 3.7), rel_tol=6e-16)
        assert math.isclose(log(1 - n * 2.0**-52), math.log(1 - n * 2.0**-52), rel_tol=6e-16)


def write():
    nan, plain = math.nan, [1.5, -0.25, 3.0, 0.0, 2.75, 3.0, -7.5, 2.999]
    odd = [nan, INF, 1.0, -INF, -nan, 0.0, -3.0, INF]
    wide = [(i * 7 % 40) / 8 for i in range(40)]
    options = {
        "plain": {}, "cold": {"temperature_ppm": 300000}, "hot": {"temperature_ppm": 1700000},
        "almost greedy": {"temperature_ppm": 1}, "greedy": {"temperature_ppm": 0},
        "greedy ignores filters": {"temperature_ppm": 0, "top_k": 1, "top_p_ppm": 1, "min_p_ppm": 1000000},
        "top_k of one": {"top_k": 1}, "top_k cuts a tie": {"top_k": 2}, "top_k beyond all": {"top_k": 999},
        "top_p": {"top_p_ppm": 600000}, "top_p of zero": {"top_p_ppm": 0}, "top_p almost one": {"top_p_ppm": 999999},
        "min_p": {"min_p_ppm": 400000}, "min_p of one": {"min_p_ppm": 1000000},
        "all filters": {"temperature_ppm": 2000000, "top_k": 6, "top_p_ppm": 950000, "min_p_ppm": 150000},
        "repetition": {"repetition_penalty_ppm": 1300000}, "repetition reward": {"repetition_penalty_ppm": 700000},
        "frequency": {"frequency_penalty_ppm": 400000}, "presence": {"presence_penalty_ppm": -900000},
        "all penalties": {"repetition_penalty_ppm": 1100000, "frequency_penalty_ppm": 123456, "presence_penalty_ppm": 654321},
        "bias": {"logit_bias": [[0, 1234567], [2, -100000000], [5, 250000]]},
        "everything": {"temperature_ppm": 800000, "top_k": 30, "top_p_ppm": 900000, "min_p_ppm": 20000,
                       "repetition_penalty_ppm": 1050000, "frequency_penalty_ppm": 10000,
                       "presence_penalty_ppm": 20000, "logit_bias": [[1, 3000000], [7, -500000]]},
    }  # fmt: skip
    cases = []

    def add(name, **case):
        case = {"name": name, "prompt": [2, 4, 4, 5000], "output": [5, 1, 5, 5], **case}
        drawn = answer({**case, "claimed": 0})["drawn"]
        for claimed in sorted({drawn, (drawn + 3) % len(logits_of(case)), 70000}):
            cases.append({**case, "claimed": claimed, **answer({**case, "claimed": claimed})})

    seed = lambda n: bytes((n * 37 + 11 * i * (i + n)) % 256 for i in range(32)).hex()
    bits = lambda logits: [f32_bits(x) for x in logits]
    for n, (name, o) in enumerate(options.items()):
        for kind, logits in {"plain": plain, "odd": odd, "wide": wide}.items():
            add(f"{name}, {kind} logits", logits=bits(logits), options=o, seed=seed(n), position=n)
    add("one id", logits=bits([2.0]), options={}, seed=seed(1), position=0)
    add("nothing to draw from", logits=bits([nan, -INF, nan]), options={}, seed=seed(1), position=0)
    add("nothing to draw greedily", logits=bits([nan, -INF]), options={"temperature_ppm": 0}, seed=seed(1), position=0)
    add("last position", logits=bits(wide), options={}, seed="ff" * 32, position=MASK)
    add("zero seed", logits=bits(wide), options={}, seed="00" * 32, position=0)
    for byte in range(32):
        changed = "00" * byte + "01" + "00" * (31 - byte)
        add(f"seed byte {byte}", logits=bits([0.0] * 64), options={}, seed=changed, position=1)
    for position in range(2):
        add("large", logits_rule=49152, options={}, seed=seed(position), position=position)
    add("large, top_p", logits_rule=49152, options={"top_p_ppm": 900000}, seed=seed(9), position=9)
    add("large, top_k", logits_rule=49152, options={"top_k": 50}, seed=seed(8), position=9)
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    VECTORS.write_text('{"draws": [\n' + lines + "\n]}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        test_philox_known_answers()
        test_log_and_exp_are_close_to_the_mathematical_ones()
        test_every_vector()
        print("every vector of", VECTORS.name, "is reproduced")
