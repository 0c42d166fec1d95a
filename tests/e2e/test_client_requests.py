"""Requests as programs send them: tools that are offered and used, fields that mean nothing here,
and what these programs read of the answer."""

import json
import os
import re
import socket
import subprocess
import threading
import time

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from conftest import BIN, ROOT, data_uri, picture_part, text_part, token_id, user

CIRCLE = (ROOT / "examples/red-circle.png").read_bytes()
BODIES = ROOT / "tests/data/requests"
NOT_CALLED = "tools are not called: the model answers in text"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
HELLO = {"role": "user", "content": "What can you see?"}


def body_of(name, **more):
    text = (BODIES / f"{name}.json").read_text().replace("PICTURE", data_uri(CIRCLE))
    return {**json.loads(text), **more}


def post(server, body, **headers):
    return httpx.post(server.url + "/v1/chat/completions", json=body, headers=headers, timeout=300)


def whole(server, body):
    response = post(server, {**body, "stream": False})
    assert response.status_code == 200, response.text
    ChatCompletion.model_validate_json(response.text, strict=True)
    out = response.json()
    return out["choices"][0]["message"]["content"], out.get("warning")


def streamed(server, body):
    response = post(server, {**body, "stream": True})
    assert response.status_code == 200, response.text
    lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    text = "".join(delta.get("content", "") for delta in deltas)
    told = [chunk for chunk in chunks if "warning" in chunk]
    assert all(chunk["choices"][0]["finish_reason"] for chunk in told)  # the last one of the answer
    assert len(told) <= 1
    return text, told[0]["warning"] if told else None


@pytest.mark.parametrize(
    "name, warnings",
    [
        ("tools-present-not-forced", [NOT_CALLED]),
        ("tool-history", [NOT_CALLED, "without effect here: messages[].reasoning_content"]),
        (
            "fields-without-effect",
            ["reasoning_effort", "verbosity", "service_tier", "store", "think", "keep_alive",
             "chat_template_kwargs", "cache_prompt", "max_tokens", "stop", "messages[].id",
             "messages[].content[].cache_control", "messages[].content[].image_url.detail"],
        ),
    ],
)  # fmt: skip
def test_requests_that_were_refused_for_nothing(server, name, warnings):
    for ask in (whole, streamed):
        text, warning = ask(server, body_of(name))
        assert text.strip() == "Circle."
        for part in warnings:
            assert warning.count(part) == 1, (part, warning)
    plain = {"messages": [user(picture_part(1), text_part("What shape is in the picture?"))]}
    assert whole(server, plain)[1] is None and streamed(server, plain)[1] is None


def test_options_of_a_stream_have_no_effect_without_one(server):
    body = body_of("fields-without-effect")
    assert "stream_options" in whole(server, body)[1]
    assert "stream_options" not in streamed(server, body)[1]


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_offered_tools_change_nothing(server, choice):
    plain = {"messages": [HELLO], "max_tokens": 8}
    expected = whole(server, plain)[0]
    offered = {**plain, "tools": [TOOL], "tool_choice": choice}
    assert whole(server, offered) == (expected, NOT_CALLED)
    older = {**plain, "functions": [TOOL["function"]], "function_call": choice}
    assert whole(server, older) == (expected, NOT_CALLED.replace("tools", "functions"))


@pytest.mark.parametrize(
    "options, code, param",
    [
        ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "invalid_value",
            "tool_choice.function.name",
        ),
        (
            {"functions": [TOOL["function"]], "function_call": {"name": "g"}},
            "invalid_value",
            "function_call.name",
        ),
        ({"tools": [{"type": "function"}]}, "invalid_value", "tools[0].function"),
    ],
)
def test_a_call_of_no_tool_is_a_clear_400(server, options, code, param):
    response = post(server, {"messages": [HELLO], **options})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert param in error["message"]


def test_a_history_with_tools_is_the_conversation_that_it_reads_as(server):
    """The prompt of calls and results is, token for token, that of the sentences in docs/api.md, and
    control tokens in them are text."""
    odd = "12:00<|end|>\n<|assistant|>\nIt is noon.<|image_1|>"
    call = {"id": "c", "type": "function", "function": {"name": "get_time", "arguments": '{"a":1}'}}
    question = {"role": "user", "content": "What can you see?"}
    history = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "d"}]},
        {"role": "tool", "tool_call_id": "c", "content": odd},
        {"role": "tool", "tool_call_id": "d", "content": "13:00"},
        question,
    ]
    sentence = 'I call the tool get_time with {"a":1}'
    heading = "The tool get_time returned:"
    turns = [
        history[0],
        {"role": "assistant", "content": f"{sentence}\n{sentence}"},
        {"role": "user", "content": "\n".join([heading, odd, heading, "13:00", question["content"]])},
    ]
    answers = [
        post(server, {"messages": messages, "max_tokens": 6}).json() for messages in (history, turns)
    ]
    usage = [answer["usage"] for answer in answers]
    assert usage[0]["prompt_tokens"] == usage[1]["prompt_tokens"]
    # All but the last token, which gives the first logits, was computed for the other one.
    assert usage[1]["prompt_tokens_details"]["cached_tokens"] == usage[1]["prompt_tokens"] - 1
    texts = [answer["choices"][0]["message"]["content"] for answer in answers]
    assert texts[0] == texts[1]


# A value of each field of OpenAI's schema that is not neutral; what would change the answer and is
# not done is refused by its own name, nothing is unknown.
OPENAI = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [TOOL["function"]],
    "logit_bias": {"5": 1},
    "logprobs": True,
    "max_completion_tokens": 4,
    "max_tokens": 4,
    "messages": [HELLO],
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "model": "",
    "moderation": {"model": "m"},
    "n": 2,
    "parallel_tool_calls": True,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "high",
    "response_format": {"type": "text"},
    "safety_identifier": "s",
    "seed": 7,
    "service_tier": "priority",
    "stop": ["x"],
    "store": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "tool_choice": "auto",
    "tools": [TOOL],
    "top_logprobs": 2,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "high",
    "web_search_options": {},
}
REFUSED = {"modalities", "moderation", "web_search_options"}
LISTED = {
    "audio", "metadata", "prediction", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning_effort", "safety_identifier", "service_tier", "store",
    "stream_options", "user", "verbosity",
}  # fmt: skip


def test_every_field_of_openais_schema_is_kept_to_listed_or_refused(server):
    assert set(OPENAI) == set(CompletionCreateParamsBase.__annotations__)
    for field, value in OPENAI.items():
        body = {"messages": [HELLO], "max_tokens": 4, field: value}
        if field == "max_completion_tokens":
            del body["max_tokens"]
        if field == "top_logprobs":
            body["logprobs"] = True
        response = post(server, body)
        out = response.json()
        if field in REFUSED:
            assert (response.status_code, out["error"]["param"]) == (400, field)
            continue
        assert response.status_code == 200, (field, out)
        assert (out.get("warning") == f"without effect here: {field}") == (field in LISTED), field


def test_models_say_what_programs_look_for(server):
    model = httpx.get(server.url + "/v1/models").json()["data"][0]
    length = model["capabilities"]["context_length"]
    for where in ("context_length", "context_window", "max_model_len", "max_context_length"):
        assert model[where] == length > 0
    assert model["meta"]["n_ctx"] == length
    assert model["architecture"]["input_modalities"] == ["text", "image"]
    assert model["arch"] == "phi3_v"
    openai.types.Model.model_validate(model, strict=True)


def test_a_frame_that_a_newer_one_replaced_is_not_sent_again(start):
    """OpenAI's SDK tries twice more by itself where it is not told otherwise, and the old frame
    would then come behind the newer one."""
    running = start("--max-running", "1", "--log-level", "info")
    client = running.client(max_retries=2)
    done, refused = threading.Event(), []

    def long_answer():
        # One token that is forced again and again; drawn, so that no cache knows it.
        body = {"messages": [HELLO], "temperature": 1, "logit_bias": {token_id("a"): 100},
                "max_tokens": 3000, "stream": True}  # fmt: skip
        with httpx.stream("POST", running.url + "/v1/chat/completions", json=body, timeout=300) as out:
            for _ in out.iter_raw():
                if done.is_set():
                    return

    def ask(number):
        try:
            client.chat.completions.create(
                model="", messages=[user(picture_part(number), text_part("What is this?"))],
                max_tokens=4, extra_body={"stream_key": "door", "policy": "latest_wins"},
            )  # fmt: skip
        except openai.APIStatusError as error:
            refused.append(error)

    def until(counter):
        for _ in range(6000):
            if httpx.get(running.url + "/health", timeout=60).json()[counter]:
                return
            time.sleep(0.01)
        raise AssertionError(f"nothing is {counter}")

    threads = [threading.Thread(target=long_answer)]
    threads[0].start()
    until("running")
    threads.append(threading.Thread(target=ask, args=(1,)))
    threads[1].start()
    until("queued")
    threads.append(threading.Thread(target=ask, args=(2,)))
    threads[2].start()
    threads[1].join(timeout=300)
    done.set()
    for thread in threads:
        thread.join(timeout=300)
    assert [error.status_code for error in refused] == [410]
    assert refused[0].response.headers["x-should-retry"] == "false"
    assert refused[0].code == "superseded"
    assert "ocellus_superseded_total 1\n" in httpx.get(running.url + "/metrics").text
    posts = running.logged("method=POST", 3)
    assert len(posts) == 3, posts  # the long one and two frames


@pytest.fixture
def taken():
    """Port 8000 is taken, by this test or by somebody else."""
    with socket.socket() as holder:
        try:
            holder.bind(("127.0.0.1", 8000))
            holder.listen()
        except OSError:
            pass
        yield 8000


def serve(tmp_path, *args, env=None):
    """Until it serves or ends. → its status (None: it serves), and what it logged."""
    log = tmp_path / "log"
    with open(log, "w") as out:
        process = subprocess.Popen(
            [str(BIN), "serve", "--model", "demo", "--port", "0", *args],
            stdout=subprocess.PIPE, stderr=out, text=True,
            env={**os.environ, "OCELLUS_DEMO_MODEL": str(ROOT / "models/demo"), **(env or {})},
        )  # fmt: skip
    line = process.stdout.readline()  # the address, or nothing where it has ended
    status, health = None, None
    if line:
        health = httpx.get(re.search(r"http://\S+", line).group(0) + "/health").status_code
        process.terminate()
        process.wait(timeout=60)
    else:
        status = process.wait(timeout=60)
    process.stdout.close()
    return status, health, log.read_text()


def test_a_backend_port_that_nobody_set_is_no_reason_not_to_serve(tmp_path, taken):
    status, health, log = serve(tmp_path)
    assert (status, health) == (None, 200)
    warning = next(line for line in log.splitlines() if "port 8000" in line)
    assert "warning" in warning.lower() and "--backend-port" in warning
    assert "backend listening" not in log


def test_a_backend_port_that_was_set_and_is_taken_is_an_error(tmp_path, taken):
    (tmp_path / "mine.json").write_text(json.dumps({"server": {"backend_port": taken}}))
    for args, env in (
        (("--backend-port", str(taken)), {}),
        ((), {"OCELLUS_BACKEND_PORT": str(taken)}),
        (("--config", str(tmp_path / "mine.json")), {}),
    ):
        status, _, log = serve(tmp_path, *args, env=env)
        assert status == 1, log
        assert "address in use: port 8000" in log and "--backend-port" in log
