"""tool_choice: a call that is forced is made, its arguments held to the function's parameters."""

import json
import os
import subprocess

import httpx
import jsonschema
import openai
import pytest

from conftest import data_uri, drawing, picture_part, text_part, user
from test_node import FOLDER, PACKAGES, node
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

QUESTION = user(picture_part(1), text_part("What shape is in the picture?"))
PARAMETERS = {
    "note_shape": {
        "type": "object",
        "properties": {
            "shape": {"type": "string", "enum": ["circle", "square", "a \"{star}\""]},
            "sure": {"$ref": "#/$defs/sure"},
        },
        "required": ["shape", "sure"],
        "additionalProperties": False,
        "$defs": {"sure": {"type": "boolean"}},
    },
    "note_count": {
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["count"],
        "additionalProperties": False,
    },
    "nothing": None,
}


def function(name):
    parameters = PARAMETERS[name]
    return {"name": name, "description": f"tool {name}"} | ({"parameters": parameters} if parameters else {})


TOOLS = [{"type": "function", "function": function(name)} for name in PARAMETERS]
NAMED = {"type": "function", "function": {"name": "note_shape"}}


def check(name, arguments):
    jsonschema.validate(json.loads(arguments), PARAMETERS[name] or {"maxProperties": 0, "type": "object"})


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=300)


def ask(client, **more):
    body = {"model": "", "messages": [QUESTION], "tools": TOOLS, "temperature": 2, "max_tokens": 200} | more
    return client.chat.completions.create(**body)


@pytest.mark.parametrize("choice", [NAMED, "required"], ids=["named", "required"])
def test_a_call_is_made(client, choice):
    names = set()
    for seed in range(8):
        answer = ask(client, tool_choice=choice, seed=seed).choices[0]
        assert answer.finish_reason == "tool_calls"
        assert answer.message.content is None
        (call,) = answer.message.tool_calls
        assert call.type == "function" and call.id.startswith("call_")
        check(call.function.name, call.function.arguments)
        names.add(call.function.name)
    assert names == {"note_shape"} if choice == NAMED else len(names) > 1


@pytest.mark.parametrize("choice", [NAMED, "required"], ids=["named", "required"])
def test_a_stream_is_the_same_call(client, choice):
    name, arguments, reasons, pieces = None, "", [], 0
    for chunk in ask(client, tool_choice=choice, seed=99, stream=True):
        (one,) = chunk.choices
        assert not one.delta.content
        if one.finish_reason:
            reasons.append(one.finish_reason)
        for call in one.delta.tool_calls or []:
            assert call.index == 0
            name = name or call.function.name
            arguments += call.function.arguments
            pieces += 1
    whole = ask(client, tool_choice=choice, seed=99).choices[0].message.tool_calls[0].function
    assert (name, arguments, reasons) == (whole.name, whole.arguments, ["tool_calls"])
    assert pieces > 2


def test_the_helper_of_the_library_gathers_it(client):
    with client.chat.completions.stream(model="", messages=[QUESTION], tools=TOOLS, tool_choice=NAMED,
                                        temperature=0, max_tokens=200) as stream:  # fmt: skip
        events = [event.type for event in stream]
        final = stream.get_final_completion().choices[0]
    assert "tool_calls.function.arguments.delta" in events and "tool_calls.function.arguments.done" in events
    check("note_shape", final.message.tool_calls[0].function.arguments)


def test_the_older_form(client):
    more = {"tools": openai.NOT_GIVEN, "functions": [function("note_count")], "function_call": {"name": "note_count"}}
    answer = ask(client, **more).choices[0]
    assert answer.finish_reason == "function_call" and answer.message.tool_calls is None
    assert answer.message.function_call.name == "note_count"
    check("note_count", answer.message.function_call.arguments)
    deltas = [chunk.choices[0].delta.function_call for chunk in ask(client, stream=True, **more)]
    names = [delta.name for delta in deltas if delta and delta.name]
    assert names == ["note_count"]
    check("note_count", "".join(delta.arguments for delta in deltas if delta))


def test_several_answers_are_several_calls(client):
    answer = ask(client, tool_choice="required", n=3, seed=1)
    calls = [choice.message.tool_calls[0] for choice in answer.choices]
    assert len({call.id for call in calls}) == 3
    for call in calls:
        check(call.function.name, call.function.arguments)
    told = {i: ["", ""] for i in range(3)}
    for chunk in ask(client, tool_choice="required", n=3, seed=1, stream=True):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                told[choice.index][0] += call.function.name or ""
                told[choice.index][1] += call.function.arguments
    assert told == {i: [call.function.name, call.function.arguments] for i, call in enumerate(calls)}


def test_what_is_cut_off_says_so(client):
    answer = ask(client, tool_choice=NAMED, max_tokens=3).choices[0]
    assert answer.finish_reason == "length"


@pytest.mark.parametrize("stop", ['"', "name", "arguments", "}"])
def test_nothing_ends_a_call_in_the_middle(client, stop):
    answer = ask(client, tool_choice="required", stop=stop, seed=5, max_tokens=1000)
    call = answer.choices[0].message.tool_calls[0].function
    check(call.name, call.arguments)
    assert answer.warning.endswith("without effect here: stop")


def test_a_call_that_is_cut_off_before_its_name_is_no_text(client):
    for stream in (False, True):
        answer = ask(client, tool_choice="required", max_tokens=2, stream=stream)
        parts = list(answer) if stream else [answer]
        assert parts[-1].choices[0].finish_reason == "length"
        for part in parts:
            said = part.choices[0].delta if stream else part.choices[0].message
            assert not said.content and not said.tool_calls


def test_the_tools_are_counted_and_nothing_else_changes(client):
    plain = ask(client, tools=openai.NOT_GIVEN, temperature=0)
    offered = ask(client, tool_choice="auto", temperature=0)
    forced = ask(client, tool_choice=NAMED, temperature=0)
    assert offered.usage == plain.usage and offered.choices[0].message == plain.choices[0].message
    assert forced.usage.prompt_tokens > plain.usage.prompt_tokens + 20


def test_the_call_and_its_result_are_a_history(client):
    call = ask(client, tool_choice=NAMED, temperature=0).choices[0].message
    history = [QUESTION, call, {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "noted"},
               user(text_part("What shape is in the picture?"))]  # fmt: skip
    answer = ask(client, messages=history, tool_choice="none", temperature=0).choices[0]
    assert answer.finish_reason == "stop" and answer.message.content


def test_a_schema_that_is_not_enforced_is_named(server):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"not": {}}}}}}
    body = {"messages": [QUESTION], "tools": [tool], "tool_choice": "required"}
    error = httpx.post(server.url + "/v1/chat/completions", json=body).json()["error"]
    assert error["param"] == "tools[0].function.parameters.properties.a.not"
    # Where no call is forced, nothing has to be enforced.
    assert httpx.post(server.url + "/v1/chat/completions", json=body | {"tool_choice": "auto"}).status_code == 200


def test_node(server):
    done = subprocess.run(
        [node(), str(FOLDER / "forced.mjs")], input=json.dumps({"url": server.url, "picture": data_uri(drawing(1))}),
        capture_output=True, text=True, timeout=600, env={**os.environ, "NODE_PATH": PACKAGES},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    came = json.loads(done.stdout)
    shapes = ("circle", "square")
    assert came["parsed"]["message"]["parsed"]["shape"] in shapes and came["parsed_in_stream"]["shape"] in shapes
    assert came["called"]["finish_reason"] == "tool_calls"
    (call,) = came["called"]["message"]["tool_calls"]
    for function in (call["function"], came["called_in_stream"]):
        assert function["name"] == "note_shape" and json.loads(function["arguments"])["shape"] in shapes
    events = came["events"]
    assert events["tool_calls.function.arguments.done"] == events["end"] == 1 and "content" not in events
    assert events["chunk"] > events["tool_calls.function.arguments.delta"] > 0
