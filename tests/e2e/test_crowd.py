"""Many clients at once, each with its own picture, some of which go away: nobody gets another's answer,
and nothing is left behind.

OCELLUS_CROWD="CLIENTS REQUESTS" makes it larger (a sanitizer build, for instance: OCELLUS_BIN).
"""

import io
import json
import os
import random
import re
import threading
import time

import httpx
import pytest
from conftest import data_uri
from PIL import Image, ImageDraw
from test_switch import DEMO, run, states

CLIENTS, REQUESTS = map(int, os.environ.get("OCELLUS_CROWD", "8 96").split())
QUESTIONS = ["What do you see?", "Describe the picture.", "What shape is in the picture?"]


def picture(i):
    """Its own picture for each client: shape, colour, place and size all depend on i."""
    rng = random.Random(i)
    image = Image.new("RGB", (160 + 8 * (i % 7), 160 + 8 * (i % 5)), (245, 245, 240))
    draw = ImageDraw.Draw(image)
    colour = [(200, 30, 30), (30, 60, 200), (30, 150, 50), (230, 190, 20)][i % 4]
    size = 40 + rng.randrange(40)
    x, y = rng.randrange(20, 70), rng.randrange(20, 70)
    kind = (i // 4) % 3
    if kind == 0:
        draw.ellipse((x, y, x + size, y + size), fill=colour)
    elif kind == 1:
        draw.rectangle((x, y, x + size, y + size), fill=colour)
    else:
        draw.polygon([(x, y + size), (x + size, y + size), (x + size // 2, y)], fill=colour)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def body(i, question):
    return {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": data_uri(picture(i))}},
                    {"type": "text", "text": question},
                ],
            }
        ],
        "temperature": 0,
        "max_tokens": 40,
    }


def metric(url, name):
    text = httpx.get(url + "/metrics", timeout=60).text
    return float(re.search(rf"^{name} ([0-9.e+]+)$", text, re.M).group(1))


@pytest.mark.parametrize("caches", ["with caches", "without"])
def test_everybody_gets_their_own_answer(start, caches):
    off = ["--response-cache", "0"]
    if caches == "without":
        off += ["--prefix-cache", "0", "--image-cache", "0"]
    running = start("--max-queue", "4096", *off)
    url = running.url + "/v1/chat/completions"
    bodies = [body(i, QUESTIONS[i % len(QUESTIONS)]) for i in range(CLIENTS)]
    with httpx.Client(timeout=600) as alone:
        expected = [
            alone.post(url, json=one).json()["choices"][0]["message"]["content"] for one in bodies
        ]
    assert all(expected), "an empty answer"
    wrong, cancelled, lock = [], [0], threading.Lock()

    def client(i):
        rng = random.Random(1000 + i)
        with httpx.Client(timeout=600) as http:
            for k in range(REQUESTS // CLIENTS):
                if rng.random() < 0.15:  # goes away amid the answer
                    try:
                        with http.stream("POST", url, json={**bodies[i], "stream": True}) as reply:
                            for _ in reply.iter_lines():
                                if rng.random() < 0.5:
                                    break
                    except httpx.HTTPError:
                        pass
                    with lock:
                        cancelled[0] += 1
                    continue
                reply = http.post(url, json=bodies[i])
                text = reply.json().get("choices", [{}])[0].get("message", {}).get("content")
                if reply.status_code != 200 or text != expected[i]:
                    with lock:
                        wrong.append((i, k, reply.status_code, text, expected[i]))

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:5]
    assert cancelled[0] > 0
    deadline = time.monotonic() + 120  # what was cancelled ends within a step
    while metric(running.url, "ocellus_running") or metric(running.url, "ocellus_kv_reserved_bytes"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert httpx.post(url, json=bodies[0], timeout=600).status_code == 200
    assert metric(running.url, "ocellus_empty_answers_total") == 0


FAMILIES = {DEMO: None, "smol": "smolvlm2-tiny", "moon": "moondream2-tiny"}


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """$OCELLUS_HOME with a small random model of each family but the embedded one's."""
    home = tmp_path_factory.mktemp("families")
    for name, shape in FAMILIES.items():
        if shape is not None:
            run("synth", "--shape", shape, "--quant", "mlx4", "--seed", 5, "--out", home / "models" / name)
    return home


def wish(i):
    """What client i asks for: route and body. Each model has chats, whole and as streams; Moondream its tasks too."""
    url, question = data_uri(picture(i)), QUESTIONS[i % len(QUESTIONS)]
    task = {"model": "moon", "image_url": url, "settings": {"max_tokens": 24}}
    chat = lambda model, **more: ("chat/completions", {**body(i, question), "model": model, "max_tokens": 24, **more})  # noqa: E731
    return [
        chat("smol"),
        ("detect", {**task, "object": "shape"}),
        chat("moon", stream=True),
        chat(DEMO),
        ("point", {**task, "object": "shape"}),
        chat("smol", stream=True),
        ("query", {**task, "question": question, "stream": True}),
        ("caption", {**task, "length": "short"}),
    ][i % 8]


def answer(route, reply):
    """What a client gets to see, byte for byte: all text of a stream, else the answer without its figures."""
    assert reply.status_code == 200, (route, reply.text[:300])
    if reply.headers["content-type"].startswith("text/event-stream"):
        events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
        assert not any("error" in event for event in events), reply.text[-300:]
        if route == "chat/completions":
            choices = [choice for event in events for choice in event["choices"]]
            ends = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
            return "".join(choice["delta"].get("content") or "" for choice in choices), ends
        assert events[-1]["completed"]
        return "".join(event["chunk"] for event in events), events[-1]["finish_reason"]
    told = reply.json()
    if route == "chat/completions":
        return told["model"], [(one["message"]["content"], one["finish_reason"]) for one in told["choices"]]
    shown = ("answer", "caption", "objects", "points", "count", "finish_reason", "stop_cause")
    return {key: json.dumps(told[key]) for key in shown if key in told}


@pytest.mark.parametrize("caches", ["with caches", "without"])
def test_a_crowd_over_three_families_that_are_loaded_at_once(start, families, caches):
    off = ["--response-cache", "0"]
    if caches == "without":
        off += ["--prefix-cache", "0", "--image-cache", "0"]
    running = start("--max-queue", "4096", *off, env={"OCELLUS_HOME": str(families)})
    url = running.url + "/v1/"
    clients = max(CLIENTS, 8)  # one for each kind of wish
    wishes = [wish(i) for i in range(clients)]
    with httpx.Client(timeout=600) as alone:
        expected = [answer(route, alone.post(url + route, json=one)) for route, one in wishes]
    assert len({str(one) for one in expected}) > clients // 2, "random models, but not all the same"
    wrong, cancelled, lock = [], [0], threading.Lock()

    def client(i):
        rng = random.Random(2000 + i)
        route, asked = wishes[i]
        with httpx.Client(timeout=600) as http:
            for k in range(max(REQUESTS // clients, 2)):
                if rng.random() < 0.2 or k == 1:  # goes away: amid a stream, or while it waits
                    chat = {**body(i, QUESTIONS[0]), "model": asked["model"], "stream": True}
                    try:
                        with http.stream("POST", url + "chat/completions", json=chat) as reply:
                            for _ in reply.iter_lines():
                                if rng.random() < 0.5:
                                    break
                    except httpx.HTTPError:
                        pass
                    with lock:
                        cancelled[0] += 1
                    continue
                try:
                    came = answer(route, http.post(url + route, json=asked))
                except AssertionError as refused:
                    came = refused
                if came != expected[i]:
                    with lock:
                        wrong.append((i, k, asked["model"], route, came, expected[i]))

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert cancelled[0] >= clients
    # All three have been there all the time.
    assert {name: one["state"] for name, one in states(running).items()} == dict.fromkeys(FAMILIES, "ready")
    loads = httpx.get(running.url + "/metrics").text
    for name in FAMILIES:
        assert f'ocellus_model_loads_total{{model="{name}",result="loaded"}} 1\n' in loads
    deadline = time.monotonic() + 120  # what was cancelled ends within a step
    while metric(running.url, "ocellus_running") or metric(running.url, "ocellus_kv_reserved_bytes"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for (route, one), once in zip(wishes[:8], expected):
        assert answer(route, httpx.post(url + route, json=one, timeout=600)) == once


def test_the_same_request_is_answered_from_the_cache(start):
    running = start()
    url = running.url + "/v1/chat/completions"
    first = httpx.post(url, json=body(3, QUESTIONS[0]), timeout=600)
    again = httpx.post(url, json=body(3, QUESTIONS[0]), timeout=600)
    assert (first.headers["x-ocellus-cache"], again.headers["x-ocellus-cache"]) == ("miss", "hit")
    assert first.json()["choices"] == again.json()["choices"]
    work = lambda reply: {reply.json()["ocellus"]["timings"][f"{what}_ms"] for what in ("encode", "prefill", "decode")}
    assert 0 not in work(first) and work(again) == {0}
    drawn = {**body(3, QUESTIONS[0]), "temperature": 1}
    for _ in range(2):
        assert httpx.post(url, json=drawn, timeout=600).headers["x-ocellus-cache"] == "miss"


def test_a_second_question_computes_only_its_own_words(start):
    running = start()
    url = running.url + "/v1/chat/completions"
    first = httpx.post(url, json=body(5, QUESTIONS[0]), timeout=600).json()
    second = httpx.post(url, json=body(5, QUESTIONS[1]), timeout=600).json()
    cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
    # The template's first tokens are known from the warm-up.
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] < 10
    assert first["usage"]["prompt_tokens_details"]["image_tokens"] < cached
    assert cached < second["usage"]["prompt_tokens"]
    assert second["ocellus"]["timings"]["encode_ms"] == 0


def test_keys_do_not_share_what_was_computed(start):
    running = start("--api-key", "one", "--api-key", "two")
    url = running.url + "/v1/chat/completions"

    def ask(key):
        return httpx.post(
            url, json=body(2, QUESTIONS[0]), headers={"Authorization": f"Bearer {key}"}, timeout=600
        )

    assert ask("one").headers["x-ocellus-cache"] == "miss"
    other = ask("two")
    assert other.headers["x-ocellus-cache"] == "miss"
    assert other.json()["usage"]["prompt_tokens_details"]["cached_tokens"] < 10
    assert ask("one").headers["x-ocellus-cache"] == "hit"
