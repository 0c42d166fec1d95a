"""The server as a process: start, end, keys, and what it refuses to do."""

import concurrent.futures
import json
import pathlib
import signal
import socket
import subprocess
import threading

import httpx
import openai
import pytest

from conftest import BIN, ONE_TOKEN, START_SECONDS, eventually, picture_part, text_part, user

TURN = {"role": "user", "content": "What can you see?"}
# As much work as the context holds.
LONG_TURN = user(*[picture_part(n, detail="high") for n in range(6)], text_part("Describe."))


def failing(*args, env=None):
    """Status and standard error of a server that must not start."""
    import os

    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        [str(BIN), "serve", "--backend-port", "0", *args],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env=environment,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_loading_is_told_until_ready(start):
    running = start(wait=False)
    seen = set()
    while True:
        response = httpx.get(running.url + "/health", timeout=60)
        seen.add((response.status_code, response.json()["status"]))
        if response.status_code == 200:
            break
        assert response.headers["retry-after"]
    assert (200, "healthy") in seen
    assert seen <= {(503, "loading"), (200, "healthy")}
    assert running.wait_for(r"^ocellus serving .* at (http://127\.0\.0\.1:\d+)$").group(1) == running.url


@pytest.mark.skipif(not pathlib.Path("/proc/self/fd").exists(), reason="looks at the files that the server has open")
def test_a_closed_standard_file_is_no_place_for_another(start):
    running = start(prefix=("sh", "-c", 'exec "$@" <&- >&-', "sh"), wait=False)
    files = pathlib.Path(f"/proc/{running.pid}/fd")
    assert [str((files / number).readlink()) for number in ("0", "1")] == ["/dev/null"] * 2


def nobody_listens(running):
    try:
        socket.create_connection(("127.0.0.1", running.port), timeout=START_SECONDS).close()
    except ConnectionError:
        return True
    return False


def test_sigterm_finishes_what_runs(start):
    running = start("--engine", "reference", "--no-warm-up")  # it still runs when the signal comes
    results = []

    def ask():
        results.append(
            httpx.post(
                running.url + "/v1/chat/completions",
                json={"messages": [LONG_TURN], "max_tokens": 4},
                timeout=300,
            )
        )

    asking = threading.Thread(target=ask)
    asking.start()
    running.wait_for("event=started")
    running.signal(signal.SIGTERM)
    running.wait_for("action=drain")
    eventually(lambda: nobody_listens(running))
    asking.join()
    assert results[0].status_code == 200
    assert results[0].headers["connection"] == "close"
    assert running.wait() == 0


def test_a_second_signal_stops_at_once(start):
    running = start("--engine", "reference", "--no-warm-up")  # slow enough to be caught at it
    errors = []

    def ask():
        try:
            httpx.post(
                running.url + "/v1/chat/completions",
                json={"messages": [LONG_TURN], "max_tokens": 4},
                timeout=300,
            )
        except httpx.TransportError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    running.wait_for("event=started")
    running.signal()
    running.wait_for("action=drain")
    running.signal()
    assert running.wait() == 130
    asking.join()
    assert len(errors) == 1


LONG = "word " * 3000
DIALECTS = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": LONG}]}),
    "completions": ("/v1/completions", {"prompt": LONG, "max_tokens": 100}),
    "responses": ("/v1/responses", {"input": LONG}),
    "anthropic": ("/v1/messages", {"messages": [{"role": "user", "content": LONG}], "max_tokens": 100}),
    "ollama": ("/api/chat", {"messages": [{"role": "user", "content": LONG}]}),
}


def statistics(running):
    return httpx.get(running.url + "/stats").json()["statistics"]


def test_what_is_not_finished_in_time_is_told_why(start):
    running = start("--engine", "reference", "--no-warm-up", "--drain-seconds", "0", "--max-running", "2")

    def ask(which):
        (path, body), stream = DIALECTS[which[0]], which[1]
        answer = httpx.post(running.url + path, json={**body, "stream": stream}, timeout=300)
        return answer.status_code, answer.text

    which = [(dialect, stream) for dialect in DIALECTS for stream in (False, True)]
    with concurrent.futures.ThreadPoolExecutor(len(which)) as pool:
        answers = pool.map(ask, which)
        eventually(lambda: [statistics(running)[name] for name in ("running", "queued")] == [2, len(which) - 2])
        running.signal(signal.SIGTERM)
        for (dialect, stream), (status, text) in zip(which, answers, strict=True):
            assert "the server is shutting down" in text, (dialect, stream, status, text[-300:])
            assert status == 503 or (stream and status == 200)
    assert running.wait() == 130


def test_an_idle_server_ends_at_the_first_signal(start):
    for number in (signal.SIGTERM, signal.SIGINT):
        running = start()
        httpx.get(running.url + "/health")
        running.signal(number)
        assert running.wait() == 0


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, text = failing("--port", port)
    assert status == 1
    assert "address in use" in text
    assert port in text


def test_a_model_that_cannot_be_loaded(tmp_path):
    status, text = failing("--port", "0", "--model", str(tmp_path))
    assert status == 1
    assert "error: " in text
    status, text = failing("--port", "0", "--model", "no-such-model")
    assert status == 1
    assert "no-such-model" in text


def test_the_network_needs_a_key():
    status, text = failing("--host", "0.0.0.0", "--port", "0")
    assert status == 2
    assert "API key" in text
    assert "--insecure" in text


@pytest.mark.parametrize("args", [["--insecure"], ["--api-key", "k"]])
def test_the_network_with_a_key_or_on_purpose(start, args):
    running = start("--host", "0.0.0.0", *args)
    assert httpx.get(running.url + "/health").status_code == 200
    # The name of another site is refused, or any web page could reach the server by it.
    response = httpx.get(running.url + "/health", headers={"host": "rebound.example.com"})
    assert response.status_code == 403


def test_keys(start):
    running = start("--api-key", "first", env={"OCELLUS_API_KEY": "second,third"})
    for key in ("first", "second", "third"):
        assert running.client(api_key=key).models.list().data
    for key in ("fourth", "firs", "first,second"):
        with pytest.raises(openai.AuthenticationError) as error:
            running.client(api_key=key).models.list()
        assert error.value.code == "invalid_api_key"
    assert httpx.get(running.url + "/health").status_code == 200
    for path in ("/", "/app.js", "/style.css"):  # the page, which asks for the key itself
        assert httpx.get(running.url + path).status_code == 200, path
    for path in ("/stats", "/metrics", "/v1/models", "/nothing"):
        assert httpx.get(running.url + path).status_code == 401, path
    posted = httpx.post(running.url + "/v1/chat/completions", json={"messages": [TURN]})
    assert posted.status_code == 401
    assert not any(key in line for line in running.settled_log() for key in ("second", "third"))


def test_names_and_limits(start):
    running = start(
        "--served-name", "my-eyes", "--max-images", "1", "--max-body-mb", "1", "--log-format", "json",
        "--time-limit", "0.001",
    )  # fmt: skip
    assert "my-eyes" in running.ready
    client = running.client()
    assert [m.id for m in client.models.list().data] == ["my-eyes"]
    with pytest.raises(openai.BadRequestError, match="1 pictures"):
        client.chat.completions.create(
            model="my-eyes", messages=[user(picture_part(1), picture_part(2))]
        )
    large = {"messages": [{"role": "user", "content": "x" * (2 << 20)}]}
    response = httpx.post(running.url + "/v1/chat/completions", json=large)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(model="", messages=[user(picture_part(1, detail="high"))])
    assert error.value.status_code == 504
    told = lambda: [json.loads(line) for line in running.log if line.startswith("{")]
    access = lambda: [line for line in told() if line["event"] == "http"]
    assert eventually(lambda: {line["status"] for line in access()} >= {200, 400, 413, 504})
    lines, access = told(), access()
    assert all(line["client"] == "127.0.0.1" and line["key"] == "none" for line in access)
    for line in lines:  # numbers are numbers
        for name in {"status", "ms", "prompt", "gen", "ttft_ms", "tok_s", "load_ms"} & set(line):
            assert isinstance(line[name], int | float), line


def test_a_full_queue_is_told(start, endless):
    running = start(
        *("-m", endless, "--max-answer", "0", "--response-cache", "0"),
        *("--max-queue", "1", "--max-running", "1"),
    )
    url, body = running.url + "/v1/chat/completions", {"messages": [TURN], "max_tokens": 2}
    long = {"messages": [TURN], "stream": True} | ONE_TOKEN
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with httpx.stream("POST", url, json=long, timeout=300) as answer:
            lines = answer.iter_lines()  # what is let go of is hung up
            assert next(lines)
            waiting = pool.submit(httpx.post, url, json=body, timeout=300)
            eventually(lambda: httpx.get(running.url + "/health").json()["queued"])
            for _ in range(4):
                refused = httpx.post(url, json=body, timeout=300)
                assert refused.status_code == 429 and refused.headers["retry-after"]
                assert refused.json()["error"]["code"] == "queue_full"
        assert waiting.result().status_code == 200
