"""A network whose processes are killed, and one that joins while it runs. Needs the report of a devnet
that was started with `--report FILE`: GONKA_DEVNET_REPORT=FILE.

The programs are started again by these tests and stopped at their end: what is left is the network as
it was found, and one participant more on its ledger."""

import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

FINAL = {"validated", "unchecked", "invalidated", "expired"}
QUESTIONS = ["Once upon a time", "The sea was", "It is a truth", "He looked at the", "In the morning"]


def get_json(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return json.load(answer)


def wait_for(what, look, seconds=60):
    """The first true result of look(). The deadline only ends a hang."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except (OSError, urllib.error.URLError) as error:
            last = error
        time.sleep(0.1)
    pytest.fail(f"{what} did not come within {seconds} s ({last})")


class Developer:
    def __init__(self, entry, model):
        self.node, self.key, self.model = entry["node"], entry["api_key"], model
        self.key_file = entry["key_file"]

    def ask(self, question, tokens=12, on_line=None):
        """The receipt of one streamed answer; an exception where it broke off."""
        body = {"model": self.model, "max_tokens": tokens, "stream": True,
                "messages": [{"role": "user", "content": question}]}
        request = urllib.request.Request(f"{self.node}/v1/chat/completions", json.dumps(body).encode(),
                                         {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        receipt = None
        with urllib.request.urlopen(request, timeout=60) as answer:
            for line in answer:
                if on_line:
                    on_line()
                if line.startswith(b"data: {"):
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        raise RuntimeError(chunk["error"]["message"])
                    receipt = chunk.get("gonka", receipt)
                elif line.startswith(b"data: [DONE]"):
                    return receipt
        raise RuntimeError("the stream ended early")


class Devnet:
    def __init__(self, report):
        self.model = report["model"]
        self.processes = {entry["name"]: entry for entry in report["processes"]}
        self.participants = {entry["name"]: entry for entry in report["participants"]}
        self.developers = [Developer(entry, self.model) for entry in report["developers"]]
        self.programs = os.path.dirname(next(iter(self.processes.values()))["argv"][0])
        self.data = os.path.dirname(os.path.dirname(report["processes"][0]["log"]))
        self.restarted = {}
        self.asked = set()

    def urls(self):
        return [entry["url"] for entry in self.participants.values()]

    def start(self, name, argv, log):
        with open(log, "ab") as output:
            self.restarted[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def kill(self, name):
        """kill -9, and gone when this returns."""
        if child := self.restarted.pop(name, None):
            child.kill()
            child.wait()
            return
        os.kill(self.processes[name]["pid"], signal.SIGKILL)
        # The devnet reaps its own children when it looks after them, or never: a zombie is gone enough.
        with open(f"/proc/{self.processes[name]['pid']}/stat") as stat:
            wait_for(f"the end of {name}", lambda: stat.seek(0) or stat.read().rsplit(")", 1)[1].split()[0] == "Z")

    def restart(self, name):
        entry = self.processes[name]
        self.start(name, entry["argv"], entry["log"])

    def status(self, url):
        return get_json(f"{url}/gonka/v1/status")

    def gonka(self, *arguments, node=None):
        node = node or self.urls()[0]
        done = subprocess.run([f"{self.programs}/gonka", "--node", node, "--json", *arguments],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def check_agreement(self):
        """All nodes have the same history, and no coin is lost in it."""
        height = min(self.status(url)["height"] for url in self.urls())
        blocks = {(block["hash"], block["app_hash"])
                  for block in (get_json(f"{url}/gonka/v1/block/{height}") for url in self.urls())}
        assert len(blocks) == 1, f"the nodes differ at height {height}"
        for url in self.urls():
            conservation = self.status(url)["conservation"]
            assert conservation["holds"] and conservation["created"] == conservation["accounted"]


class Load:
    """Developers who ask on and on, each in a thread of its own."""

    def __init__(self, devnet, developers):
        self.devnet, self.developers = devnet, developers
        self.answers, self.failures = [], []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(developer,)) for developer in developers]

    def run(self, developer):
        turn = 0
        while not self.stop.is_set():
            turn += 1
            try:
                receipt = developer.ask(QUESTIONS[turn % len(QUESTIONS)])
                self.answers.append((time.monotonic(), receipt["inference_id"]))
                self.devnet.asked.add(receipt["inference_id"])
            except (OSError, RuntimeError) as error:
                self.failures.append((time.monotonic(), str(error)))
            self.stop.wait(0.15)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def answered_since(self, moment):
        return sum(1 for when, _ in self.answers if when > moment)


def running_devnet():
    path = os.environ.get("GONKA_DEVNET_REPORT")
    if not path:
        pytest.skip("no running devnet is given: GONKA_DEVNET_REPORT not set")
    with open(path) as file:
        return Devnet(json.load(file))


@pytest.fixture(scope="module")
def devnet():
    devnet = running_devnet()
    yield devnet
    for child in devnet.restarted.values():
        child.terminate()
    for child in devnet.restarted.values():
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        child.kill()


# The first orders the blocks and is alice's transfer agent; the second has two ML nodes.
@pytest.mark.parametrize("victim", ["participant-0", "participant-1", "participant-3", "participant-1-mlnode-0",
                                    "participant-2-mlnode-0"])
def test_kill_9_of_one_process_leaves_the_others_serving(devnet, victim):
    node = devnet.participants.get(victim, {}).get("url")
    others = [developer for developer in devnet.developers if developer.node != node]
    with Load(devnet, others) as load:
        wait_for("answers before", lambda: len(load.answers) >= 2)
        devnet.kill(victim)
        killed = time.monotonic()
        wait_for("answers while it is dead", lambda: load.answered_since(killed + 0.5) >= 6)
        devnet.restart(victim)
        restarted = time.monotonic()
        if node:
            wait_for(f"{victim} ready again", lambda: get_json(f"{node}/ready")["ready"])
        wait_for("answers after", lambda: load.answered_since(restarted) >= 6)
    # An answer that was on its way may break off; whoever asks then is served by another executor.
    broken = [why for when, why in load.failures]
    assert len(broken) <= len(others) + 1, broken
    heights = {url: devnet.status(url)["height"] for url in devnet.urls()}
    for url in devnet.urls():
        wait_for(f"blocks at {url}", lambda: devnet.status(url)["height"] > max(heights.values()))
    devnet.check_agreement()


def test_a_stream_through_a_killed_node_ends_and_its_developer_is_served_again(devnet):
    victim = "participant-2"
    developer = next(d for d in devnet.developers if d.node == devnet.participants[victim]["url"])
    lines = []

    def kill_after_a_few():
        lines.append(1)
        if len(lines) == 6:
            devnet.kill(victim)

    with pytest.raises((OSError, RuntimeError)):
        developer.ask(QUESTIONS[0], tokens=120, on_line=kill_after_a_few)
    devnet.restart(victim)
    wait_for(f"{victim} ready again", lambda: get_json(f"{developer.node}/ready")["ready"])
    wait_for("its next answer", lambda: developer.ask(QUESTIONS[1]))
    devnet.check_agreement()


def test_a_seventh_participant_joins_serves_and_is_drawn(devnet):
    name, port, ml_port = "participant-6", 6, 156
    base = int(devnet.participants["participant-0"]["url"].rsplit(":", 1)[1])
    url, ml_url = f"http://127.0.0.1:{base + port}", f"http://127.0.0.1:{base + ml_port}"
    directory = os.path.join(devnet.data, name)
    template = devnet.processes["participant-3"]["argv"]
    option = dict(zip(template[1::1], template[2::1]))
    made = json.loads(devnet.gonka(
        "init", directory, "--network", devnet.status(devnet.urls()[0])["network"], "--model", option["--model"],
        "--ml-node", ml_url, "--listen", url.removeprefix("http://"), "--allow-private"))
    account = made["account"]
    assert findings(devnet, directory) == {"node", "ML node", "participant"}
    join = ("join", directory, "--endpoint", url, "--collateral", "5500000")
    assert "send it 5500000 more" in refusal(devnet, *join)
    devnet.gonka("transfer", "--key", devnet.developers[1].key_file, account, "6000000")
    devnet.start(f"{name}-mlnode-0",
                 [f"{devnet.programs}/gonka-mlnode", "--model", option["--model"], "--threads", "1", "--listen",
                  ml_url.removeprefix("http://"), "--manifest-cache", os.path.join(devnet.data, "manifests")],
                 os.path.join(directory, "mlnode-0.log"))
    devnet.start(name, [f"{devnet.programs}/gonkad", "--config", made["config"]],
                 os.path.join(directory, "gonkad.log"))
    # It follows from genesis before anybody knows it.
    wait_for(f"{name} ready", lambda: get_json(f"{url}/ready")["ready"])
    devnet.gonka(*join, node=url)
    devnet.participants[name] = {"name": name, "id": account, "url": url}

    joined = devnet.status(url)
    wait_for("the next epoch", lambda: devnet.status(url)["epoch"] > joined["epoch"],
             2 * joined["epoch_blocks"] * joined["block_interval_ms"] / 1000)

    # A developer may choose it as transfer agent ...
    api_key = json.loads(devnet.gonka("keys", "api", "--key", devnet.developers[0].key_file, "--amount", "1000000",
                                      node=url))["api_key"]
    dave = Developer({"node": url, "api_key": api_key, "key_file": ""}, devnet.model)
    with Load(devnet, devnet.developers):
        receipt = wait_for("an answer through it", lambda: first_answer(dave))
        assert receipt["transfer_agent"] == account
        # ... the draw finds it as executor, and it is checked and checks like all others.
        served = wait_for("an answer of its own", lambda: any(
            get_json(f"{url}/gonka/v1/inferences/{inference}").get("executor") == account
            for inference in list(devnet.asked)[-40:]), 120)
        assert served
        standing = wait_for("its check", lambda: next(
            (m["standing"] for m in get_json(f"{url}/gonka/v1/epochs/current")["members"]
             if m["id"] == account and m["standing"] and m["standing"]["checks"] > 0), None), 120)
        assert standing["convicted"] is False
    devnet.check_agreement()
    assert findings(devnet, directory) == set()


class Relay:
    """Passes on what a node answers, but for chunks of snapshots: these it keeps back, or forges."""

    def __init__(self, node):
        relay = self
        self.forges = False
        self.asked_for_chunk = threading.Event()
        self.closed = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                is_chunk = self.path.startswith("/gonka/v1/snapshot/")
                if is_chunk:
                    relay.asked_for_chunk.set()
                    if not relay.forges:
                        relay.closed.wait()
                        return
                try:
                    with urllib.request.urlopen(node + self.path, timeout=30) as answer:
                        status, body = answer.status, bytearray(answer.read())
                except urllib.error.HTTPError as error:
                    status, body = error.code, bytearray(error.read())
                if is_chunk:
                    body[len(body) // 2] ^= 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()


def test_a_newcomer_begins_with_a_snapshot_though_it_is_killed_and_lied_to(devnet):
    name, node = "newcomer", devnet.urls()[1]
    epoch = devnet.status(node)
    wait_for("a snapshot", lambda: urllib.request.urlopen(f"{node}/gonka/v1/snapshot", timeout=10).read(),
             3 * epoch["epoch_blocks"] * epoch["block_interval_ms"] / 1000)
    directory = os.path.join(devnet.data, name)
    base = int(devnet.participants["participant-0"]["url"].rsplit(":", 1)[1])
    url = f"http://127.0.0.1:{base + 8}"
    log = os.path.join(devnet.data, f"{name}.log")
    template = devnet.processes["participant-3"]["argv"]
    option = dict(zip(template[1::1], template[2::1]))
    with Relay(node) as relay:
        made = json.loads(devnet.gonka(
            "init", directory, "--network", epoch["network"], "--model", option["--model"], "--listen",
            url.removeprefix("http://"), "--allow-private", "--from-snapshot", node=relay.url))
        command = [f"{devnet.programs}/gonkad", "--config", made["config"]]
        devnet.start(name, command, log)
        assert relay.asked_for_chunk.wait(60)
        devnet.kill(name)  # In the midst of it.
        relay.forges = True
        devnet.start(name, command, log)
        wait_for(f"{name} ready", lambda: get_json(f"{url}/ready")["ready"])
    with open(log) as file:
        said = file.read()
    assert f"chunk 0 from {relay.url}: chunk 0 of the snapshot after block" in said  # Refused.
    assert re.search(r"the state after block \d+ is taken", said)
    height = devnet.status(url)["height"]
    pages = [wait_for(f"block {height}", lambda: get_json(f"{one}/gonka/v1/block/{height}")) for one in (url, node)]
    assert pages[0]["app_hash"] == pages[1]["app_hash"]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get_json(f"{url}/gonka/v1/block/1")
    # It serves the next newcomer.
    assert wait_for("its own snapshot", lambda: urllib.request.urlopen(f"{url}/gonka/v1/snapshot", timeout=10).read())
    devnet.kill(name)


def findings(devnet, directory):
    """What the doctor finds bad."""
    done = subprocess.run([f"{devnet.programs}/gonka", "--node", devnet.urls()[0], "--json", "doctor", directory],
                          capture_output=True, text=True, timeout=60)
    bad = {one["check"] for one in json.loads(done.stdout)["findings"] if one["finding"] == "bad"}
    assert done.returncode == (1 if bad else 0), done.stderr
    return bad


def refusal(devnet, *arguments):
    done = subprocess.run([f"{devnet.programs}/gonka", "--node", devnet.urls()[0], *arguments],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0, done.stdout
    return done.stderr


def first_answer(developer):
    with contextlib.suppress(urllib.error.HTTPError):
        return developer.ask(QUESTIONS[2])


def test_every_record_is_in_one_state_on_all_nodes_and_every_escrow_comes_home(devnet):
    """Whatever was killed: nodes agree about each record, and none is left half-way. What was lost with
    the process that had to record it has no record on any node, and costs nothing."""

    def state(url, inference):
        try:
            return get_json(f"{url}/gonka/v1/inferences/{inference}")["status"]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return "lost"

    states = {}

    def ended():
        states.update({i: {state(url, i) for url in devnet.urls()[:3]} for i in devnet.asked})
        return (all(len(s) == 1 and "started" not in s for s in states.values())
                and sum("lost" in s for s in states.values()) <= len(states) // 10)

    with contextlib.suppress(pytest.fail.Exception):
        wait_for("the end of every record", ended, 120)
    odd = {i: s for i, s in states.items() if len(s) != 1 or not s <= FINAL | {"finished", "disputed"}}
    assert states and len(odd) <= len(states) // 10 and all(s == {"lost"} for s in odd.values()), odd
    # Those that broke off, too: their records expire, at the latest.
    wait_for("every escrow", lambda: all(devnet.status(url)["totals"]["escrows"] == 0 for url in devnet.urls()), 120)
    devnet.check_agreement()


def test_a_copied_ledger_is_audited_from_genesis(devnet, tmp_path):
    """The copy of a node that was killed in the midst of its work, on a machine that trusts nobody."""
    victim = "participant-3"
    devnet.kill(victim)
    copy = tmp_path / "ledger"
    shutil.copytree(os.path.join(devnet.data, victim, "ledger"), copy)
    devnet.restart(victim)

    def audit(*arguments):
        return subprocess.run([f"{devnet.programs}/gonka", "--json", "audit", copy, *arguments],
                              capture_output=True, text=True, timeout=120)

    done = audit()
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["agrees"] and report["height"] == report["tip"] > 0
    block = get_json(f"{devnet.urls()[0]}/gonka/v1/block/{report['height']}")
    assert (report["block_hash"], report["app_hash"]) == (block["hash"], block["app_hash"])
    assert sum(report["records"].values()) + report["open_records"] >= len(devnet.asked) > 0

    other = audit("--network", "00" * 32)
    assert other.returncode != 0 and report["network"] in other.stderr
    with open(copy / "data.mdb", "r+b") as file:
        file.truncate(os.path.getsize(copy / "data.mdb") // 2)
    cut = audit()
    assert cut.returncode != 0 and "truncated" in cut.stderr
