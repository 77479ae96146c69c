"""The Python module against the golden vectors, which verify_independent.py recomputes from the
document alone."""

import json
from pathlib import Path

import pytest

gonka = pytest.importorskip("gonka", reason="needs pip install ./bindings/python")

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/protocol.json").read_text())


def flipped(text):
    return ("1" if text[0] == "0" else "0") + text[1:]


@pytest.mark.parametrize(
    "name, encoded",
    [
        ("SignedTx", GOLDEN["tx"]["signed_tx"]),
        ("Block", GOLDEN["block"]["block"]),
        ("Genesis", GOLDEN["genesis"]["genesis"]),
        ("CanonicalRequest", GOLDEN["request"]["canonical_request"]),
        ("EpochTable", GOLDEN["executor_draws"]["epoch_table"]),
        ("InclusionProof", GOLDEN["proofs"][0]["inclusion_proof"]),
    ],
)
def test_a_record_decodes_to_a_dict_and_every_damage_is_refused(name, encoded):
    assert gonka.kind_of(encoded) == name
    record = gonka.decode(encoded)
    assert isinstance(record, dict) and record
    assert gonka.decode(bytes.fromhex(encoded)) == record
    with pytest.raises(gonka.Error, match=f"{name}.*(malformed|trailing)"):
        gonka.decode(encoded + "00")
    with pytest.raises(gonka.Error, match=name):
        gonka.decode(encoded[:-2])


def test_decoded_fields_are_those_of_the_record():
    tx = gonka.decode(GOLDEN["tx"]["signed_tx"])
    assert {event["kind"] for event in tx["events"]} >= {"start", "finish", "delivered", "transfer"}
    table = gonka.decode(GOLDEN["executor_draws"]["epoch_table"])
    assert [member["id"] for member in table["members"]] == sorted(m["id"] for m in table["members"])
    assert table["members"][0]["weight"] > 0


@pytest.mark.parametrize(
    "data, complaint",
    [
        ("0x00", "hex"),
        ("ABCD", "hex"),
        ("07", "three bytes"),
        ("ffff01", "kind 65535, version 1"),
        ("030002", "kind 3, version 2"),
        (17, "data must be bytes or hex, is int"),
    ],
)
def test_what_is_no_record_is_named(data, complaint):
    with pytest.raises(gonka.Error, match=complaint) as caught:
        gonka.decode(data)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert isinstance(caught.value, ValueError)


def test_hashes_and_ids():
    request = GOLDEN["request"]
    assert gonka.network_id(GOLDEN["genesis"]["genesis"]) == GOLDEN["genesis"]["network"]
    assert gonka.request_digest(request["canonical_request"], request["salt"]) == request["request_digest"]
    assert gonka.tx_hash(GOLDEN["tx"]["signed_tx"]) == GOLDEN["tx"]["hash"]
    assert gonka.api_key_digest(GOLDEN["names"]["api_key"]) == GOLDEN["names"]["api_key_digest"]
    output = GOLDEN["output"]
    finish = ["stop", "length", "cancelled"][output["finish"]]
    assert gonka.output_digest(output["tokens"], finish, output["salt"]) == output["output_digest"]


def test_the_id_of_an_inference_is_made_from_the_request_and_the_attempt():
    # The Request of the vectors has no kind of its own: its fields lie at fixed places.
    request = bytes.fromhex(GOLDEN["request"]["request"])
    network, epoch = request[:32], int.from_bytes(request[32:40], "little")
    developer, sequence, ta = request[124:156], int.from_bytes(request[156:164], "little"), request[164:196]
    for attempt, expected in enumerate(GOLDEN["request"]["inference_ids"]):
        assert gonka.inference_id(network, epoch, developer, ta, sequence, attempt) == expected
    with pytest.raises(gonka.Error, match="attempt must be below 3, is 3"):
        gonka.inference_id(network, epoch, developer, ta, sequence, 3)
    with pytest.raises(gonka.Error, match="epoch must be a whole number"):
        gonka.inference_id(network, -1, developer, ta, sequence)
    with pytest.raises(gonka.Error, match="network must have 32 bytes, has 31"):
        gonka.inference_id(network[1:], epoch, developer, ta, sequence)


@pytest.mark.parametrize("vector", GOLDEN["executor_draws"]["draws"], ids=lambda v: f"sequence {v['sequence']}")
def test_an_executor_draw_is_recomputed(vector):
    epoch = gonka.decode(GOLDEN["executor_draws"]["epoch_table"])
    question = {name: vector[name] for name in ("model", "salt", "developer", "ta", "sequence")}
    drawn = [gonka.draw_executor(epoch, attempt=i, **question) for i in range(len(vector["executors"]))]
    assert drawn == vector["executors"]
    assert gonka.draw_executor(dict(epoch, members=epoch["members"][::-1]), **question) == drawn[0]


def test_a_draw_that_the_ledger_refuses_says_why():
    epoch = gonka.decode(GOLDEN["executor_draws"]["epoch_table"])
    vector = GOLDEN["executor_draws"]["draws"][0]
    question = {name: vector[name] for name in ("model", "salt", "developer", "ta", "sequence")}
    for change, code in [
        ({"salt": "00" * 32}, "allowance_not_ready"),
        ({"ta": "11" * 32}, "wrong_transfer_agent"),
        ({"model": "11" * 32}, "not_served"),
        ({"attempt": 3}, "wrong_attempt"),
        ({"attempt": 256}, "wrong_attempt"),
    ]:
        with pytest.raises(gonka.Refused) as caught:
            gonka.draw_executor(epoch, **{**question, **change})
        assert caught.value.code == code
    twice = dict(epoch, members=epoch["members"] + epoch["members"][:1])
    with pytest.raises(gonka.Error, match="is there twice"):
        gonka.draw_executor(twice, **question)
    with pytest.raises(gonka.Error, match="'beacon' is missing"):
        gonka.draw_executor({"members": []}, **question)


@pytest.mark.parametrize("vector", GOLDEN["proofs"], ids=lambda v: v["block_hash"][:8])
def test_a_proof_holds_for_its_block_alone(vector):
    proof, block_hash = vector["inclusion_proof"], vector["block_hash"]
    leaf = gonka.verify_proof(proof, block_hash)
    assert leaf["kind"] in ("state", "receipt", "notice")
    assert leaf == gonka.decode(proof)["leaf"]
    with pytest.raises(gonka.Error):
        gonka.verify_proof(proof, flipped(block_hash))
    last = f"{int(proof[-1], 16) ^ 1:x}"  # Of the header's proposer: another block.
    with pytest.raises(gonka.Error):
        gonka.verify_proof(proof[:-1] + last, block_hash)
