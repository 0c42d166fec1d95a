"""Streams as the clients' own types have them: every event is one that they know, in its place, and they build up
the answer. Those of /v1/responses: test_responses_stream.py."""

import json
import re

import anthropic
import httpx
import jsonschema
import ollama
import pydantic
import pytest
from anthropic.types import RawMessageStreamEvent
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk

import test_anthropic_clients as messages
import test_forced_calls as chats
import test_ollama_clients as chat_lines
from test_anthropic_clients import PICTURE
from test_forced_calls import NAMED, PARAMETERS, QUESTION
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

SCHEMA = PARAMETERS["note_shape"]
# The deltas of an empty answer are none.
OF_ANTHROPIC = re.compile("message_start( content_block_start( ping)?( content_block_delta)*( ping)* content_block_stop)* "
                          "message_delta message_stop")  # fmt: skip


def parts(server, path, body):
    """The events of the wire, each with its name where it has one."""
    with httpx.stream("POST", server.url + path, json={"stream": True, **body}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    assert text.endswith("\n\n")
    for part in text.removesuffix("\n\n").split("\n\n"):
        if part.startswith(":"):
            continue  # a comment
        fields = dict(line.split(": ", 1) for line in part.split("\n"))
        assert fields.keys() <= {"event", "data"}
        yield fields.get("event"), fields["data"]


CHATS = {
    "text": {"messages": [QUESTION], "max_tokens": 50},
    "words": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50},
    "cut off": {"messages": [QUESTION], "max_tokens": 1},
    "usage": {"messages": [QUESTION], "stream_options": {"include_usage": True}},
    "probabilities": {"messages": [QUESTION], "logprobs": True, "top_logprobs": 2, "max_tokens": 8},
    "several": {"messages": [QUESTION], "n": 2, "temperature": 1, "max_tokens": 20},
    "call": {"messages": [QUESTION], "tools": chats.TOOLS, "tool_choice": NAMED, "max_tokens": 500},
    "schema": {"messages": [QUESTION], "max_tokens": 500,
               "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}},
}  # fmt: skip


@pytest.mark.parametrize("kind", CHATS)
def test_chat_completions(server, kind):
    *events, (last_name, last) = parts(server, "/v1/chat/completions", {"model": "", **CHATS[kind]})
    assert (last_name, last) == (None, "[DONE]") and all(name is None for name, _ in events)
    chunks = [ChatCompletionChunk.model_validate_json(data) for _, data in events]
    assert len({chunk.id for chunk in chunks}) == len({chunk.created for chunk in chunks}) == 1
    if kind == "usage":
        assert chunks[-1].choices == [] and chunks.pop().usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks)
    for index in range(CHATS[kind].get("n", 1)):
        own = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert own[0].delta.role == "assistant" and all(choice.delta.role is None for choice in own[1:])
        assert own[-1].finish_reason and all(choice.finish_reason is None for choice in own[:-1])
        assert own[-1].finish_reason == {"call": "tool_calls", "cut off": "length"}.get(kind, own[-1].finish_reason)
        text = "".join(choice.delta.content or "" for choice in own)
        calls = [call for choice in own for call in choice.delta.tool_calls or []]
        if kind == "call":
            assert text == "" and calls[0].function.name == "note_shape" and calls[0].id and calls[0].type == "function"
            assert all(call.index == 0 and call.id is None and call.function.name is None for call in calls[1:])
            text = "".join(call.function.arguments for call in calls)
        else:
            assert text and not calls
        if kind in ("call", "schema"):
            jsonschema.validate(json.loads(text), SCHEMA)


COMPLETIONS = {
    "text": {"max_tokens": 20},
    "cut off": {"max_tokens": 1},
    "echo": {"max_tokens": 4, "echo": True},
    "usage": {"max_tokens": 4, "stream_options": {"include_usage": True}},
    "probabilities": {"max_tokens": 8, "logprobs": 2},
    "several": {"max_tokens": 8, "n": 2, "temperature": 1},
}


def completion(data):
    """Its type has no answer that goes on, which OpenAI's own streams tell by null."""
    document = json.loads(data)
    goes_on = [choice["finish_reason"] is None for choice in document["choices"]]
    for choice in document["choices"]:
        choice["finish_reason"] = choice["finish_reason"] or "stop"
    chunk = Completion.model_validate(document)
    for choice, on in zip(chunk.choices, goes_on, strict=True):
        choice.finish_reason = None if on else choice.finish_reason
    return chunk


@pytest.mark.parametrize("kind", COMPLETIONS)
def test_completions(server, kind):
    body = {"model": "", "prompt": "The picture shows", **COMPLETIONS[kind]}
    *events, (last_name, last) = parts(server, "/v1/completions", body)
    assert (last_name, last) == (None, "[DONE]") and all(name is None for name, _ in events)
    chunks = [completion(data) for _, data in events]
    assert len({chunk.id for chunk in chunks}) == len({chunk.created for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    if kind == "usage":
        assert chunks[-1].choices == [] and chunks.pop().usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks)
    for index in range(body.get("n", 1)):
        own = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert own[-1].finish_reason and not any(choice.finish_reason for choice in own[:-1])
        assert kind != "cut off" or own[-1].finish_reason == "length"
        text = "".join(choice.text for choice in own)
        assert text and (kind != "echo" or text.startswith(body["prompt"]))
        if kind == "probabilities":
            tokens = [token for choice in own if choice.logprobs for token in choice.logprobs.tokens]
            assert tokens and "".join(tokens).startswith(text)


MESSAGES = {
    "text": {"messages": [messages.TURN], "max_tokens": 50},
    "words": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50},
    "cut off": {"messages": [messages.TURN], "max_tokens": 1},
    "call": {"messages": [messages.TURN], "max_tokens": 500, "tools": messages.TOOLS,
             "tool_choice": {"type": "tool", "name": "note_shape"}},
    "schema": {"messages": [messages.TURN], "max_tokens": 500,
               "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
}  # fmt: skip


@pytest.mark.parametrize("kind", MESSAGES)
def test_messages(server, kind):
    event_of = pydantic.TypeAdapter(RawMessageStreamEvent)
    events = []
    for name, data in parts(server, "/v1/messages", {"model": "", **MESSAGES[kind]}):
        assert json.loads(data)["type"] == name
        if name != "ping":  # which the library passes over, so that it has no type for it
            events.append(event_of.validate_json(data))
    assert OF_ANTHROPIC.fullmatch(" ".join(event.type for event in events))
    start, end = events[0].message, events[-2]
    assert start.content == [] and start.stop_reason is None and start.role == "assistant"
    assert end.delta.stop_reason == {"call": "tool_use", "cut off": "max_tokens"}.get(kind, end.delta.stop_reason)
    (block,) = [event.content_block for event in events if event.type == "content_block_start"]
    assert {event.index for event in events if event.type.startswith("content_block")} == {0}
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    if kind == "call":
        assert (block.type, block.name, block.input) == ("tool_use", "note_shape", {})
        text = "".join(delta.partial_json for delta in deltas)
    else:
        assert (block.type, block.text) == ("text", "")
        text = "".join(delta.text for delta in deltas)
    if kind in ("call", "schema"):
        jsonschema.validate(json.loads(text), SCHEMA)
    with anthropic.Anthropic(base_url=server.url, api_key="none").messages.stream(model="", **MESSAGES[kind]) as stream:
        gathered = stream.get_final_message().content[0]
    assert (gathered.input if kind == "call" else gathered.text) == (json.loads(text) if kind == "call" else text)


LINES = {
    "/api/chat": {
        "text": {"messages": [{**chat_lines.TURN, "images": [PICTURE]}]},
        "words": {"messages": [{"role": "user", "content": "Hello"}]},
        "cut off": {"messages": [{**chat_lines.TURN, "images": [PICTURE]}], "options": {"num_predict": 1}},
        "schema": {"messages": [{**chat_lines.TURN, "images": [PICTURE]}], "format": SCHEMA},
    },
    "/api/generate": {
        "text": {"prompt": chat_lines.QUESTION, "images": [PICTURE]},
        "words": {"prompt": "Hello"},
        "schema": {"prompt": chat_lines.QUESTION, "format": SCHEMA},
    },
}


@pytest.mark.parametrize("path,kind", [(path, kind) for path, kinds in LINES.items() for kind in kinds])
def test_lines_of_ollama(server, path, kind):
    answer = httpx.post(server.url + path, json={"model": "demo", **LINES[path][kind]})
    assert answer.headers["content-type"] == "application/x-ndjson" and answer.text.endswith("\n")
    type_of = ollama.ChatResponse if path == "/api/chat" else ollama.GenerateResponse
    *pieces, last = [type_of.model_validate_json(line) for line in answer.text.splitlines()]
    text = "".join(piece.message.content if path == "/api/chat" else piece.response for piece in pieces)
    assert not any(piece.done for piece in pieces) and last.done
    assert last.done_reason == {"cut off": "length"}.get(kind, "stop")
    assert text
    if kind == "schema":
        jsonschema.validate(json.loads(text), SCHEMA)
