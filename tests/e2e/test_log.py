"""The log: steps of a request at debug level, and a reader that stands still."""

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time

import httpx

from conftest import BIN, MODEL, ROOT, START_SECONDS, data_uri, drawing, text_part, user

WORDS = "Whatmaythisbe"  # of the prompt; in no other line


def fields(line):
    """The fields of a line of text format."""
    return {key: value.strip('"') for key, value in re.findall(r'([a-z_]+)=("[^"]*"|\S+)', line)}


def ask(server, picture, **more):
    body = {"messages": [user(text_part(WORDS), {"type": "image_url",
                                                  "image_url": {"url": data_uri(picture)}})],
            "max_tokens": 4, "temperature": 0, **more}  # fmt: skip
    response = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)
    assert response.status_code == 200, response.text
    return response.json(), response.headers["x-request-id"]


def held(lines):
    """Bytes that were taken and are not given back yet."""
    sums = [sum(int(fields(line).get(key, 0)) for line in lines) for key in ("taken", "given_back")]
    return sums[0] - sums[1]


def steps(server, request_id):
    """Lines of a request, in order, once its exchange is over and it holds nothing any more."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        lines = [line for line in list(server.log) if f" req={request_id} " in line]
        over = any(fields(line)["event"] == "http" for line in lines)
        if over and any(" given_back=" in line for line in lines) and held(lines) == 0:
            return lines
        time.sleep(0.05)
    raise AssertionError("\n".join(server.log))


def in_order(events, wanted):
    """Each of `wanted` comes behind the one before it."""
    at = 0
    for event in wanted:
        assert event in events[at:], f"{event} is not behind {wanted[:wanted.index(event)]}: {events}"
        at = events.index(event, at) + 1


def test_debug_tells_each_step_of_a_request_and_nothing_of_what_is_in_it(start):
    server = start("--image-cache", "64", "--response-cache-mb", "4")
    picture = drawing(3)
    answer, first_id = ask(server, picture)
    lines = steps(server, first_id)
    events = [fields(line)["event"] for line in lines]
    in_order(events, ["parsed", "model", "memory", "decode", "prompt", "resize", "tiles", "queued",
                      "memory", "started", "tower", "prefill", "token", "token", "memory",
                      "done"])  # fmt: skip
    by_event = {}
    for line in lines:
        by_event.setdefault(fields(line)["event"], []).append(fields(line))
    assert len(by_event["token"]) == answer["usage"]["completion_tokens"]
    assert by_event["prefill"][-1]["tokens"] == by_event["prefill"][-1]["of"]
    assert int(by_event["prompt"][0]["tokens"]) == answer["usage"]["prompt_tokens"]
    assert len(by_event["tower"]) == int(by_event["tiles"][0]["views"])
    assert by_event["tower"][-1]["done"] == "true"
    for event in ("parsed", "decode", "prompt", "resize", "tiles", "tower", "prefill"):
        times = [value for key, value in by_event[event][0].items() if key.endswith("ms")]
        assert times and float(times[0]) >= 0, event
    # Whatever was taken is given back.
    for taken, given in [("taken", "given_back"), ("kv_taken", "kv_given_back")]:
        sums = [sum(int(one.get(key, 0)) for one in by_event["memory"]) for key in (taken, given)]
        assert sums[0] == sums[1] > 0

    # The second time the picture is known, the third time the answer.
    _, second_id = ask(server, picture, max_tokens=5)
    hits = [fields(line) for line in steps(server, second_id)]
    events = [one["event"] for one in hits]
    assert "tower" not in events and "tiles" not in events
    assert any(one["event"].startswith("prefix") for one in hits)
    ask(server, picture)
    _, known_id = ask(server, picture)
    assert any('event="response cache" hit=true' in line for line in steps(server, known_id))

    text = "\n".join(server.log)
    assert WORDS not in text
    assert answer["choices"][0]["message"]["content"] not in text or not answer["choices"][0][
        "message"]["content"].strip()  # fmt: skip
    encoded = data_uri(picture).split(",")[1]
    assert not any(encoded[i : i + 24] in text for i in range(0, len(encoded) - 24, 8))


def test_info_tells_no_steps(start):
    server = start(env={"LOG_LEVEL": "info"})
    _, request_id = ask(server, drawing(3))
    server.wait_for(rf"req={request_id} event=http")
    events = {fields(line)["event"] for line in server.log if f" req={request_id} " in line}
    assert events == {"queued", "started", "done", "http"}


class Unread:
    """A server that logs into a pipe that nobody reads until read() is called."""

    def __init__(self, *args, stdout=subprocess.DEVNULL):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [str(BIN), "serve", "--model", MODEL, "--port", str(self.port), "--backend-port", "0",
             *args],
            stdout=stdout, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OCELLUS_DEMO_MODEL": str(ROOT / "models/demo"),
                 "LOG_LEVEL": "debug"},
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if httpx.get(self.url + "/health", timeout=60).status_code == 200:
                    return
            except httpx.TransportError:
                assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.05)

    def flood(self, first, last):
        """One request a number, each with a line of some 250 bytes in the log."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        for number in range(first, last):
            connection.request("GET", f"/n/{number:06}/{'x' * 110}")
            response = connection.getresponse()
            assert response.status == 404
            response.read()

    def resident(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def read(self):
        """Reads from now on."""
        self.lines = []

        def collect():
            for line in self.process.stderr:
                self.lines.append(line.rstrip("\n"))

        self.reader = threading.Thread(target=collect, daemon=True)
        self.reader.start()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def dropped(url):
    text = httpx.get(url + "/metrics", timeout=60).text
    return int(re.search(r"^ocellus_log_lines_dropped_total (\d+)$", text, re.M).group(1))


REQUESTS = 12_000


def test_a_log_that_nobody_reads_stops_nothing(request):
    server = Unread()
    request.addfinalizer(server.kill)
    server.flood(0, REQUESTS // 2)
    before = server.resident()
    server.flood(REQUESTS // 2, REQUESTS)
    assert httpx.get(server.url + "/health", timeout=60).json()["status"] == "healthy"
    _, _ = ask(server, drawing(1))
    assert server.resident() - before < 24 << 20
    lost = dropped(server.url)
    assert lost > 0
    assert httpx.get(server.url + "/stats", timeout=60).json()["log_lines_dropped"] >= lost

    server.read()
    deadline = time.monotonic() + START_SECONDS
    while not any("event=log dropped=" in line for line in list(server.lines)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lost = dropped(server.url)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=START_SECONDS) == 0
    server.reader.join(timeout=START_SECONDS)
    told = [int(fields(line)["dropped"]) for line in server.lines if "event=log " in line]
    assert told == [lost], "one gap, told where it is"
    numbers = [int(found.group(1)) for found in
               (re.search(r"path=/n/(\d+)/", line) for line in server.lines) if found]  # fmt: skip
    assert numbers == sorted(set(numbers)), "in order"
    missing = REQUESTS - len(numbers)
    assert 0 < missing <= lost
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in server.lines), "whole lines"


def test_the_end_waits_for_no_reader(request):
    # Standard output is a pipe that is full before the server starts.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    server = Unread(stdout=writing)
    request.addfinalizer(server.kill)
    request.addfinalizer(lambda: (os.close(reading), os.close(writing)))
    server.flood(0, 1000)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=60) == 0, "nothing waited for a reader"
    print(f"ended after {time.monotonic() - began:.2f} s")


def test_a_failing_start_waits_for_no_reader_either():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    done = subprocess.run(
        [str(BIN), "serve", "--model", "no-such-model", "--port", "0", "--backend-port", "0"],
        stdout=subprocess.DEVNULL, stderr=writing, timeout=60,
    )  # fmt: skip
    os.close(reading)
    os.close(writing)
    assert done.returncode == 1
