"""The scripts that recompute hashes, ids, draws, proofs and the sampler with nothing of the library.
They also run alone, without pytest."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.mark.parametrize("arguments", [["verify_independent.py"], ["sampler_reference.py"], ["protocol_doc.py", "--check"]],
                         ids=lambda arguments: arguments[0])
def test_the_independent_script_agrees_with_the_golden_vectors(arguments):
    ran = subprocess.run([sys.executable, HERE / arguments[0], *arguments[1:]], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_independent_script_notices_a_changed_vector(tmp_path):
    vectors = (HERE.parent / "golden/protocol.json").read_text()
    digest = vectors.index('"request_digest"') + len('"request_digest": "')
    changed = tmp_path / "protocol.json"
    changed.write_text(vectors[:digest] + ("1" if vectors[digest] == "0" else "0") + vectors[digest + 1:])
    ran = subprocess.run([sys.executable, HERE / "verify_independent.py", changed], capture_output=True, text=True)
    assert ran.returncode != 0
    assert "test_request_and_inference_ids" in ran.stderr


def test_anybody_can_draw_the_executor_of_a_live_answer_again(network):
    """From what the node publishes and section 4 of protocol.md."""
    from verify_independent import draw_executors, unhex

    body = {"model": network.model, "messages": [{"role": "user", "content": "Who serves me?"}], "max_tokens": 4}
    ask = urllib.request.Request(f"{network.node}/v1/chat/completions", json.dumps(body).encode(),
                                 {"Authorization": f"Bearer {network.api_key}", "Content-Type": "application/json"})
    with urllib.request.urlopen(ask, timeout=60) as answer:
        receipt = json.load(answer)["gonka"]
    record = network.record(receipt["inference_id"])["record"]
    assignment = record["assignment"]
    request = assignment["request"]
    allowances = network.get(f"accounts/{request['developer']}")["allowances"]
    salt = next(a["salt"] for a in allowances if a["transfer_agent"] == request["ta"])
    epoch = network.get(f"epochs/{request['epoch']}")
    table = unhex({"beacon": epoch["beacon"],
                   "members": [{key: m[key] for key in ("id", "weight", "models")} for m in epoch["members"]]})
    draw = unhex({"salt": salt, **{key: request[key] for key in ("model", "ta", "developer", "sequence")}})
    drawn = draw_executors(table, draw, assignment["attempt"] + 1)
    assert table["members"][drawn[-1]]["id"].hex() == assignment["executor"] == receipt["executor"]
