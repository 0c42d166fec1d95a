"""Anthropic's Messages API as its own clients see it, unmodified: the Python client in build/venv, the Node
client in build/node (node/anthropic.mjs asks)."""

import asyncio
import base64
import json
import os
import subprocess

import anthropic
import httpx
import jsonschema
import pytest

from conftest import ROOT, eventually
from test_forced_calls import PARAMETERS
from test_node import FOLDER, PACKAGES, node
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

PICTURE = base64.b64encode((ROOT / "examples/red-circle.png").read_bytes()).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
TURN = {"role": "user", "content": [IMAGE, {"type": "text", "text": "What shape is in the picture?"}]}
TOOLS = [
    {"name": name, "description": f"tool {name}", "input_schema": schema or {"type": "object"}}
    for name, schema in PARAMETERS.items()
]


@pytest.fixture(scope="module")
def client(server):
    return anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0, timeout=300)


def ask(client, **more):
    body = {"model": "", "messages": [TURN], "max_tokens": 50} | more
    return client.messages.create(**body)


def test_a_picture_is_answered(client):
    message = ask(client, system="Be brief.")
    assert message.content[0].text.strip() == "Circle."
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.usage.output_tokens > 0
    again = ask(client, system="Be brief.")
    assert again.content == message.content
    total = lambda usage: usage.input_tokens + usage.cache_read_input_tokens
    assert total(again.usage) == total(message.usage) > 85


def test_a_stream_gathers_to_the_same_message(client):
    whole = ask(client)
    with client.messages.stream(model="", messages=[TURN], max_tokens=50) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_message()
    assert [event for event in events if event != "text"][:2] == ["message_start", "content_block_start"]
    assert events[-1] == "message_stop"
    assert final.content[0].text == whole.content[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens
    count = final.usage.input_tokens + final.usage.cache_read_input_tokens
    assert count == client.messages.count_tokens(model="", messages=[TURN]).input_tokens


def test_what_ends_an_answer(client):
    assert ask(client, max_tokens=1).stop_reason == "max_tokens"
    nothing = ask(client, max_tokens=0)  # which fills a cache, with theirs
    assert (nothing.stop_reason, nothing.content[0].text) == ("max_tokens", "")
    assert "the answer is empty" in nothing.warning
    stopped = ask(client, stop_sequences=["cle"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "cle")


def test_a_forced_call(client):
    for choice in ({"type": "any"}, {"type": "tool", "name": "note_shape"}):
        message = ask(client, tools=TOOLS, tool_choice=choice, max_tokens=1000,
                      extra_body={"temperature": 1})  # fmt: skip
        (call,) = message.content
        assert (call.type, message.stop_reason) == ("tool_use", "tool_use")
        jsonschema.validate(call.input, PARAMETERS[call.name] or {"type": "object"})
        with client.messages.stream(model="", messages=[TURN], max_tokens=1000, tools=TOOLS,
                                    tool_choice=choice) as stream:  # fmt: skip
            streamed = stream.get_final_message().content[0]
        jsonschema.validate(streamed.input, PARAMETERS[streamed.name] or {"type": "object"})


def test_a_call_and_its_result_are_a_history(client):
    call = {"type": "tool_use", "id": "t1", "name": "get_time", "input": {"zone": "UTC"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "12:00"}]}
    history = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, call]},
        {"role": "user", "content": [result, *TURN["content"]]},
    ]
    message = ask(client, messages=history, tools=TOOLS)
    assert message.content[0].text.strip()
    assert "tools are not called" in message.warning


def test_a_schema(client):
    schema = PARAMETERS["note_shape"]
    message = ask(client, max_tokens=200, output_config={"format": {"type": "json_schema", "schema": schema}})
    jsonschema.validate(json.loads(message.content[0].text), schema)


def test_words_alone(client):
    assert ask(client, messages=[{"role": "user", "content": "Hello"}]).content[0].text.strip()


def test_who_leaves_stops_it(client, server):
    statistics = lambda: httpx.get(server.url + "/stats").json()["statistics"]
    before = statistics()["cancelled"]
    schema = {"type": "array", "items": {"type": "boolean"}, "minItems": 400}
    with client.messages.stream(model="", messages=[TURN], max_tokens=3000,
                                output_config={"format": {"type": "json_schema", "schema": schema}}) as stream:  # fmt: skip
        next(event for event in stream if event.type == "content_block_delta")
    assert eventually(lambda: statistics()["running"] == 0 and statistics()["cancelled"] > before)
    assert ask(client).content[0].text.strip() == "Circle."


def test_asynchronous(server):
    async def ask():
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="none", max_retries=0) as client:
            body = {"model": "", "messages": [TURN], "max_tokens": 50}
            async with client.messages.stream(**body) as stream:
                return await stream.get_final_text(), (await client.messages.create(**body)).content[0].text

    assert {text.strip() for text in asyncio.run(ask())} == {"Circle."}


def test_errors_are_the_librarys_own(client):
    for more, kind, name in [
        ({"max_tokens": -2}, anthropic.BadRequestError, "max_tokens"),
        ({"model": "gpt-4o"}, anthropic.NotFoundError, "model"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {
            "type": "url", "url": "https://example.com/a.png"}}]}]}, anthropic.BadRequestError, "remote"),
    ]:  # fmt: skip
        with pytest.raises(kind) as error:
            ask(client, **more)
        assert name in error.value.message
        assert error.value.body["type"] == "error"


def test_keys(start):
    running = start("--api-key", "k1")
    for key, token, right in [("k1", None, True), (None, "k1", True), ("k2", None, False)]:
        client = anthropic.Anthropic(base_url=running.url, api_key=key, auth_token=token, max_retries=0)
        if right:
            assert ask(client).content[0].text.strip() == "Circle."
        else:
            with pytest.raises(anthropic.AuthenticationError):
                ask(client)
    assert httpx.get(running.url + "/v1/models", headers={"api-key": "k1"}).status_code == 200
    assert httpx.post(running.url + "/v1/messages", json={}).json()["type"] == "error"


@pytest.fixture(scope="module")
def came(server):
    """What node/anthropic.mjs printed."""
    done = subprocess.run(
        [node(), str(FOLDER / "anthropic.mjs")], input=json.dumps({"url": server.url, "picture": PICTURE}),
        capture_output=True, text=True, timeout=600, env={**os.environ, "NODE_PATH": PACKAGES},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_node(came):
    assert came["words"].strip()
    assert json.loads(came["structured"])["shape"] in ("circle", "square")
    assert came["whole"]["content"][0]["text"].strip() == came["after"].strip() == "Circle."
    assert came["final"]["content"][0]["text"] == came["whole"]["content"][0]["text"]
    assert came["events"][0] == "message_start" and came["events"][-1] == "message_stop"
    (call,) = came["forced"]["content"]
    assert call["name"] == "note_shape" and call["input"]["shape"] in ("circle", "square")
    assert came["aborted"] == "APIUserAbortError"
    assert came["failure"] == {"status": 400, "type": "invalid_request_error"}
    assert came["count"]["input_tokens"] > 85
