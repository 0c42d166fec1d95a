"""Bodies made to cost many times their size: the server stays within what it set aside for requests and within what
`ocellus plan` promised, answers each with a clear error, and serves the next request. Bytes are counted, not seconds.
"""

import json
import os
import pathlib
import re
import resource
import socket
import threading
import time

import httpx
import pytest
from conftest import NO_END, text_part, user
from test_cli import run

MIB = 1 << 20
BODY = 62 * MIB
BUDGET = 256  # MiB for all requests
FLAGS = ["--max-memory-mb", BUDGET, "--image-cache", 8, "--response-cache-mb", 8, "--kv-memory", 16]
FLAGS = [str(flag) for flag in FLAGS]
# Buffers of sockets, stacks of threads that have not run before, what the heap rounds up.
SLACK = 48 * MIB
# A body that grows is copied into a larger buffer, one body at a time; the smaller one is not counted.
GROWING = BODY // 2

own_memory = pytest.mark.skipif(
    "OCELLUS_BIN" in os.environ, reason="a sanitizer takes memory of its own"
)


def filled(head, piece, tail):
    return head + piece * ((BODY - len(head) - len(tail)) // len(piece)) + tail


def members():
    out, size = [b'{"metadata":{"a":1'], 0
    while size < BODY:
        out.append(b"".join(b',"k%d":1' % i for i in range(len(out) * 4096, (len(out) + 1) * 4096)))
        size += len(out[-1])
    return b"".join(out)[: BODY - 64] + b'":1},' + HELLO


HELLO = b'"messages":[{"role":"user","content":"hello"}],"max_tokens":2}'
CONTENT = b'{"max_tokens":2,"messages":[{"role":"user","content":'
# name: (body, statuses, codes)
ATTACKS = {
    "numbers": (lambda: filled(b'{"metadata":{"a":[1', b",1", b"]}," + HELLO), "JSON values"),
    "nesting": (
        lambda: filled(b'{"metadata":{"a":[1', b",[[[[[[[[[[[[]]]]]]]]]]]]", b"]}," + HELLO),
        "JSON values",
    ),
    "members": (members, "JSON values"),
    "parts": (
        lambda: filled(CONTENT + b"[", b'{"type":"text","text":""},', b'{"type":"text"}]}]}'),
        "JSON values",
    ),
    "text": (lambda: filled(CONTENT + b'"', b"a", b'"}]}'), "the prompt has at least"),
    "words": (lambda: filled(CONTENT + b'"', b"some words, ", b'"}]}'), "the prompt has at least"),
    "escapes": (lambda: filled(CONTENT + b'"', b"ab\\n", b'"}]}'), "the prompt has at least"),
    "texts": (
        lambda: filled(
            CONTENT + b"[",
            b'{"type":"text","text":"' + b"a" * 65536 + b'"},',
            b'{"type":"text","text":"?"}]}]}',
        ),
        "the prompt has at least",
    ),
    "name": (lambda: filled(b'{"model":"', b"m", b'",' + HELLO), "no model of this name"),
    # What a conversation with tools becomes is text: the name of a call stands above each result.
    "results": (
        lambda: (
            b'{"max_tokens":2,"messages":[{"role":"user","content":"?"},{"role":"assistant","content":"",'
            b'"tool_calls":[{"id":"a","type":"function","function":{"name":"'
            + b"x" * 1_000_000
            + b'","arguments":"{}"}}]},'
            + b'{"role":"tool","tool_call_id":"a","content":"1"},' * 1500
            + b'{"role":"user","content":"?"}]}'
        ),
        "the prompt has at least",
    ),
    "label": (lambda: filled(b'{"user":"', b"\\u0075", b'",' + HELLO), None),
    "pictures": (
        lambda: filled(
            CONTENT + b"[",
            b'{"type":"image_url","image_url":{"url":"data:image/png;base64,'
            + b"AAAA" * (5 * MIB)
            + b'"}},',
            b'{"type":"text","text":"?"}]}]}',
        ),
        "not a picture",
    ),
}


def post(port, body):
    """The answer to a raw body: status and text."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        try:
            connection.sendall(body)
        except OSError:
            pass  # refused before all of it was sent
        answer = b""
        try:
            while more := connection.recv(1 << 16):
                answer += more
        except OSError:
            pass
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, text.decode()


def memory(pid, field):
    found = re.search(rf"{field}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) << 10


def ask(running, words="hello"):
    body = {"messages": [user(text_part(words))], "max_tokens": 2, "temperature": 0}
    reply = httpx.post(running.url + "/v1/chat/completions", json=body, timeout=300)
    assert reply.status_code == 200, reply.text


def all_at_once(port, bodies):
    answers = [None] * len(bodies)

    def one(i):
        answers[i] = post(port, bodies[i])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    return answers


@own_memory
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_large_body_takes_what_was_set_aside(start, attack):
    running = start(*FLAGS)
    make, words = ATTACKS[attack]
    body = make()
    ask(running)
    before = memory(running.pid, "VmRSS")
    status, text = post(running.port, body)
    if words is None:
        assert status == 200, text
    else:
        error = json.loads(text)["error"]
        assert status in (400, 404, 415) and words in error["message"], (status, text[:300])
    assert memory(running.pid, "VmHWM") < before + 2 * len(body) + SLACK, "twice the body, never more"
    ask(running)
    deadline = time.monotonic() + 120  # by the thread that read it, a moment after the answer
    while memory(running.pid, "VmRSS") >= before + SLACK:
        assert time.monotonic() < deadline, "it is given back"
        time.sleep(0.05)


CGROUPS = pathlib.Path("/sys/fs/cgroup")
# A thread's heap keeps its addresses when its pages are given back: 64 MiB, for each of those that read
# and parse bodies.
KEPT_ADDRESSES = 4 * 64 * MIB


@pytest.fixture
def limit_memory():
    """limit(pid, bytes): so much more, and no more, can the process have. Resident memory in a control
    group as containers have it, where one may be made; else addresses, of which a heap keeps more than
    it has memory for."""
    made = []

    def limit(pid, count):
        for root, name in ((CGROUPS / "memory", "memory.limit_in_bytes"), (CGROUPS, "memory.max")):
            group = root / f"ocellus-test-{pid}"
            try:
                group.mkdir()
                made.append(group)
                (group / name).write_text(str(count))
                (group / "cgroup.procs").write_text(str(pid))  # what it has by now is not counted
            except OSError:
                continue
            return "control group"
        most = memory(pid, "VmData") + count + KEPT_ADDRESSES
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))
        return "addresses"

    yield limit
    for group in made:
        for pid in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()


@own_memory
def test_many_at_once_stay_within_the_plan_in_a_process_of_limited_memory(start, limit_memory):
    planned = json.loads(run("plan", "--json", "--model", "demo", *FLAGS).stdout)
    assert planned["request_bytes"] == BUDGET * MIB
    running = start(*FLAGS)
    ask(running)
    before = memory(running.pid, "VmRSS")
    # No more than what was set aside can be had: what is not counted would fail here, or end it.
    most = planned["request_bytes"] + SLACK + GROWING
    limit_memory(running.pid, most)
    bodies = [make() for make, _ in ATTACKS.values()]
    for _ in range(2):
        for status, text in all_at_once(running.port, bodies):
            assert status in (0, 200, 400, 404, 408, 413, 415, 429), (status, text[:300])
            if status == 429:
                error = json.loads(text)["error"]
                assert error["code"] == "memory_full" and "--max-memory-mb" in error["message"], error
    ask(running)
    peak = memory(running.pid, "VmHWM")
    assert peak < before + most
    assert peak < planned["total_bytes"]
    assert running.process.poll() is None


@own_memory
def test_memory_that_is_not_there_is_an_error_of_the_request(start):
    """Less than was planned: what fails is a request, with a clear error, and not the process."""
    running = start(*FLAGS)
    ask(running)
    limit = memory(running.pid, "VmData") + 24 * MIB
    unlimited = resource.prlimit(running.pid, resource.RLIMIT_DATA)
    resource.prlimit(running.pid, resource.RLIMIT_DATA, (limit, unlimited[1]))
    bodies = [body for make, _ in ATTACKS.values() if len(body := make()) > BODY // 2]
    for status, text in all_at_once(running.port, bodies):
        assert status in (0, 408, 429, 503), (status, text[:300])
        if status == 503:
            assert "out of memory" in json.loads(text)["error"]["message"]
    assert running.process.poll() is None
    resource.prlimit(running.pid, resource.RLIMIT_DATA, unlimited)
    ask(running)


# --- what is answered

LARGE = {
    "messages": [user(text_part("hello"))],
    "max_tokens": 3000,
    "temperature": 0,
    "logprobs": True,
    "top_logprobs": 20,
    "logit_bias": NO_END,
}


def events(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def test_a_known_answer_that_is_large_is_streamed_whole(start):
    """All of it comes at once: that its reader has not read it yet does not make a reader slow."""
    running = start()
    ask = lambda **more: httpx.post(running.url + "/v1/chat/completions", json=LARGE | more, timeout=300)
    whole = ask(n=2)
    assert whole.status_code == 200 and len(whole.content) > 8 * MIB
    assert whole.headers["x-ocellus-cache"] == "miss"
    streamed = ask(n=2, stream=True)
    assert streamed.status_code == 200 and streamed.text.endswith("data: [DONE]\n\n")
    texts, tokens = ["", ""], [[], []]
    for event in events(streamed.text):
        for choice in event["choices"]:
            texts[choice["index"]] += choice["delta"].get("content", "")
            tokens[choice["index"]] += (choice["logprobs"] or {"content": []})["content"]
    for choice in whole.json()["choices"]:
        assert texts[choice["index"]] == choice["message"]["content"]
        assert tokens[choice["index"]] == choice["logprobs"]["content"]


@own_memory
def test_large_answers_stay_within_what_was_set_aside(start, limit_memory):
    """Eight answers with 20 others at each place: 32,000 tokens, 44 MB of JSON. Also those that nobody reads."""
    set_aside = {"--max-memory-mb": 48, "--kv-memory": 100, "--image-cache": 8, "--response-cache-mb": 16}
    running = start(*(str(word) for flag in set_aside.items() for word in flag))
    most = sum(set_aside.values()) * MIB + SLACK
    ask(running)
    before = memory(running.pid, "VmRSS")
    limit_memory(running.pid, most)
    replies = [None] * 4

    def one(i):
        size = {"n": 8, "max_tokens": 3900} if i == 0 else {"n": 2, "max_tokens": 1500}
        body = LARGE | size | {"seed": i, "temperature": 1}
        replies[i] = httpx.post(running.url + "/v1/chat/completions", json=body, timeout=300)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(replies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first is more than there is, whoever else asks; the others may be told to wait for it.
    assert replies[0].status_code in (413, 429), replies[0].text[:300]
    assert "top_logprobs" in replies[0].json()["error"]["message"]
    assert {reply.status_code for reply in replies[1:]} <= {200, 429}
    question = LARGE | {"max_tokens": 2000, "stream": True}
    reply = httpx.post(running.url + "/v1/chat/completions", json=question, timeout=300)
    assert reply.status_code == 200 and reply.text.endswith("data: [DONE]\n\n")
    known = json.dumps(question)
    unread = []
    for _ in range(100):
        connection = socket.create_connection(("127.0.0.1", running.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(known), known.encode())
        )
        unread.append(connection)
    ask(running)
    for connection in unread:
        assert connection.recv(1) != b"", "an answer, or why there is none"
        connection.close()
    ask(running)
    assert memory(running.pid, "VmHWM") < before + most
    assert running.process.poll() is None


def unsent_in_the_kernel(port):
    """Bytes that it has taken of answers and not sent."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[0], 16) for row in rows if row[1].endswith(f":{port:04X}"))


def test_an_answer_that_is_not_read_stays_where_it_is_counted(start):
    running = start()
    question = LARGE | {"max_tokens": 2000}
    assert httpx.post(running.url + "/v1/chat/completions", json=question, timeout=300).status_code == 200
    known = json.dumps(question).encode()
    unread = []
    for _ in range(20):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", running.port))
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(known), known)
        )
        unread.append(connection)
    for connection in unread:
        assert connection.recv(1, socket.MSG_PEEK) == b"H"
    held = httpx.get(running.url + "/metrics").text
    assert int(re.search(r"^ocellus_request_memory_bytes (\d+)", held, re.M)[1]) > 20 * 2 * MIB
    assert unsent_in_the_kernel(running.port) < 20 * MIB // 2
    for connection in unread:
        connection.close()
