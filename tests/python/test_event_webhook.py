"""`gonka events --post`: a webhook that misses nothing, on a running devnet. Needs the report of a devnet
that was started with `--report FILE`: GONKA_DEVNET_REPORT=FILE. Before test_processes, which leaves nodes stopped."""

import contextlib
import http.server
import json
import signal
import subprocess
import threading

import pytest
from test_processes import refusal, running_devnet, wait_for


@pytest.fixture(scope="module")
def devnet():
    return running_devnet()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        busy = len(self.server.taken) >= self.server.room or self.server.refusals > 0
        self.server.refusals = max(self.server.refusals - 1, 0)
        if not busy:
            self.server.taken.append((self.headers["X-Gonka-Event"], self.headers["Authorization"], event))
        self.send_response(503 if busy else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.refusals, server.room, server.taken = 0, 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_gets_every_event_in_order_over_refusals_and_a_restart(devnet, tmp_path):
    state = tmp_path / "state"
    with receiver() as server:
        argv = [f"{devnet.programs}/gonka", "--node", devnet.urls()[1], "events", "--kinds", "check_drawn", "--post",
                f"http://127.0.0.1:{server.server_port}/hook", "--post-token", "secret", "--state", str(state)]
        server.refusals = 1
        for _ in range(2):
            server.room += 3  # Then it is busy until the next round, so that it always stops between two.
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for("another three events", lambda: len(server.taken) == server.room)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    ids = [tuple(map(int, event_id.split("."))) for event_id, _, _ in server.taken]
    assert ids == sorted(set(ids))  # None twice: it was stopped between two, not killed within one.
    assert all(token == "Bearer secret" and event["notice"]["kind"] == "check_drawn"
               for _, token, event in server.taken)
    assert state.read_text() == f"{ids[-1][0]}.{ids[-1][1]}\n"
    listed = devnet.gonka("events", "--kinds", "check_drawn")
    all_ids = [(one["height"], one["index"]) for one in map(json.loads, listed.splitlines())]
    assert ids == all_ids[:len(ids)]


def test_a_damaged_position_is_refused(devnet, tmp_path):
    state = tmp_path / "state"
    state.write_text("12.x\n")
    assert "must hold HEIGHT.INDEX" in refusal(devnet, "events", "--post", "http://127.0.0.1:9/", "--state", str(state))
