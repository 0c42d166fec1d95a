"""Ollama's API as its own clients see it, unmodified: the Python client in build/venv, the JavaScript client in
build/node (node/ollama.mjs asks)."""

import asyncio
import base64
import json
import os
import re
import subprocess

import httpx
import jsonschema
import ollama
import pytest

from conftest import ROOT, data_uri, eventually
from test_forced_calls import PARAMETERS
from test_node import FOLDER, PACKAGES, node
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

CIRCLE = ROOT / "examples/red-circle.png"
QUESTION = "What shape is in the picture?"
TURN = {"role": "user", "content": QUESTION, "images": [str(CIRCLE)]}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"tool {name}", "parameters": schema}}
    for name, schema in PARAMETERS.items()
    if schema
]


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server.url)


def chat(client, **more):
    return client.chat(**({"model": "default", "messages": [TURN]} | more))


def generate(client, **more):
    return client.generate(**({"model": "default", "prompt": QUESTION, "images": [str(CIRCLE)]} | more))


def test_a_picture_is_answered(client):
    told = chat(client)
    assert told.message.content.strip() == "Circle."
    assert (told.model, told.message.role, told.done, told.done_reason) == ("default", "assistant", True, "stop")
    assert told.prompt_eval_count > 85 and told.eval_count > 0
    for name in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"):
        assert getattr(told, name) > 0
    assert told.total_duration < 300 * 10**9
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.created_at)
    assert generate(client).response == told.message.content


@pytest.mark.parametrize("form", ["path", "bytes", "base64", "data: URL"])
def test_pictures_in_every_form(client, form):
    data = CIRCLE.read_bytes()
    image = {"path": CIRCLE, "bytes": data, "base64": base64.b64encode(data).decode()}.get(form)
    if form == "data: URL":  # the client lets nothing through that is not base64; other programs send it
        post = client._client.post("/api/generate", json={"prompt": QUESTION, "images": [data_uri(data)],
                                                          "stream": False})  # fmt: skip
        assert post.json()["response"].strip() == "Circle."
        return
    assert chat(client, messages=[{**TURN, "images": [image]}]).message.content.strip() == "Circle."
    assert generate(client, images=[image]).response.strip() == "Circle."


def test_words_alone_and_a_system_text(client):
    history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert chat(client, messages=history).message.content.strip()
    assert generate(client, prompt="Hello", images=None, system="Be brief.").response.strip()


def test_a_stream_gathers_to_the_same_answer(client):
    for ask, text in ((chat, lambda part: part.message.content), (generate, lambda part: part.response)):
        whole = ask(client)
        *pieces, last = ask(client, stream=True)
        assert "".join(map(text, pieces)) == text(whole) and text(last) == ""
        assert not any(part.done for part in pieces) and last.done
        assert (last.done_reason, last.eval_count) == ("stop", whole.eval_count)
        assert last.prompt_eval_count == whole.prompt_eval_count
        assert {part.model for part in [*pieces, last]} == {"default"}


def test_asynchronous(server):
    async def ask():
        client = ollama.AsyncClient(host=server.url)
        parts = [part async for part in await client.chat("default", messages=[TURN], stream=True)]
        whole = await client.generate("default", prompt=QUESTION, images=[CIRCLE])
        return "".join(part.message.content for part in parts), whole.response

    assert {text.strip() for text in asyncio.run(ask())} == {"Circle."}


def test_options(client):
    short = chat(client, options={"num_predict": 1})
    assert (short.eval_count, short.done_reason) == (1, "length")
    for unlimited in (0, -1, -2):
        assert chat(client, options={"num_predict": unlimited}).done_reason == "stop"
    assert chat(client, options={"stop": ["rcle"]}).message.content.strip() == "Ci"
    drawn = {"temperature": 2, "top_p": 0.99, "top_k": 500, "min_p": 0.0001, "repeat_penalty": 1.1,
             "presence_penalty": 0.5, "frequency_penalty": 0.5, "num_predict": 40}  # fmt: skip
    ask = lambda seed: generate(client, format="json", options={**drawn, "seed": seed}).response
    assert ask(7) == ask(7)
    assert len({ask(seed) for seed in range(6)}) > 1


def test_likely_tokens(client):
    told = chat(client, logprobs=True, top_logprobs=2)
    assert "".join(one.token for one in told.logprobs) == told.message.content
    assert all(len(one.top_logprobs) == 2 and one.logprob <= 0 for one in told.logprobs)
    pieces = list(chat(client, logprobs=True, stream=True))
    assert [one.token for part in pieces for one in part.logprobs or []] == [one.token for one in told.logprobs]


def test_structured(client):
    schema = PARAMETERS["note_shape"]
    jsonschema.validate(json.loads(chat(client, format=schema).message.content), schema)
    assert isinstance(json.loads(generate(client, format="json", options={"num_predict": 200}).response), dict)
    assert chat(client, format="").message.content.strip() == "Circle."


def test_tools_are_answered_in_text(client):
    call = {"function": {"name": "get_time", "arguments": {"zone": "UTC"}}}
    history = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "get_time", "content": "12:00"},
        TURN,
    ]
    for messages in ([TURN], history):
        told = chat(client, messages=messages, tools=TOOLS)
        assert told.message.content.strip() and not told.message.tool_calls


def test_a_model_is_loaded_and_unloaded(client, server):
    for ask in (lambda **more: chat(client, messages=[], **more),
                lambda **more: generate(client, prompt="", images=None, **more)):  # fmt: skip
        assert (told := ask(keep_alive=0)).done and told.done_reason == "unload"
        assert eventually(lambda: not client.ps().models)
        assert (told := ask(keep_alive="5m")).done and told.done_reason == "load"
        assert [one.model for one in client.ps().models] == ["ocellus-demo"]
    *_, last = chat(client, messages=[], stream=True)
    assert (last.done, last.done_reason) == (True, "load")
    assert chat(client, keep_alive="1h30m").message.content.strip() == "Circle."


def test_what_there_is(client):
    [one] = client.list().models
    assert (one.model, one.details.family, one.details.format) == ("ocellus-demo", "phi3_v", "safetensors")
    assert one.size > 1_000_000 and re.fullmatch("[0-9a-f]{64}", one.digest)
    [loaded] = client.ps().models
    assert (loaded.model, loaded.digest) == (one.model, one.digest)
    assert loaded.context_length > 0 and loaded.expires_at.year > 2100
    for name in ("ocellus-demo", "ocellus-demo:latest", "demo"):
        shown = client.show(name)
        assert shown.capabilities == ["completion", "vision"]
        assert shown.modelinfo["phi3_v.context_length"] == loaded.context_length
        assert shown.details.quantization_level == "4-bit"


def test_errors_are_the_librarys_own(client):
    for ask, status, text in [
        (lambda: chat(client, model="llama3.2"), 404, "no model of this name"),
        (lambda: client.show("llama3.2"), 404, "no model of this name"),
        (lambda: chat(client, options={"temperature": 3}), 400, "options.temperature"),
        (lambda: chat(client, options={"mirostat": 2}), 400, "options.mirostat"),
        (lambda: generate(client, suffix="x"), 400, '"suffix" is not supported'),
        (lambda: generate(client, raw=True), 400, '"raw" is not supported'),
        (lambda: generate(client, images=["bm8gcGljdHVyZQ=="]), 415, "images[0]"),
        (lambda: generate(client, context=[1, 2]), 400, "context"),
        (lambda: client.embed("default", "x"), 501, "no embeddings"),
        (lambda: client.copy("a", "b"), 501, "not copied here"),
        (lambda: client.delete("ocellus-demo"), 400, "built-in"),
    ]:
        with pytest.raises(ollama.ResponseError) as error:
            ask()
        assert error.value.status_code == status and text in error.value.error, error.value.error
    with pytest.raises(ollama.ResponseError) as error:
        list(chat(client, options={"temperature": 3}, stream=True))
    assert "options.temperature" in error.value.error


def test_who_leaves_stops_it(client, server):
    long = {"type": "array", "items": {"type": "boolean"}, "minItems": 400}
    stream = chat(client, format=long, stream=True)
    next(stream)
    stream.close()
    assert eventually(lambda: httpx.get(server.url + "/stats").json()["statistics"]["running"] == 0)
    assert httpx.get(server.url + "/stats").json()["statistics"]["cancelled"] > 0
    assert chat(client).message.content.strip() == "Circle."


def test_keys(start):
    running = start("--api-key", "k1")
    right = ollama.Client(host=running.url, headers={"Authorization": "Bearer k1"})
    assert chat(right).message.content.strip() == "Circle."
    for headers in ({}, {"Authorization": "Bearer k2"}):
        other = ollama.Client(host=running.url, headers=headers)
        for ask in (lambda: chat(other), other.list, other.ps, lambda: other.show("demo")):
            with pytest.raises(ollama.ResponseError) as error:
                ask()
            assert error.value.status_code == 401 and "key" in error.value.error


@pytest.fixture(scope="module")
def came(server):
    """What node/ollama.mjs printed."""
    picture = base64.b64encode(CIRCLE.read_bytes()).decode()
    done = subprocess.run(
        [node(), str(FOLDER / "ollama.mjs")], input=json.dumps({"url": server.url, "picture": picture}),
        capture_output=True, text=True, timeout=600, env={**os.environ, "NODE_PATH": PACKAGES},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_javascript(came):
    assert came["words"].strip()
    assert came["whole"]["message"]["content"].strip() == came["generated"].strip() == came["after"].strip() == "Circle."
    assert came["streamed"] == came["whole"]["message"]["content"]
    assert came["last"]["done_reason"] == "stop" and came["last"]["eval_count"] > 0
    assert json.loads(came["structured"])["shape"] in ("circle", "square")
    assert came["tools"]["message"]["content"].strip() and "tools are not called" in came["tools"]["warning"]
    assert came["aborted"] == "AbortError"
    assert came["failure"]["status"] == 400 and "options.temperature" in came["failure"]["message"]
    assert came["missing"]["status"] == 404
    assert [one["name"] for one in came["models"]] == ["ocellus-demo"]
    assert came["capabilities"] == ["completion", "vision"]
    assert came["version"]
    assert [came["loaded"], came["unloaded"]] == ["load", "unload"]
