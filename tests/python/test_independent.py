"""The scripts that recompute hashes, ids, draws, proofs and the sampler with nothing of the library.
They also run alone, without pytest."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


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
