"""OpenAI's Responses API as its own Python client sees it, unmodified: what is asked and answered."""

import json
import re

import httpx
import jsonschema
import openai
import pydantic
import pytest
from openai.types.responses import Response

from conftest import data_uri, drawing
from test_forced_calls import PARAMETERS
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

QUESTION = "What shape is in the picture?"
LABELS = {"a": "b", "ä" * 64: "ä" * 512}
TOOLS = [
    {"type": "function", "name": name, "description": f"tool {name}", "strict": False} | ({"parameters": schema} if schema else {})
    for name, schema in PARAMETERS.items()
]  # fmt: skip


def picture(number=1, **more):
    return {"type": "input_image", "image_url": data_uri(drawing(number)), "detail": "auto"} | more


def turn(*parts, role="user"):
    content = [{"type": "input_text", "text": part} if isinstance(part, str) else part for part in parts]
    return {"role": role, "content": content}


ASKED = [turn(picture(), QUESTION)]


@pytest.fixture(scope="module")
def client(server):
    return server.client()


def ask(client, input=ASKED, **more):
    return client.responses.create(**{"model": "", "input": input, "max_output_tokens": 60} | more)


def strict(response):
    """As the library's own model has it, every field looked at."""
    return Response.model_validate(response.to_dict(), strict=False)


def test_a_text_is_answered(client, model):
    response = strict(ask(client, "What can you see?", instructions="Be brief.", metadata=LABELS))
    assert (response.object, response.status, response.model) == ("response", "completed", model)
    assert response.id.startswith("resp_") and len(response.id) >= 5 + 22
    (message,) = response.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert response.output_text == message.content[0].text != ""
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.usage.output_tokens_details.reasoning_tokens == 0
    assert (response.instructions, response.metadata) == ("Be brief.", LABELS)
    assert (response.error, response.incomplete_details, response.background) == (None, None, False)
    assert (response.tool_choice, response.tools, response.truncation) == ("auto", [], "disabled")
    assert response.text.format.type == "text" and response.max_output_tokens == 60
    assert response.completed_at >= response.created_at


def test_it_is_what_chat_completions_answer(client):
    mine = ask(client, instructions="Be brief.")
    content = [{"type": "image_url", "image_url": {"url": data_uri(drawing(1))}}, {"type": "text", "text": QUESTION}]
    theirs = client.chat.completions.create(
        model="", max_tokens=60,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}],
    )  # fmt: skip
    assert mine.output_text == theirs.choices[0].message.content
    assert mine.usage.input_tokens == theirs.usage.prompt_tokens
    tokens = mine.usage.input_tokens_details.model_dump()
    assert tokens["image_tokens"] == theirs.usage.prompt_tokens_details.image_tokens > 0


def test_the_length_is_counted(client):
    counted = client.responses.input_tokens.count(model="", input=ASKED)
    assert counted.input_tokens == ask(client).usage.input_tokens


def test_an_answer_that_is_cut(client):
    response = strict(ask(client, max_output_tokens=1))
    assert response.status == "incomplete" and response.completed_at is None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output[0].status == "incomplete"


def test_how_long_an_answer_may_be(client):
    # As max_tokens of chat completions: more than there can be is made less, 0 is an empty answer.
    whole = ask(client)
    most = ask(client, max_output_tokens=10**12)
    assert (most.output_text, most.status) == (whole.output_text, whole.status)
    assert re.search(r"^max_output_tokens is \d+ and not \d+: an answer may have no more here", most.to_dict()["warning"])
    two = ask(client, max_output_tokens=2.0)
    assert (two.status, two.usage.output_tokens) == ("incomplete", 2) and "warning" not in two.to_dict()
    for more in ({}, {"tools": TOOLS, "tool_choice": "required"}):
        none = strict(ask(client, max_output_tokens=0, **more))
        assert (none.output_text, none.status, none.usage.output_tokens) == ("", "incomplete", 0)
        assert none.incomplete_details.reason == "max_output_tokens"
        assert none.to_dict()["warning"].count("no token was asked for, so the answer is empty") == 1
        assert none.usage.input_tokens == ask(client, max_output_tokens=1, **more).usage.input_tokens > 0
        assert ask(client, "And now?", previous_response_id=none.id).output[0].type == "message"


def test_a_conversation_in_items(client):
    first = ask(client)
    history = [
        {"type": "message", "role": "developer", "content": "Be brief."},
        *ASKED,
        *[item.to_dict() for item in first.output],  # as it came
        {"role": "assistant", "content": [{"type": "output_text", "text": "It is small.", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "get_time", "arguments": '{"zone": "UTC"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "12:00"},
        turn("And the colour?"),
    ]
    response = ask(client, history)
    assert response.output_text and "warning" not in response.to_dict()
    assert response.usage.input_tokens > first.usage.input_tokens + 20


def test_a_schema(client):
    class Shape(pydantic.BaseModel):
        shape: str = pydantic.Field(pattern="^[a-z]{1,8}$")
        sure: bool

    parsed = client.responses.parse(model="", input=ASKED, text_format=Shape, max_output_tokens=1000)
    assert isinstance(parsed.output_parsed, Shape)
    schema = PARAMETERS["note_shape"]
    format = {"type": "json_schema", "name": "shape", "schema": schema, "strict": True}
    response = ask(client, text={"format": format}, temperature=2, max_output_tokens=300)
    jsonschema.validate(json.loads(response.output_text), schema)
    response = ask(client, text={"format": {"type": "json_object"}}, max_output_tokens=300)
    assert response.status == "incomplete" or isinstance(json.loads(response.output_text), dict)


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "note_shape"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "note_count"}]},
    ],
    ids=["required", "named", "allowed"],
)
def test_a_forced_call(client, choice):
    response = strict(ask(client, tools=TOOLS, tool_choice=choice, temperature=2, max_output_tokens=300))
    (call,) = response.output
    assert (call.type, call.status, response.status) == ("function_call", "completed", "completed")
    assert call.call_id.startswith("call_") and call.id.startswith("fc_")
    jsonschema.validate(json.loads(call.arguments), PARAMETERS[call.name] or {"maxProperties": 0})
    if choice != "required":
        assert call.name == (choice.get("name") or "note_count")
    # Its result goes back to it.
    items = [*ASKED, call.to_dict(), {"type": "function_call_output", "call_id": call.call_id, "output": "noted"}]
    assert ask(client, items, tools=TOOLS).output[0].type == "message"


def test_tools_that_nobody_forces(client):
    response = ask(client, tools=TOOLS)
    assert response.output_text == ask(client).output_text
    assert "tools are not called" in response.to_dict()["warning"]


def test_probabilities(client):
    response = strict(ask(client, include=["message.output_text.logprobs"], top_logprobs=2))
    tokens = response.output[0].content[0].logprobs
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == response.output_text
    assert all(len(token.top_logprobs) == 2 for token in tokens)
    assert ask(client).output[0].content[0].logprobs == []


def test_what_changes_nothing_is_told_once(client):
    response = ask(client, reasoning={"effort": "high"}, user="u", prompt_cache_key="k", truncation="auto",
                   include=["reasoning.encrypted_content"], max_output_tokens=-1, service_tier="flex",
                   text={"verbosity": "low"}, max_tool_calls=3, parallel_tool_calls=False)  # fmt: skip
    warning = response.to_dict()["warning"]
    for name in ("reasoning", "user", "prompt_cache_key", "truncation", "include", "max_output_tokens",
                 "service_tier", "text.verbosity", "max_tool_calls"):  # fmt: skip
        assert warning.count(name) == 1, warning
    assert response.reasoning.effort == "high" and response.parallel_tool_calls is False
    assert response.output_text == ask(client).output_text


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"max_output_tokens": -2}, "max_output_tokens"),
        ({"max_output_tokens": 2.5}, "max_output_tokens"),
        ({"repetition_penalty": 1.1, "repeat_penalty": 1.2}, "repeat_penalty"),
        ({"temperature": 3}, "temperature"),
        ({"truncation": "some"}, "truncation"),
        ({"include": ["everything"]}, "include[0]"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"metadata": {"ä" * 65: "x"}}, "metadata"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "f"}}, "tool_choice.name"),
        ({"tools": TOOLS, "tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"type": "web_search_call", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0].type"),
        ({"input": [turn({"type": "input_image", "file_id": "f"})]}, "input[0].content[0].file_id"),
        ({"input": [turn({"type": "input_image", "image_url": "https://example.com/a.png"})]},
         "input[0].content[0].image_url"),
        ({"input": [turn("x"), {"role": "assistant", "content": "y"}]}, "input"),
        ({"input": "x " * 200000}, "input"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"messages": []}, "messages"),
    ],
)  # fmt: skip
def test_refused_by_name(server, more, param):
    body = {"model": "", "input": "x"} | more
    answer = httpx.post(server.url + "/v1/responses", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] == param and (param.split(".")[-1].split("[")[0] in error["message"] or "tokens" in error["message"])


def test_errors_are_the_librarys_own(client):
    for more, kind in [
        ({"temperature": 3}, openai.BadRequestError),
        ({"model": "gpt-4o"}, openai.NotFoundError),
        ({"previous_response_id": "resp_none"}, openai.NotFoundError),
        ({"input": [turn(picture(image_url="data:image/png;base64,"))]}, openai.BadRequestError),
    ]:
        with pytest.raises(kind) as error:
            ask(client, **more)
        assert error.value.param and error.value.type == "invalid_request_error"
