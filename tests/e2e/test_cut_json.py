"""JSON that the answer's length cuts is told in its warning, by the client's name of the length."""

import json
import subprocess

import httpx
import pytest

from conftest import BIN, user
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

SCHEMA = {"type": "array", "items": {"enum": ["a rather long value"]}, "minItems": 3, "maxItems": 3}
HERE = [user({"type": "text", "text": "What is in the picture?"})]
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
# By route: the body, and what the client calls the length.
ROUTES = {
    "/v1/chat/completions": lambda n: ({"messages": HERE, "response_format": FORMAT, "max_tokens": n}, "max_tokens"),
    "/v1/chat/completions ": lambda n: (
        {"messages": HERE, "response_format": FORMAT, "max_completion_tokens": n},
        "max_completion_tokens",
    ),
    "/v1/responses": lambda n: (
        {
            "input": "What is it?",
            "max_output_tokens": n,
            "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}},
        },
        "max_output_tokens",
    ),
    "/v1/messages": lambda n: (
        {
            "messages": HERE,
            "max_tokens": n,
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        },
        "max_tokens",
    ),
    "/api/chat": lambda n: (
        {"messages": [{"role": "user", "content": "What?"}], "format": SCHEMA, "options": {"num_predict": n}},
        "options.num_predict",
    ),
    "/api/generate": lambda n: (
        {"prompt": "What?", "format": SCHEMA, "options": {"num_predict": n}},
        "options.num_predict",
    ),
}


def warnings_of(response, stream):
    if not stream:
        return [response.json()["warning"]] if "warning" in response.json() else []
    found = []
    for line in response.text.splitlines():
        line = line.removeprefix("data:").strip()
        if line.startswith("{"):
            document = json.loads(line)
            found += [one["warning"] for one in (document, document.get("response") or {}) if "warning" in one]
    return found


def ask(server, route, body, stream=False):
    answer = httpx.post(server.url + route.strip(), json={"model": "", **body, "stream": stream}, timeout=300)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_cut_is_told(server, route, stream):
    body, name = ROUTES[route](6)
    told = warnings_of(ask(server, route, body, stream), stream)
    assert [one for one in told if one == f"the answer is cut off by {name}: its JSON is not whole"], told
    body, _ = ROUTES[route](400)
    assert not [one for one in warnings_of(ask(server, route, body, stream), stream) if "cut off" in one]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_of_several_answers_the_cut_ones_are_named(server, stream):
    body, _ = ROUTES["/v1/chat/completions"](6)
    told = warnings_of(ask(server, "/v1/chat/completions", {**body, "n": 2}, stream), stream)
    assert told[-1] == "choices are cut off by max_tokens, and their JSON is not whole: 0, 1"


def test_json_that_is_whole_where_the_length_ends(server):
    body, _ = ROUTES["/v1/chat/completions"](400)
    body["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": [True]}}}
    whole = ask(server, "/v1/chat/completions", body).json()
    assert whole["choices"][0]["finish_reason"] == "stop"
    # One token less is the text without its end.
    body["max_tokens"] = whole["usage"]["completion_tokens"]
    for length in (body["max_tokens"], body["max_tokens"] - 1):
        answer = ask(server, "/v1/chat/completions", {**body, "max_tokens": length}).json()
        content = answer["choices"][0]["message"]["content"]
        assert ("cut off" in answer.get("warning", "")) == (content != "[true]"), answer


def test_text_that_is_cut_is_not_told(server):
    answer = ask(server, "/v1/chat/completions", {"messages": HERE, "max_tokens": 2}).json()
    assert answer["choices"][0]["finish_reason"] == "length" and "warning" not in answer


def test_ask_says_what_is_not_enforced_and_what_is_cut(server, tmp_path):
    body, _ = ROUTES["/v1/chat/completions"](6)
    ask(server, "/v1/chat/completions", body)
    schema = tmp_path / "schema.json"
    items = {"type": "string", "pattern": "^[a-z]{3,9}$", "format": "hostname"}
    schema.write_text(json.dumps({**SCHEMA, "items": items}))
    words = [BIN, "ask", "What is it?", "--json-schema", schema, "--max-tokens", "3"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "warning: not enforced, another keyword of the schema is: " in done.stderr
    assert "schema.json.items.format" in done.stderr
    assert "warning: the answer is cut off by --max-tokens: its JSON is not whole" in done.stderr
    quiet = subprocess.run([*words, "--quiet"], capture_output=True, text=True, timeout=300)
    assert quiet.stderr == "" and quiet.stdout == done.stdout
