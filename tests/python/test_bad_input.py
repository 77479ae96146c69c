"""Bytes that no client library would send. Each gets an error that names what is wrong, and the node
keeps serving."""

import contextlib
import http.client
import json
import socket

import pytest

BODY_MAX = 100 << 20


def post(network, body, **headers):
    connection = http.client.HTTPConnection(network.host, network.port, timeout=60)
    try:
        connection.request("POST", "/v1/chat/completions", body,
                           {"Authorization": f"Bearer {network.api_key}", "Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]
    finally:
        connection.close()


def ask(network):
    connection = http.client.HTTPConnection(network.host, network.port, timeout=120)
    body = json.dumps({"model": network.model, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 4})
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {network.api_key}"})
    answer = connection.getresponse()
    with contextlib.closing(connection):
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{'model': 1}", b'{"model": "a",}', b"\xff\xfe", b"null x", b'{"a": ' + b"[" * 100_000, b'{"model": "a", "model": "b"}'],
    ids=["empty", "open", "quotes", "comma", "bytes", "rest", "deep", "twice"],
)
def test_what_is_no_json_is_refused(network, body):
    status, error = post(network, body)
    assert (status, error["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("body", ["[]", "7", '"text"', "null"])
def test_what_is_no_object_is_refused(network, body):
    status, error = post(network, body)
    assert status == 400 and error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "change, param, code",
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 7}, "model", "invalid_type"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": [7]}, "messages[0]", "invalid_type"),
        ({"max_tokens": "many"}, "max_tokens", "invalid_type"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"max_tokens": -1}, "max_tokens", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"seed": 1e300}, "seed", None),
        ({"stop": [""]}, "stop[0]", "invalid_value"),
        ({"logit_bias": {"x": 1}}, "logit_bias", "invalid_value"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_types_are_named(network, change, param, code):
    body = {"model": network.model, "messages": [{"role": "user", "content": "x"}], **change}
    status, error = post(network, json.dumps(body))
    assert status == 400
    assert error["param"] == param and param in error["message"]
    assert code is None or error["code"] == code


def test_a_key_is_asked_for(network):
    status, error = post(network, "{}", Authorization="")
    assert (status, error["code"]) == (401, "missing_api_key")


def send_until_answered(network, head, pieces):
    """Sends as long as the server takes it; what it answers."""
    connection = socket.create_connection((network.host, network.port), timeout=60)
    with contextlib.closing(connection):
        connection.sendall(head)
        for piece in pieces:
            try:
                connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65536):
                answer += data
        return answer


HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {key}\r\n{framing}\r\n\r\n"


@pytest.mark.parametrize("framing", ["plain", "chunked"])
def test_a_body_of_100_mb_is_refused_before_it_is_stored(network, framing):
    piece = b" " * (1 << 20)
    if framing == "plain":
        framing_header = f"Content-Length: {BODY_MAX}"
        pieces = (piece for _ in range(BODY_MAX // len(piece)))
    else:
        framing_header = "Transfer-Encoding: chunked"
        pieces = (b"%x\r\n%s\r\n" % (len(piece), piece) for _ in range(BODY_MAX // len(piece)))
    head = HEAD.format(key=network.api_key, framing=framing_header).encode()
    answer = send_until_answered(network, head, pieces)
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert ask(network)["choices"]


def test_silent_connections_keep_nobody_waiting(network):
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(contextlib.closing(socket.create_connection((network.host, network.port), timeout=10)))
        assert ask(network)["choices"]


def test_what_is_no_http_closes_the_connection_and_nothing_else(network):
    with contextlib.closing(socket.create_connection((network.host, network.port), timeout=30)) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(4096):
                pass
    assert ask(network)["choices"]


def test_ids_that_are_none_are_refused(network):
    for path, status in [("inferences/xyz", 400), ("inferences/" + "0" * 64, 404), ("epochs/x", 400), ("block/99999999999", 404)]:
        connection = http.client.HTTPConnection(network.host, network.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", f"/gonka/v1/{path}")
            answer = connection.getresponse()
            assert answer.status == status, path
            assert json.loads(answer.read())["error"]["message"]
