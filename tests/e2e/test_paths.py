"""Paths as programs write them, probes, and what llama.cpp's clients ask for."""

import json
import os
import subprocess

import httpx
import pytest

from conftest import BIN, MODEL

TURN = {"role": "user", "content": "What can you see?"}
CHAT = {"messages": [TURN], "max_tokens": 2}


@pytest.fixture(scope="module")
def both():
    """A server with both ports; `backend` is the second one's address."""
    import socket

    from conftest import Server

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Server("--backend-port", str(port), "--api-key", "k")
    running.backend = f"http://127.0.0.1:{port}"
    running.keyed = {"authorization": "Bearer k"}
    yield running
    running.end()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/chat/completions/",
        "//v1//chat/completions",
        "/chat/completions",
        "//chat//completions//",
        "/v1/v1/chat/completions",
    ],
)
def test_a_question_at_any_spelling_of_its_path(both, path):
    for port in (both.url, both.backend):
        told = httpx.post(port + path, json=CHAT, headers=both.keyed, timeout=300)
        assert told.status_code == 200 and told.json()["object"] == "chat.completion"
        assert httpx.post(port + path, json=CHAT).status_code == 401


@pytest.mark.parametrize("path", ["/messages", "/v1/messages/", "//messages"])
def test_another_dialect_without_its_prefix(both, path):
    told = httpx.post(both.url + path, json=CHAT, headers=both.keyed, timeout=300)
    assert told.status_code == 200 and told.json()["type"] == "message"
    refused = httpx.post(both.url + path, json={"messages": []}, headers=both.keyed)
    assert refused.status_code == 400 and refused.json()["type"] == "error"  # told in its shape
    assert httpx.post(both.url + path, json=CHAT).json()["type"] == "error"


@pytest.mark.parametrize(
    "paths, header",
    [
        (["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/images/plan", "/v1/models", "/v1/nothing"],
         "Authorization: Bearer KEY"),
        (["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches"],
         "x-api-key: KEY, or Authorization: Bearer KEY"),
        (["/v1/query", "/v1/caption", "/v1/detect", "/v1/point"],
         "X-Moondream-Auth: KEY, or Authorization: Bearer KEY"),
        (["/api/chat", "/api/generate", "/api/tags", "/api/nothing", "/tokenize", "/props"],
         "Authorization: Bearer KEY"),
    ],
)  # fmt: skip
def test_who_shows_no_key_is_told_its_clients_header(both, paths, header):
    for path in paths:
        for written in (path, path.removeprefix("/v1"), f"{path}/"):
            for port in (both.url, both.backend):
                told = httpx.post(port + written, json={})
                assert told.status_code == 401, written
                error = told.json()["error"]
                message = error if isinstance(error, str) else error["message"]
                assert message == f"an API key is needed: {header}", written


def test_models_without_prefix(both):
    usual = httpx.get(both.url + "/v1/models", headers=both.keyed).json()
    for path in ("/models", "/models/", "/v1/models/", "//v1/models", "/v1//models"):
        assert httpx.get(both.url + path, headers=both.keyed).json() == usual
        assert httpx.get(both.url + path).status_code == 401
    one = usual["data"][0]
    for path in (f"/models/{one['id']}", f"/v1/models/{one['id']}/", f"/v1/models//{one['id']}"):
        assert httpx.get(both.url + path, headers=both.keyed).json() == one


def test_what_is_not_there_is_not_found(both):
    for path in ("/nothing", "/nothing/", "/v1/nothing", "/v2/models", "/v1/v1/v1/models", "/v1", "/health/x"):
        told = httpx.get(both.url + path, headers=both.keyed)
        assert told.status_code == 404 and told.json()["error"]["message"]
    for path in ("/chat/completions", "/v1/chat/completions/"):
        told = httpx.get(both.url + path, headers=both.keyed)
        assert told.status_code == 405 and told.headers["allow"] == "POST, OPTIONS"


def test_probes(both, start):
    for port in (both.url, both.backend):
        for path in ("/livez", "/readyz", "/livez/", "//readyz"):
            assert httpx.get(port + path).status_code == 200  # without a key
            head = httpx.head(port + path)
            assert head.status_code == 200 and not head.content
        assert httpx.get(port + "/livez").json() == {"status": "ok"}
        assert httpx.get(port + "/readyz").json()["status"] == httpx.get(port + "/health").json()["status"]
    running = start("--log-level", "info")
    for path in ("/livez", "/readyz", "/health", "/stats"):
        assert httpx.get(running.url + path).status_code == 200
    running.stop()
    asked = [line for line in running.log if "event=http" in line or " http " in line]
    assert any("/stats" in line for line in asked)
    assert not any(path in line for line in asked for path in ("/livez", "/readyz", "/health"))


def test_readyz_says_no_while_the_model_is_loaded(start):
    running = start(wait=False)
    ready, alive = httpx.get(running.url + "/readyz"), httpx.get(running.url + "/livez")
    assert alive.status_code == 200
    if ready.status_code == 503:  # it was in time to see it
        assert ready.headers["retry-after"]
    running.shown_or_next(r"^ocellus serving .*$")
    assert httpx.get(running.url + "/readyz").status_code == 200


GETS = ["/", "/health", "/livez", "/readyz", "/status", "/stats", "/metrics", "/props", "/ui/config", "/v1/models",
        "/models"]  # fmt: skip
POSTS = ["/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/images/plan", "/v1/query",
         "/v1/caption", "/v1/detect", "/v1/point", "/tokenize", "/detokenize", "/v1/models/load",
         "/chat/completions", "/v1/completions", "/completions"]  # fmt: skip


def test_head_and_options_everywhere(both):
    for path in GETS:
        get = httpx.get(both.url + path, headers=both.keyed)
        head = httpx.head(both.url + path, headers=both.keyed)
        assert get.status_code == head.status_code == 200, path
        assert head.content == b"" and head.headers["content-type"] == get.headers["content-type"]
    for path in GETS + POSTS:
        told = httpx.options(both.url + path, headers=both.keyed)
        assert told.status_code == 204, path
        assert ("GET, HEAD" if path in GETS else "POST") in told.headers["allow"]
    for path in POSTS:
        if path == "/v1/models/load":  # which a model may be called
            continue
        head = httpx.head(both.url + path, headers=both.keyed)
        assert head.status_code == 405 and "POST" in head.headers["allow"] and not head.content
    for path in ("/", "/health", "/status", "/config", "/api/v1/config"):
        assert httpx.head(both.backend + path, headers=both.keyed).status_code == 200, path
        assert httpx.options(both.backend + path, headers=both.keyed).status_code == 204, path


def test_props(both):
    model = httpx.get(both.url + "/v1/models", headers=both.keyed).json()["data"][0]
    for port in (both.url, both.backend):
        told = httpx.get(port + "/props", headers=both.keyed).json()
        assert told["default_generation_settings"]["n_ctx"] == model["context_length"]
        assert told["default_generation_settings"]["params"]["temperature"] == 0
        assert told["modalities"] == {"vision": True, "audio": False}
        assert told["model_alias"] == told["model_path"] == model["id"]
        assert told["build_info"].startswith("ocellus ") and told["total_slots"] == 1
        assert httpx.get(port + "/props").status_code == 401


def tokenize(both, **body):
    return httpx.post(both.url + "/tokenize", json=body, headers=both.keyed, timeout=300)


def printed(*args):
    done = subprocess.run([str(BIN), "tokenize", "--model", MODEL, *args], capture_output=True, text=True,
                          check=True, env=dict(os.environ))  # fmt: skip
    return json.loads(done.stdout)


TEXTS = ["What is it?", "", " two  spaces", "Grüße, 世界 🦜", "<|user|> hi<|end|>", "a\nb"]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_those_of_the_verb(both, text):
    with_bos = printed(text, "--trusted")
    plain = printed(text)
    without = tokenize(both, content=text).json()
    assert with_bos[-len(without["tokens"]):] == without["tokens"] or not without["tokens"]
    assert tokenize(both, content=text, add_special=True).json()["tokens"] == with_bos
    assert tokenize(both, prompt=text).json()["tokens"] == with_bos  # vLLM's default
    assert tokenize(both, prompt=text, parse_special=False).json()["tokens"] == plain
    assert without["count"] == len(without["tokens"]) and without["max_model_len"] > 0
    pieces = tokenize(both, content=text, with_pieces=True).json()["tokens"]
    assert [piece["id"] for piece in pieces] == without["tokens"]
    spelled = b"".join(p["piece"].encode() if isinstance(p["piece"], str) else bytes(p["piece"]) for p in pieces)
    assert spelled.decode().replace(" ", "") == text.replace(" ", "")
    strings = tokenize(both, prompt=text, return_token_strs=True).json()
    assert len(strings["token_strs"]) == strings["count"]
    assert tokenize(both, content="").json()["tokens"] == []
    ids = without["tokens"]
    back = httpx.post(both.url + "/detokenize", json={"tokens": ids}, headers=both.keyed)
    pointed = httpx.post(both.url + "/detokenize", json={"tokens": [float(one) for one in ids]}, headers=both.keyed)
    assert pointed.json() == back.json()  # as some programs write whole numbers
    assert back.json()["content"] == back.json()["prompt"]
    if "<|" not in text:  # a control token swallows the space behind it
        assert back.json()["content"] == text


@pytest.mark.parametrize(
    "path, body, status, param",
    [
        ("/tokenize", {}, 400, "content"),
        ("/tokenize", {"content": None, "with_pieces": True}, 400, "content"),
        ("/tokenize", {"content": 5}, 400, "content"),
        ("/tokenize", {"content": "a", "prompt": "b"}, 400, "prompt"),
        ("/tokenize", {"content": "a", "with_piece": True}, 400, "with_piece"),
        ("/tokenize", {"content": "a", "with_pieces": 1}, 400, "with_pieces"),
        ("/tokenize", {"messages": [TURN]}, 400, "messages"),
        ("/tokenize", {"content": "x" * (1 << 20) + "x"}, 400, "content"),
        ("/tokenize", {"content": "a", "model": "zebra"}, 404, "model"),
        ("/detokenize", {}, 400, "tokens"),
        ("/detokenize", {"tokens": "a"}, 400, "tokens"),
        ("/detokenize", {"tokens": [1, -1]}, 400, "tokens[1]"),
        ("/detokenize", {"tokens": [1, "a"]}, 400, "tokens[1]"),
        ("/detokenize", {"tokens": [10**9]}, 400, "tokens[0]"),
        ("/detokenize", {"tokens": [1] * 100_001}, 400, None),
        ("/detokenize", [1], 400, None),
    ],
)
def test_what_is_wrong_with_tokens_is_named(both, path, body, status, param):
    told = httpx.post(both.url + path, json=body, headers=both.keyed, timeout=300)
    assert told.status_code == status, told.text
    assert param is None or told.json()["error"]["param"] == param


def test_a_text_of_the_largest_size_is_tokenised(both):
    told = tokenize(both, content="word " * ((1 << 20) // 5), with_pieces=True, model="DEMO:latest")
    assert told.status_code == 200 and told.json()["count"] > 1000
