#!/usr/bin/env python3
"""Recomputes the hashes, ids, signatures, draws and proofs of tests/golden/protocol.json from
libgonka/doc/protocol.md alone: the layouts of all records are read from the document's tables, and
nothing of the library is used.

    verify_independent.py [protocol.json]
"""

import hashlib
import json
import re
import struct
import sys
import unittest
from pathlib import Path

import ed25519

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = (REPOSITORY / "libgonka/doc/protocol.md").read_text()
VECTORS = REPOSITORY / "tests/golden/protocol.json"
if len(sys.argv) > 1 and sys.argv[1].endswith(".json"):
    VECTORS = Path(sys.argv.pop(1))


# Section 1: bytes.


class Malformed(Exception):
    pass


def _read_document():
    """Records, enums and variants of the document's tables, by name."""
    records, enums, variants, kinds = {}, {}, {}, {}
    for part in re.split(r"^#### ", DOCUMENT, flags=re.MULTILINE)[1:]:
        name, part = part.split("\n", 1)[0].strip(), part.split("<!-- end -->")[0]
        rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in part.split("\n") if row.startswith("| ")]
        head, rows = rows[0], rows[1:]
        if kind := re.search(r"^Kind (\d+), version (\d+)\.", part, re.MULTILINE):
            kinds[name] = struct.pack("<HB", int(kind.group(1)), int(kind.group(2)))
        if head[0] == "field":
            records[name] = [(row[0], row[1].strip("`")) for row in rows]
        elif head[0] == "value":
            enums[name] = (re.search(r"Enum, `(u\d+)`", part).group(1), len(rows))
        elif head[0] == "tag":
            variants[name] = [row[1] for row in rows]
    return records, enums, variants, kinds


RECORDS, ENUMS, VARIANTS, KINDS = _read_document()
INTEGERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "i64": "<q"}
AMOUNT_MAX = 1 << 62


def split_arguments(text):
    """The element type and bound of list<T, N>."""
    inner, bound = text.rsplit(",", 1)
    return inner.strip(), int(bound)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Malformed("too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def integer(self, kind):
        code = INTEGERS[kind]
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def count(self, bound):
        count = self.integer("u32")
        if count > bound:
            raise Malformed(f"{count} elements, at most {bound}")
        return count

    def value(self, kind):
        if kind in INTEGERS:
            return self.integer(kind)
        if kind == "bool":
            return bool(self.below(self.integer("u8"), 2))
        if kind == "amount":
            return self.below(self.integer("u64"), AMOUNT_MAX + 1)
        if kind == "ppm":
            return self.integer("u32")
        if match := re.fullmatch(r"bytes(\d+)", kind):
            return self.take(int(match.group(1)))
        if match := re.fullmatch(r"(text|blob)<(\d+)>", kind):
            return self.take(self.count(int(match.group(2))))
        if match := re.fullmatch(r"list<(.*)>", kind):
            element, bound = split_arguments(match.group(1))
            return [self.value(element) for _ in range(self.count(bound))]
        if match := re.fullmatch(r"optional<(.*)>", kind):
            return self.value(match.group(1)) if self.below(self.integer("u8"), 2) else None
        if kind in ENUMS:
            width, end = ENUMS[kind]
            return self.below(self.integer(width), end)
        if kind in VARIANTS:
            tag = self.below(self.integer("u8"), len(VARIANTS[kind]))
            return (tag, self.value(VARIANTS[kind][tag]))
        return {field: self.value(inner) for field, inner in RECORDS[kind]}

    def below(self, value, end):
        if value >= end:
            raise Malformed(f"{value} is not below {end}")
        return value


def encode(kind, value):
    """A value's bytes, without kind and version."""
    if kind in INTEGERS:
        return struct.pack(INTEGERS[kind], value)
    if kind == "bool":
        return struct.pack("<B", value)
    if kind == "amount":
        return struct.pack("<Q", value)
    if kind == "ppm":
        return struct.pack("<I", value)
    if re.fullmatch(r"bytes\d+", kind):
        assert len(value) == int(kind[5:])
        return value
    if re.match(r"(text|blob)<", kind):
        return struct.pack("<I", len(value)) + value
    if match := re.fullmatch(r"list<(.*)>", kind):
        element, _ = split_arguments(match.group(1))
        return struct.pack("<I", len(value)) + b"".join(encode(element, item) for item in value)
    if match := re.fullmatch(r"optional<(.*)>", kind):
        return b"\0" if value is None else b"\1" + encode(match.group(1), value)
    if kind in ENUMS:
        return struct.pack(INTEGERS[ENUMS[kind][0]], value)
    if kind in VARIANTS:
        tag, inner = value
        return struct.pack("<B", tag) + encode(VARIANTS[kind][tag], inner)
    return b"".join(encode(inner, value[field]) for field, inner in RECORDS[kind])


def decode(kind, data):
    """A record from its own bytes, kind and version in front where it has them."""
    reader = Reader(data)
    head = KINDS.get(kind, b"")
    if reader.take(len(head)) != head:
        raise Malformed("another kind or version")
    value = reader.value(kind)
    if reader.at != len(data):
        raise Malformed("trailing bytes")
    return value


# Section 2: hashes and trees.


def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def tagged(tag, *parts):
    return blake2b(bytes([len(tag)]) + tag.encode() + b"".join(parts))


def leaf_hash(data):
    return blake2b(b"\0" + data)


def node_hash(left, right):
    return blake2b(b"\1" + left + right)


def root_of(leaves):
    if not leaves:
        return blake2b(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def path_leads(root, size, index, leaf, path):
    if index >= size:
        return False
    node, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node != 0:
                node >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and value == root


# Section 3: what is hashed.


def u8(value):
    return struct.pack("<B", value)


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def inference_id(request, attempt):
    return tagged("gonka/inference/1", request["network"], u64(request["epoch"]), request["developer"],
                  request["ta"], u64(request["sequence"]), u8(attempt))


def tx_hash(tx):
    return tagged("gonka/tx/1", tx["network"], tx["sender"], encode("optional<bytes32>", tx["acts_for"]),
                  u64(tx["sequence"]), encode("list<Event, 256>", tx["events"]))


def block_hash(header):
    return tagged("gonka/block/1", encode("BlockHeader", header))


# Section 4: draws.


def uniform_below(seed, n):
    word = int.from_bytes(seed[:8], "little")
    k = 0
    while word - word % n + n > 1 << 64:
        k += 1
        word = int.from_bytes(tagged("gonka/uniform/1", seed, u32(k))[:8], "little")
    return word % n


def draw_weighted(seed, weights):
    point = uniform_below(seed, sum(weights))
    running = 0
    for index, weight in enumerate(weights):
        running += weight
        if running > point:
            return index
    raise AssertionError("unreachable")


def draw_order(seed, weights):
    weights, order = list(weights), []
    while sum(weights) > 0:
        order.append(draw_weighted(tagged("gonka/draw/1", seed, u64(len(order))), weights))
        weights[order[-1]] = 0
    return order


def draw_seats(seed, weights, seats):
    return [draw_weighted(tagged("gonka/seat/1", seed, u64(i)), weights) for i in range(seats)]


def draw_sample(seed, population, count):
    places = list(range(population))
    count = min(count, population)
    for i in range(count):
        other = i + uniform_below(tagged("gonka/sample/1", seed, u64(i)), population - i)
        places[i], places[other] = places[other], places[i]
    return places[:count]


def draw_executors(table, draw, attempts):
    """Indices of the executors of the attempts 0, 1, ... in the epoch's table."""
    members = table["members"]
    weights = [m["weight"] if draw["model"] in m["models"] and m["id"] != draw["ta"] else 0 for m in members]
    drawn = []
    for attempt in range(attempts):
        seed = tagged("gonka/draw/executor/1", table["beacon"], draw["salt"], draw["developer"], draw["ta"],
                      u64(draw["sequence"]), u8(attempt))
        drawn.append(draw_weighted(seed, weights))
        weights[drawn[-1]] = 0
    return drawn


# Section 5: proofs.


def proof_holds(proof, known_hash):
    header, block = proof["header"], proof["block"]
    return (
        block_hash(header) == known_hash
        and block["height"] < header["height"]
        and path_leads(block["root"], block["count"], proof["leaf_index"],
                       leaf_hash(encode("Leaf", proof["leaf"])), proof["leaf_path"])
        and path_leads(header["app_hash"], proof["history_size"], proof["history_index"],
                       leaf_hash(encode("BlockLeaf", block)), proof["history_path"])
    )


def unhex(value):
    """Hex strings of a vector as bytes, everywhere."""
    if isinstance(value, dict):
        return {key: unhex(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unhex(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2})+", value):
        return bytes.fromhex(value)
    return value


class Vectors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.v = unhex(json.loads(VECTORS.read_text()))

    def read(self, kind, data):
        value = decode(kind, data)
        self.assertEqual(KINDS.get(kind, b"") + encode(kind, value), data)
        for wrong in (data[:-1], data + b"\0"):
            with self.assertRaises(Malformed):
                decode(kind, wrong)
        return value

    def check_signature(self, key, message, signature):
        self.assertTrue(ed25519.verify(key, message, signature))
        self.assertFalse(ed25519.verify(key, blake2b(message), signature))

    def test_keys_and_signatures(self):
        for vector in self.v["keys"]:
            self.assertEqual(ed25519.public_key(vector["seed"]), vector["public"])
            self.check_signature(vector["public"], vector["message"], vector["signature"])

    def test_network_id(self):
        vector = self.v["genesis"]
        genesis = self.read("Genesis", vector["genesis"])
        self.assertEqual(tagged("gonka/network/1", encode("Genesis", genesis)), vector["network"])

    def test_request_and_inference_ids(self):
        vector = self.v["request"]
        canonical = self.read("CanonicalRequest", vector["canonical_request"])
        request = self.read("Request", vector["request"])
        digest = tagged("gonka/request-digest/1", vector["salt"], encode("CanonicalRequest", canonical))
        self.assertEqual(digest, vector["request_digest"])
        self.assertEqual(digest, request["request_digest"])
        self.assertEqual(request["network"], self.v["genesis"]["network"])
        self.assertEqual(tagged("gonka/request/1", vector["request"]), vector["request_signing_hash"])
        self.assertEqual([inference_id(request, attempt) for attempt in range(3)], vector["inference_ids"])

    def test_assignment_and_what_is_signed_about_it(self):
        vector = self.v["assignment"]
        signed = self.read("SignedAssignment", vector["signed_assignment"])
        assignment = signed["assignment"]
        request = assignment["request"]
        signing_hash = tagged("gonka/assignment/1", encode("Assignment", assignment))
        self.assertEqual(signing_hash, vector["signing_hash"])
        self.check_signature(request["ta"], signing_hash, signed["ta_signature"])
        order = tagged("gonka/request/1", encode("Request", request))
        self.check_signature(request["developer"], order, assignment["developer_signature"])
        skipped = assignment["skipped"][0]
        refusal = tagged("gonka/refusal/1", inference_id(request, 0))
        self.check_signature(skipped["executor"], refusal, skipped["refusal"])
        accept = tagged("gonka/accept/1", inference_id(request, assignment["attempt"]))
        self.assertEqual(accept, vector["accept_hash"])
        self.check_signature(assignment["executor"], accept, vector["accept_signature"])

    def test_output_and_delivery(self):
        vector = self.v["output"]
        tokens = encode("list<u32, 131072>", vector["tokens"])
        digest = tagged("gonka/output-digest/1", vector["salt"], tokens, encode("FinishCode", vector["finish"]))
        self.assertEqual(digest, vector["output_digest"])
        delivery = tagged("gonka/delivery/1", vector["inference"], digest, u32(len(vector["tokens"])))
        self.assertEqual(delivery, vector["delivery_hash"])
        self.check_signature(vector["executor"], delivery, vector["executor_signature"])

    def test_sampling_seeds(self):
        for vector in self.v["sampling_seeds"]:
            rest = u8(vector["attempt"]) + u8(vector["choice"])
            if vector["client_seed"] is None:
                seed = tagged("gonka/sampling-seed/1", vector["inference"], rest)
            else:
                seed = tagged("gonka/sampling-seed/client/1", u64(vector["client_seed"]), rest)
            self.assertEqual(seed, vector["sampling_seed"])

    def test_commitments(self):
        vector = self.v["commitments"]
        self.read("ValidateReveal", vector["validate_reveal"])
        self.read("VoteReveal", vector["vote_reveal"])
        verdict = tagged("gonka/verdict/1", vector["author"], vector["validate_reveal"])
        vote = tagged("gonka/vote/1", vector["author"], vector["vote_reveal"])
        self.assertEqual(verdict, vector["verdict_commitment"])
        self.assertEqual(vote, vector["vote_commitment"])

    def test_names_of_things(self):
        vector = self.v["names"]
        key = encode("blob<4096>", vector["api_key"].encode())
        self.assertEqual(tagged("gonka/api-key/1", key), vector["api_key_digest"])
        self.assertEqual(tagged("gonka/dispute/1", vector["inference"]), vector["dispute"])
        self.assertEqual(tagged("gonka/hearing/1", u64(vector["epoch"]), vector["accused"]), vector["hearing"])

    def test_transaction_with_every_event(self):
        vector = self.v["tx"]
        tx = self.read("SignedTx", vector["signed_tx"])
        self.assertEqual([tag for tag, _ in tx["events"]], list(range(len(VARIANTS["Event"]))))
        self.assertEqual(tx_hash(tx), vector["hash"])
        self.check_signature(tx["sender"], tx_hash(tx), tx["signature"])

    def test_block(self):
        vector = self.v["block"]
        block = self.read("Block", vector["block"])
        header = block["header"]
        leaves = [leaf_hash(tagged("gonka/tx-leaf/1", tx_hash(tx), tx["signature"])) for tx in block["txs"]]
        self.assertEqual(root_of(leaves), header["txs_root"])
        self.assertEqual(block_hash(header), vector["hash"])
        self.check_signature(header["proposer"], vector["hash"], block["signature"])

    def test_beacon(self):
        vector = self.v["beacon"]
        link = vector["secret"]
        for _ in range(vector["length"]):
            link = tagged("gonka/beacon-chain/1", link)
        self.assertEqual(link, vector["end"])
        first = tagged("gonka/beacon/genesis/1", vector["network"])
        self.assertEqual(first, vector["first"])
        self.assertEqual(tagged("gonka/beacon/1", first, u64(vector["height"]), vector["link"]), vector["next"])

    def test_uniform_numbers(self):
        refused = 0
        for vector in self.v["uniform"]:
            word, n = int.from_bytes(vector["seed"][:8], "little"), vector["n"]
            refused += word - word % n + n > 1 << 64
            self.assertEqual(uniform_below(vector["seed"], n), vector["value"])
        self.assertGreaterEqual(refused, 3)  # So that the second word is tested, too.

    def test_draws(self):
        for vector in self.v["draws"]:
            seed, weights = vector["seed"], vector["weights"]
            self.assertEqual(draw_weighted(seed, weights), vector["weighted"])
            self.assertEqual(draw_order(seed, weights), vector["order"])
            self.assertEqual(draw_seats(seed, weights, 7), vector["seats"])
            self.assertEqual(uniform_below(seed, 1_000_000) < vector["rate"], vector["selected"])
            self.assertEqual(draw_sample(seed, vector["population"], 16), vector["sample"])

    def test_executor_draws(self):
        vector = self.v["executor_draws"]
        table = self.read("EpochTable", vector["epoch_table"])
        for draw in vector["draws"]:
            drawn = draw_executors(table, draw, len(draw["executors"]))
            self.assertEqual([table["members"][index]["id"] for index in drawn], draw["executors"])

    def test_inclusion_proofs(self):
        for vector in self.v["proofs"]:
            proof = self.read("InclusionProof", vector["inclusion_proof"])
            self.assertTrue(proof_holds(proof, vector["block_hash"]))
            self.assertFalse(proof_holds(proof, blake2b(vector["block_hash"])))
            for field, change in (("leaf_index", 1), ("leaf", None), ("leaf_path", None), ("block", None)):
                other = {**proof}
                if field == "leaf_index":
                    other[field] += change
                elif field == "leaf":
                    other[field] = (0, {"key": b"x", "value": None})
                elif field == "leaf_path":
                    other[field] = proof[field] + [bytes(32)]
                else:
                    other[field] = {**proof[field], "count": proof[field]["count"] + 1}
                self.assertFalse(proof_holds(other, vector["block_hash"]), field)

    def test_sprint(self):
        vector = self.v["sprint"]
        subject = vector["participant"], vector["model"]
        own = tagged("gonka/sprint/input/1", vector["seed"], *subject, u32(vector["index"]))
        words = b"".join(tagged("gonka/sprint/tokens/1", own, u32(block)) for block in range(3))
        tokens = [
            int.from_bytes(words[8 * i : 8 * i + 8], "little") % vector["vocabulary"] for i in range(10)
        ]
        self.assertEqual(tokens, vector["tokens"])
        self.assertEqual(leaf_hash(u32(0) + vector["first_result"]), vector["leaves"][0])
        # Network, epoch, participant, model, root, index, result, path.
        opening = vector["opening"]
        self.assertEqual(tagged("gonka/sprint/opening/1", opening), vector["opening_hash"])
        root, result = opening[104:136], opening[140:172]
        path = decode("list<bytes32, 64>", opening[172:])
        leaf = leaf_hash(u32(vector["index"]) + result)
        self.assertEqual(root_of(vector["leaves"]), root)
        self.assertTrue(path_leads(root, len(vector["leaves"]), vector["index"], leaf, path))
        for what in ("checkers", "samples"):
            self.assertEqual(
                tagged(f"gonka/sprint/{what}/1", vector["seed"], *subject), vector[f"{what}_seed"]
            )
        self.read("SprintVerdictReveal", vector["reveal"])
        commitment = tagged("gonka/sprint/verdict/1", vector["checker"], vector["reveal"])
        self.assertEqual(commitment, vector["commitment"])

    def test_every_record_of_the_document_has_a_layout(self):
        known = set(RECORDS) | set(ENUMS) | set(VARIANTS)
        for name, fields in RECORDS.items():
            for field, kind in fields:
                for word in re.findall(r"\b[A-Z]\w+", kind):
                    self.assertIn(word, known, f"{name}.{field}")


if __name__ == "__main__":
    unittest.main()
