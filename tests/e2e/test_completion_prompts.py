"""Several prompts in one text completion, as OpenAI's own Python client sends them: LangChain's `generate` asks for 20
at a time."""

import json
from collections import defaultdict

import httpx
import openai
import pytest
from openai.types import Completion

from conftest import ONE_TOKEN, Server, eventually
from test_cli import run

SUBJECTS = ["a cat", "two dogs", "the sea", "a red square", "snow"]
TWENTY = [f"{number}. The picture shows {subject}, and" for number, subject in enumerate(SUBJECTS * 4)]
DRAWN = {"temperature": 1.2, "seed": 11, "n": 2, "logprobs": 2, "stop": ["e", "picture"]}


def ask(client, prompt, **more):
    return client.completions.create(**{"model": "", "prompt": prompt, "max_tokens": 10, "temperature": 0} | more)


def statistics(server):
    return httpx.get(server.url + "/stats").json()["statistics"]


def answers(done, stream=False):
    """Of each choice: text, tokens, their numbers, and how it ended, once."""
    texts, tokens, numbers, ends = (defaultdict(list) for _ in range(4))
    for part in done if stream else [done]:
        for choice in part.choices:
            texts[choice.index].append(choice.text)
            if choice.logprobs:
                tokens[choice.index] += choice.logprobs.tokens
                numbers[choice.index] += choice.logprobs.token_logprobs
            if choice.finish_reason:
                ends[choice.index].append(choice.finish_reason)
    return [("".join(texts[i]), tokens[i], numbers[i], *ends[i]) for i in range(len(texts))]


@pytest.fixture(scope="module")
def forgetful():
    """A server that computes what it is asked again."""
    running = Server("--response-cache-mb", "0")
    yield running
    running.end()


@pytest.fixture(scope="module")
def alone(forgetful):
    """The answers to TWENTY, each asked alone, and what they took."""

    def asked(**more):
        done = [ask(forgetful.client(), prompt, **more) for prompt in TWENTY]
        return [one for each in done for one in answers(each)], [each.usage for each in done]

    return {"greedy": asked(), "drawn": asked(**DRAWN), "echoed": asked(echo=True, n=2)}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("how", ["greedy", "drawn", "echoed"])
def test_twenty_are_answered_as_each_alone(forgetful, alone, how, stream):
    more = {"greedy": {}, "drawn": DRAWN, "echoed": {"echo": True, "n": 2}}[how]
    if stream:
        more = more | {"stream": True, "stream_options": {"include_usage": True}}
    done = ask(forgetful.client(), TWENTY, **more)
    parts = list(done) if stream else [Completion.model_validate(done.to_dict(), strict=False)]
    expected, usages = alone[how]
    assert answers(parts, stream=True) == expected
    assert len({part.id for part in parts}) == 1
    told = [part.usage for part in parts if part.usage]
    assert len(told) == 1 and parts[-1].usage
    assert told[0].prompt_tokens == sum(one.prompt_tokens for one in usages)
    assert told[0].completion_tokens == sum(one.completion_tokens for one in usages)
    assert told[0].total_tokens == told[0].prompt_tokens + told[0].completion_tokens
    if not stream:
        assert [choice.index for choice in done.choices] == list(range(len(expected)))


def test_tokens_that_were_computed_before_are_summed(forgetful):
    long = [f"{name}: " + "one two three four " * 40 for name in ("first", "second")]
    cached = []
    for prompt in long:
        ask(forgetful.client(), prompt)
        cached.append(ask(forgetful.client(), prompt).usage.prompt_tokens_details.cached_tokens)
    both = ask(forgetful.client(), long).usage
    assert min(cached) > 0 and both.prompt_tokens_details.cached_tokens == sum(cached)


def test_ids_and_texts_are_answered_beside_each_other(forgetful):
    ids = httpx.post(f"{forgetful.url}/tokenize", json={"prompt": TWENTY[1]}).json()["tokens"]
    texts = [choice.text for choice in ask(forgetful.client(), TWENTY[:2]).choices]
    second = texts[1]
    assert [choice.text for choice in ask(forgetful.client(), [ids, ids]).choices] == [second, second]
    assert [choice.text for choice in ask(forgetful.client(), [TWENTY[0], ids]).choices] == texts


def test_without_a_seed_equal_prompts_are_drawn_apart(forgetful):
    drawn = ask(forgetful.client(), TWENTY[:1] * 8, temperature=2, logprobs=0).choices
    assert len({str(choice.logprobs.token_logprobs) for choice in drawn}) > 1


def test_a_stream_interleaves_and_ends_once(forgetful):
    body = {"prompt": TWENTY[:4], "max_tokens": 10, "temperature": 0, "stream": True}
    text = httpx.post(f"{forgetful.url}/v1/completions", json=body).text
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]" and lines.count("[DONE]") == 1
    choices = [json.loads(line)["choices"][0] for line in lines[:-1]]
    order = [choice["index"] for choice in choices if choice["text"]]
    assert order != sorted(order), "one after the other"
    assert sorted(choice["index"] for choice in choices if choice["finish_reason"]) == [0, 1, 2, 3]


def test_as_many_as_the_document_says(forgetful):
    shapes = httpx.get(f"{forgetful.url}/openapi.json").json()["components"]["schemas"]["Prompt"]["anyOf"]
    most = next(shape["maxItems"] for shape in shapes if "maxItems" in shape)
    done = ask(forgetful.client(), [f"{i}" for i in range(most)], max_tokens=1)
    assert [choice.index for choice in done.choices] == list(range(most))
    with pytest.raises(openai.BadRequestError) as told:
        ask(forgetful.client(), ["a"] * (most + 1))
    assert told.value.param == "prompt" and f"at most {most}" in told.value.message


def test_scores_and_warnings_are_those_of_all(forgetful):
    body = {"choices": [" a cat", " a dog"], "temperature": openai.omit, "max_tokens": openai.omit}
    more = {"extra_body": {"choices": body.pop("choices")}} | body
    each = [ask(forgetful.client(), prompt, **more).to_dict() for prompt in TWENTY[:3]]
    both = ask(forgetful.client(), TWENTY[:3], **more).to_dict()
    assert [choice["text"] for choice in both["choices"]] == [one["choices"][0]["text"] for one in each]
    assert both["ocellus"]["choices"] == [score for one in each for score in one["ocellus"]["choices"]]
    empty = ask(forgetful.client(), TWENTY[:3], max_tokens=0, user="me", echo=True).to_dict()
    assert [choice["text"] for choice in empty["choices"]] == TWENTY[:3]
    assert empty["warning"] == "without effect here: user; no token was asked for, so the answer is empty"


def test_the_cache_knows_each_prompt(start):
    client = (server := start()).client()
    first = ask(client, TWENTY[0]).choices[0].text

    def asked(prompts):
        done = client.completions.with_raw_response.create(model="", prompt=prompts, max_tokens=10, temperature=0)
        return done.headers["x-ocellus-cache"], [choice.text for choice in done.parse().choices]

    # One is known here, the other is not.
    streamed = answers(ask(client, TWENTY[:2], stream=True), stream=True)
    kind, texts = asked(TWENTY[:2])
    assert kind == "hit" and texts[0] == first and texts == [one[0] for one in streamed]
    assert asked(TWENTY[1:3])[0] == "miss"
    assert asked(TWENTY[:3])[0] == "hit"
    assert answers(ask(client, TWENTY[:2], stream=True), stream=True) == streamed
    eventually(lambda: statistics(server)["cache_hits"] == 1 + 2 + 1 + 3 + 2)


def go_on(prompts, **more):
    """Of the endless model, until it is left."""
    return {"prompt": prompts, "max_tokens": -1} | ONE_TOKEN | more


def idle(server):
    counted = statistics(server)
    return counted["queued"] == counted["running"] == 0


def test_what_does_not_fit_is_refused_as_a_whole(start, endless):
    server = start("-m", endless, "--max-answer", "0", "--max-queue", "2", "--max-running", "1", "--response-cache-mb", "0")
    url = server.url + "/v1/completions"
    never = httpx.post(url, json={"prompt": TWENTY[:4]})
    assert never.status_code == 400 and never.json()["error"]["param"] == "prompt"
    assert "places for 3 requests" in never.json()["error"]["message"]
    assert httpx.post(url, json={"prompt": TWENTY, "max_tokens": 0}).status_code == 200  # takes no place
    assert httpx.post(url, json={"prompt": TWENTY[:3], "max_tokens": 2}).status_code == 200
    eventually(lambda: idle(server))
    with httpx.stream("POST", url, json=go_on("a", stream=True)) as running:
        lines = running.iter_lines()  # what is let go of is hung up
        assert next(lines)
        before = statistics(server)
        refused = httpx.post(url, json={"prompt": TWENTY[:3], "max_tokens": 2})
        after = statistics(server)
    assert refused.status_code == 429 and refused.headers["retry-after"]
    assert "3 prompts" in refused.json()["error"]["message"]
    assert (after["queued"], after["rejected"]) == (0, before["rejected"] + 1)
    assert after["accepted"] == before["accepted"], "some of them have run"
    eventually(lambda: idle(server))
    assert len(ask(server.client(), TWENTY[:3]).choices) == 3


def test_a_wrong_one_leaves_nothing_behind(forgetful):
    before = statistics(forgetful)
    with pytest.raises(openai.BadRequestError) as told:
        ask(forgetful.client(), [TWENTY[0], [1, 10**6]], max_tokens=3000)
    assert told.value.param == "prompt[1][1]"
    after = statistics(forgetful)
    assert (after["queued"], after["running"]) == (0, 0)
    assert after["generated_tokens"] == before["generated_tokens"]


def ended(server):
    counted = statistics(server)
    return counted["failed"] + counted["cancelled"] + counted["requests"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_out_of_time_is_one_error(start, endless, stream):
    server = start("-m", endless, "--max-answer", "0", "--time-limit", "1", "--max-running", "2")
    before = ended(server)
    answer = httpx.post(server.url + "/v1/completions", json=go_on(TWENTY[:6], stream=stream), timeout=60)
    if stream:
        assert answer.text.count("data: [DONE]") == 1 and answer.text.endswith("data: [DONE]\n\n")
        errors = [line for line in answer.text.split("\n\n") if line.startswith('data: {"error"')]
        assert len(errors) == 1
    else:
        assert answer.status_code >= 500 and answer.json()["error"]["message"]
    eventually(lambda: idle(server))
    assert statistics(server)["failed"] > 0 and ended(server) == before + 6


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_who_leaves_ends_all_of_them(start, endless, stream):
    server = start("-m", endless, "--max-answer", "0", "--max-running", "4")
    before = ended(server)
    body = go_on(TWENTY, stream=stream)
    if stream:
        with httpx.stream("POST", server.url + "/v1/completions", json=body, timeout=60) as answer:
            next(answer.iter_lines())
    else:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url + "/v1/completions", json=body, timeout=httpx.Timeout(60, read=1))
    eventually(lambda: statistics(server)["cancelled"] > 0 and idle(server))
    assert statistics(server)["failed"] == 0 and ended(server) == before + 20


def test_each_has_its_lines_in_the_log(start):
    server = start()
    headers = {"x-request-id": "twins"}
    httpx.post(server.url + "/v1/completions", json={"prompt": TWENTY[:2], "max_tokens": 2}, headers=headers)
    for name in ("twins/0", "twins/1"):
        server.shown_or_next(f"req={name} event=done ")


def test_a_file_of_requests_has_them_too(tmp_path, alone):
    """`ocellus batch` asks the same without a server, and without a cache of answers."""
    body = {"max_tokens": 10, "temperature": 0}
    asked = {"all": {"prompt": TWENTY} | body, "none": {"prompt": TWENTY[:2], "echo": True} | body | {"max_tokens": 0}}
    lines = [{"custom_id": name, "method": "POST", "url": "/v1/completions", "body": body} for name, body in asked.items()]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run("batch", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    told = [json.loads(line)["response"]["body"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [choice["text"] for choice in told[0]["choices"]] == [one[0] for one in alone["greedy"][0]]
    assert [choice["text"] for choice in told[1]["choices"]] == TWENTY[:2]


def test_no_ops_are_accepted(forgetful):
    client = forgetful.client()
    plain = ask(client, TWENTY[0], n=2)
    for more in ({"best_of": 1}, {"best_of": 2}, {"best_of": None}, {"suffix": None}, {"suffix": ""}):
        done = ask(client, TWENTY[0], n=2, **more).to_dict()
        assert [choice["text"] for choice in done["choices"]] == [choice.text for choice in plain.choices]
        assert "warning" not in done
