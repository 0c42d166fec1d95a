"""Clients that are slow, silent or many, and pages that are refused: who else is still answered,
how much is held, and what the log says."""

import http.client
import json
import re
import resource
import socket
import subprocess
import threading
import time

import httpx
import pytest

from conftest import BIN, START_SECONDS, eventually

GOOD = {"messages": [{"role": "user", "content": "What can you see?"}], "max_tokens": 2}
HALF = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localh"


def ask(server, **headers):
    return httpx.post(server.url + "/v1/chat/completions", json=GOOD, headers=headers, timeout=300)


def metric(server, name, **headers):
    text = httpx.get(server.url + "/metrics", headers=headers, timeout=300).text
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def all_but_the_last_byte(port, size):
    """A body that never ends; the socket, where the server took what there is of it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )
    try:
        connection.sendall(head.encode() + b" " * (size - 1))
    except OSError:
        pass  # refused while it was sending
    return connection


def test_silent_bodies_hold_a_part_of_the_budget_and_nobody_waits(start):
    """Sixteen of a megabyte each would fill a budget of 16 MiB; one in four comes over the second
    port."""
    second = free_port()
    server = start("--max-memory-mb", "16", "--max-body-mb", "1", "--backend-port", str(second))
    silent = []
    try:
        for i in range(16):
            port = second if i % 4 == 3 else server.port
            silent.append(all_but_the_last_byte(port, 1 << 20))
        eventually(lambda: metric(server, "ocellus_request_memory_bytes") >= 7 << 20)
        for _ in range(20):
            # Half of it, and beside that what is small: the beginnings of those that wait.
            assert metric(server, "ocellus_request_memory_bytes") <= 9 << 20
            assert ask(server).status_code == 200
        # A large body finds room as well, as soon as the others are late (a second).
        body = json.dumps(GOOD).encode() + b" " * ((1 << 20) - 1000)
        deadline = time.monotonic() + START_SECONDS
        while True:
            answer = httpx.post(
                server.url + "/v1/chat/completions",
                content=body,
                headers={"content-type": "application/json"},
                timeout=300,
            )
            if answer.status_code == 200 or time.monotonic() > deadline:
                break
            assert answer.status_code == 429 and answer.headers["retry-after"]
            time.sleep(0.1)
        assert answer.status_code == 200
        # In the end each is told to go, and holds nothing.
        told = set()
        for connection in silent:
            connection.settimeout(60)
            try:
                told.add(connection.recv(65536).split()[1])
            except (OSError, IndexError):
                told.add(b"reset")
        assert told <= {b"408", b"429", b"reset"} and b"408" in told
        eventually(lambda: metric(server, "ocellus_request_memory_bytes") == 0)
    finally:
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("keys", [(), ("--api-key", "right")])
def test_half_sent_headers_lock_nobody_out(start, keys):
    server = start("--max-connections", "100", *keys)
    key = {"authorization": "Bearer right"} if keys else {}
    with httpx.Client(base_url=server.url, headers=key, timeout=300) as known:
        assert known.post("/v1/chat/completions", json=GOOD).status_code == 200
        half = []
        try:
            for i in range(1100):
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                connection.sendall(HALF)
                half.append(connection)
                if i % 100 == 99:
                    assert ask(server, **key).status_code == 200
                    assert known.post("/v1/chat/completions", json=GOOD).status_code == 200
            assert metric(server, "ocellus_connections", **key) <= 113
        finally:
            for connection in half:
                connection.close()


def test_few_descriptors_make_fewer_connections(start):
    """Idle ones make room, whatever `ulimit -n` is, and the log says once what is wrong."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2000, limits[1]), limits[1]))
    idle = []
    try:
        server = start(prefix=("sh", "-c", 'ulimit -n 100; exec "$@"', "sh"))
        for i in range(300):
            idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            if i % 50 == 49:
                assert ask(server).status_code == 200
        about = server.logged("ulimit -n")
        assert len(about) == 1 and "without_effect=limits.max_connections" in about[0], about
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_many_models_on_the_disk(start, tmp_path):
    """Lists of them are complete, and what is read from the disk is read by nobody who waits."""
    for i in range(3000):
        folder = tmp_path / "models" / f"m{i}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    server = start(env={"OCELLUS_HOME": str(tmp_path)})
    lists = []

    def list_models():
        lists.append(httpx.get(server.url + "/v1/models", timeout=300).json()["data"])

    clients = [threading.Thread(target=list_models) for _ in range(16)]
    for client in clients:
        client.start()
    assert httpx.get(server.url + "/health", timeout=300).status_code == 200
    assert ask(server).status_code == 200
    for client in clients:
        client.join()
    assert [len(one) for one in lists] == [3001] * 16


def post_from(server, origin, **headers):
    return httpx.post(
        server.url + "/v1/chat/completions",
        json=GOOD,
        headers={"origin": origin, **headers},
        timeout=300,
    )


def test_refused_pages_are_told_to_the_owner(start):
    server = start()
    for _ in range(3):
        refused = post_from(server, "https://example.org")
        assert refused.status_code == 403
        assert "--cors-origin https://example.org" in refused.json()["error"]["message"]
    # Its browser keeps the answer from this one.
    assert httpx.get(server.url + "/status", headers={"origin": "null"}).status_code == 200
    httpx.get(server.url + "/status", headers={"host": "pictures.example.org"})
    log = server.settled_log()
    lines = [line for line in log if 'event="page refused"' in line]
    assert len(lines) == 2, lines  # one about each, however often it tries
    assert 'if_it_is_yours="--cors-origin https://example.org"' in lines[0]
    # Any site's sandboxed frame has this one: it is not to be named.
    assert "serve the page over http" in lines[1] and "--cors-origin" in lines[1]
    assert "--cors-origin null" not in lines[1]
    [line] = [line for line in log if 'event="host refused"' in line]
    assert 'if_it_is_yours="--allow-host pictures.example.org"' in line


def test_pages_behind_a_proxy(start):
    server = start("--allow-host", "pictures.example.org")
    mine = "https://pictures.example.org"
    # The proxy passes Host on, and speaks http to this server.
    assert post_from(server, mine, host="pictures.example.org").status_code == 200
    # It names this server by itself, and says in X-Forwarded-… how the page was asked for.
    forwarded = {"x-forwarded-host": "pictures.example.org", "x-forwarded-proto": "https"}
    assert post_from(server, mine, **forwarded).status_code == 200
    assert post_from(server, mine).status_code == 403
    assert post_from(server, "http://pictures.example.org", **forwarded).status_code == 403
    other = {"x-forwarded-host": "evil.example"}
    refused = post_from(server, "http://evil.example", **other)
    assert refused.status_code == 403
    assert "--allow-host evil.example" in refused.json()["error"]["message"]


def test_any_address_may_stand_in_host(server):
    for host in ("127.0.0.1", "192.168.7.7:1234", "[::1]", "[2001:db8::7]:80"):
        assert httpx.get(server.url + "/v1/models", headers={"host": host}).status_code == 200
    for host in ("127.1", "rebound.example", "0x7f000001"):
        assert httpx.get(server.url + "/v1/models", headers={"host": host}).status_code == 403


def test_proxies_must_be_addresses():
    for wrong in ("proxy.example", "10.0.0.0/99"):
        done = subprocess.run(
            [str(BIN), "serve", "--trust-proxy", wrong], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2 and "trusted_proxies" in done.stderr, done.stderr


def test_requests_that_are_no_usual_ones_are_answered(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    wires = {
        b"\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n": 200,
        b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n": 200,
        b"GET http://localhost?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n": 200,
        b"GET http://localhost/health HTTP/1.1\r\nHost: other\r\n\r\n": 200,
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n": 204,
        b"OPTIONS http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n": 204,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n\r\n": 200,
    }
    connection.connect()
    for wire, status in wires.items():  # all over one connection
        connection.sock.sendall(wire)
        answer = http.client.HTTPResponse(connection.sock, method=wire.split()[0].decode())
        answer.begin()
        answer.read()
        assert answer.status == status, wire
    connection.close()
