"""What breaks around the server: the shared cache goes and comes, files on disk are damaged or half written,
memory is full. Answers go on, and are right.

Redis is a real one (`redis-server`), started here.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest
from conftest import BIN, Server, picture_part, text_part, user

KILLS = int(os.environ.get("OCELLUS_KILLS", "8"))


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


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def lines(running, pattern):
    return [line for line in running.log if re.search(pattern, line)]


# --- the shared cache


class Redis:
    def __init__(self, folder, *flags):
        assert shutil.which("redis-server"), "the tests need Debian's package redis-server"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.folder, self.flags = folder, flags
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
            + ["--appendonly", "no", "--dir", str(self.folder), *self.flags],
            stdout=subprocess.DEVNULL,
        )
        until(self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def command(self, *words):
        """The reply to one command, as it comes over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
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
    until(lambda: connected(running))
    requests = [body(i) for i in range(6)]
    expected = [text_of(ask(running, request)) for request in requests]
    assert all(expected)
    until(lambda: len(redis.keys()) == len(requests))
    assert ask(running, requests[0]).headers["x-ocellus-cache"] == "hit"
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
        until(lambda: answered[0] >= goal, 120)

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
            until(lambda: not connected(running))
            some_more(20)
            assert len(lines(running, "state=unreachable")) == outage
            if outage == 2:
                redis.process.send_signal(signal.SIGCONT)
            else:
                redis.start()
            until(lambda: connected(running))
            before = metric(running, 'ocellus_cache_hits_total{cache="response_shared"}')
            until(
                lambda: metric(running, 'ocellus_cache_hits_total{cache="response_shared"}')
                > before + 5
            )
            assert len(lines(running, "state=unreachable")) == outage, "one warning an outage"
            assert len(lines(running, r"state=connected")) == outage + 1
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
    assert len(lines(running, "state=unreachable")) == 1
    redis.start()
    try:
        until(lambda: connected(running))
        assert text_of(ask(running, body(2)))
        until(lambda: len(redis.keys()) == 1)
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
    first, second = start(*flags), start(*flags)
    until(lambda: connected(first) and connected(second))
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
        until(lambda: len(redis.keys()) == count)
        shared = ask(second, request, "one")
        assert shared.headers["x-ocellus-cache"] == "hit"
        assert without_what_differs(shared) == without_what_differs(computed)
    stream = ask(second, {**requests[0], "stream": True}, "one").text
    pieces = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    streamed = "".join(p["choices"][0]["delta"].get("content") or "" for p in pieces if p["choices"])
    assert streamed == text_of(ask(first, requests[0], "one"))
    # Another key's answers stay its own.
    assert ask(second, requests[0], "two").headers["x-ocellus-cache"] == "miss"
    assert metric(second, 'ocellus_cache_hits_total{cache="response_shared"}') == len(requests)
    assert b"one" not in b"".join(redis.keys())


def test_an_answer_is_forgotten_in_time(start, redis):
    running = start("--response-cache", redis.url, "--response-cache-age", "100")
    until(lambda: connected(running))
    text_of(ask(running, body(1)))
    until(lambda: len(redis.keys()) == 1)
    left = int(redis.command("TTL", redis.keys()[0]).strip(b":\r\n"))
    assert 0 < left <= 100


def test_values_that_are_not_right_are_not_served(start, redis):
    running = start("--response-cache", redis.url, "--response-cache-mb", "0")
    until(lambda: connected(running))
    expected = text_of(ask(running, body(1)))
    until(lambda: len(redis.keys()) == 1)
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
        until(lambda: ask(running, body(1)).headers["x-ocellus-cache"] == "hit")  # written anew
    redis.command("DEL", key)
    redis.command("LPUSH", key, "no string")
    reply = ask(running, body(1))
    assert (reply.headers["x-ocellus-cache"], text_of(reply)) == ("miss", expected)
    assert connected(running)


def test_a_server_with_a_password(start, tmp_path):
    redis = Redis(tmp_path, "--requirepass", "s3cret")
    try:
        good = start("--response-cache", f"redis://:s3cret@127.0.0.1:{redis.port}/2")
        bad = start("--response-cache", f"redis://:wr0ng@127.0.0.1:{redis.port}")
        until(lambda: connected(good))
        until(lambda: lines(bad, "state=unreachable"))
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


# --- encoded pictures on disk


def pictures(folder):
    return sorted(p for p in folder.iterdir() if p.suffix == ".ocimage")


def disk(running, what):
    return metric(running, f'ocellus_cache_{what}_total{{cache="image_disk"}}')


def test_a_picture_survives_a_restart(start, tmp_path):
    folder = tmp_path / "deep" / "pictures"
    first = start("--image-cache-dir", str(folder))
    answer = text_of(ask(first, body(1)))
    until(lambda: len(pictures(folder)) == 1)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert pictures(folder)[0].stat().st_mode & 0o777 == 0o600
    first.stop()
    second = start("--image-cache-dir", str(folder))
    reply = ask(second, body(1))
    assert text_of(reply) == answer
    assert reply.json()["ocellus"]["timings"]["encode_ms"] < 1
    assert disk(second, "hits") == 1


@pytest.mark.parametrize("damage", ["corrupt", "truncated", "foreign"])
def test_a_damaged_picture_is_encoded_again(start, tmp_path, damage):
    folder = tmp_path / "pictures"
    first = start("--image-cache-dir", str(folder))
    answer = text_of(ask(first, body(1)))
    text_of(ask(first, body(2)))
    until(lambda: len(pictures(folder)) == 2)
    first.stop()
    for path in pictures(folder):
        data = bytearray(path.read_bytes())
        if damage == "corrupt":
            data[len(data) // 2] ^= 1
        elif damage == "truncated":
            del data[-len(data) // 3 :]
        else:
            data[:] = b"something else" * 1000
        path.write_bytes(data)
    second = start("--image-cache-dir", str(folder))
    assert text_of(ask(second, body(1))) == answer
    assert metric(second, "ocellus_image_disk_discarded_total") == 1
    assert len(lines(second, "removed=.*because=")) == 1
    until(lambda: disk(second, "misses") == 1)
    second.stop()
    third = start("--image-cache-dir", str(folder))
    assert text_of(ask(third, body(1))) == answer
    assert disk(third, "hits") == 1, "what was encoded again was kept"


def test_the_folder_vanishes(start, tmp_path):
    folder = tmp_path / "pictures"
    running = start("--image-cache-dir", str(folder))
    assert text_of(ask(running, body(1)))
    until(lambda: len(pictures(folder)) == 1)
    shutil.rmtree(folder)
    for i in range(2, 8):
        assert text_of(ask(running, body(i)))
    until(lambda: metric(running, "ocellus_image_disk_failures_total") == 1)
    assert len(lines(running, "pictures are not kept")) == 1


def test_the_disk_is_full(start, tmp_path):
    """A limit on the size of files ends a write in the middle, as a full disk does."""
    folder = tmp_path / "pictures"
    running = start("--image-cache-dir", str(folder))
    assert text_of(ask(running, body(1)))
    until(lambda: len(pictures(folder)) == 1)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    for i in range(2, 8):
        assert text_of(ask(running, body(i)))
    until(lambda: metric(running, "ocellus_image_disk_failures_total") == 1)
    assert len(lines(running, "pictures are not kept")) == 1
    assert len(list(folder.iterdir())) == 1, "nothing half written is left"


def test_two_servers_of_one_folder(start, tmp_path):
    flags = ["--image-cache-dir", str(tmp_path / "pictures"), "--response-cache-mb", "0"]
    servers = [start(*flags), start(*flags)]
    plain = start()
    expected = [text_of(ask(plain, body(i))) for i in range(12)]
    wrong = []

    def client(salt):
        rng = random.Random(salt)
        for i in rng.sample(range(12), 12):
            if text_of(ask(servers[salt % 2], body(i))) != expected[i]:
                wrong.append(i)

    clients = [threading.Thread(target=client, args=(i,)) for i in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert not wrong
    until(lambda: len(list((tmp_path / "pictures").iterdir())) == 12)
    for one in servers:
        assert metric(one, "ocellus_image_disk_discarded_total") == 0
    third = start(*flags)
    assert [text_of(ask(third, body(i))) for i in range(12)] == expected
    assert disk(third, "hits") == 12


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("no folder")
    ended = subprocess.run(
        [str(BIN), "serve", "--port", "0", "--backend-port", "0"]
        + ["--image-cache-dir", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "it is no folder" in ended.stderr and "--image-cache-dir" in ended.stderr


def test_killed_while_writing(tmp_path):
    """kill -9 at random moments of a server that writes one picture after the other, every second time
    when a file has just been begun."""
    folder = tmp_path / "pictures"
    plain = Server()
    expected = {i: text_of(ask(plain, body(i))) for i in range(30)}
    plain.stop()
    rng = random.Random(5)
    left = 0
    for kill in range(KILLS):
        running = Server("--image-cache-dir", str(folder), "--response-cache-mb", "0")
        # The start has swept the folder.
        assert not [p for p in folder.iterdir() if p.suffix != ".ocimage"]
        for path in rng.sample(pictures(folder), len(pictures(folder)) // 2):
            path.unlink()  # so that there is something to write again
        over = threading.Event()

        def client(numbers):
            for number in numbers:
                try:
                    answer = text_of(ask(running, body(number)))
                except httpx.HTTPError:
                    return  # killed
                if answer != expected[number]:
                    wrong.append((number, answer))
            over.set()

        wrong = []
        numbers = rng.sample(range(30), 30)
        clients = [threading.Thread(target=client, args=(numbers[i::3],)) for i in range(3)]
        for one in clients:
            one.start()
        kept, end = len(os.listdir(folder)), time.monotonic() + 20
        while len(os.listdir(folder)) == kept and time.monotonic() < end:
            pass  # the first picture of this life, however slow the machine
        time.sleep(rng.uniform(0, 0.4))
        while kill % 2 and time.monotonic() < end:
            if over.is_set() or any(name.endswith(".tmp") for name in os.listdir(folder)):
                break
        running.process.kill()
        running.wait()
        over.set()
        for one in clients:
            one.join()
        assert not wrong, wrong[:3]
        left += len([p for p in folder.iterdir() if p.suffix == ".tmp"])
    assert left > 0, "no kill met a file that was being written"
    last = Server("--image-cache-dir", str(folder))
    try:
        assert pictures(folder), "nothing was ever written"
        assert not [p for p in folder.iterdir() if p.suffix != ".ocimage"]
        for i, answer in expected.items():
            assert text_of(ask(last, body(i))) == answer
        assert disk(last, "hits") > 0
        assert metric(last, "ocellus_image_disk_discarded_total") == 0, "none was half written"
    finally:
        last.stop()


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
    clients = [threading.Thread(target=client, args=(i,)) for i in range(16)]
    for one in [watcher, *clients]:
        one.start()
    for one in clients:
        one.join()
    over.set()
    watcher.join()
    assert not wrong, wrong[:3]
    assert 0 < most[0] <= limit
    assert most[1] > 0, "nobody had to wait: the test shows nothing"
    assert metric(running, "ocellus_kv_reserved_bytes") == 0
    assert metric(running, 'ocellus_generations_total{result="failed"}') == 0
