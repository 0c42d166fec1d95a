"""OpenAI's older text completions as its own Python client sees them, unmodified."""

import json
import time

import httpx
import openai
import pytest
from openai.types import Completion

from conftest import token_id

PROMPT = "The picture shows"
QUESTION = "What can you see?"
RENDERED = f"<|user|>\n{QUESTION}<|end|>\n<|assistant|>\n"  # the embedded model's template, behind BOS


def ask(client, prompt=PROMPT, **more):
    return client.completions.create(**{"model": "", "prompt": prompt, "max_tokens": 12, "temperature": 0} | more)


def own(more):
    return {"extra_body": more}


def chat(client, **more):
    return client.chat.completions.create(
        model="", messages=[{"role": "user", "content": QUESTION}], max_tokens=12, temperature=0, **more
    )


def test_a_text_is_gone_on_from(client, model):
    done = Completion.model_validate(ask(client).to_dict(), strict=False)
    assert (done.object, done.model, done.id[:5]) == ("text_completion", model, "cmpl-")
    (choice,) = done.choices
    assert (choice.index, choice.logprobs) == (0, None)
    assert choice.text and choice.finish_reason in ("stop", "length")
    usage = done.usage
    assert 0 < usage.completion_tokens <= 12
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert ask(client, [PROMPT]).choices[0].text == choice.text


def test_sixteen_tokens_are_the_default(client):
    done = client.completions.create(model="", prompt=PROMPT, temperature=0, logit_bias={"32007": -100})
    assert done.usage.completion_tokens <= 16
    assert done.choices[0].finish_reason == ("length" if done.usage.completion_tokens == 16 else "stop")


@pytest.mark.parametrize("ids", [False, True])
def test_the_rendered_template_is_answered_as_the_conversation(server, client, ids):
    """Control tokens come in by `parse_special`, or as the ids that /tokenize gives."""
    asked = chat(client, logprobs=True, top_logprobs=2)
    if ids:
        body = {"prompt": RENDERED, "parse_special": True}
        prompt, more = httpx.post(f"{server.url}/tokenize", json=body).json()["tokens"], {}
    else:
        prompt, more = RENDERED, own({"parse_special": True})
    raw = ask(client, prompt, logprobs=2, **more)
    assert raw.usage.prompt_tokens == asked.usage.prompt_tokens
    told, expected = raw.choices[0].logprobs, asked.choices[0].logprobs.content
    assert [t.lstrip() for t in told.tokens[:1]] + told.tokens[1:] == [one.token for one in expected]
    assert told.token_logprobs == [one.logprob for one in expected]
    assert raw.choices[0].text.lstrip() == asked.choices[0].message.content
    assert raw.choices[0].finish_reason == asked.choices[0].finish_reason


def test_control_tokens_in_a_prompt_are_text(client):
    text, live = ask(client, RENDERED), ask(client, RENDERED, **own({"parse_special": True}))
    assert text.usage.prompt_tokens > live.usage.prompt_tokens
    assert ask(client, RENDERED, **own({"parse_special": False})).usage.prompt_tokens == text.usage.prompt_tokens


def test_a_stream_adds_up(client):
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole.choices[0].text
    ends = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert ends == [whole.choices[0].finish_reason]
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert all(chunk.usage is None for chunk in ask(client, stream=True))


def test_the_streams_bytes_end_with_done(server):
    body = {"prompt": PROMPT, "max_tokens": 3, "stream": True}
    answer = httpx.post(f"{server.url}/completions", json=body)  # an address without /v1
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["object"] == "text_completion" for line in lines[:-1])


@pytest.mark.parametrize("stream", [False, True])
def test_an_echo_stands_in_front(client, stream):
    def texts(**more):
        done = ask(client, n=2, stream=stream, **more)
        out = {}
        for part in done if stream else [done]:
            for choice in part.choices:
                out[choice.index] = out.get(choice.index, "") + choice.text
        return out

    plain, echoed = texts(), texts(echo=True)
    assert plain[0] and echoed == {index: PROMPT + text for index, text in plain.items()}


def test_an_echo_of_no_token_is_the_prompt(client):
    done = ask(client, echo=True, max_tokens=0)
    assert (done.choices[0].text, done.choices[0].finish_reason) == (PROMPT, "length")
    assert done.usage.completion_tokens == 0 and "no token was asked for" in done.to_dict()["warning"]


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_are_lists_side_by_side(client, stream, count):
    tokens, numbers, tops, offsets, text = [], [], [], [], ""
    done = ask(client, logprobs=count, stream=stream)
    for part in done if stream else [done]:
        for choice in part.choices:
            text += choice.text
            if choice.logprobs:
                tokens += choice.logprobs.tokens
                numbers += choice.logprobs.token_logprobs
                tops += choice.logprobs.top_logprobs
                offsets += choice.logprobs.text_offset
    assert text and len(tokens) == len(numbers) == len(tops) == len(offsets) > 0
    assert "".join(tokens) == text and offsets[0] == 0
    for token, number, top, offset in zip(tokens, numbers, tops, offsets):
        assert text[offset:].startswith(token)
        assert number <= 0 and top[token] == number
        assert max(count, 1) <= len(top) <= count + 1
        assert number == max(top.values())  # it is the likeliest that is drawn


def test_drawing_is_as_in_chat(client):
    drawn = [ask(client, temperature=1.5, seed=7).choices[0].text for _ in range(2)]
    assert drawn[0] == drawn[1]
    two = ask(client, temperature=1.5, seed=6, n=2, best_of=2)
    assert two.choices[1].text == drawn[0]
    text = ask(client).choices[0].text
    stopped = ask(client, stop=text[2:5])
    assert stopped.choices[0].text == text[: text.index(text[2:5])] and stopped.choices[0].finish_reason == "stop"


def test_a_schema_holds(client):
    schema = {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}
    try:
        done = ask(client, max_tokens=60, **own({"guided_json": schema}))
    except openai.BadRequestError as error:  # a build without the grammar library says so, by the field's name
        assert error.param == "guided_json" and "make grammar" in error.message
    else:
        assert done.choices[0].finish_reason == "stop" and isinstance(json.loads(done.choices[0].text), list)


def test_given_answers_are_scored(client):
    scored = ask(client, **own({"choices": [" a cat", " a dog"]})).to_dict()
    assert scored["choices"][0]["text"] in (" a cat", " a dog") and len(scored["ocellus"]["choices"]) == 2


@pytest.mark.parametrize("body, param, words", [
    ({}, "prompt", "missing"),
    ({"prompt": ["a"] * 65}, "prompt", "65 prompts; at most 64"),
    ({"prompt": []}, "prompt", "empty"),
    ({"prompt": ["a", None]}, "prompt[1]", "string"),
    ({"prompt": [1, 10**6]}, "prompt[1]", "no token"),
    ({"prompt": ["a", [1, 10**6]]}, "prompt[1][1]", "no token"),
    ({"prompt": ["a", "b", "a " * 200_000]}, "prompt[2]", "tokens"),
    ({"prompt": ["a", [1]], "echo": True}, "echo", "string"),
    ({"prompt": "a", "suffix": "b"}, "suffix", "suffix"),
    ({"prompt": "a", "best_of": 4}, "best_of", "all answers"),
    ({"prompt": "a", "logprobs": 6}, "logprobs", "0 to 5"),
    ({"prompt": "a", "logprobs": 1, "echo": True}, "logprobs", "echo"),
    ({"prompt": [1], "echo": True}, "echo", "string"),
    ({"prompt": "a", "messages": []}, "messages", "messages"),
    ({"messages": [{"role": "user", "content": "a"}]}, "messages", "/v1/chat/completions"),
    ({"prompt": "a " * 200_000}, "prompt", "tokens"),
    ({"prompt": "a", "n": 99}, "n", "n is 99"),
    ({"prompt": "a", "max_tokens": 1, "n_predict": 2}, "n_predict", "differ"),
])  # fmt: skip
def test_what_is_wrong_is_named(client, body, param, words):
    with pytest.raises(openai.BadRequestError) as told:
        client.post("/completions", body=body, cast_to=object)
    assert told.value.param == param and words in told.value.message


def test_numbers_have_chats_habits(client):
    assert ask(client, max_tokens=None).usage.completion_tokens <= 16
    for field in ("n_predict", "max_new_tokens", "max_completion_tokens"):
        clamped = ask(client, max_tokens=openai.omit, stop="e", **own({field: 10**9})).to_dict()
        assert f"{field} is " in clamped["warning"]
    assert "max_tokens" in ask(client, max_tokens=-1, stop="e").to_dict()["warning"]
    assert ask(client, user="me").to_dict()["warning"] == "without effect here: user"


def test_it_has_the_servers_rules(start):
    server = start("--api-key", "secret-key-of-this-test", "--backend-port", "0")
    body = {"prompt": PROMPT, "max_tokens": 2}
    counted = lambda: httpx.get(f"{server.url}/stats", headers=key).json()["statistics"]["requests"]  # noqa: E731
    key = {"x-api-key": "secret-key-of-this-test"}
    before = counted()
    refused = httpx.post(f"{server.url}/v1/completions", json=body)
    assert refused.status_code == 401 and refused.json()["error"]["type"]
    for path in ("/v1/completions", "/completions", "//v1/completions/", "/v1/v1/completions"):
        assert httpx.post(server.url + path, json=body, headers=key).status_code == 200, path
    answer = httpx.options(f"{server.url}/v1/completions", headers=key)
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST, OPTIONS")
    assert httpx.get(f"{server.url}/v1/completions", headers=key).status_code == 405
    assert httpx.post(f"{server.url}/v1/completions", json=body, headers=key | {"Host": "evil.example"}).status_code == 403
    assert counted() == before + 4


def test_an_abandoned_one_ends(server):
    """Its place is free again, long before it would have been done: of some that are left at their first
    words, as an answer may be over before its reader is gone."""
    cancelled = lambda: httpx.get(server.url + "/stats").json()["statistics"]["cancelled"]  # noqa: E731
    before = cancelled()
    body = {"prompt": PROMPT, "max_tokens": 3000, "stream": True, "temperature": 1, "n": 8, "logit_bias": {token_id("a"): 100}}
    for _ in range(50):
        with httpx.stream("POST", server.url + "/v1/completions", json=body, timeout=60) as answer:
            next(answer.iter_lines())
        end = time.monotonic() + 1
        while time.monotonic() < end:
            if cancelled() > before:
                return
            time.sleep(0.02)
    raise AssertionError("none of them was cancelled")
