"""The OpenAI API as the real client sees it."""

import concurrent.futures
import json
import pathlib
import socket
import subprocess
import sys
import time

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from conftest import MODEL, ROOT, data_uri, drawing, picture_part, text_part, user

QUESTION = "How many shapes are there?"
IMAGE_TURN = user(picture_part(3), text_part(QUESTION))
TEXT_TURN = {"role": "user", "content": "What can you see?"}


def ask(client, *messages, **options):
    options.setdefault("max_tokens", 24)
    return client.chat.completions.create(model="", messages=list(messages), **options)


def text_of(completion):
    return completion.choices[0].message.content


def streamed(client, *messages, **options):
    """Text, finish reason, and usage of a streamed answer, whose form is checked on the way."""
    options.setdefault("max_tokens", 24)
    chunks = list(
        client.chat.completions.create(
            model="",
            messages=list(messages),
            stream=True,
            stream_options={"include_usage": True},
            **options,
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.role is None for chunk in chunks[1:-1])
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    reasons = [chunk.choices[0].finish_reason for chunk in chunks[:-1]]
    assert all(reason is None for reason in reasons[:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    return text, reasons[-1], chunks[-1].usage


@pytest.mark.parametrize(
    "messages",
    [
        [TEXT_TURN],
        [IMAGE_TURN],
        [user(text_part(QUESTION), picture_part(3))],
        [user(picture_part(1), picture_part(2), text_part("What differs?"))],
        [{"role": "system", "content": "Answer briefly."}, IMAGE_TURN],
        [IMAGE_TURN, {"role": "assistant", "content": "Four."}, {"role": "user", "content": "Why?"}],
        [IMAGE_TURN, {"role": "assistant", "content": "4"}, user(picture_part(5), text_part("And?"))],
    ],
    ids=["text", "image", "image-last", "two-images", "system", "two-turns", "image-per-turn"],
)
def test_streaming_gives_the_same_as_not_streaming(client, messages):
    whole = ask(client, *messages)
    text, reason, usage = streamed(client, *messages)
    assert text == text_of(whole)
    assert text.strip(), "an empty answer"
    assert reason == whole.choices[0].finish_reason
    assert usage == whole.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    images = sum(
        part["type"] == "image_url"
        for message in messages
        if isinstance(message["content"], list)
        for part in message["content"]
    )
    details = whole.usage.prompt_tokens_details.model_dump()
    assert (details["image_tokens"] > 0) == (images > 0)
    assert details["image_tokens"] < usage.prompt_tokens
    seen = whole.model_extra["ocellus"]["images"]
    assert len(seen) == images
    assert sum(image["tokens"] for image in seen) == details["image_tokens"]


def test_pictures_may_stand_before_or_behind_the_text(client):
    before = ask(client, user(picture_part(3), text_part(QUESTION)))
    behind = ask(client, user(text_part(QUESTION), picture_part(3)))
    assert text_of(before) == text_of(behind)
    assert before.usage.prompt_tokens == behind.usage.prompt_tokens  # what was cached may differ
    assert before.usage.completion_tokens == behind.usage.completion_tokens


def test_string_content_is_one_text_part(client):
    assert text_of(ask(client, TEXT_TURN)) == text_of(
        ask(client, user(text_part(TEXT_TURN["content"])))
    )


def test_every_document_is_valid_to_the_letter(server):
    body = {"messages": [IMAGE_TURN], "max_tokens": 8}
    whole = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)
    ChatCompletion.model_validate_json(whole.text, strict=True)
    assert whole.headers["x-request-id"]
    for options in ({}, {"stream_options": {"include_usage": True}}):
        with httpx.stream(
            "POST",
            server.url + "/v1/chat/completions",
            json={**body, "stream": True, **options},
            headers={"x-request-id": "my-own-id"},
            timeout=300,
        ) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["x-request-id"] == "my-own-id"
            lines = [line for line in response.iter_lines() if line]
        assert lines[-1] == "data: [DONE]"
        for line in lines[:-1]:
            assert line.startswith("data: "), line  # no event:, no retry:
            chunk = json.loads(line[6:])
            assert ("usage" in chunk) == bool(options)
            ChatCompletionChunk.model_validate(chunk, strict=True)


def test_max_tokens_is_kept_to(client):
    # Hot sampling makes answers long; the same seed makes both runs the same.
    options = {"temperature": 2.0, "seed": 11}
    free = ask(client, TEXT_TURN, max_tokens=64, **options)
    assert free.usage.completion_tokens > 3
    for name in ("max_tokens", "max_completion_tokens"):
        short = client.chat.completions.create(
            model="", messages=[TEXT_TURN], **{name: 3}, **options
        )
        assert short.usage.completion_tokens == 3
        assert short.choices[0].finish_reason == "length"
        assert text_of(free).startswith(text_of(short))


def test_stop_strings_end_the_answer_and_stay_hidden(client):
    turn = user(picture_part(3), text_part("Describe the picture."))
    full = text_of(ask(client, turn, max_tokens=48))
    assert len(full) >= 3
    for stop in (full[len(full) // 2], full[1:3], full[0]):
        expected = full[: full.index(stop)]
        for stops in (stop, ["never in it", stop]):
            whole = ask(client, turn, max_tokens=48, stop=stops)
            assert text_of(whole) == expected
            assert whole.choices[0].finish_reason == "stop"
            text, reason, _ = streamed(client, turn, max_tokens=48, stop=stops)
            assert (text, reason) == (expected, "stop")


def test_an_empty_answer_says_why(client):
    full = text_of(ask(client, IMAGE_TURN))
    empty = ask(client, IMAGE_TURN, stop=full[0])
    assert text_of(empty) == ""
    assert empty.model_extra["warning"]


def test_seeds(client):
    # Hot, and about a drawing that is not of the model's world: it is sure of little then.
    turn = user(picture_part(3), text_part("Describe the picture."))

    def sample(seed):
        return text_of(ask(client, turn, temperature=2.0, seed=seed, max_tokens=16))

    assert sample(7) == sample(7)
    assert len({sample(seed) for seed in range(8)}) > 1
    unseeded = ask(client, turn, temperature=2.0, max_tokens=16)
    seed = unseeded.model_extra["ocellus"]["seed"]
    assert sample(seed) == text_of(unseeded)


def test_greedy_is_the_default_and_repeatable(client):
    first = ask(client, IMAGE_TURN)
    assert text_of(ask(client, IMAGE_TURN)) == text_of(first)
    assert text_of(ask(client, IMAGE_TURN, temperature=0)) == text_of(first)
    assert text_of(ask(client, IMAGE_TURN, top_p=0, temperature=1)) == text_of(first)


def test_detail_chooses_the_crops(client):
    def crops(**options):
        part = {"type": "image_url", "image_url": {"url": data_uri(drawing(3)), **options}}
        answer = ask(client, user(part, text_part(QUESTION)), max_tokens=2)
        (image,) = answer.model_extra["ocellus"]["images"]
        return image["num_crops"], answer.usage.prompt_tokens_details.model_dump()["image_tokens"]

    low, automatic, high = crops(detail="low"), crops(detail="auto"), crops(detail="high")
    assert low[0] == 1
    assert high[0] == 16
    assert automatic == crops()
    assert low[1] <= automatic[1] <= high[1]
    assert low[1] < high[1]


def test_models(client, model):
    listed = client.models.list().data
    assert [m.id for m in listed] == [model]
    assert client.models.retrieve(model).id == model
    named = client.chat.completions.create(model=model, messages=[TEXT_TURN], max_tokens=4)
    assert named.model == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_health_stats_metrics(server, model):
    health = httpx.get(server.url + "/health")
    assert health.status_code == 200
    assert health.json()["status"] == "healthy"
    assert health.json()["model"] == model
    before = httpx.get(server.url + "/stats").json()["statistics"]
    ask(server.client(), TEXT_TURN, max_tokens=2)
    after = httpx.get(server.url + "/stats").json()["statistics"]
    assert after["requests"] == before["requests"] + 1
    assert after["prompt_tokens"] > before["prompt_tokens"]
    metrics = httpx.get(server.url + "/metrics").text
    for line in metrics.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name
            float(value)
    assert "ocellus_time_to_first_token_seconds_count" in metrics


SHELL = {"type": "custom", "custom": {"name": "shell"}}


@pytest.mark.parametrize(
    ("options", "status", "code", "param"),
    [
        ({"n": 9}, 400, "invalid_value", "n"),
        ({"top_logprobs": 3}, 400, "invalid_value", "top_logprobs"),
        ({"presence_penalty": 2.5}, 400, "invalid_value", "presence_penalty"),
        ({"logit_bias": {"5": 101}}, 400, "invalid_value", "logit_bias.5"),
        ({"response_format": {"type": "xml"}}, 400, "invalid_value", "response_format.type"),
        (
            {"tools": [SHELL], "tool_choice": SHELL},
            400,
            "unsupported_parameter",
            "tool_choice.custom.name",
        ),
        ({"temperature": 3.0}, 400, "invalid_value", "temperature"),
        ({"max_tokens": -2}, 400, "invalid_value", "max_tokens"),
        ({"max_tokens": 2**53}, 400, "invalid_value", "max_tokens"),
        ({"stop": ["x" * 513]}, 400, "invalid_value", "stop[0]"),
        ({"extra_body": {"max_token": 5}}, 400, "unsupported_parameter", "max_token"),
        ({"extra_body": {"model": "gpt-4o"}}, 404, "model_not_found", "model"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refused_parameters(client, options, status, code, param):
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(model="", messages=[TEXT_TURN], **options)
    assert error.value.status_code == status
    assert error.value.code == code
    assert error.value.param == param
    assert error.value.type == "invalid_request_error"


def test_pictures_that_cannot_be_shown(client):
    def error_of(url):
        part = {"type": "image_url", "image_url": {"url": url}}
        with pytest.raises(openai.APIStatusError) as error:
            ask(client, user(part, text_part("What?")))
        assert error.value.param.startswith("messages[0].content[0]")
        return error.value

    assert "remote fetching is off" in error_of("https://example.com/a.png").message
    assert error_of("file:///etc/passwd").status_code == 400
    assert error_of("data:image/png;base64,AAAA!AAA").status_code == 400
    assert error_of(data_uri(b"not a picture at all")).status_code in (400, 415)
    assert error_of(data_uri(b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2")).status_code == 415
    assert error_of(data_uri(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "image/gif")).status_code == 400
    good = drawing(2)
    assert error_of(data_uri(good[: len(good) // 2])).status_code == 400
    assert error_of(data_uri(bytes(46 << 20))).status_code == 413
    # Wrong names do not matter, contents do.
    part = {"type": "image_url", "image_url": {"url": data_uri(good, "image/jpeg")}}
    assert text_of(ask(client, user(part, text_part(QUESTION))))


def test_too_many_pictures_and_the_server_goes_on(client):
    many = [picture_part(1)] * 17
    with pytest.raises(openai.BadRequestError, match="16 pictures"):
        ask(client, user(*many, text_part("What?")))
    assert text_of(ask(client, IMAGE_TURN))


def test_prompts_over_the_context_are_refused_with_the_counts(client, model):
    context = client.models.retrieve(model).model_extra["capabilities"]["context_length"]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as error:
            list(ask(client, {"role": "user", "content": "cat dog " * context}, stream=stream))
        assert error.value.code == "context_length_exceeded"
        assert str(context) in error.value.message


def test_control_tokens_in_text_are_text(client):
    for text in ("<|end|><|assistant|>", "<|image_1|>", "<s></s>", "a\0b", "\U0001f600 \u202e"):
        answer = ask(client, {"role": "user", "content": text}, max_tokens=4)
        assert answer.usage.prompt_tokens_details.model_dump()["image_tokens"] == 0


def test_each_of_many_clients_gets_its_own_answer(server):
    def answer(number):
        turn = user(picture_part(number), text_part("Describe the picture."))
        return text_of(ask(server.client(), turn))

    alone = [answer(number) for number in range(8)]
    assert len(set(alone)) > 1, "the pictures give the same answer; nothing would be shown"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answer, list(range(8)) * 3))
    assert together == alone * 3


def test_a_client_that_goes_away_stops_the_work(server):
    def statistics():
        return httpx.get(server.url + "/stats").json()["statistics"]

    def wait_until(what):
        deadline = time.monotonic() + 120
        while not what():
            assert time.monotonic() < deadline, statistics()
            time.sleep(0.01)

    def lines(event):
        return sum(f" event={event} " in line for line in list(server.log))

    # As much work as the context holds; left when the server has begun with it, whenever that is.
    def turn(first):
        pictures = [picture_part(number, detail="high") for number in range(first, first + 6)]
        return user(*pictures, text_part("Describe."))

    def leave(stream, first):
        """Whether it was left before it was answered: a busy machine may be late once."""
        cancelled, queued, done = statistics()["cancelled"], lines("queued"), lines("done")
        body = json.dumps({"messages": [turn(first)], "stream": stream}).encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            wait_until(lambda: lines("queued") > queued)
        wait_until(lambda: statistics()["cancelled"] > cancelled or lines("done") > done)
        return statistics()["cancelled"] > cancelled

    for stream in (False, True):
        assert any(leave(stream, 30 + 6 * attempt) for attempt in range(10))
    wait_until(lambda: not statistics()["running"])
    # A client whose own patience ends says so.
    with pytest.raises(openai.APITimeoutError):
        list(ask(server.client(timeout=0.01), turn(90)))
    assert text_of(ask(server.client(), IMAGE_TURN))


def test_prompts_and_pictures_are_not_in_the_log(server):
    ask(server.client(), {"role": "user", "content": "zanzibar secret"}, max_tokens=2)
    ask(server.client(), IMAGE_TURN, max_tokens=2)
    log = "\n".join(server.settled_log())
    assert "event=http" in log
    assert "zanzibar" not in log
    assert "base64" not in log


@pytest.mark.skipif(MODEL != "demo", reason="the examples are for the embedded model")
def test_the_examples_are_answered_right(client):
    examples = json.loads((ROOT / "examples/examples.json").read_text())
    assert examples
    for example in examples:
        data = (ROOT / "examples" / example["image"]).read_bytes()
        part = {"type": "image_url", "image_url": {"url": data_uri(data)}}
        answer = text_of(ask(client, user(part, text_part(example["question"])), max_tokens=64))
        wanted = example["answer"]
        assert answer.strip().lower().rstrip(".") == wanted.strip().lower().rstrip("."), example


def test_soak_in_short(server):
    """60 requests, each picture and turn several times: nothing empty, nothing different."""
    done = subprocess.run(
        [
            sys.executable,
            str(pathlib.Path(__file__).with_name("soak.py")),
            "--url",
            server.url,
            "--requests",
            "60",
            "--pictures",
            "5",
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 requests, 0 empty, 0 different" in done.stdout
