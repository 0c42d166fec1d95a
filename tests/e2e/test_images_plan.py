"""What a question will take, told before it is asked, and how far its answer is while it is waited for."""

import concurrent.futures
import io
import json
import re
import time

import httpx
import pytest
from PIL import Image

from conftest import data_uri, text_part, user


def picture_part(number, **more):
    """One that no other test has shown to the server."""
    out = io.BytesIO()
    Image.new("RGB", (200, 160), (number % 256, number // 256, 77)).save(out, "PNG")
    return {"type": "image_url", "image_url": {"url": data_uri(out.getvalue()), **more}}


def body(*parts, **fields):
    return {"messages": [user(*parts)], "max_tokens": 4, "temperature": 0, **fields}


def plan(server, request, status=200):
    response = httpx.post(server.url + "/v1/images/plan", json=request)
    assert response.status_code == status, response.text
    return response.json()


def answer(server, request):
    response = httpx.post(server.url + "/v1/chat/completions", json=request)
    assert response.status_code == 200, response.text
    return response.json()


QUESTIONS = {
    "words": body(text_part("What will it take to say what you see?")),  # no other test asks it
    "picture": body(picture_part(401), text_part("What is this?")),
    "low": body(picture_part(402, detail="low"), text_part("What is this?")),
    "high": body(picture_part(403, detail="high"), text_part("What is this?")),
    "crops": body(picture_part(404), text_part("Count them."), num_crops=4),
    "two": body(picture_part(405), picture_part(406), text_part("Which is larger?")),
    "in order": body(text_part("This"), picture_part(407), text_part("or this?"), keep_order=True),
    "turns": {"messages": [user(picture_part(408), text_part("What?")),
                           {"role": "assistant", "content": "A star."}, user(text_part("Which colour?"))],
              "max_tokens": 4},
    "picture alone": body(picture_part(409)),
    "schema": body(picture_part(410), text_part("What?"), response_format={"type": "json_object"}),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_tokens_and_views_are_those_of_the_answer(server, name):
    request = QUESTIONS[name]
    planned = plan(server, request)
    told = answer(server, request)
    assert planned["usage"]["prompt_tokens"] == told["usage"]["prompt_tokens"]
    details = told["usage"]["prompt_tokens_details"]
    assert planned["usage"]["prompt_tokens_details"]["image_tokens"] == details["image_tokens"]
    assert planned["usage"]["prompt_tokens_details"]["cached_tokens"] == details["cached_tokens"]
    assert planned["model"] == told["model"]
    assert planned["max_tokens"] == 4
    plans = [{key: value for key, value in image.items() if key not in ("views", "cached")}
             for image in planned["images"]]  # fmt: skip
    assert plans == told["ocellus"]["images"]
    assert planned["expected"]["views"] == sum(image["views"] for image in planned["images"])


def test_more_crops_are_more_of_everything(server):
    one, four = (plan(server, body(picture_part(420), text_part("What?"), num_crops=n)) for n in (1, 4))
    assert one["images"][0]["views"] < four["images"][0]["views"]
    assert one["usage"]["prompt_tokens"] < four["usage"]["prompt_tokens"]


RUN = r"req=req-\S+ event=(queued|started|tower|prefill|token) "  # of a request that runs


def test_nothing_is_run_and_what_was_measured_is_told(start):
    server = start()
    request = body(picture_part(430), text_part("What is in the picture?"), max_tokens=8)
    planned = plan(server, request)
    assert not planned["cached"] and not planned["images"][0]["cached"]
    assert {key: value for key, value in planned["expected"].items() if key != "views"} == {
        "first_token_seconds": None, "seconds_per_view": None, "prefill_tokens_per_second": None,
        "decode_tokens_per_second": None,
    }  # fmt: skip
    assert planned["requests_ahead"] == 0
    assert not any(re.search(RUN, line) for line in server.settled_log())

    answer(server, request)
    assert server.logged(RUN)
    again = plan(server, request)
    assert again["cached"] and again["images"][0]["cached"] and again["expected"]["views"] == 0
    assert again["expected"]["first_token_seconds"] == 0
    assert all(again["expected"][name] > 0 for name in ("seconds_per_view", "prefill_tokens_per_second"))
    other = plan(server, body(picture_part(431), text_part("What is in the picture?")))
    assert not other["cached"] and other["expected"]["views"] > 0
    assert other["expected"]["first_token_seconds"] > 0


@pytest.mark.parametrize(
    "request_body, status",
    [
        ({"messages": []}, 400),
        (body({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, text_part("?")), 415),
        (body({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}, text_part("?")), 400),
        (body(picture_part(440), text_part("?"), num_crops=1000), 400),
        (body(picture_part(440), text_part("word " * 100_000)), 400),
        (body(text_part("?"), n=100), 400),
        (body(text_part("?"), model="no-such-model"), 404),
        (body(text_part("?"), nonsense=1), 400),
    ],
    ids=["nothing", "no picture", "remote", "crops", "long", "answers", "model", "field"],
)
def test_what_would_be_refused_is_refused(server, request_body, status):
    planned = httpx.post(server.url + "/v1/images/plan", json=request_body)
    asked = httpx.post(server.url + "/v1/chat/completions", json=request_body)
    assert (planned.status_code, planned.json()) == (asked.status_code, asked.json())
    assert planned.status_code == status


def test_it_wants_a_key_where_answers_do(start):
    server = start("--api-key", "secret")
    url = server.url + "/v1/images/plan"
    assert httpx.post(url, json=body(text_part("?"))).status_code == 401
    known = httpx.post(url, json=body(text_part("?")), headers={"Authorization": "Bearer secret"})
    assert known.status_code == 200


def lines(server, request):
    with httpx.stream("POST", server.url + "/v1/chat/completions", json=request) as response:
        assert response.status_code == 200
        return [line for line in response.iter_lines() if line]


def told(lines):
    return [json.loads(line.removeprefix(": progress ")) for line in lines if line.startswith(": progress ")]


def test_a_stream_says_how_far_it_is(server):
    request = body(picture_part(450), text_part("What is this?"), num_crops=4, stream=True,
                   stream_options={"include_progress": True})  # fmt: skip
    views = plan(server, request)["expected"]["views"]
    all_lines = lines(server, request)
    progress = told(all_lines)
    assert [one["done"] for one in progress if one["phase"] == "encoding"] == list(range(views + 1))
    assert {one["total"] for one in progress if one["phase"] == "encoding"} == {views}
    phases = list(dict.fromkeys(one["phase"] for one in progress))
    assert [phase for phase in phases if phase not in ("decoding", "preparing", "queued")] == [
        "encoding", "prefill", "answering",
    ]  # fmt: skip
    # Before the first word, and nothing else is another.
    first = next(i for i, line in enumerate(all_lines) if '"content":"' in line and '"content":""' not in line)
    assert max(i for i, line in enumerate(all_lines) if line.startswith(": progress")) < first
    plain = lines(server, {**request, "stream_options": {}})
    assert not told(plain)
    texts = ["".join(json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in each
                     if line.startswith("data: {")) for each in (all_lines, plain)]  # fmt: skip
    assert texts[0] == texts[1] != ""


def test_the_openai_client_passes_over_it(client):
    request = body(picture_part(460), text_part("What is this?"), stream=True)
    chunks = list(client.chat.completions.create(
        model="", **request, stream_options={"include_usage": True, "include_progress": True}))  # fmt: skip
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage.completion_tokens > 0


def test_without_a_stream_it_is_without_effect(server):
    told_of = answer(server, body(text_part("Hello"), stream_options={"include_progress": True}))
    assert told_of["warning"] == "without effect here: stream_options"


def test_several_at_once_each_hear_of_their_own(server):
    requests = [body(*(picture_part(470 + 10 * n + i) for i in range(n)), text_part("What?"), stream=True,
                     stream_options={"include_progress": True}) for n in (1, 2, 3)]  # fmt: skip
    views = [plan(server, request)["expected"]["views"] for request in requests]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for count, each in zip(views, pool.map(lambda request: told(lines(server, request)), requests)):
            assert [one["done"] for one in each if one["phase"] == "encoding"] == list(range(count + 1))


def test_a_plan_loads_no_model_that_was_let_go_of(start):
    """Not even the one that answers requests without a name; the next question loads it again."""
    running = start()
    name = httpx.get(running.url + "/v1/models").json()["data"][0]["id"]
    gone = httpx.post(running.url + "/api/generate", json={"model": name, "keep_alive": 0, "stream": False})
    assert gone.json()["done_reason"] == "unload"
    deadline = time.monotonic() + 60
    while httpx.get(running.url + "/api/ps").json()["models"] and time.monotonic() < deadline:
        time.sleep(0.05)
    for more in ({}, {"model": name}):
        told = plan(running, body(text_part("What?"), **more), 503)
        assert "a plan loads none" in told["error"]["message"]
        question = {"messages": [{"role": "user", "content": "What?"}], **more}
        assert httpx.post(running.url + "/v1/messages/count_tokens", json=question).status_code == 503
    assert httpx.get(running.url + "/api/ps").json()["models"] == []
    answer(running, body(text_part("What?")))
    assert plan(running, body(text_part("What?")))["usage"]["prompt_tokens"] > 0
