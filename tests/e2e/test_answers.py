"""More than one answer, what is told of its tokens, and what bends their odds: by the real client."""

import json
import math
import shutil
import time

import httpx
import openai
import pytest

from conftest import MODEL, ROOT, data_uri, drawing, picture_part, text_part, token_id, user

QUESTION = "Describe the picture."
TURN = user(picture_part(3), text_part(QUESTION))


def ask(client, *messages, **options):
    options.setdefault("max_tokens", 24)
    return client.chat.completions.create(
        model="", messages=list(messages) or [TURN], **options
    )


def texts(completion):
    return [choice.message.content for choice in completion.choices]


def streamed(client, count=1, **options):
    """Of each choice: its text, its tokens' logprobs, its finish reason; and the usage."""
    text, tokens, reasons = [""] * count, [[] for _ in range(count)], [None] * count
    usage = None
    for chunk in ask(client, stream=True, stream_options={"include_usage": True}, **options):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            assert reasons[choice.index] is None, "a chunk behind the finish reason"
            text[choice.index] += choice.delta.content or ""
            tokens[choice.index] += choice.logprobs.content if choice.logprobs else []
            reasons[choice.index] = choice.finish_reason
    return text, tokens, reasons, usage


def test_n_answers_are_those_of_their_seeds(client):
    hot = {"temperature": 2.0, "max_tokens": 16}
    several = ask(client, n=4, seed=21, **hot)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert len(set(texts(several))) > 1
    alone = [ask(client, seed=21 + i, **hot) for i in range(4)]
    assert texts(several) == [text for answer in alone for text in texts(answer)]
    assert [choice.finish_reason for choice in several.choices] == [
        answer.choices[0].finish_reason for answer in alone
    ]
    # The prompt counts once, what was written counts in full.
    assert several.usage.prompt_tokens == alone[0].usage.prompt_tokens
    assert several.usage.completion_tokens == sum(a.usage.completion_tokens for a in alone)


def test_n_answers_streamed_are_the_same(client):
    hot = {"temperature": 2.0, "seed": 21, "n": 4, "max_tokens": 16, "logprobs": True}
    whole = ask(client, **hot)
    text, tokens, reasons, usage = streamed(client, 4, **hot)
    assert text == texts(whole)
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert usage.completion_tokens == whole.usage.completion_tokens
    assert tokens == [choice.logprobs.content for choice in whole.choices]


def test_n_greedy_answers_are_equal(client):
    greedy = texts(ask(client, n=3))
    assert len(greedy) == 3 and len(set(greedy)) == 1


def test_logprobs_are_consistent(client):
    answer = ask(client, logprobs=True, top_logprobs=5)
    tokens = answer.choices[0].logprobs.content
    text = answer.choices[0].message.content
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == text
    # Every token written but the one that ended it.
    assert len(tokens) in (answer.usage.completion_tokens, answer.usage.completion_tokens - 1)
    for token in tokens:
        best = token.top_logprobs
        assert len(best) == 5 and len({each.token for each in best}) == 5
        assert (best[0].token, best[0].logprob) == (token.token, token.logprob)  # temperature 0
        assert [each.logprob for each in best] == sorted((e.logprob for e in best), reverse=True)
        assert 0 < sum(math.exp(each.logprob) for each in best) <= 1 + 1e-6
        for each in best:
            assert each.bytes is None or bytes(each.bytes).decode(errors="replace")
            assert each.logprob <= 0
    # No more than asked for, and nothing where nothing is asked for.
    assert ask(client, logprobs=True).choices[0].logprobs.content[0].top_logprobs == []
    assert ask(client).choices[0].logprobs is None
    # Whether they are told changes no answer; streamed they are the same.
    assert texts(ask(client)) == [text]
    assert streamed(client, logprobs=True, top_logprobs=5)[1] == [tokens]


def test_logprobs_are_of_the_raw_logits(client):
    """What the model says does not depend on how one draws: the first token's best are the same."""

    def first(**options):
        answer = ask(client, logprobs=True, top_logprobs=8, max_tokens=1, **options)
        return answer.choices[0].logprobs.content[0]

    plain = first()
    drawn = first(temperature=2.0, seed=3, presence_penalty=1.0)
    assert drawn.top_logprobs == plain.top_logprobs
    # Bytes that are no text by themselves stand for themselves.
    told = [first(temperature=2.0, top_p=1.0, seed=seed) for seed in range(8)]
    assert all(token.bytes is None or bytes(token.bytes) for token in told)
    assert len({token.logprob for token in told}) > 1


@pytest.fixture
def bias_ids(client):
    """The ids of the likeliest token of the first place, and of the next."""
    answer = ask(client, logprobs=True, top_logprobs=2, max_tokens=1)
    names = [each.token for each in answer.choices[0].logprobs.content[0].top_logprobs]
    return [token_id(name) for name in names]


def test_logit_bias_forbids_and_forces(client, bias_ids):
    first, other = bias_ids
    plain = ask(client, logprobs=True, top_logprobs=2).choices[0].logprobs.content[0]
    banned = ask(client, logprobs=True, logit_bias={str(first): -100})
    assert banned.choices[0].logprobs.content[0].token == plain.top_logprobs[1].token
    forced = ask(client, max_tokens=3, logprobs=True, logit_bias={str(other): 100})
    tokens = forced.choices[0].logprobs.content
    assert len(tokens) == 3 and len({token.token for token in tokens[1:]}) == 1
    assert forced.choices[0].finish_reason == "length"
    # A bias of nothing changes nothing.
    assert texts(ask(client, logit_bias={str(first): 0})) == texts(ask(client))


def test_penalties_make_repetition_rarer(client, bias_ids):
    """A token that a bias just favours is written again and again, until a penalty outweighs it."""
    _, other = bias_ids

    def share(**options):
        answer = ask(client, max_tokens=16, logprobs=True, logit_bias={str(other): 30}, **options)
        tokens = [token.token for token in answer.choices[0].logprobs.content]
        return max(tokens.count(token) for token in set(tokens))

    plain = share()
    assert share(presence_penalty=0.0, frequency_penalty=0.0) == plain >= 8
    assert share(frequency_penalty=2.0) < plain

    def repeated(**options):
        words = texts(ask(client, max_tokens=40, **options))[0].split()
        return len(words) - len(set(words))

    assert repeated(extra_body={"repetition_penalty": 2.0}) < repeated()
    # Presence counts once, so it takes choices that are nearly even to show it.
    even = {"temperature": 2.0, "seed": 4, "max_tokens": 40}
    assert texts(ask(client, **even, presence_penalty=2.0)) != texts(ask(client, **even))


@pytest.mark.parametrize("stream", [False, True])
def test_choices_are_scored(client, stream):
    wanted = ["Circle.", "Square.", "There is no shape at all."]
    shape = user(
        {"type": "image_url", "image_url": {"url": data_uri((ROOT / "examples/red-circle.png").read_bytes())}},
        text_part("What shape is in the picture?"),
    )  # fmt: skip

    def score(choices):
        answer = ask(client, shape, stream=stream, extra_body={"choices": choices})
        if not stream:
            return texts(answer)[0], answer.model_extra["ocellus"]["choices"]
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        return text, chunks[-1].model_extra["ocellus"]["choices"]

    text, scored = score(wanted)
    assert text == wanted[0]
    assert [each["text"] for each in scored] == wanted
    assert math.isclose(sum(each["probability"] for each in scored), 1, abs_tol=1e-6)
    assert max(scored, key=lambda each: each["probability"])["text"] == wanted[0]
    for each in scored:
        assert each["logprob"] < 0 and each["tokens"] >= 2
        assert math.isclose(each["mean_logprob"], each["logprob"] / each["tokens"], rel_tol=1e-6)
    # Alone each has the same score; the order is the request's.
    for each in scored:
        assert score([each["text"]])[1][0]["logprob"] == each["logprob"]
    assert [each["text"] for each in score(wanted[::-1])[1]] == wanted[::-1]


def test_choices_refuse_what_is_for_drawing(client):
    for options in ({"temperature": 1.0}, {"n": 2}, {"logprobs": True}, {"stop": "x"}):
        with pytest.raises(openai.BadRequestError) as error:
            ask(client, extra_body={"choices": ["yes", "no"]}, **options)
        assert "choices" in error.value.message
    for choices in ([], [""], "yes", ["x"] * 65, ["y" * 4097], [1]):
        with pytest.raises(openai.BadRequestError) as error:
            ask(client, extra_body={"choices": choices})
        assert error.value.param.startswith("choices")


@pytest.mark.skipif(MODEL != "demo", reason="changes the embedded model's own default")
def test_detail_is_1_4_and_16_crops_of_prompt_tokens(start, tmp_path):
    """The embedded model as it would be with Phi-3.5-Vision's default, 4 crops."""
    folder = shutil.copytree(ROOT / "models/demo", tmp_path / "four-crops")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "num_crops": 4}))
    client = start(model=str(folder)).client()

    def prompt_tokens(**options):
        answer = ask(client, user(picture_part(3, **options), text_part("What?")), max_tokens=1)
        return answer.usage.prompt_tokens

    bare = ask(client, user(text_part("What?")), max_tokens=1).usage.prompt_tokens
    by_number = [prompt_tokens(num_crops=crops) for crops in (1, 4, 16)]
    assert [prompt_tokens(detail=d) for d in ("low", "auto", "high")] == by_number
    assert prompt_tokens(detail="original") == by_number[2]
    assert prompt_tokens() == by_number[1]
    assert bare < by_number[0] < by_number[1] < by_number[2]
    with pytest.raises(openai.BadRequestError, match="low, auto, high or original"):
        prompt_tokens(detail="medium")


def test_each_picture_of_several_turns_counts(client):
    """Tokens of a conversation with pictures in two turns are those of its pictures and words."""

    def image_tokens(*messages):
        usage = ask(client, *messages, max_tokens=1).usage
        return usage.prompt_tokens_details.model_dump()["image_tokens"]

    first, second = picture_part(1, detail="high"), picture_part(2, detail="low")
    single = [image_tokens(user(part, text_part("What?"))) for part in (first, second)]
    turns = (
        user(first, text_part("What is this?")),
        {"role": "assistant", "content": "A drawing."},
        user(second, text_part("And this?")),
    )
    assert image_tokens(*turns) == sum(single)
    assert image_tokens(user(first, second, text_part("What?"))) == sum(single)
    # Which picture stands where is not the same to the model.
    assert drawing(1) != drawing(2)
    scores = [
        ask(client, user(*parts, text_part("Describe.")), logprobs=True, max_tokens=1)
        .choices[0].logprobs.content[0].logprob
        for parts in ((first, second), (second, first))
    ]  # fmt: skip
    assert scores[0] != scores[1]


def test_an_abandoned_stream_leaves_the_server_idle(server, bias_ids):
    def statistics():
        return httpx.get(server.url + "/stats").json()["statistics"]

    before = statistics()["cancelled"]
    client = server.client()
    # One token that is forced again and again, so that the answer would be a long one; drawn, so
    # that no cache knows it.
    options = {"temperature": 1.0, "logit_bias": {str(bias_ids[1]): 100}, "max_tokens": 3000}
    stream = ask(client, stream=True, n=2, extra_body={"draft_tokens": 0}, **options)
    for number, _ in enumerate(stream):
        if number == 5:
            break
    stream.close()
    deadline = time.monotonic() + 60
    while (now := statistics())["running"] or now["queued"] or now["cancelled"] == before:
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    assert texts(ask(client)) == texts(ask(server.client()))


def test_stop_and_seed_with_several_answers(client):
    hot = {"temperature": 2.0, "seed": 21, "n": 4, "max_tokens": 16}
    free = texts(ask(client, **hot))
    stop = next(text for text in free if text.strip())[1:3]
    cut = ask(client, stop=[stop], **hot)
    for choice, text in zip(cut.choices, free, strict=True):
        assert choice.message.content == text.split(stop)[0]
        if stop in text:
            assert choice.finish_reason == "stop"
    assert texts(ask(client, stop=[stop], **hot)) == texts(cut)
    assert texts(ask(client, **{**hot, "seed": 22}))[:3] == free[1:]
