"""Warm keys, sub-accounts and proposals through the `gonka` program, on a running devnet. Needs the
report of a devnet that was started with `--report FILE`: GONKA_DEVNET_REPORT=FILE."""

import json
import os
import subprocess

import openai
import pytest
from test_processes import get_json, refusal, running_devnet, wait_for


@pytest.fixture(scope="module")
def devnet():
    return running_devnet()


def key_of(devnet, participant):
    return os.path.join(devnet.data, participant, "key")


def new_key(devnet, path):
    return json.loads(devnet.gonka("keys", "new", str(path)))["account"]


def test_a_sub_account_serves_the_stock_client_up_to_its_cap(devnet):
    developer = devnet.developers[0]
    answer = devnet.gonka("keys", "sub-account", "--key", developer.key_file, "--cap", "60000")
    api_key = json.loads(answer)["api_key"]
    client = openai.OpenAI(base_url=f"{developer.node}/v1", api_key=api_key, max_retries=0)

    def ask():
        return client.chat.completions.create(model=devnet.model, max_tokens=8,
                                              messages=[{"role": "user", "content": "Hello!"}])

    assert wait_for("an answer", ask).usage.completion_tokens > 0
    with pytest.raises(openai.APIStatusError) as refused:
        for _ in range(20):
            ask()
    assert refused.value.status_code == 402, refused.value


def test_a_warm_key_votes_for_its_account_until_it_is_revoked(devnet, tmp_path):
    proposer = devnet.developers[1].key_file
    rate = get_json(f"{devnet.urls()[0]}/gonka/v1/params")["params"]["check.recheck_rate"]
    assert "out_of_bounds" in refusal(devnet, "propose", "params", "--key", proposer, "--set",
                                      "check.recheck_rate=1000001")
    assert "check.nonsense" in refusal(devnet, "propose", "params", "--key", proposer, "--set", "check.nonsense=1")
    devnet.gonka("propose", "params", "--key", proposer, "--set", f"check.recheck_rate={rate + 1}", "--reason", "a test")

    def newest():
        proposals = get_json(f"{devnet.urls()[0]}/gonka/v1/proposals")["proposals"]
        return next((p for p in reversed(proposals) if p["proposal"]["reason"] == "a test"), None)

    number = str(wait_for("the proposal", newest)["number"])
    devnet.check_agreement()  # The deposit is accounted for, too.
    warm = str(tmp_path / "warm.key")
    new_key(devnet, warm)
    account = devnet.participants["participant-2"]["id"]
    vote = ("vote", number, "approve", "--key", warm, "--for", account)
    assert "is not on the ledger" in refusal(devnet, *vote)
    devnet.gonka("keys", "delegate", warm, "--key", key_of(devnet, "participant-2"), "--event", "vote_proposal")
    wait_for("the warm key's vote", lambda: subprocess.run(
        [f"{devnet.programs}/gonka", "--node", devnet.urls()[0], *vote], capture_output=True, timeout=60).returncode == 0)
    assert wait_for("its place among the votes", lambda: [v for v in newest()["votes"] if v["voter"] == account])
    devnet.gonka("keys", "revoke", warm, "--key", key_of(devnet, "participant-2"))
    wait_for("the end of what it may do", lambda: "not_delegated" in refusal(devnet, *vote[:2], "reject", *vote[3:]))

    for name in ("participant-0", "participant-1", "participant-3", "participant-4"):
        devnet.gonka("vote", number, "approve", "--key", key_of(devnet, name))
    wait_for("the count", lambda: newest()["proposal"]["status"] in ("passed", "active"), 120)
