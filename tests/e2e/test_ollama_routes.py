"""Ollama's routes to the letter: lines of JSON, errors, who may ask what, on both ports."""

import base64
import json
import re

import httpx
import pytest

from conftest import ROOT, eventually
from test_switch import DEMO, both, home  # noqa: F401

PICTURE = base64.b64encode((ROOT / "examples/red-circle.png").read_bytes()).decode()
QUESTION = "What shape is in the picture?"
TURN = {"role": "user", "content": QUESTION, "images": [PICTURE]}
ASKED = {"/api/chat": {"messages": [TURN]}, "/api/generate": {"prompt": QUESTION, "images": [PICTURE]}}


def post(server, path, body, **more):
    return httpx.post(server.url + path, json=body, timeout=300, **more)


def text_of(part):
    return part["message"]["content"] if "message" in part else part["response"]


@pytest.mark.parametrize("path", ASKED)
def test_a_stream_is_what_comes_unasked(server, path):
    response = post(server, path, ASKED[path])
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n") and "\n\n" not in response.text
    *pieces, last = map(json.loads, response.text.splitlines())
    assert "".join(map(text_of, pieces)).strip() == "Circle."
    shape = {"model", "created_at", "done", "message" if path == "/api/chat" else "response"}
    assert all(piece.keys() == shape and piece["done"] is False for piece in pieces)
    assert last.keys() == shape | {"done_reason", "total_duration", "load_duration", "prompt_eval_count",
                                   "prompt_eval_duration", "eval_count", "eval_duration", "ocellus"}  # fmt: skip
    assert {piece["model"] for piece in [*pieces, last]} == {DEMO}  # none was named
    whole = post(server, path, {**ASKED[path], "stream": False})
    assert whole.headers["content-type"] == "application/json"
    assert text_of(whole.json()) == "".join(map(text_of, pieces)) and whole.json().keys() == last.keys()


@pytest.mark.parametrize("path", ASKED)
def test_the_name_is_the_clients(server, path):
    for name in ("demo", DEMO, "default", "DEFAULT:latest"):
        told = post(server, path, {**ASKED[path], "model": name, "stream": False}).json()
        assert told["model"] == name


def test_curl_as_ollamas_documents_have_it(server):
    """Their examples name no type, so curl says that it is a form; a page of a site must not."""
    body = json.dumps({**ASKED["/api/generate"], "stream": False})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    told = httpx.post(server.url + "/api/generate", content=body, headers=form)
    assert told.json()["response"].strip() == "Circle."
    assert httpx.post(server.url + "/api/show", content='{"model": "demo"}', headers=form).status_code == 200
    for page in ({"Origin": server.url}, {"Sec-Fetch-Site": "cross-site"}):
        told = httpx.post(server.url + "/api/generate", content=body, headers={**form, **page})
        assert (told.status_code, told.json()["code"]) == (415, "unsupported_content_type")
    told = httpx.post(server.url + "/v1/chat/completions", content=body, headers=form)
    assert told.status_code == 415  # these have always wanted it


def test_fields_without_effect_are_told(server):
    fields = {"think": True, "keep_alive": "5m", "truncate": True,
              "options": {"num_ctx": 2**40, "num_gpu": 1, "num_thread": 4, "use_mmap": True, "stop": [""],
                          "num_predict": 2**40, "repeat_last_n": 64, "mirostat": 0, "tfs_z": 1}}  # fmt: skip
    for path, body in ASKED.items():
        *_, last = map(json.loads, post(server, path, {**body, **fields}).text.splitlines())
        told = last["warning"].removeprefix("without effect here: ").split(", ")
        assert sorted(told) == sorted(
            ["think", "keep_alive", "truncate", "options.num_ctx", "options.num_gpu", "options.num_thread",
             "options.use_mmap", "options.stop", "options.num_predict", "options.repeat_last_n"])  # fmt: skip
        kept = {"think": False, "format": "", "truncate": False, "options": {"num_ctx": 64, "repeat_last_n": -1}}
        assert "warning" not in post(server, path, {**body, **kept, "stream": False}).json()


def test_fields_of_generate_beside_messages(server):
    """As LLM Vision for Home Assistant sends them to /api/chat."""
    ask = lambda **more: post(server, "/api/chat", {"stream": False, "options": {"temperature": 0}, **more}).json()
    system = {"role": "system", "content": "Be brief."}
    whole = ask(messages=[system, TURN])
    told = ask(messages=[TURN], system="Be brief.", prompt=[], images=[PICTURE])
    for key in ("message", "prompt_eval_count"):
        assert told[key] == whole[key] != ask(messages=[{"role": "user", "content": "Hello"}])[key]
    assert told["warning"] == "without effect here: images"
    told = ask(messages=[system, TURN], system="Tell a story.", prompt="")
    assert (told["prompt_eval_count"], told["warning"]) == (whole["prompt_eval_count"], "without effect here: system")
    lost = post(server, "/api/chat", {"messages": [{"role": "user", "content": "x"}], "images": [PICTURE]})
    assert (lost.status_code, lost.json()["param"]) == (400, "images") and "messages[].images" in lost.text


def test_the_bodies_of_other_clients(server):
    """tests/data/requests as Ollama's clients would write them."""
    tools = json.loads((ROOT / "tests/data/requests/tool-history.json").read_text())["tools"]
    call = {"function": {"name": "get_time", "arguments": {"zone": "UTC"}}}
    history = [{"role": "user", "content": "What time is it?"}, {"role": "assistant", "tool_calls": [call]},
               {"role": "tool", "tool_name": "get_time", "content": "12:00"},
               {"role": "assistant", "content": "It is noon.", "thinking": ""}, TURN]  # fmt: skip
    told = post(server, "/api/chat", {"messages": history, "tools": tools, "stream": False}).json()
    assert told["message"]["content"].strip()
    assert "tools are not called: the model answers in text" in told["warning"]
    assert "tool_calls" not in told["message"]


@pytest.mark.parametrize(
    "path,body,param",
    [
        ("/api/chat", {"messages": 5}, "messages"),
        ("/api/chat", {"messages": [5]}, "messages[0]"),
        ("/api/chat", {"messages": [{"content": "x"}]}, "messages[0].role"),
        ("/api/chat", {"messages": [{"role": "user"}]}, "messages[0].content"),
        ("/api/chat", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content"),
        ("/api/chat", {"messages": [{**TURN, "images": PICTURE}]}, "messages[0].images"),
        ("/api/chat", {"messages": [{**TURN, "images": ["?"]}]}, "messages[0].images[0]"),
        ("/api/chat", {"messages": [{**TURN, "images": ["https://example.com/a.png"]}]}, "messages[0].images[0]"),
        ("/api/chat", {"messages": [{**TURN, "role": "assistant"}]}, "messages[0].images"),
        ("/api/chat", {"messages": [{"role": "assistant", "content": "x"}]}, "messages[0]"),
        ("/api/chat", {"messages": [TURN], "prompt": "x"}, "prompt"),
        ("/api/generate", {"prompt": "x", "messages": []}, "messages"),
        ("/api/generate", {"prompt": "x", "format": "yaml"}, "format"),
        ("/api/generate", {"prompt": "x", "keep_alive": "soon"}, "keep_alive"),
        ("/api/generate", {"prompt": "x", "options": {"temprature": 1}}, "options.temprature"),
        ("/api/generate", {"prompt": "x", "options": {"num_predict": -3}}, "options.num_predict"),
        ("/api/generate", {"prompt": "x", "options": {"num_gpu": "all"}}, "options.num_gpu"),
        ("/api/generate", {"prompt": "x", "options": {"stop": [5]}}, "options.stop[0]"),
        ("/api/generate", {"prompt": "x", "template": "{{ .Prompt }}"}, "template"),
        ("/api/generate", {"prompt": "x", "top_logprobs": 2}, "top_logprobs"),
        ("/api/show", {}, "model"),
        ("/api/show", {"model": "demo", "options": {"num_ctx": 1}}, "options"),
        ("/api/pull", {"model": "org/repo", "insecure": True}, "insecure"),
    ],
)
def test_what_is_wrong_is_named(server, path, body, param):
    response = post(server, path, body)
    told = response.json()
    assert (response.status_code, told["param"]) == (400, param)
    assert isinstance(told["error"], str)


def test_every_refusal_is_a_string(server):
    for method, path, status in [
        ("GET", "/api/chat", 405), ("POST", "/api/tags", 405), ("GET", "/api/nothing", 404), ("POST", "/api/push", 501),
        ("POST", "/api/create", 501), ("POST", "/api/embeddings", 501), ("POST", "/api/blobs/sha256:12", 501),
    ]:  # fmt: skip
        response = httpx.request(method, server.url + path)
        assert response.status_code == status and isinstance(response.json()["error"], str)
    assert httpx.head(server.url + "/api/blobs/sha256:12").status_code == 501
    assert httpx.get(server.url + "/api/v1/config").json()["error"]["code"] == "unknown_url"
    bad = httpx.post(server.url + "/api/chat", content="{", headers={"Content-Type": "application/json"})
    assert bad.status_code == 400 and isinstance(bad.json()["error"], str)
    evil = httpx.get(server.url + "/api/tags", headers={"Host": "evil.example"})
    assert evil.status_code == 403 and isinstance(evil.json()["error"], str)


def test_what_clients_probe(server):
    assert httpx.head(server.url + "/").status_code == httpx.get(server.url + "/").status_code == 200
    assert httpx.head(server.url + "/api/tags").status_code == 200
    assert httpx.options(server.url + "/api/chat").headers["allow"] == "POST, OPTIONS"
    told = httpx.get(server.url + "/api/version").json()
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["version"]) and told["ocellus"]


def test_both_ports(both):  # noqa: F811
    running = both()
    for url in (running.url, running.backend):
        told = httpx.post(url + "/api/chat", json={**ASKED["/api/chat"], "stream": False}, timeout=300)
        assert told.json()["message"]["content"].strip() == "Circle."
        assert {DEMO, "tiny", "org/other"} <= {one["name"] for one in httpx.get(url + "/api/tags").json()["models"]}
        assert [one["name"] for one in httpx.get(url + "/api/ps").json()["models"]] == [DEMO]
        assert httpx.get(url + "/api/nothing").json()["error"].startswith("there is nothing")
    # The original's own routes below /api/v1/ are still its.
    assert httpx.get(running.backend + "/api/v1/config").json()["active_model"] == DEMO
    assert httpx.get(running.backend + "/api/v1/nothing").json()["detail"]
    assert httpx.get(running.backend + "/api/v1/state").json()["detail"]


def test_who_may_load_and_unload(both):  # noqa: F811
    running = both("--api-key", "user", "--admin-key", "admin")
    load = {"model": "tiny", "messages": []}

    def send(body, key):
        return httpx.post(running.url + "/api/chat", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=300)

    def loaded():
        told = httpx.get(running.url + "/api/ps", headers={"Authorization": "Bearer user"})
        return sorted(one["name"] for one in told.json()["models"])

    assert send(load, "user").status_code == 403 and loaded() == [DEMO]
    assert send({"messages": []}, "user").json()["done_reason"] == "load"  # the active one is
    assert send(load, "admin").json()["done_reason"] == "load" and loaded() == [DEMO, "tiny"]
    refused = send({**load, "keep_alive": 0}, "user")
    assert (refused.status_code, refused.json()["code"]) == (403, "admin_key_required")
    assert send({**load, "keep_alive": "0s"}, "admin").json()["done_reason"] == "unload"
    assert eventually(lambda: loaded() == [DEMO])
    assert send({**load, "model": "nobody", "keep_alive": 0}, "admin").status_code == 404
