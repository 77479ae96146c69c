"""Sections 1 to 4 of protocol.md: bytes, hashes, draws. Layouts are read from the document's tables by
verify_independent.py; here each becomes a pair of functions once, because blocks have many records."""

import re
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from verify_independent import (  # noqa: E402,F401
    AMOUNT_MAX, ENUMS, KINDS, RECORDS, VARIANTS, DOCUMENT, Malformed, Reader, block_hash, blake2b, draw_sample,
    draw_weighted, inference_id, leaf_hash, node_hash, path_leads, root_of, split_arguments, tagged, tx_hash, u8, u32, u64,
    uniform_below,
)

ZERO = bytes(32)
_encoders = {}
_INTEGERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "i64": "<q", "bool": "<B",
             "amount": "<Q", "ppm": "<I"}


def _encoder(kind):
    found = _encoders.get(kind)
    if found is None:
        found = _encoders[kind] = _make_encoder(kind)
    return found


def _make_encoder(kind):
    if kind in _INTEGERS:
        return struct.Struct(_INTEGERS[kind]).pack
    if kind in ENUMS:
        return struct.Struct(_INTEGERS[ENUMS[kind][0]]).pack
    if kind.startswith("bytes"):
        return bytes
    if kind.startswith(("text<", "blob<")):
        return lambda value: struct.pack("<I", len(value)) + value
    if kind.startswith("list<"):
        element = _encoder(split_arguments(kind[5:-1])[0])
        return lambda value: struct.pack("<I", len(value)) + b"".join(map(element, value))
    if kind.startswith("optional<"):
        inner = _encoder(kind[9:-1])
        return lambda value: b"\0" if value is None else b"\1" + inner(value)
    if kind in VARIANTS:
        inners = [_encoder(name) for name in VARIANTS[kind]]
        return lambda value: bytes([value[0]]) + inners[value[0]](value[1])
    fields = [(field, _encoder(inner)) for field, inner in RECORDS[kind]]
    return lambda value: b"".join([encode_field(value[field]) for field, encode_field in fields])


def encode(kind, value):
    """A value's bytes, without kind and version."""
    return _encoder(kind)(value)


def encode_stored(kind, value):
    """As it lies in the state: kind and version in front, where the record has them."""
    return KINDS.get(kind, b"") + encode(kind, value)


def decode(kind, data, stored=True):
    reader = Reader(data)
    head = KINDS.get(kind, b"") if stored else b""
    if reader.take(len(head)) != head:
        raise Malformed(f"{kind}: another kind or version")
    value = reader.value(kind)
    if reader.at != len(data):
        raise Malformed(f"{kind}: trailing bytes")
    return value


def copy_of(value):
    """Records are dicts and lists of bytes, numbers and tuples that nobody changes."""
    if isinstance(value, dict):
        return {name: copy_of(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [copy_of(inner) for inner in value]
    return value


def empty(kind):
    """The record in which everything is zero."""
    if kind in _INTEGERS or kind in ENUMS:
        return False if kind == "bool" else 0
    if kind.startswith("bytes"):
        return bytes(int(kind[5:]))
    if kind.startswith(("text<", "blob<")):
        return b""
    if kind.startswith("list<"):
        return []
    if kind.startswith("optional<") or kind in VARIANTS:
        return None
    return {field: empty(inner) for field, inner in RECORDS[kind]}


def _names():
    """Numbers of the enums, by name: Verdict.Pass and so on, as the document's tables have them."""
    found = {}
    for part in re.split(r"^#### ", DOCUMENT, flags=re.MULTILINE)[1:]:
        name = part.split("\n", 1)[0].strip()
        if name in ENUMS:
            found[name] = {m.group(2): int(m.group(1)) for m in re.finditer(r"^\| (\d+) \| (\w+) \|", part, re.MULTILINE)}
    return found


NAMES = _names()


class Enum:
    def __init__(self, name):
        self.__dict__.update(NAMES[name])


TxCode, Verdict, Status = Enum("TxCode"), Enum("Verdict"), Enum("InferenceStatus")
FinishCode, CaseKind, Cause = Enum("FinishCode"), Enum("CaseKind"), Enum("DisputeCause")
Outcome, RefundReason, WithholdReason = Enum("DisputeOutcome"), Enum("RefundReason"), Enum("WithholdReason")
ConvictionCause, PenaltyReason, ProposalStatus = Enum("ConvictionCause"), Enum("PenaltyReason"), Enum("ProposalStatus")
EVENTS, NOTICES = VARIANTS["Event"], VARIANTS["Notice"]
NOTICE_TAGS = {name: tag for tag, name in enumerate(NOTICES)}


# Section 4: draws over lists of weights.


def draw_order(seed, weights, limit=None):
    """Places without replacement, each drawn by the weights that are left."""
    weights, order = list(weights), []
    while sum(weights) > 0 and (limit is None or len(order) < limit):
        order.append(draw_weighted(tagged("gonka/draw/1", seed, u64(len(order))), weights))
        weights[order[-1]] = 0
    return order


def draw_seats(seed, weights, seats):
    if sum(weights) == 0:
        return []
    return [draw_weighted(tagged("gonka/seat/1", seed, u64(i)), weights) for i in range(seats)]


def is_selected(seed, rate):
    return uniform_below(seed, 1_000_000) < rate
