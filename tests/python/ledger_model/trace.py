"""Reads what tests/unit/ledger/ledger_trace.cc has written, does the same by itself, and names the first
difference."""

import struct

from .codec import EVENTS, NAMES, NOTICES, Malformed, copy_of, decode, encode, leaf_hash, root_of, u32
from .ledger import BlockRefused, Ledger, app_hash, append_leaf
from .state import DERIVED, kind_of, value_bytes

CHUNK_BYTES = 1 << 20
CHUNK_HEAD = (204).to_bytes(2, "little") + b"\1"
CODES = {number: name for name, number in NAMES["TxCode"].items()}


class Disagreement(Exception):
    pass


def frames(stream):
    while head := stream.read(5):
        letter, size = struct.unpack("<cI", head)
        body = stream.read(size)
        if len(body) < size:
            raise Disagreement(f"the trace is cut off in a frame {letter!r}")
        yield letter.decode(), body


def shown(value):
    """Bytes as hex, so that a difference can be searched for."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


def differing(name, theirs, ours):
    """The innermost parts that differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        for field in theirs:
            if theirs[field] != ours[field]:
                yield from differing(f"{name}.{field}", theirs[field], ours[field])
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for place, pair in enumerate(zip(theirs, ours)):
            if pair[0] != pair[1]:
                yield from differing(f"{name}[{place}]", *pair)
    elif isinstance(theirs, tuple) and isinstance(ours, tuple) and theirs[:1] == ours[:1] and len(theirs) == 2:
        yield from differing(f"{name}({theirs[0]})", theirs[1], ours[1])
    else:
        yield f"  {name}\n    the ledger: {shown(theirs)}\n    the model:  {shown(ours)}"


def state_root(state):
    """Section 5: of a state's bytes by key."""
    chunks, bytes_in_last = [[]], 0
    for key in sorted(state):
        size = len(key) + len(state[key])
        if chunks[-1] and bytes_in_last + size > CHUNK_BYTES:
            chunks.append([])
            bytes_in_last = 0
        chunks[-1].append(u32(len(key)) + key + u32(len(state[key])) + state[key])
        bytes_in_last += size
    return root_of([leaf_hash(CHUNK_HEAD + u32(len(entries)) + b"".join(entries)) for entries in chunks])


class Comparison:
    def __init__(self):
        self.led = None
        self.mirror = {}  # The ledger's state as it has written it.
        self.block, self.receipts = None, []
        self.derived = set()  # The model's, after the block before.
        self.events = self.blocks = self.refused_blocks = 0
        self.codes, self.kinds, self.notices = {}, {}, {}

    def run(self, stream):
        self.told = {"W": [], "R": [], "N": []}
        for letter, body in frames(stream):
            try:
                self.take(letter, body)
            except Malformed as why:
                self.fail(self.block, f"a frame {letter} that the document's tables do not describe: {why}")
        self.compare_everything(self.block)

    def take(self, letter, body):
        if letter == "G":
            self.led = Ledger(decode("Genesis", body))
        elif letter == "S":
            self.led.signatures.add((body[:32], body[32:64], body[64:]))
        elif letter == "B":
            self.block = decode("Block", body)
            try:
                self.receipts = self.led.apply_block(self.block)
            except BlockRefused as refused:
                self.fail(self.block, f"the model refuses the block: {refused}")
        elif letter == "X":
            self.expect_refused(decode("Block", body))
        elif letter == "H":
            self.compare(self.block, *self.told.values(), self.receipts, body)
            self.told = {"W": [], "R": [], "N": []}
        else:
            self.told[letter].append(body)

    def fail(self, block, what):
        height = block["header"]["height"] if block else 0
        raise Disagreement(f"block {height} (epoch {self.led.chain['epoch']}): {what}")

    def expect_refused(self, block):
        self.refused_blocks += 1
        before = copy_of(self.led.state.get(b"c"))
        try:
            self.led.apply_block(block)
        except BlockRefused:
            if self.led.state.get(b"c") != before:
                self.fail(block, "a refused block has left a trace in the model")
            return
        self.fail(block, "the ledger refuses the block, the model does not")

    def compare(self, block, writes, receipts, notices, ours, hash_after):
        self.blocks += 1
        if block is not None:
            self.compare_receipts(block, [decode("Receipt", body) for body in receipts], ours)
        self.compare_notices(block, notices)
        theirs = {}
        for body in writes:
            write = decode("StateWrite", body, stored=False)
            theirs[write["key"]] = write["value"]
        own = self.changes()
        self.append_to_history(own, ours)
        for key in sorted(theirs.keys() | own.keys()):
            if key != b"c" and (key in theirs, theirs.get(key)) != (key in own, own.get(key)):
                self.fail_about(block, key, theirs, own)
        self.compare_chain(block, theirs[b"c"])
        if app_hash(self.led.chain["history"]) != hash_after:
            own_hash = app_hash(self.led.chain["history"])
            self.fail(block, f"app hash\n    the ledger: {hash_after.hex()}\n    the model:  {own_hash.hex()}")
        for key, value in theirs.items():
            if value is None:
                del self.mirror[key]
            else:
                self.mirror[key] = value
        chain = self.led.chain
        if chain["epoch"] > 0 and chain["height"] == chain["epoch_first_height"]:
            self.led.state_root = {"height": chain["height"], "root": state_root(self.mirror)}

    def compare_receipts(self, block, theirs, ours):
        events = [(tx, event) for tx in block["txs"] for event in tx["events"]]
        if len(theirs) != len(events):
            self.fail(block, f"{len(events)} events, but {len(theirs)} receipts")
        for number, (receipt, own, (tx, event)) in enumerate(zip(theirs, ours, events)):
            name = EVENTS[event[0]]
            self.events += 1
            self.kinds.setdefault(name, [0, 0])[receipt["code"] != 0] += 1
            self.codes[CODES[receipt["code"]]] = self.codes.get(CODES[receipt["code"]], 0) + 1
            if receipt != own:
                codes = f"the ledger says {CODES[receipt['code']]}, the model {CODES[own['code']]}"
                self.fail(block, f"event {number}, {name} by {tx['sender'].hex()}: {codes}\n  {shown(event[1])}\n"
                                 f"  acts_for {shown(tx['acts_for'])}")

    def compare_notices(self, block, notices):
        own = self.led.notices
        for number in range(max(len(notices), len(own))):
            theirs = decode("Notice", notices[number], stored=False) if number < len(notices) else None
            ours = own[number] if number < len(own) else None
            if theirs:
                self.notices[NOTICES[theirs[0]]] = self.notices.get(NOTICES[theirs[0]], 0) + 1
            if theirs != ours:
                named = [shown(None if n is None else (NOTICES[n[0]], n[1])) for n in (theirs, ours)]
                self.fail(block, f"notice {number}\n    the ledger: {named[0]}\n    the model:  {named[1]}")

    def changes(self):
        """What the model's block has changed: new values by key, None where there is none any more."""
        own = {}
        for key in self.led.state.touched:
            value = self.led.state.get(key)
            new = None if value is None else value_bytes(key, value)
            if new != self.mirror.get(key):
                own[key] = new
        own.pop(b"c", None)
        derived = self.led.state.derived_keys()
        own.update((key, b"") for key in derived - self.derived)
        own.update((key, None) for key in self.derived - derived)
        self.derived = derived
        return own

    def append_to_history(self, own, receipts):
        leaves = [(0, {"key": key, "value": own[key]}) for key in sorted(own)]
        leaves += [(1, {"receipt": receipt}) for receipt in receipts]
        leaves += [(2, {"notice": notice}) for notice in self.led.notices]
        if not leaves:
            return
        root = root_of([leaf_hash(encode("Leaf", leaf)) for leaf in leaves])
        leaf = encode("BlockLeaf", {"height": self.led.height, "count": len(leaves), "root": root})
        append_leaf(self.led.chain["history"], leaf_hash(leaf))

    def compare_chain(self, block, theirs):
        theirs = decode("Chain", theirs)
        ours = self.led.chain
        if {**theirs, "history": None} != {**ours, "history": None}:
            self.fail(block, "Chain\n" + "\n".join(differing("Chain", theirs, ours)))

    def fail_about(self, block, key, theirs, own):
        name = f"{chr(key[0])} {key[1:].hex()}"
        if key not in theirs or key not in own:
            who = "the model alone" if key in own else "the ledger alone"
            self.fail(block, f"{name} is changed by {who}" + self.value_shown(key, theirs.get(key, own.get(key))))
        if theirs[key] is None or own[key] is None:
            who = "the model" if own[key] is None else "the ledger"
            self.fail(block, f"{name} is deleted by {who} alone" + self.value_shown(key, theirs[key] or own[key]))
        kind = self.kind_at(key)
        values = [decode(kind, value[key]) for value in (theirs, own)]
        self.fail(block, f"{name}\n" + "\n".join(differing(kind, *values)))

    def kind_at(self, key):
        return kind_of(key, self.led.state.get(key)) if key[:1] not in DERIVED else ""

    def value_shown(self, key, value):
        if not value or self.led.state.get(key) is None:
            return ""
        return f"\n  {shown(decode(self.kind_at(key), value))}"

    def compare_everything(self, block):
        """Nothing was changed by looking at it."""
        own = {key: value_bytes(key, value) for table in self.led.state.tables.values() for key, value in table.items()}
        own.update((key, b"") for key in self.derived)
        for key in sorted(self.mirror.keys() | own.keys()):
            if self.mirror.get(key) != own.get(key):
                self.fail(block, f"{chr(key[0])} {key[1:].hex()} differs in the end")
