"""Fair shares: a request for many answers without an end beside short questions, and clients that
share one cache."""

import concurrent.futures
import json
import subprocess
import time

import httpx
import pytest

from conftest import BIN

HELLO = [{"role": "user", "content": "Tell me a long story."}]


def ask(server, key="unused", timeout=120, headers=None, **fields):
    return httpx.post(
        server.url + "/v1/chat/completions",
        headers={"authorization": f"Bearer {key}", **(headers or {})},
        json={"messages": HELLO, **fields},
        timeout=timeout,
    )


def until(server, what, key="unused"):
    """Waits for statistics that `what` is true of."""
    headers, deadline = {"authorization": f"Bearer {key}"}, time.monotonic() + 120
    while not what(stats := httpx.get(server.url + "/stats", headers=headers).json()["statistics"]):
        assert time.monotonic() < deadline, stats
        time.sleep(0.02)


class Stream:
    """A streamed answer that goes on until it is left."""

    def __init__(self, server, key="unused", headers=None, **fields):
        body = {"messages": HELLO, "stream": True, **fields}
        url = server.url + "/v1/chat/completions"
        headers = {"authorization": f"Bearer {key}", **(headers or {})}
        self._stream = httpx.stream("POST", url, json=body, timeout=120, headers=headers)
        self._response = self._stream.__enter__()
        assert self._response.status_code == 200
        self._lines = self._response.iter_lines()
        self.ended = False

    def texts(self, count):
        """The indices of the next pieces of text."""
        seen = []
        while len(seen) < count and not self.ended:
            line = next(self._lines)
            self.ended = line == "data: [DONE]"
            if line.startswith("data: {"):
                choices = json.loads(line[6:])["choices"]
                seen += [c["index"] for c in choices if c["delta"].get("content")]
        return seen

    def leave(self):
        self._stream.__exit__(None, None, None)


# 8 answers of 430 tokens may come to take 5.7 MB of keys and values, the question takes 0.6.
@pytest.mark.parametrize("flags", [(), ("--kv-memory", "6")], ids=["places", "memory"])
def test_many_answers_leave_room_for_a_question(start, endless, flags):
    server = start("-m", endless, "--response-cache", "0", "--max-answer", "0", *flags)
    many = Stream(server, n=8, temperature=1, seed=1, max_tokens=430 if flags else None)
    assert len(set(many.texts(200))) == 8  # all of them grow
    for _ in range(3):
        assert ask(server, max_tokens=2).status_code == 200
    stats = httpx.get(server.url + "/stats").json()["statistics"]
    assert stats["running"] == 1, stats
    assert many.texts(20), "it goes on"
    many.leave()


def test_answers_in_waves_are_the_same(start, endless):
    server = start("-m", endless, "--response-cache", "0", "--max-running", "4", "--max-n", "4")
    fields = {"n": 4, "temperature": 1, "seed": 5, "max_tokens": 60}
    alone = ask(server, **fields).json()["choices"]
    assert len({choice["message"]["content"] for choice in alone}) == 4
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        beside = [pool.submit(ask, server, temperature=1, max_tokens=80) for _ in range(7)]
        together = ask(server, **fields).json()["choices"]
        assert all(one.result().status_code == 200 for one in beside)
    assert together == alone


def test_one_cache_for_all_keeps_cameras_apart(start, endless):
    server = start(
        *("-m", endless, "--shared-cache", "--response-cache", "0", "--max-running", "1"),
        *("--max-answer", "0"),
        *("--api-key", "one", "--api-key", "two"),
    )
    frame = {"stream_key": "door", "policy": "latest_wins", "max_tokens": 2}
    running = Stream(server, "one", temperature=1, seed=1)
    assert running.texts(1)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = []
        for key in ("one", "two"):
            waiting.append(pool.submit(ask, server, key, **frame))
            until(server, lambda stats: stats["queued"] == len(waiting), "one")
        assert running.texts(1), "both came while it ran"
        running.leave()
        assert [one.result().status_code for one in waiting] == [200, 200]


def test_made_up_keys_win_no_turns(start, endless):
    """Without keys turns are an address's, of IPv6 a network's of 64 bits."""
    server = start(
        *("-m", endless, "--response-cache", "0", "--max-running", "2", "--max-answer", "0")
    )
    running = [
        Stream(server, f"key-{i}", {"x-forwarded-for": f"2001:db8::{i}"}, temperature=1, seed=i)
        for i in (1, 2)
    ]
    assert all(one.texts(1) for one in running)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = []
        for name, address in [("third", "2001:db8::3"), ("other", "192.0.2.1")]:
            headers = {"x-forwarded-for": address, "x-request-id": name}
            waiting.append(pool.submit(ask, server, name, headers=headers, max_tokens=2))
            until(server, lambda stats: stats["queued"] == len(waiting))
        assert all(one.texts(1) for one in running), "both came while they ran"
        running[0].leave()
        assert [one.result().status_code for one in waiting] == [200, 200]
        running[1].leave()
    started = server.logged(r"req=(third|other) event=started", 2)
    assert ["third" in line for line in started] == [False, True], started


def test_an_answer_has_half_an_hour():
    shown = subprocess.run(
        [str(BIN), "config", "show", "--json"], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(shown)["timeout"]["value"] == 1800


def test_the_bench_shows_it(start, endless):
    server = start("-m", endless)
    done = subprocess.run(
        [str(BIN), "bench", "--json", "--server", server.url, "--beside-answers", "8"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["results"]
    assert found["name"] == "beside_answers" and found["answers"] == 8
    assert 0 < found["alone_ms"]["p50"] and found["value"] == found["beside_ms"]["most"] > 0
    until(server, lambda stats: stats["cancelled"] == 1)  # the long request was left
