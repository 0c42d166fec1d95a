"""The stream of the Responses API: each event is one of the library's own, and they build up the answer."""

import json
import os
import subprocess

import httpx
import jsonschema
import pydantic
import pytest
from openai.types.responses import ResponseStreamEvent

from conftest import NO_END, data_uri, drawing
from test_forced_calls import PARAMETERS
from test_node import FOLDER, PACKAGES, node
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)
from test_responses import ASKED, TOOLS, ask

EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
TEXT = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed"]  # fmt: skip
CALL = ["response.created", "response.in_progress", "response.output_item.added",
        "response.function_call_arguments.delta", "response.function_call_arguments.done",
        "response.output_item.done", "response.completed"]  # fmt: skip


@pytest.fixture(scope="module")
def client(server):
    return server.client()


def events_of(server, **more):
    """Of the wire: every event is valid, in its place and named by its line."""
    body = {"model": "", "input": ASKED, "max_output_tokens": 60, "stream": True} | more
    events, name = [], None
    with httpx.stream("POST", server.url + "/v1/responses", json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                assert event["type"] == name
                EVENT.validate_python(event)
                events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def kinds(events):
    """Their types, each run of the same one once."""
    types = [event["type"] for event in events]
    return [kind for i, kind in enumerate(types) if i == 0 or types[i - 1] != kind]


def test_the_events_of_a_text(server):
    events = events_of(server, input="Tell me a story of it.")
    assert kinds(events) in (TEXT, [*TEXT[:-1], "response.incomplete"])
    first, last = events[0]["response"], events[-1]["response"]
    assert first["status"] == "in_progress" and first["output"] == [] and first["id"] == last["id"]
    (message,) = last["output"]
    text = message["content"][0]["text"]
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert len(deltas) > 1 and "".join(event["delta"] for event in deltas) == text
    done = {event["type"]: event for event in events}
    assert done["response.output_text.done"]["text"] == text
    assert done["response.content_part.done"]["part"] == message["content"][0]
    assert done["response.output_item.done"]["item"] == message
    assert {event["item_id"] for event in events if "item_id" in event} == {message["id"]}
    assert last["usage"]["output_tokens"] >= len(deltas)


def test_it_is_the_whole_answer(server, client):
    streamed = events_of(server, store=False)[-1]["response"]
    whole = ask(client, store=False).to_dict()
    assert streamed["output"][0]["content"] == whole["output"][0]["content"]
    for one in (streamed, whole):
        del one["usage"]["input_tokens_details"]["cached_tokens"]  # what came before leaves more of it
    for key in ("usage", "model", "status", "tools", "text", "temperature"):
        assert streamed[key] == whole[key], key


def test_the_library_gathers_it(client):
    with client.responses.stream(model="", input=ASKED, max_output_tokens=60) as stream:
        seen = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == ask(client).output_text
    assert [kind for i, kind in enumerate(seen) if i == 0 or seen[i - 1] != kind] == TEXT


def test_a_schema_is_parsed(client):
    class Shape(pydantic.BaseModel):
        shape: str = pydantic.Field(pattern="^[a-z]{1,8}$")
        sure: bool

    with client.responses.stream(model="", input=ASKED, text_format=Shape, max_output_tokens=1000) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Shape)


def test_the_events_of_a_call(server, client):
    events = events_of(server, tools=TOOLS, tool_choice="required", max_output_tokens=300, seed=1, temperature=1)
    assert kinds(events) == [kind for kind in CALL if kind != CALL[3] or any(e["type"] == kind for e in events)]
    (call,) = events[-1]["response"]["output"]
    deltas = "".join(event["delta"] for event in events if event["type"] == CALL[3])
    assert deltas == call["arguments"]
    jsonschema.validate(json.loads(deltas), PARAMETERS[call["name"]] or {"maxProperties": 0})
    added = events[2]["item"]
    assert (added["name"], added["arguments"], added["status"]) == (call["name"], "", "in_progress")
    with client.responses.stream(model="", input=ASKED, tools=TOOLS, max_output_tokens=300,
                                 tool_choice={"type": "function", "name": "note_shape"}) as stream:  # fmt: skip
        (call,) = stream.get_final_response().output
    jsonschema.validate(json.loads(call.arguments), PARAMETERS["note_shape"])


def test_no_token_is_an_empty_answer(server):
    events = events_of(server, max_output_tokens=0)
    assert kinds(events) == [*[kind for kind in TEXT[:-1] if not kind.endswith(".delta")], "response.incomplete"]
    response = events[-1]["response"]
    assert response["output"][0]["content"][0]["text"] == "" and response["usage"]["output_tokens"] == 0
    assert response["warning"] == "no token was asked for, so the answer is empty"


def test_a_call_that_is_cut_off(server):
    events = events_of(server, tools=TOOLS, tool_choice="required", max_output_tokens=1)
    assert kinds(events) == ["response.created", "response.in_progress", "response.incomplete"]
    assert events[-1]["response"]["output"] == []


def test_probabilities(server):
    events = events_of(server, include=["message.output_text.logprobs"], top_logprobs=1, input="What is new?")
    told = [token for event in events if event["type"] == TEXT[4] for token in event["logprobs"]]
    assert told == events[-1]["response"]["output"][0]["content"][0]["logprobs"] != []


def test_errors_before_it_begins(server):
    body = {"model": "", "input": "x", "stream": True, "temperature": 3}
    answer = httpx.post(server.url + "/v1/responses", json=body)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "temperature"


def test_a_client_that_leaves(server, client):
    statistics = lambda: httpx.get(server.url + "/stats").json()["statistics"]["cancelled"]
    before = statistics()
    stream = client.responses.create(model="", input=ASKED, stream=True, max_output_tokens=3000,
                                     extra_body={"logit_bias": NO_END})  # fmt: skip
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    stream.close()
    assert ask(client).status == "completed"
    while statistics() == before:  # it is seen between two steps
        pass


@pytest.fixture(scope="module")
def came(server):
    """What node/responses.mjs printed."""
    done = subprocess.run(
        [node(), str(FOLDER / "responses.mjs")],
        input=json.dumps({"url": server.url, "picture": data_uri(drawing(1)), "noEnd": NO_END}),
        capture_output=True, text=True, timeout=600, env={**os.environ, "NODE_PATH": PACKAGES},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_node(came, client):
    assert came["whole"]["output_text"] == came["final"]["output_text"] == came["after"]
    assert came["events"][0] == TEXT[0] and came["events"][-1] == TEXT[-1]
    (call,) = came["forced"]["output"]
    assert call["name"] == "note_shape" and json.loads(call["arguments"])["shape"] in ("circle", "square")
    assert came["parsed"]["shape"] in ("circle", "square")
    assert came["aborted"] == "APIUserAbortError"
    assert came["failure"] == {"status": 400, "param": "temperature"}
    assert came["continued"] and came["kept"] == came["whole"]["id"]
    assert [item["role"] for item in came["items"]] == ["user"]
    assert came["gone"] == 404
