"""A Redis server that floods, drips, lies or says nothing: answers go on, memory stays, the end comes at once."""

import re
import socket
import threading
import time

import pytest

from conftest import eventually
from test_faults import ask, body, connected, metric, text_of


class BadRedis:
    """Answers PING; every other command gets what `behave(say)` says, until the client has gone."""

    def __init__(self, behave, greets=True):
        self.behave, self.greets = behave, greets
        self.commands = self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.ending = False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        def say(data):
            self.sent += client.send(data)
            return not self.ending

        try:
            while received := client.recv(65536):
                if not self.greets:
                    continue
                if b"PING" in received:
                    client.sendall(b"+PONG\r\n")
                    continue
                self.commands += 1
                self.behave(say)
        except OSError:
            pass
        client.close()

    def close(self):
        self.ending = True
        self.listener.close()


@pytest.fixture
def bad_redis():
    servers = []

    def begin(*args, **options):
        servers.append(BadRedis(*args, **options))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


def drip(say):
    say(b"$4000000\r\n")
    while say(b"x"):
        time.sleep(0.01)


def flood(say):
    block = b"$4000000000\r\n" + b"x" * (1 << 20)
    while say(block):
        pass


def nothing(say):
    while say(b""):
        time.sleep(0.01)


def resident_mb(running):
    with open(f"/proc/{running.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1024


@pytest.mark.parametrize("behave", [drip, flood, nothing], ids=["drip", "flood", "nothing"])
def test_answers_go_on_and_the_end_comes_at_once(start, bad_redis, behave):
    server = bad_redis(behave)
    running = start("--response-cache", server.url, "--response-cache-mb", "0")
    eventually(lambda: connected(running))
    expected = text_of(ask(running, body(1)))
    before = resident_mb(running)
    for _ in range(3):
        eventually(lambda: connected(running))
        reply = ask(running, body(1))
        assert (text_of(reply), reply.headers["x-ocellus-cache"]) == (expected, "miss")
    # One that is under way when the next question comes is not asked a second time.
    eventually(lambda: text_of(ask(running, body(1))) == expected and server.commands > 1)
    assert resident_mb(running) - before < 64
    running.signal()
    since = time.monotonic()
    assert running.wait() == 0
    assert time.monotonic() - since < 60  # one second on a quiet machine; only against hanging


def test_the_end_does_not_wait_for_a_greeting(start, bad_redis):
    server = bad_redis(nothing, greets=False)
    running = start("--response-cache", server.url)
    text_of(ask(running, body(1)))
    assert not connected(running)
    running.signal()
    assert running.wait() == 0


def test_what_redis_was_not_asked_for_is_not_taken(start, bad_redis):
    server = bad_redis(lambda say: say(b"$5\r\nhello\r\n$5\r\nworld\r\n"))
    running = start("--response-cache", server.url, "--response-cache-mb", "0")
    eventually(lambda: connected(running))
    assert ask(running, body(1)).headers["x-ocellus-cache"] == "miss"
    eventually(lambda: metric(running, "ocellus_shared_cache_outages_total") >= 1)
