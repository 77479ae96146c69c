"""What the tests of a running network share. They need GONKA_BASE_URL, GONKA_API_KEY and GONKA_MODEL
(all in the report of `apps/devnet/run.sh --report FILE`) and are skipped without them."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest


class Network:
    """One network node, as its developers see it."""

    def __init__(self, base_url, api_key, model):
        self.base_url = base_url.rstrip("/")
        self.node = self.base_url.removesuffix("/v1")
        self.host, port = self.node.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)
        self.api_key = api_key
        self.model = model

    def get(self, path):
        with urllib.request.urlopen(f"{self.node}/gonka/v1/{path}", timeout=30) as answer:
            return json.load(answer)

    def wait(self, what, look, seconds=60):
        """The first result of look() that is not None. The deadline only ends a hang."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = look()
            except urllib.error.HTTPError as error:
                if error.code not in (404, 503):
                    raise
                found = None
            if found is not None:
                return found
            time.sleep(0.1)
        pytest.fail(f"{what} did not come within {seconds} s")

    def record(self, inference):
        """The inference once the ledger knows how it ended."""

        def finished():
            record = self.get(f"inferences/{inference}")
            return record if record["status"] != "started" else None

        return self.wait(f"the record of {inference}", finished)


@pytest.fixture(scope="session")
def network():
    names = ("GONKA_BASE_URL", "GONKA_API_KEY", "GONKA_MODEL")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no running network is given: {', '.join(missing)} not set")
    return Network(*(os.environ[name] for name in names))
