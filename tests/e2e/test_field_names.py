"""What is told of a request names the fields that its client knows: its dialect's own, and by the name it sent."""

import json

import httpx
import pytest

from conftest import data_uri, drawing, picture_part, text_part, user

WORD = "Hello"
ANTHROPIC_PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}


def chat(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


# Path, what a question of this text is, the field of its length (with its path), that of the conversation.
DIALECTS = {
    "chat": ("/v1/chat/completions", chat, "max_tokens", "messages"),
    "alias": ("/v1/chat/completions", chat, "n_predict", "messages"),
    "newer": ("/v1/chat/completions", chat, "max_completion_tokens", "messages"),
    "completions": ("/v1/completions", lambda text, **more: {"prompt": text, **more}, "max_tokens", "prompt"),
    "completions alias": ("/v1/completions", lambda text, **more: {"prompt": text, **more}, "max_new_tokens", "prompt"),
    "responses": ("/v1/responses", lambda text, **more: {"input": text, **more}, "max_output_tokens", "input"),
    "anthropic": ("/v1/messages", lambda text, **more: chat(text, **{"max_tokens": 4, **more}), "max_tokens", "messages"),
    "ollama chat": ("/api/chat", lambda text, **more: {"stream": False, **chat(text, **more)}, "options.num_predict", "messages"),
    "ollama generate": (
        "/api/generate", lambda text, **more: {"prompt": text, "stream": False, **more}, "options.num_predict", "prompt",
    ),
}  # fmt: skip


def with_length(field, tokens):
    outer, _, inner = field.partition(".")
    return {outer: {inner: tokens}} if inner else {outer: tokens}


def told(answer):
    """The text and the field of an error, in whichever shape."""
    document = answer.json()
    error = document["error"] if isinstance(document["error"], dict) else {**document, "message": document["error"]}
    return error["message"], error.get("param")


@pytest.fixture(scope="module")
def capped(tmp_path_factory):
    from conftest import Server

    file = tmp_path_factory.mktemp("capped") / "config.json"
    file.write_text(json.dumps({"limits": {"max_tokens_cap": 3}}))
    running = Server("--config", str(file))
    yield running
    running.end()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_length_that_is_made_less(capped, dialect):
    path, question, length, _ = DIALECTS[dialect]
    answer = httpx.post(capped.url + path, json=question(WORD, **with_length(length, 9)), timeout=300)
    assert answer.status_code == 200, answer.text
    assert answer.json()["warning"] == f"{length} is 3 and not 9: an answer may have no more here"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_length_that_is_none(server, dialect):
    path, question, length, _ = DIALECTS[dialect]
    answer = httpx.post(server.url + path, json=question(WORD, **with_length(length, "nine")), timeout=300)
    assert answer.status_code == 400
    message, param = told(answer)
    assert param == length and f'"{length}"' in message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_conversation_that_is_too_long(server, dialect, stream):
    path, question, _, conversation = DIALECTS[dialect]
    answer = httpx.post(server.url + path, json=question("word " * 300_000, stream=stream), timeout=300)
    assert answer.status_code == 400
    message, param = told(answer)
    assert param == conversation and "context" in message


def test_who_cannot_set_a_pictures_knobs_is_not_told_to(server):
    """The picture is what is too much for the context."""
    context = httpx.get(server.url + "/v1/models").json()["data"][0]["context_length"]
    a_word = [httpx.post(server.url + "/tokenize", json={"content": "word " * n}).json()["count"] for n in (100, 101)]
    text = "word " * ((context - 60) // (a_word[1] - a_word[0]))
    picture = data_uri(drawing(1)).split(",")[1]
    source = {**ANTHROPIC_PICTURE["source"], "data": picture}
    asked = {
        "/v1/chat/completions": {"messages": [user(picture_part(1), text_part(text))]},
        "/v1/messages": {"max_tokens": 4, "messages": [
            {"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": text}]}]},
        "/api/generate": {"prompt": text, "images": [picture]},
        "/api/chat": {"messages": [{"role": "user", "content": text, "images": [picture]}]},
    }  # fmt: skip
    for path, body in asked.items():
        answer = httpx.post(server.url + path, json=body, timeout=300)
        assert answer.status_code == 400, (path, answer.text)
        message, _ = told(answer)
        assert "fewer pictures" in message, path
        assert ("num_crops" in message) == path.startswith("/v1/chat"), path


@pytest.mark.parametrize("body, listed", [
    ({"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}, "system[].cache_control"),
    ({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}]}, "messages[].content[].cache_control"),
    ({"tools": [{"name": "a", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"},
      "output_format": {"type": "json_schema", "schema": {"type": "object"}}}, "output_format"),
    ({"tools": [{"name": "a", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"},
      "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "output_config.format"),
])  # fmt: skip
def test_anthropics_places(server, body, listed):
    answer = httpx.post(server.url + "/v1/messages", json={**chat(WORD), "max_tokens": 4, **body}, timeout=300)
    assert answer.status_code == 200, answer.text
    assert listed in answer.json()["warning"].split(": ")[-1].split(", ")


@pytest.mark.parametrize("field, value", [
    ("guided_json", {"type": "object"}),
    ("response_format", {"type": "json_object"}),
    ("structured_outputs", {"json": {"type": "object"}}),
])  # fmt: skip
def test_a_schema_beside_a_forced_call(server, field, value):
    tool = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
    body = chat(WORD, max_tokens=4, tools=[tool], tool_choice="required", **{field: value})
    answer = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)
    assert answer.status_code == 200, answer.text
    assert f"without effect here: {field}" in answer.json()["warning"]


def test_a_penalty_by_its_other_name(server):
    body = chat(WORD, choices=["a", "b"], repeat_penalty=1.5)
    message, param = told(httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300))
    assert param == "repeat_penalty" and message.startswith("repeat_penalty has no effect")
