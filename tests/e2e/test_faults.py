"""What breaks around the server: the shared cache goes and comes, memory is full. Answers go on, and are right.

Redis is a real one (`redis-server`), started here.
"""

import json
import random
import re
import shutil
import signal
import socket
import subprocess
import threading

import httpx
import pytest
from conftest import BIN, eventually, picture_part, text_part, user


def body(number, question="What do you see?", **more):
    return {
        "messages": [user(picture_part(number), text_part(question))],
        "temperature": 0,
        "max_tokens": 24,
        **more,
    }


def ask(running, request, key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.post(
        running.url + "/v1/chat/completions", json=request, headers=headers, timeout=300
    )


def text_of(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]["content"]


def metric(running, name):
    headers = {"Authorization": "Bearer one"}  # where keys are wanted, it is one of them
    text = httpx.get(running.url + "/metrics", headers=headers, timeout=60).text
    return float(re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", text, re.M).group(1))


def hit(running, request, key=None):
    """The reply that comes from a cache. A lookup of the shared one waits 50 ms, which may be too
    little on a busy machine, and is a miss then."""
    replies = []
    eventually(lambda: replies.append(ask(running, request, key))
               or replies[-1].headers["x-ocellus-cache"] == "hit")  # fmt: skip
    return replies[-1]


def lines(running, pattern):
    return [line for line in running.log if re.search(pattern, line)]


# --- the shared cache


class Redis:
    def __init__(self, folder, *flags):
        assert shutil.which("redis-server"), "the tests need Debian's package redis-server"
        self.folder, self.flags = folder, flags
        for _ in range(5):  # another program may be faster, and have the port
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self.start()
            if self.process.poll() is None:
                break
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
            + ["--appendonly", "no", "--dir", str(self.folder), *self.flags],
            stdout=subprocess.DEVNULL,
        )
        eventually(lambda: self.listens() or self.process.poll() is not None)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def command(self, *words):
        """The reply to one command, as it comes over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            message = b"*%d\r\n" % len(words)
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                message += b"$%d\r\n%s\r\n" % (len(word), word)
            connection.sendall(message)
            return connection.recv(1 << 20)

    def keys(self):
        return re.findall(rb"ocellus:[0-9a-z:]+", self.command("KEYS", "*"))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path):
    running = Redis(tmp_path)
    yield running
    running.stop()


def connected(running):
    return metric(running, "ocellus_shared_cache_connected") == 1


def test_redis_goes_and_comes_under_load(start, redis):
    # No cache of its own: every hit is the shared one's.
    running = start("--response-cache", redis.url, "--response-cache-mb", "0")
    eventually(lambda: connected(running))
    requests = [body(i) for i in range(6)]
    expected = [text_of(ask(running, request)) for request in requests]
    assert all(expected)
    eventually(lambda: len(redis.keys()) == len(requests))
    hit(running, requests[0])
    wrong, answered, over = [], [0], threading.Event()

    def client(salt):
        rng = random.Random(salt)
        while not over.is_set():
            i = rng.randrange(len(requests))
            reply = ask(running, requests[i])
            if reply.status_code != 200 or text_of(reply) != expected[i]:
                wrong.append((i, reply.status_code, reply.text))
            answered[0] += 1

    def some_more(count):
        goal = answered[0] + count
        eventually(lambda: answered[0] >= goal)

    clients = [threading.Thread(target=client, args=(i,)) for i in range(4)]
    for one in clients:
        one.start()
    try:
        for outage in range(1, 4):
            some_more(20)
            if outage == 2:  # it still takes connections, and says nothing
                redis.process.send_signal(signal.SIGSTOP)
            else:
                redis.stop()
            eventually(lambda: not connected(running))
            some_more(20)
            if outage == 2:
                redis.process.send_signal(signal.SIGCONT)
            else:
                redis.start()
            eventually(lambda: connected(running))
            before = metric(running, 'ocellus_cache_hits_total{cache="response_shared"}')
            eventually(
                lambda: metric(running, 'ocellus_cache_hits_total{cache="response_shared"}')
                > before + 5
            )
            # One warning an outage. There may be more of those: a lookup that took over 50 ms is one.
            outages = lambda: metric(running, "ocellus_shared_cache_outages_total")
            eventually(lambda: connected(running) and len(lines(running, "state=connected")) == outages() + 1)
            assert len(lines(running, "state=unreachable")) == outages() >= outage
    finally:
        over.set()
        for one in clients:
            one.join()
    assert not wrong, wrong[:3]


def test_redis_that_is_not_there_at_start(start, tmp_path):
    redis = Redis(tmp_path)
    redis.stop()
    running = start("--response-cache", redis.url)
    assert text_of(ask(running, body(1)))
    assert ask(running, body(1)).headers["x-ocellus-cache"] == "hit", "its own"
    eventually(lambda: lines(running, "state=unreachable"))
    assert len(lines(running, "state=unreachable")) == 1
    redis.start()
    try:
        eventually(lambda: connected(running))
        assert text_of(ask(running, body(2)))
        eventually(lambda: len(redis.keys()) == 1)
    finally:
        redis.stop()


def without_what_differs(reply):
    """What must be the same in a cached answer: all but ids, times and where it came from."""
    answer = reply.json()
    for key in ("id", "created", "performance"):
        answer.pop(key)
    answer["ocellus"].pop("timings")
    return answer


def test_two_servers_share_answers(start, redis):
    flags = ["--response-cache", redis.url, "--api-key", "one", "--api-key", "two"]
    # No cache of its own: every hit is the shared one's.
    first, second = start(*flags), start(*flags, "--response-cache-mb", "0")
    eventually(lambda: connected(first) and connected(second))
    requests = [
        body(1),
        body(2, logprobs=True, top_logprobs=3),
        body(3, n=2, temperature=1, seed=5, logprobs=True),
        body(4, choices=["a red circle", "a blue square"]),
        body(5, stop=["e"]),
    ]
    for count, request in enumerate(requests, 1):
        computed = ask(first, request, "one")
        assert computed.headers["x-ocellus-cache"] == "miss"
        eventually(lambda: len(redis.keys()) == count)
        shared = hit(second, request, "one")
        assert without_what_differs(shared) == without_what_differs(computed)
    assert metric(second, 'ocellus_cache_hits_total{cache="response_shared"}') == len(requests)
    stream = ask(second, {**requests[0], "stream": True}, "one").text
    pieces = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    streamed = "".join(p["choices"][0]["delta"].get("content") or "" for p in pieces if p["choices"])
    assert streamed == text_of(ask(first, requests[0], "one"))
    # Another key's answers stay its own.
    hits = metric(second, 'ocellus_cache_hits_total{cache="response_shared"}')
    assert ask(second, requests[0], "two").headers["x-ocellus-cache"] == "miss"
    assert metric(second, 'ocellus_cache_hits_total{cache="response_shared"}') == hits
    assert b"one" not in b"".join(redis.keys())


def test_an_answer_is_forgotten_in_time(start, redis):
    running = start("--response-cache", redis.url, "--response-cache-age", "100")
    eventually(lambda: connected(running))
    text_of(ask(running, body(1)))
    eventually(lambda: len(redis.keys()) == 1)
    left = int(redis.command("TTL", redis.keys()[0]).strip(b":\r\n"))
    assert 0 < left <= 100


def test_values_that_are_not_right_are_not_served(start, redis):
    running = start("--response-cache", redis.url, "--response-cache-mb", "0")
    eventually(lambda: connected(running))
    expected = text_of(ask(running, body(1)))
    eventually(lambda: len(redis.keys()) == 1)
    key = redis.keys()[0]
    for damage in [
        lambda: redis.command("SETRANGE", key, 60, b"\x00\xff\x00"),
        lambda: redis.command("SET", key, b"OCANSW01"),
        lambda: redis.command("APPEND", key, b"more"),
        lambda: redis.command("SET", key, b"x" * 1000),
    ]:
        damage()
        reply = ask(running, body(1))
        assert reply.headers["x-ocellus-cache"] == "miss"
        assert text_of(reply) == expected
        eventually(lambda: ask(running, body(1)).headers["x-ocellus-cache"] == "hit")  # written anew
    outages = lambda: metric(running, "ocellus_shared_cache_outages_total")

    def lost_by_asking():
        """How many outages it took; again and again one for each, where the value is to blame."""
        eventually(lambda: connected(running))
        before = outages()
        redis.command("DEL", key)
        redis.command("LPUSH", key, "no string")
        reply = ask(running, body(1))
        assert (reply.headers["x-ocellus-cache"], text_of(reply)) == ("miss", expected)
        return outages() - before

    assert any(lost_by_asking() == 0 for _ in range(20))


def test_a_server_with_a_password(start, tmp_path):
    redis = Redis(tmp_path, "--requirepass", "s3cret")
    try:
        good = start("--response-cache", f"redis://:s3cret@127.0.0.1:{redis.port}/2")
        bad = start("--response-cache", f"redis://:wr0ng@127.0.0.1:{redis.port}")
        eventually(lambda: connected(good))
        eventually(lambda: lines(bad, "state=unreachable"))
        assert "WRONGPASS" in lines(bad, "state=unreachable")[0]
        assert text_of(ask(bad, body(1)))
        assert not lines(bad, "wr0ng") and not lines(good, "s3cret")
    finally:
        redis.stop()


@pytest.mark.parametrize(
    "url, why",
    [("rediss://localhost", "TLS"), ("redis://localhost/x", "database"), ("memcached://a", "scheme")],
)
def test_an_address_that_cannot_work(url, why):
    ended = subprocess.run(
        [str(BIN), "serve", "--response-cache", url], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "--response-cache" in ended.stderr and why in ended.stderr


# --- memory


def test_requests_wait_when_keys_and_values_are_full(start):
    running = start("--kv-memory", "1", "--response-cache-mb", "0", "--prefix-cache", "0.5")
    limit = 1 << 20
    expected = {i: text_of(ask(running, body(i, max_tokens=40))) for i in range(4)}
    wrong, most, over = [], [0, 0], threading.Event()

    def watch():
        while not over.is_set():
            most[0] = max(most[0], metric(running, "ocellus_kv_reserved_bytes"))
            most[1] = max(most[1], metric(running, "ocellus_queue_depth"))

    def client(i):
        for _ in range(2):
            reply = ask(running, body(i % 4, max_tokens=40))
            if reply.status_code != 200 or text_of(reply) != expected[i % 4]:
                wrong.append((i, reply.status_code, reply.text))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(20):  # until one was seen to wait
        clients = [threading.Thread(target=client, args=(i,)) for i in range(16)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        if most[1] > 0:
            break
    over.set()
    watcher.join()
    assert not wrong, wrong[:3]
    assert 0 < most[0] <= limit
    assert most[1] > 0, "nobody had to wait: the test shows nothing"
    eventually(lambda: metric(running, "ocellus_kv_reserved_bytes") == 0)
    assert metric(running, 'ocellus_generations_total{result="failed"}') == 0
