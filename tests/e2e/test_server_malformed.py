"""Some two hundred wrong requests: each gets an error of the right class in the right form, none
tells about the server's insides, and a good request is answered behind every one of them."""

import gzip
import json
import re
import socket
import zlib

import httpx
import pytest

from conftest import data_uri, drawing

GOOD = {"messages": [{"role": "user", "content": "What can you see?"}], "max_tokens": 2}
LEAK = re.compile(r"0x[0-9a-f]{6,}|/(home|work|usr|tmp|root|src)/|std::|boost", re.IGNORECASE)
WRONG_TYPES = [5, -1, 0.5, True, "x", [], {}, [1], {"a": 1}, 10**30]


def with_field(name, value):
    return json.dumps({**GOOD, name: value})


def with_content(content):
    return json.dumps({**GOOD, "messages": [{"role": "user", "content": content}]})


def with_url(url):
    return with_content([{"type": "image_url", "image_url": {"url": url}}])


def allowed(name, value):
    """Values of WRONG_TYPES that are right for this field after all."""
    if name in ("stream", "keep_order", "parallel_tool_calls", "logprobs"):
        return isinstance(value, bool)
    if name in ("max_tokens", "max_completion_tokens") and value == -1:
        return True  # no limit, as llama.cpp's clients write it
    if name in ("max_tokens", "max_completion_tokens", "n", "num_crops", "seed", "top_k"):
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return {"seed": value < 2**64, "top_k": value in (5, -1), "n": value in (1, 5)}.get(
            name, name != "max_completion_tokens" and value == 5
        )
    if name in ("temperature", "top_p", "min_p", "repetition_penalty"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return value == 0.5 or (name == "repetition_penalty" and value == 5)
    if name in ("user", "stop", "prompt_cache_key", "safety_identifier"):
        return value == "x" or (name == "stop" and value == [])
    if name in ("metadata", "logit_bias"):
        return value == {} or (name == "metadata" and value == {"a": 1})
    if name in ("tools", "functions"):
        return value == []
    if name == "stream_options":
        return value == {}
    if name == "audio":
        return isinstance(value, dict)  # how speech would sound, which nobody asks for
    return False


def bodies():
    fields = [
        "max_tokens", "max_completion_tokens", "n", "num_crops", "seed", "top_k", "temperature",
        "top_p", "min_p", "repetition_penalty", "stop", "stream", "keep_order", "user", "metadata",
        "stream_options", "response_format", "messages", "logprobs", "tools", "logit_bias", "audio",
        "unknown_field",
    ]  # fmt: skip
    for name in fields:
        for value in WRONG_TYPES:
            if not allowed(name, value):
                yield f"{name}={value!r:.20}", with_field(name, value)
    for value in [5, True, [], {}, [5], [[]], ["x"], [None], [{}], [{"type": 5}], [{"type": "text"}]]:
        yield f"content={value!r}", with_content(value)
    for value in [5, "x", [], {}, {"url": 5}, {"url": []}, {"url": "x", "detail": "extreme"}]:
        yield f"image_url={value!r}", with_content([{"type": "image_url", "image_url": value}])
    for role in ["", "User", "tools", "Function", "root", 5, None, [], "user\0"]:
        yield f"role={role!r}", with_field("messages", [{"role": role, "content": "x"}])
    good = drawing(1)
    for name, url in {
        "http": "http://127.0.0.1/a.png",
        "https": "https://example.com/a.png",
        "file": "file:///etc/passwd",
        "path": "/etc/passwd",
        "ftp": "ftp://example.com/a.png",
        "bare base64": data_uri(good).split(",")[1],
        "no base64": "data:image/png,abc",
        "no comma": "data:image/png;base64",
        "no data": "data:image/png;base64,",
        "alphabet": data_uri(good)[:-8] + "!!!!AAAA",
        "padding": data_uri(good).rstrip("=") + "A=" * 3,
        "text": data_uri(b"hello, this is text and no picture"),
        "nothing": data_uri(b"\0" * 100),
        "html": data_uri(b"<html><img src=x></html>"),
        "svg": data_uri(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        "gif": data_uri(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
        "bmp": data_uri(b"BM" + b"\0" * 60),
        "tiff": data_uri(b"II*\0" + b"\0" * 60),
        "pdf": data_uri(b"%PDF-1.7\n%%EOF"),
        "half": data_uri(good[: len(good) // 2]),
        "head only": data_uri(good[:33]),
        "signature only": data_uri(good[:8]),
        "jpeg head": data_uri(b"\xff\xd8\xff\xe0\x00\x10JFIF\0"),
        "webp head": data_uri(b"RIFF\x10\0\0\0WEBPVP8 "),
        "bomb": data_uri(good[:16] + (60000).to_bytes(4, "big") * 2 + good[24:]),
        "zero wide": data_uri(good[:16] + bytes(4) + good[20:]),
    }.items():
        yield f"url {name}", with_url(url)
    for name, text in {
        "empty": "",
        "null": "null",
        "number": "5",
        "array": "[]",
        "string": '"x"',
        "cut": json.dumps(GOOD)[:-1],
        "two": json.dumps(GOOD) * 2,
        "nan": '{"messages": NaN}',
        "infinity": json.dumps(GOOD)[:-1] + ', "temperature": Infinity}',
        "huge exponent": json.dumps(GOOD)[:-1] + ', "temperature": 1e999}',
        "single quotes": "{'messages': []}",
        "comment": "{/* x */}",
        "trailing comma": json.dumps(GOOD)[:-1] + ",}",
        "deep array": "[" * 100000,
        "deep object": '{"a":' * 5000 + "1" + "}" * 5000,
        "lone surrogate": '{"messages": [{"role": "user", "content": "\\ud800"}]}',
        "control character": '{"messages": [{"role": "user", "content": "a\nb"}]}',
        "byte order mark": "\ufeff" + json.dumps(GOOD),
        "empty object": "{}",
        "no messages": '{"messages": []}',
        "xml": "<messages/>",
        "form": "messages=x",
    }.items():
        yield f"json {name}", text
    yield "json not utf-8", b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}'
    yield "json overlong", b'{"messages": [{"role": "user", "content": "\xc0\xaf"}]}'


CASES = list(bodies())


def check(response, name):
    assert 400 <= response.status_code < 500, f"{name}: {response.status_code} {response.text}"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}, name
    assert error["message"] and error["type"] and error["code"], name
    assert not LEAK.search(response.text), f"{name}: {response.text}"


def test_there_are_enough_cases():
    assert len(CASES) >= 200


def test_wrong_bodies(server):
    with httpx.Client(base_url=server.url, timeout=300) as client:
        headers = {"content-type": "application/json"}
        for i, (name, body) in enumerate(CASES):
            response = client.post("/v1/chat/completions", content=body, headers=headers)
            check(response, name)
            if i % 10 == 0:
                assert client.post("/v1/chat/completions", json=GOOD).status_code == 200, name
        assert client.post("/v1/chat/completions", json=GOOD).status_code == 200


RAW = {
    "no version": (b"GET /\r\n\r\n", 400),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 50, 400),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: x\r\n\r\n", 400),
    "other host": (b"GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n", 403),
    "long header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20000 + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431),
    "long target": (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    "bad length": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        400,
    ),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "bad chunk": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        400,
    ),
    "huge length": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n",
        413,
    ),
    "no type": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        415,
    ),
    "form": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        b"Content-Type: multipart/form-data\r\n\r\n{}",
        415,
    ),
    "no body": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\n\r\n",
        411,
    ),
    "origin": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        403,
    ),
    "wrong method": (b"PUT /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405),
    "wrong path": (b"GET /v1/../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    "expectation": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: gold\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        417,
    ),
    "empty lines": (b"\r\n" * 50 + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "bad host": (b"GET /health HTTP/1.1\r\nHost: local host\r\n\r\n", 400),
    "empty host": (b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "host with a user": (b"GET /health HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 400),
    "connect": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 405),
    "chunked twice": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "coding under chunked": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "chunked of 1.0": (
        b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "unknown packing": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: br\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        415,
    ),
    "nul": (b"GET /health HTTP/1.1\r\nHost: local\0host\r\n\r\n", 400),
    "split header": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b\rc\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", RAW)
def test_wrong_http(server, name):
    wire, status = RAW[name]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(wire)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1."), answer
    assert int(head.split()[1]) == status
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
    assert not LEAK.search(body.decode())
    assert httpx.get(server.url + "/health").status_code == 200


def test_packed_bodies(server):
    plain = json.dumps(GOOD).encode()
    headers = {"content-type": "application/json"}

    def post(body, coding):
        return httpx.post(
            server.url + "/v1/chat/completions",
            content=body,
            headers={**headers, "content-encoding": coding},
            timeout=300,
        )

    wanted = post(plain, "identity").json()["choices"]
    assert post(gzip.compress(plain), "gzip").json()["choices"] == wanted
    assert post(zlib.compress(plain), "deflate").json()["choices"] == wanted
    check(post(plain, "gzip"), "packing that is none")
    check(post(gzip.compress(plain)[:-1], "gzip"), "half of it")
    unknown = post(plain, "br")
    check(unknown, "br")
    assert unknown.status_code == 415 and "br" in unknown.json()["error"]["message"]
    # 60 MB of spaces in 60 KB.
    bomb = post(gzip.compress(plain + b" " * 60_000_000), "gzip")
    check(bomb, "bomb")
    assert bomb.status_code == 413


def test_connections_that_say_nothing_keep_nobody_out(server):
    """500 that are idle, and 200 that send a byte now and then."""
    open_ones = []
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    try:
        for _ in range(700):
            open_ones.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        for sent in range(8):
            for connection in open_ones[:200]:
                connection.sendall(head[sent : sent + 1])
            response = httpx.post(server.url + "/v1/chat/completions", json=GOOD, timeout=300)
            assert response.status_code == 200
        metrics = httpx.get(server.url + "/metrics").text
        assert int(re.search(r"^ocellus_connections (\d+)$", metrics, re.M)[1]) >= 700
    finally:
        for connection in open_ones:
            connection.close()


# What once ended the process: as a float the penalty was so small that every score became infinite.
def test_a_penalty_out_of_bounds_is_refused(server, client, model):
    body = {"temperature": 1, "repetition_penalty": 1e-38}
    hello = [{"role": "user", "content": "What can you see?"}]
    for penalty in (1e-38, 5e-324, 0.009, 101, 1e308):
        response = httpx.post(
            server.url + "/v1/chat/completions",
            json={"messages": hello, "max_tokens": 4, **body, "repetition_penalty": penalty},
        )
        assert response.status_code == 400, response.text
        error = response.json()["error"]
        assert error["param"] == "repetition_penalty" and "0.01 to 100" in error["message"]
        answered = client.chat.completions.create(model=model, messages=hello, max_tokens=2)
        assert answered.choices[0].message.content


def test_extreme_sampling_is_answered(server):
    hello = [{"role": "user", "content": "What can you see?"}]
    away = {str(id): -100 for id in range(1024)}
    for fields in (
        {"temperature": 5e-324},
        {"temperature": 2, "top_p": 5e-324, "min_p": 0.999999999},
        {"temperature": 2, "repetition_penalty": 0.01, "presence_penalty": -2},
        {"temperature": 1e-300, "repetition_penalty": 100, "frequency_penalty": 2},
        {"temperature": 1, "min_p": 5e-324, "logit_bias": away},
        {"temperature": 0, "logit_bias": away, "draft_tokens": 15},
    ):
        response = httpx.post(
            server.url + "/v1/chat/completions",
            json={"messages": hello, "max_tokens": 16, **fields},
        )
        assert response.status_code == 200, response.text
