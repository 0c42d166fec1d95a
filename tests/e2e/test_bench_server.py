"""The load generator: against our server, and against one whose pauses are known."""

import http.server
import json
import subprocess
import threading
import time

import pytest
from conftest import BIN


def bench(*args):
    return subprocess.run(
        [str(BIN), "bench", "--json", *map(str, args)], capture_output=True, text=True, timeout=300
    )


def test_it_counts_what_our_server_answers(server):
    done = bench(
        *("--server", server.url, "--streams", "1,3", "--requests", 6),
        *("--max-tokens", 8, "--picture-side", 100),
    )
    assert done.returncode == 0, done.stderr
    one, three = json.loads(done.stdout)["results"]
    for run, streams in ((one, 1), (three, 3)):
        assert run["streams"] == streams and run["requests"] == 6
        assert run["failed"] == run["empty"] == 0
        assert run["completion_tokens"] > 0 and run["prompt_tokens"] > 6 * 50
        assert 0 < run["first_token_ms"]["p50"] <= run["whole_ms"]["most"]


def test_a_server_that_is_not_there(server):
    done = bench("--server", "http://127.0.0.1:9", "--requests", 1)
    assert done.returncode != 0
    assert "ocellus serve" in done.stderr


class Paced(http.server.ThreadingHTTPServer):
    """Streams a token each 5 ms, until a picture is asked about: a pause, then two tokens at once
    behind a longer one, then on."""

    PAUSE, LONG = 0.25, 4.0  # seconds
    answers_end = False  # after 30 tokens

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.answered, self.hung_up = (threading.Event() for _ in range(3))
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": [{"id": "paced"}]}).encode())

    def token(self, count=1):
        choice = {
            "index": 0,
            "delta": {"content": "x"},
            "logprobs": {"content": [{"token": "x", "logprob": 0}] * count},
        }
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        self.wfile.flush()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = body["messages"][0]["content"]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if content[0]["type"] == "image_url":
            assert content[0]["image_url"]["detail"] == "high" and body["max_tokens"] == 1
            self.server.asked.set()
            self.server.answered.wait(60)
            if self.server.answers_end:
                time.sleep(0.5)
            self.token()
        else:
            try:
                self.run()
            except OSError:
                self.server.hung_up.set()
                return
        self.wfile.write(b"data: [DONE]\n\n")

    def run(self):
        for _ in range(30):
            self.token()
            time.sleep(0.005)
        if self.server.answers_end:
            self.server.asked.wait(60)
            self.server.answered.set()
            return
        self.server.asked.wait(60)
        time.sleep(0.05)
        self.token()
        time.sleep(Paced.PAUSE)
        self.token()
        time.sleep(Paced.LONG)
        self.token(2)
        self.server.answered.set()
        while True:
            self.token()
            time.sleep(0.005)


@pytest.fixture
def paced():
    server = Paced()
    yield server
    server.answered.set()
    server.shutdown()
    server.server_close()


def test_the_longest_pause_beside_a_picture(paced):
    done = bench("--server", paced.url, "--beside", "--picture-side", 64)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["results"]
    assert found["alone_ms"]["p50"] >= 5
    # What came before the pause may have come late.
    assert found["value"] == found["beside_ms"]["most"] >= 800 * Paced.PAUSE
    # What came with two tokens at once was two steps.
    assert found["value"] < 1000 * Paced.LONG
    assert paced.hung_up.wait(60), "the endless answer is not wanted any more"


def test_it_wants_a_picture(server):
    done = bench("--server", server.url, "--beside", "--picture-side", 0)
    assert done.returncode == 1
    assert "no picture" in done.stderr and "--image" in done.stderr


def test_an_answer_too_short_to_tell(paced):
    paced.answers_end = True
    done = bench("--server", paced.url, "--beside", "--picture-side", 64)
    assert done.returncode != 0
    assert "ended after 30 pieces" in done.stderr and "--question" in done.stderr
