"""Requests in the words of another API than the one they are sent to: each error says what it is called here."""

import httpx
import pytest

from conftest import data_uri, drawing, text_part, user
from test_field_names import chat, told

TURNS = {"messages": [{"role": "user", "content": "Hello"}]}
CHAT, NEWER, CLAUDE = ("/v1/chat/completions", TURNS), ("/v1/responses", {"input": "Hello"}), ("/v1/messages", TURNS)
OLLAMA, ASK, TOKENS = ("/api/chat", TURNS), ("/api/generate", {"prompt": "Hello"}), ("/tokenize", {})
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WRAPPED = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}

NAMES = [
    (NEWER, {"max_tokens": 5}, "max_output_tokens"),
    (NEWER, {"max_completion_tokens": 5}, "max_output_tokens"),
    (NEWER, {"response_format": WRAPPED}, "text.format"),
    (NEWER, TURNS, "input"),
    (NEWER, {"system": "Be short."}, "instructions"),
    (CHAT, {"max_output_tokens": 5}, "max_tokens"),
    (CHAT, {"num_predict": 5}, "max_tokens"),
    (CHAT, {"input": "x"}, "messages"),
    (CHAT, {"prompt": "x"}, "messages"),
    (CHAT, {"format": "json"}, "response_format"),
    (CHAT, {"json_schema": SCHEMA}, "response_format"),
    (CHAT, {"stop_sequences": ["x"]}, "stop"),
    (("/v1/completions", {"prompt": "x"}), {"input": "x"}, "prompt"),
    (CLAUDE, {"stop": ["x"]}, "stop_sequences"),
    (CLAUDE, {"response_format": WRAPPED}, "output_config.format"),
    (CLAUDE, {"max_completion_tokens": 5}, "max_tokens"),
    (OLLAMA, {"temperature": 0}, "options.temperature"),
    (OLLAMA, {"max_tokens": 5}, "options.num_predict"),
    (OLLAMA, {"num_predict": 5}, "options.num_predict"),
    (OLLAMA, {"options": {"max_tokens": 5}}, "options.num_predict"),
    (OLLAMA, {"stop": ["x"]}, "options.stop"),
    (OLLAMA, {"response_format": WRAPPED}, "format"),
    (ASK, {"max_tokens": 5}, "options.num_predict"),
    (ASK, {"messages": []}, "prompt"),
    (TOKENS, {"text": "x"}, "prompt"),
]


@pytest.mark.parametrize("where, more, name", NAMES, ids=lambda value: str(value)[:40])
def test_what_a_field_is_called_here(server, where, more, name):
    path, body = where
    answer = httpx.post(server.url + path, json={**body, **more})
    message, param = told(answer)
    assert answer.status_code == 400 and f'here it is "{name}"' in message, message
    assert param is None or param.split(".")[-1] in str(more)


def test_nobody_means_a_field_without_effect(server):
    message, _ = told(httpx.post(server.url + "/v1/messages", json={**TURNS, "max_tokens": 2, "seed": 1}))
    assert "did you mean" not in message and "seed" in message
    message, _ = told(httpx.post(server.url + "/v1/messages", json={**TURNS, "max_token": 2}))
    assert 'did you mean "max_tokens"' in message
    message, _ = told(httpx.post(server.url + "/api/chat", json={**TURNS, "options": {"num_predct": 2}}))
    assert 'did you mean "num_predict"' in message
    answer = httpx.post(server.url + CHAT[0], json={**TURNS, "max_tokens": 2, "repeat_last_n": 64})
    assert answer.status_code == 200 and "repeat_last_n" in answer.json()["warning"]


def test_pictures_in_ollamas_place(server):
    picture = data_uri(drawing(1)).partition(",")[2]
    body = {"messages": [{"role": "user", "content": "What is it?", "images": [picture]}]}
    message, param = told(httpx.post(server.url + CHAT[0], json=body))
    assert '"type": "image_url"' in message and param == "messages[0].images"


def test_openais_whole_detail(server):
    body = {"messages": [user({"type": "image_url", "image_url": {"url": data_uri(drawing(1)), "detail": "original"}},
                              text_part("What is it?"))], "max_tokens": 2, "temperature": 0}  # fmt: skip
    answers = []
    for detail in ("original", "high"):
        body["messages"][0]["content"][0]["image_url"]["detail"] = detail
        answers.append(httpx.post(server.url + CHAT[0], json=body, timeout=300))
        assert answers[-1].status_code == 200, answers[-1].text
    assert len({str(one.json()["ocellus"]["images"]) for one in answers}) == 1
    body["messages"][0]["content"][0]["image_url"]["detail"] = "whole"
    assert "low, auto, high or original" in told(httpx.post(server.url + CHAT[0], json=body))[0]


FUNCTION = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}


@pytest.mark.parametrize("where, tool, shape", [
    (CLAUDE, FUNCTION, '"input_schema": {'),
    (CLAUDE, {"type": "function", "name": "look", "parameters": SCHEMA}, '"input_schema": {'),
    (CLAUDE, {"description": "look"}, '"input_schema": {'),
    (NEWER, FUNCTION, '{"type": "function", "name": ..., "parameters": {...}}'),
    (NEWER, {"type": "custom", "custom": {"name": "look"}}, '{"type": "custom", "name": ...}'),
])  # fmt: skip
def test_tools_in_another_shape(server, where, tool, shape):
    message, param = told(httpx.post(server.url + where[0], json={**where[1], "tools": [tool]}))
    assert shape in message and param.startswith("tools[0]")


def test_anthropics_own_tools(server):
    own = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
           {"type": "bash_20250124", "name": "bash"},
           {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "display_height_px": 9}]  # fmt: skip
    mine = {"name": "look", "input_schema": SCHEMA}
    body = {**TURNS, "max_tokens": 8}
    answer = httpx.post(server.url + "/v1/messages", json={**body, "tools": [*own, mine]}).json()
    assert answer["content"][0]["type"] == "text"
    for tool in own:
        assert f"the tool {tool['type']}" in answer["warning"]
    assert "tools are not called" in answer["warning"]
    alone = httpx.post(server.url + "/v1/messages", json={**body, "tools": own}).json()
    assert "the tool bash_20250124" in alone["warning"] and "are not called" not in alone["warning"]

    for tools, choice, param in ((own, {"type": "any"}, "tool_choice"),
                                 ([*own, mine], {"type": "tool", "name": "bash"}, "tool_choice.name")):  # fmt: skip
        answer = httpx.post(server.url + "/v1/messages", json={**body, "tools": tools, "tool_choice": choice})
        message, told_param = told(answer)
        assert answer.status_code == 400 and "Anthropic's own" in message and told_param == param
    both = httpx.post(server.url + "/v1/messages",
                      json={**body, "max_tokens": 40, "tools": [*own, mine], "tool_choice": {"type": "any"}})  # fmt: skip
    assert both.json()["content"][0]["name"] == "look" and "the tool bash_20250124" in both.json()["warning"]


def test_ollamas_fields_of_the_other_route(server):
    nothing = {"raw": False, "suffix": "", "context": [], "stream": False, "options": {"num_predict": 2}}
    for path, body in (OLLAMA, ASK):
        assert httpx.post(server.url + path, json={**body, **nothing}).status_code == 200, path
        for key, value in (("raw", True), ("suffix", "x"), ("context", [1])):
            answer = httpx.post(server.url + path, json={**body, key: value})
            assert answer.status_code == 400 and f'"{key}" is not supported' in answer.json()["error"]


@pytest.mark.parametrize("format", [WRAPPED, {"type": "json_object"}])
def test_ollamas_format_is_the_schema(server, format):
    answer = httpx.post(server.url + "/api/chat", json={**chat("Hello"), "format": format})
    assert answer.status_code == 400 and '"format": {"type": "object"' in answer.json()["error"]
