"""`gonka proxy` on a running devnet, spoken to by the official OpenAI client; and keys and configuration
files that are refused. Needs the report of a devnet that was started with `--report FILE`:
GONKA_DEVNET_REPORT=FILE. Before test_processes, which leaves nodes stopped."""

import contextlib
import json
import os
import subprocess
import urllib.request

import openai
import pytest
from test_processes import get_json, refusal, running_devnet, wait_for


@pytest.fixture(scope="module")
def devnet():
    return running_devnet()


@contextlib.contextmanager
def proxy(devnet, key_file, directory, *options):
    """The base URL of a running proxy, and its process; stopped at the end."""
    argv = devnet.processes["participant-3"]["argv"]
    base = int(devnet.urls()[0].rsplit(":", 1)[1])
    url = f"http://127.0.0.1:{base + 170}"
    with open(directory / "news", "wb") as news, open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            [f"{devnet.programs}/gonka", "--node", devnet.urls()[2], "--json", "proxy", "--key", key_file, "--data",
             str(directory / "data"), "--network", devnet.status(devnet.urls()[0])["network"], "--model",
             argv[argv.index("--model") + 1], "--listen", url.removeprefix("http://"), "--allow-private", *options],
            stdin=subprocess.DEVNULL, stdout=news, stderr=log)
        try:
            wait_for("the proxy", lambda: b"base URL" in (directory / "log").read_bytes() or process.poll(), 120)
            assert process.poll() is None, (directory / "log").read_text()
            yield url
        finally:
            process.terminate()
            assert process.wait(30) == 0


def answers(url):
    request = urllib.request.Request(f"{url}/gonka/v1/answers", headers={"Authorization": "Bearer mine"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["answers"]


def test_a_developer_that_trusts_nobody_is_served_and_told(devnet, tmp_path):
    developer = devnet.developers[2]
    with proxy(devnet, developer.key_file, tmp_path, "--allow", "3000000", "--api-key", "mine") as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="mine", max_retries=0)

        def ask(**more):
            try:
                return client.chat.completions.create(model=devnet.model, max_tokens=8, **more,
                                                      messages=[{"role": "user", "content": "Hello!"}])
            except openai.APIStatusError:  # The allowance waits for a beacon.
                return None

        answer = wait_for("an answer", ask)
        receipt = answer.model_extra["gonka"]
        chunks = list(wait_for("a stream", lambda: ask(stream=True)))
        assert chunks[-1].choices[0].finish_reason in ("stop", "length")

        record = wait_for("the record", lambda: get_json(
            f"{devnet.urls()[0]}/gonka/v1/inferences/{receipt['inference_id']}")["record"])
        assert record["assignment"]["developer_signature"]  # The ledger has the developer's own word.
        assert record["assignment"]["request"]["ta"] == receipt["transfer_agent"]

        def checked():
            mine = {one["inference_id"]: one for one in answers(url)}
            return mine[receipt["inference_id"]] if mine[receipt["inference_id"]]["status"] == "validated" else None

        mine = wait_for("its check", checked)
        assert mine["committed_as_sent"] is True
        assert any("checked by" in one["text"] for one in mine["news"])
        news = [json.loads(line) for line in (tmp_path / "news").read_text().splitlines()]
        assert any(one.get("inference") == receipt["inference_id"] for one in news)

        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=f"{url}/v1", api_key="theirs", max_retries=0).chat.completions.create(
                model=devnet.model, max_tokens=8, messages=[{"role": "user", "content": "Hello!"}])


def test_a_proxy_trusts_no_node_with_the_network_and_no_neighbour_with_the_coins(devnet, tmp_path):
    argv = devnet.processes["participant-3"]["argv"]
    network = devnet.status(devnet.urls()[0])["network"]
    call = ("proxy", "--key", devnet.developers[2].key_file, "--data", str(tmp_path / "data"), "--model",
            argv[argv.index("--model") + 1])
    other = network.replace(network[0], "f" if network[0] != "f" else "0")
    assert f"not of {other}" in refusal(devnet, *call, "--network", other)
    assert "give an --api-key" in refusal(devnet, *call, "--network", network, "--listen", "0.0.0.0:0")


def test_an_encrypted_key_opens_with_its_passphrase_alone(devnet, tmp_path):
    plain, sealed = str(tmp_path / "plain"), str(tmp_path / "sealed")

    def gonka(*arguments, passphrase=None):
        environment = {name: value for name, value in os.environ.items() if name != "GONKA_PASSPHRASE"}
        if passphrase:
            environment["GONKA_PASSPHRASE"] = passphrase
        return subprocess.run([f"{devnet.programs}/gonka", *arguments], env=environment, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    account = gonka("keys", "new", plain).stdout
    assert gonka("keys", "encrypt", plain, sealed, passphrase="correct horse").stdout == account
    assert gonka("keys", "show", sealed, passphrase="correct horse").stdout == account
    assert "wants a passphrase" in gonka("keys", "show", sealed).stderr
    assert "not the passphrase" in gonka("keys", "show", sealed, passphrase="battery staple").stderr


def test_a_misspelt_option_in_a_configuration_file_is_refused(devnet, tmp_path):
    argv = list(devnet.processes["participant-3"]["argv"])
    config = tmp_path / "gonkad.toml"
    config.write_text('log-levl="debug"\n')
    done = subprocess.run([*argv, "--config", str(config)], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "log-levl" in done.stderr
