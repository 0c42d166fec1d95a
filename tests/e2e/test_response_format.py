"""response_format: answers of the embedded model that keep to JSON, checked by jsonschema.

At temperature 2 the model writes whatever the grammar lets it.
"""

import concurrent.futures
import json
import re
import os
import subprocess
import time

import httpx
import jsonschema
import openai
import pytest

from conftest import BIN, user

REQUIRED = {"required": ["shape", "count"], "additionalProperties": False}
SCHEMAS = {
    "enum": {"enum": ["circle", "square", "it's \"none\" of these", 3, None]},
    "flat": {
        "type": "object",
        "properties": {
            "shape": {"type": "string", "enum": ["circle", "square"]},
            "count": {"type": "integer", "minimum": 0, "maximum": 12},
        },
        **REQUIRED,
    },
    "nested": {
        "$defs": {"colour": {"enum": ["red", "blue"]}},
        "type": "object",
        "properties": {
            "shape": {"type": "object", "properties": {"colour": {"$ref": "#/$defs/colour"}}},
            "count": {"anyOf": [{"type": "null"}, {"type": "number", "exclusiveMinimum": -1.5, "maximum": 0}]},
        },
        **REQUIRED,
    },
    "array": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 5},
    "strings": {
        "type": "array",
        "prefixItems": [
            {"type": "string", "minLength": 2, "maxLength": 6},
            {"type": "string", "pattern": "^[A-Z]{2}-\\d{1,3}$"},
            {"type": "string", "format": "uuid"},
        ],
    },
}


def form(schema, **more):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


@pytest.fixture(scope="module", autouse=True)
def library(server):
    """Where the build has no grammar library, the error says so, and that is all there is to test."""
    response = ask(server, {"type": "json_object"})
    if response.status_code == 400:
        error = response.json()["error"]
        assert error["param"] == "response_format" and "make grammar" in error["message"]
        pytest.skip("built without the grammar library")
    assert response.status_code == 200, response.text


def ask(server, response_format, request_id="", **options):
    body = {
        "messages": [user({"type": "text", "text": "What is in the picture?"})],
        "max_tokens": 300,
        "response_format": response_format,
        **options,
    }
    headers = {"x-request-id": request_id} if request_id else {}
    return httpx.post(server.url + "/v1/chat/completions", json=body, headers=headers, timeout=300)


def check(text, schema):
    value = json.loads(text)
    jsonschema.Draft202012Validator(schema).validate(value)
    # Written in one way, as Python does, but for the escapes and exponents that there are more of than one.
    if "\\" not in text and not re.search(r"[0-9][eE.]", text):
        assert text.strip() == json.dumps(value, ensure_ascii=False)


def create(client, model, response_format, **options):
    messages = [{"role": "user", "content": "Describe a red circle."}]
    options = {"max_tokens": 300, **options}
    return client.chat.completions.create(
        model=model, messages=messages, response_format=response_format, **options
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_answers_validate(client, model, name):
    ended = 0
    for seed in range(12):
        answer = create(client, model, form(SCHEMAS[name], strict=True), temperature=2, seed=seed)
        choice = answer.choices[0]
        if choice.finish_reason == "stop":
            check(choice.message.content, SCHEMAS[name])
            ended += 1
        else:
            assert choice.finish_reason == "length"
    assert ended >= 6
    greedy = create(client, model, form(SCHEMAS[name]), temperature=0)
    assert greedy.choices[0].finish_reason == "length" or not check(
        greedy.choices[0].message.content, SCHEMAS[name]
    )


def test_json_object(client, model):
    ended = 0
    for seed in range(12):
        options = {"temperature": 1, "seed": seed, "max_tokens": 100}
        choice = create(client, model, {"type": "json_object"}, **options).choices[0]
        if choice.finish_reason == "stop":
            assert isinstance(json.loads(choice.message.content), dict)
            ended += 1
    assert ended > 0


def test_streamed_and_not_are_equal(client, model):
    options = {"temperature": 1.5, "seed": 4, "extra_body": {"n": 2}}
    whole = create(client, model, form(SCHEMAS["flat"]), **options)
    texts, reasons = ["", ""], [None, None]
    for chunk in create(client, model, form(SCHEMAS["flat"]), stream=True, **options):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.message.content for choice in whole.choices]
    assert reasons == ["stop", "stop"]
    for text in texts:
        check(text, SCHEMAS["flat"])


def test_logprobs_penalties_and_stop(client, model):
    options = {"temperature": 1, "seed": 3, "logprobs": True, "top_logprobs": 2}
    answer = create(client, model, form(SCHEMAS["array"]), presence_penalty=1.5, **options)
    check(answer.choices[0].message.content, SCHEMAS["array"])
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == answer.choices[0].message.content
    cut = create(client, model, form(SCHEMAS["array"]), stop=["e"], temperature=1, seed=3)
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content.lstrip()[:1] == "[" and "e" not in cut.choices[0].message.content


def test_max_tokens_in_the_middle(client, model):
    choice = create(client, model, form(SCHEMAS["flat"]), max_tokens=4).choices[0]
    assert choice.finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.content)


def test_drafted_tokens_change_nothing(client, model):
    schema = {"type": "array", "items": {"enum": ["red circle", "red square"]}, "minItems": 6, "maxItems": 6}
    plain = create(client, model, form(schema), temperature=0)
    drafted = create(client, model, form(schema), temperature=0, extra_body={"draft_tokens": 8})
    assert drafted.choices[0].message.content == plain.choices[0].message.content


def test_alone_and_among_others(start):
    server = start("--response-cache", "0", "--max-running", "8")

    def one(job):
        name, seed = job
        answer = ask(server, form(SCHEMAS[name]), temperature=1.5, seed=seed)
        assert answer.status_code == 200, answer.text
        return answer.json()["choices"][0]["message"]["content"]

    jobs = [(name, seed) for seed in range(3) for name in SCHEMAS]
    alone = [one(job) for job in jobs]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, jobs)) == alone


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({}, "response_format.type"),
        ({"type": "xml"}, "response_format.type"),
        ({"type": "json_object", "json_schema": {}}, "response_format.json_schema"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "response_format.json_schema.schema"),
        (form("text"), "response_format.json_schema.schema"),
        (form({}, strict="yes"), "response_format.json_schema.strict"),
        (form({"type": "array", "uniqueItems": True}), "response_format.json_schema.schema.uniqueItems"),
        (
            form({"properties": {"a": {"items": {"oneOf": [{}, {}]}}}}),
            "response_format.json_schema.schema.properties.a.items.oneOf",
        ),
        (form({"$ref": "#"}), "response_format.json_schema.schema"),
        (form({"type": "string", "pattern": "(?=x)"}), "response_format.json_schema.schema.pattern"),
    ],
)
def test_refused_by_path(server, value, param):
    response = ask(server, value)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param


def test_the_client_sees_why(client, model):
    with pytest.raises(openai.BadRequestError, match="uniqueItems"):
        create(client, model, form({"type": "array", "uniqueItems": True}))


def test_on_the_command_line(server, tmp_path):
    file = tmp_path / "schema.json"
    command = [BIN, "ask", "What is it?", "--temperature", "1", "--seed", "2", "--json-schema", file]
    environment = dict(os.environ)
    file.write_text(json.dumps(SCHEMAS["flat"]))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    check(done.stdout, SCHEMAS["flat"])
    file.write_text('{"oneOf": []}')
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 1 and "oneOf" in done.stderr and done.stdout == ""


def deep(levels):
    return {"type": "array", "items": deep(levels - 1)} if levels else {}


HOSTILE = {
    "long enum": {"enum": ["x" * 100_000]},
    "many values": {"enum": list(range(100_000))},
    "many properties": {"properties": {f"p{i}": {} for i in range(5000)}},
    "many lengths": {"anyOf": [{"type": "string", "maxLength": 100 + i} for i in range(100)]},
    "long pattern": {"type": "string", "pattern": "^((a{1,99}){1,99}){1,99}$"},
    "optional parts": {"type": "string", "pattern": "^((.?){11}){11}$"},
    "open groups": {"type": "string", "pattern": "(" * 5000},
    "deep": deep(500),
    "huge length": {"type": "string", "minLength": 10**9},
    "huge bound": {"type": "integer", "minimum": 10**30},
    "shared beginnings": {"enum": ["a" * 6000 + "1", "a" * 6000 + "2"]},
    "shared ends": {"enum": ["1" + "a" * 6000, "2" + "a" * 6000]},
    "long shared beginnings": {"enum": ["a" * 15000 + "1", "a" * 15000 + "2"]},
    "ten shared beginnings": {"enum": ["a" * 3000 + str(i) for i in range(10)]},
    "shared constants": {"anyOf": [{"const": "a" * 6000 + "1"}, {"const": "a" * 6000 + "2"}]},
    "shared keys": {"properties": {"a" * 6000 + "1": {}, "a" * 6000 + "2": {}}},
    "shared by references": {
        "anyOf": [{"$ref": "#/$defs/e"}] * 60,
        "$defs": {"e": {"enum": ["a" * 300 + str(i) for i in range(50)]}},
    },
}  # fmt: skip
# Within the limits, and the worst that was found there.
COSTLY = {
    "lengths": {"anyOf": [{"type": "string", "minLength": 28 + i} for i in range(3)]},
    "patterns": {"anyOf": [{"type": "string", "pattern": "^.{1,%d}$" % i} for i in (60, 40)]},
    "backtracking": {"type": "string", "pattern": "^[ab]*a[ab]{100}$"},
    "counted arrays": {
        "anyOf": [{"type": "array", "items": {"$ref": "#"}, "maxItems": i} for i in range(50)]
    },
    "shared beginnings": {"enum": ["a" * 3100 + "1", "a" * 3100 + "2"]},
    "beginnings of many": {"enum": ["a" * 580 + f"{i:03}" for i in range(50)]},
    "references to shared": {
        "type": "array",
        "prefixItems": [{"$ref": "#/$defs/e"}] * 90,
        "$defs": {"e": {"enum": ["a" * 100 + str(i) for i in range(10)]}},
    },
    "multiples": {"anyOf": [{"type": "integer", "multipleOf": i} for i in range(96, 101)]},
    "wide objects": {"properties": {f"p{i}": {"type": "string"} for i in range(500)}},
    "references": {
        "$ref": "#/$defs/d0",
        "$defs": {
            "d60": {"type": "integer"},
            **{f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(60)},
        },
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_are_refused(server, name):
    begin = time.monotonic()
    response = ask(server, form(HOSTILE[name]))
    assert response.status_code == 400, response.text
    assert len(response.text) < 2000
    assert time.monotonic() - begin < 120
    assert ask(server, {"type": "text"}, max_tokens=1).status_code == 200


@pytest.mark.parametrize("name", COSTLY)
def test_costly_schemas_end_in_time(server, name):
    begin = time.monotonic()
    response = ask(server, form(COSTLY[name]), temperature=2, seed=1, max_tokens=50)
    assert response.status_code == 200, response.text
    assert time.monotonic() - begin < 120
    choice = response.json()["choices"][0]
    if choice["finish_reason"] == "stop":
        check(choice["message"]["content"], COSTLY[name])


def costly(i):
    """As costly as a schema may be, and no two of them are equal."""
    return form({"enum": [f"{i:02}" + "a" * 3000 + c for c in "xy"]})


def compiled(server):
    return sum("schema_bytes" in line for line in server.log)


def wait_until_queued(server, count):
    """Those of the warm-up have no id of ours."""
    ends = time.monotonic() + 120
    while sum("event=queued" in line and "req=costly-" in line for line in server.log) < count:
        assert time.monotonic() < ends, "\n".join(server.log)
        time.sleep(0.01)


def test_others_are_answered_while_schemas_wait(start):
    server = start()
    answered = []

    def one(name, response_format):
        response = ask(server, response_format, f"costly-{name}", max_tokens=2)
        answered.append(name)
        return response.status_code

    assert ask(server, form(SCHEMAS["flat"])).status_code == 200
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        waiting = [pool.submit(one, i, costly(i)) for i in range(8)]
        wait_until_queued(server, 8)
        assert one("plain", {"type": "text"}) == 200
        assert one("known", form(SCHEMAS["flat"], strict=True)) == 200
        before = list(answered)
        assert [each.result() for each in waiting] == [200] * 8
    assert len(before) < 10, "the queue was through before"
    ends = time.monotonic() + 60
    while compiled(server) < 9 and time.monotonic() < ends:  # an answer may be before its line
        time.sleep(0.01)
    assert compiled(server) == 9


def test_nothing_is_compiled_for_those_who_have_left_or_wait_too_long(start):
    server = start("--time-limit", "1")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(ask, server, costly(i), max_tokens=2) for i in range(10)]
        codes = [each.result().status_code for each in waiting]
    assert set(codes) <= {200, 504} and codes.count(504) >= 5
    assert ask(server, {"type": "text"}, max_tokens=1).status_code == 200
    server.stop()
    assert compiled(server) <= 5

    server = start()
    body = {
        "messages": [user({"type": "text", "text": "What is in the picture?"})],
        "max_tokens": 2,
    }
    with concurrent.futures.ThreadPoolExecutor(16) as pool:

        def leave(i):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(
                    server.url + "/v1/chat/completions",
                    json={**body, "response_format": costly(i)},
                    timeout=0.3,
                )

        list(pool.map(leave, range(10)))
    assert ask(server, costly(50), max_tokens=2).status_code == 200
    assert compiled(server) <= 3


def test_the_end_of_the_server_waits_for_no_schema(start):
    server = start()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(ask, server, costly(i), f"costly-{i}", max_tokens=2) for i in range(10)]
        wait_until_queued(server, 10)
        server.signal()
        answers = [each.result() for each in waiting]
    refused = [one for one in answers if one.status_code == 503]
    assert len(refused) >= 8
    assert all("shutting down" in one.json()["error"]["message"] for one in refused)
    assert {one.status_code for one in answers} <= {200, 503}
    assert server.wait() == 0
    assert compiled(server) <= 2
