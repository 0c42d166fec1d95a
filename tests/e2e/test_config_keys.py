"""Each key of a configuration file has the effect that its name says: one file with that key, one
server. Beside tests/api/config/settings_test.cpp, which tests what values become."""

import io
import json
import re
import socket

import httpx
import pytest

from conftest import ROOT, Server, data_uri, drawing, picture_part, text_part, user
from test_config import run

TURN = user(picture_part(3), text_part("Describe the picture."))
ORIGINALS = sorted((ROOT / "tests/data/config").glob("*.json"))


@pytest.fixture
def serve(start, tmp_path):
    """Starts a server with a configuration file of these keys."""

    def begin(keys, *args, **options):
        document = {}
        for path, value in keys.items():
            section = document
            *sections, last = path.split(".")
            for name in sections:
                section = section.setdefault(name, {})
            section[last] = value
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        file.write_text(json.dumps(document))
        return start("--config", str(file), *args, **options)

    return begin


def post(server, *messages, **options):
    options.setdefault("max_tokens", 24)
    body = {"messages": list(messages) or [TURN], **options}
    response = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)
    assert response.status_code == 200, response.text
    return response


def text(server, *messages, **options):
    return post(server, *messages, **options).json()["choices"][0]["message"]["content"]


def large_picture():
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(drawing(3))).resize((600, 300)).save(out, "PNG")
    return user({"type": "image_url", "image_url": {"url": data_uri(out.getvalue())}}, text_part("?"))


@pytest.mark.parametrize(
    ("keys", "size"),
    [
        ({}, (600, 300)),
        ({"image_processing.size": [100, 100]}, (100, 50)),
        ({"image_processing.max_size": 100}, (100, 50)),
        ({"limits.max_image_size": 100}, (100, 50)),
        ({"image_processing.size": [100, 100], "image_processing.preserve_aspect_ratio": False}, (100, 100)),
    ],
    ids=["none", "size", "max_size", "max_image_size", "preserve_aspect_ratio"],
)  # fmt: skip
def test_pictures_are_made_to_fit(serve, keys, size):
    (image,) = post(serve(keys), large_picture(), max_tokens=1).json()["ocellus"]["images"]
    assert (image["width"], image["height"]) == size


def test_the_colours_of_pictures_are_rgb(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"image_processing": {"format": "BGR"}}')
    done = run("config", "check", path, code=1)
    assert re.search(r'error: mine.json: "image_processing.format" must be .*RGB.*found "BGR"', done.stderr)


def test_the_port_of_the_file_is_listened_on(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = tmp_path / "mine.json"
        path.write_text(json.dumps({"server": {"port": taken.getsockname()[1]}}))
        done = run("serve", "--config", path, "--backend-port", 0, code=1)
        assert f"{taken.getsockname()[1]}" in done.stderr and "in use" in done.stderr


def test_the_log_level_of_the_file(serve):
    for level in ("debug", "info"):
        running = serve({"server.log_level": level}, env={"LOG_LEVEL": ""})
        httpx.get(running.url + "/health")  # asked so often that only debug tells of it
        post(running)
        running.stop()  # every line has come
        assert any("path=/v1/chat/completions" in line for line in running.log)
        assert any("path=/health" in line for line in running.log) == (level == "debug")


def test_the_description_is_told(serve):
    running = serve({"description": "Sees shapes", "model_name": "Eye", "model_id": "eye_1"})
    told = httpx.get(running.url + "/ui/config").json()
    assert (told["title"], told["description"]) == ("Eye", "Sees shapes")
    assert post(running, model="eye_1").json()["model"] == "Eye"


@pytest.mark.parametrize(
    "document",
    [{"model_path": "absent/model-9"}, {"mlx_config": {"model_id": "absent/model-9"}}],
    ids=["model_path", "mlx_config.model_id"],
)
def test_the_model_of_the_file_is_the_one_that_is_loaded(tmp_path, document):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    done = run("serve", "--config", path, "--port", 0, "--backend-port", 0, code=1)
    assert "absent/model-9" in done.stderr


def test_a_device_that_is_not_there_is_an_error(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"device": "gpu", "engine": {"name": "cpu"}}')
    done = run("serve", "--config", path, "--port", 0, "--backend-port", 0, code=1)
    assert "gpu" in done.stderr


@pytest.mark.parametrize("key", ["max_tokens", "generation_config.max_new_tokens", "limits.max_tokens_cap"])
def test_answers_end_at_the_files_length(serve, key):
    running = serve({key: 2})
    body = {"messages": [TURN]}
    answer = httpx.post(running.url + "/v1/chat/completions", json=body, timeout=300).json()
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["choices"][0]["finish_reason"] == "length"
    # Only a cap holds for requests that say how long they want to be.
    assert (post(running, max_tokens=8).json()["usage"]["completion_tokens"] == 2) == ("cap" in key)


@pytest.mark.parametrize("key", ["timeout", "limits.timeout_seconds"])
def test_answers_end_in_the_files_time(serve, key):
    running = serve({key: 0.001}, "--engine", "reference", "--no-warm-up")
    late = httpx.post(running.url + "/v1/chat/completions", json={"messages": [TURN]}, timeout=300)
    assert late.status_code >= 400 and "time" in late.json()["error"]["message"]


def test_sampling_of_the_file(serve, server):
    """What a request says and what the file says for requests that say nothing are the same."""
    hot = {"temperature": 2.0, "seed": 3}
    for keys, options in (
        ({"generation_config.repetition_penalty": 3.0}, {"repetition_penalty": 3.0}),
        ({"generation_config.temperature": 2.0}, hot),
        ({"generation_config.temperature": 2.0, "generation_config.do_sample": True}, hot),
        ({"generation_config.temperature": 2.0, "generation_config.top_p": 0.6}, {**hot, "top_p": 0.6}),
    ):
        assert text(serve(keys), seed=3) == text(server, **{"seed": 3, **options}), keys
        assert text(server, **options) != text(server), options
    assert text(server, **hot, top_p=0.6) != text(server, **hot)
    greedy = serve({"generation_config.temperature": 2.0, "generation_config.do_sample": False})
    assert text(greedy, seed=3) == text(server)


def test_the_image_token_is_no_part_of_a_question(serve, server):
    def tokens(running, question):
        answer = post(running, user(picture_part(3), text_part(question)), max_tokens=1)
        return answer.json()["usage"]["prompt_tokens"]

    running = serve({"special_tokens.image_token": "<|image_1|>"})
    assert tokens(running, "<|image_1|>\nWhat?") == tokens(server, "What?")
    assert tokens(server, "<|image_1|>\nWhat?") > tokens(server, "What?")


@pytest.mark.parametrize("key", ["special_tokens.end_token", "special_tokens.endoftext_token"])
def test_end_tokens_end_the_answer(serve, server, key):
    full = text(server)
    end = full[4:7]
    answer = post(serve({key: end})).json()
    assert answer["choices"][0]["message"]["content"] == full[: full.index(end)]
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("keys", "hits"),
    [
        ({}, 2),
        ({"image_processing.cache_size": 1}, 1),
        ({"cache_settings.image_cache_size": 1}, 1),
        ({"image_processing.cache_enabled": False}, 0),
        ({"performance.image_caching": False}, 0),
        ({"optimization_flags.cache_image_preprocessing": False}, 0),
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
def test_the_picture_cache_is_bounded(serve, keys, hits):
    running = serve(keys, "--response-cache", "0", "--prefix-cache", "0")

    def counted():
        metrics = httpx.get(running.url + "/metrics").text
        return int(re.search(r'^ocellus_cache_hits_total\{cache="image"\} (\d+)$', metrics, re.M)[1])

    before = counted()
    for number in (1, 1, 2, 1):  # the last one is known where there is room for two
        post(running, user(picture_part(number), text_part("?")), max_tokens=1)
    assert counted() - before == hits


@pytest.mark.parametrize(
    "keys",
    [
        {"fallback_config.enabled": False},
        {"mlx_config.fallback_to_transformers": False},
        {"optimization_flags.transformers_fallback": False},
        {},
    ],
    ids=lambda keys: next(iter(keys), "none"),
)
def test_the_fallback_is_used_unless_told_otherwise(serve, tmp_path, keys):
    absent = str(tmp_path / "absent")
    keys = {"fallback_config.fallback_model_path": "demo", "fallback_config.fallback_dtype": "float32",
            "fallback_config.fallback_device": "cpu", **keys}  # fmt: skip
    if len(keys) > 3:
        with pytest.raises(AssertionError, match="no '\\^ocellus serving"):
            serve(keys, model=absent)
        return
    running = serve(keys, model=absent)
    health = httpx.get(running.url + "/health").json()
    assert health["fallback_reason"]
    assert health["engine"].startswith("cpu:") and "f32 activations" in health["engine"]


def leaves(document, path=""):
    for key, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield path + key


@pytest.mark.parametrize("file", ORIGINALS, ids=lambda path: path.stem)
def test_every_key_without_effect_is_told_once_with_its_reason(file):
    documented = (ROOT / "docs/configuration.md").read_text().split("## What is accepted without")[1]
    reasons = dict(re.findall(r"^\| `([\w.]+)` \| (.+) \|$", documented, re.M))
    keys = [key for key in leaves(json.loads(file.read_text())) if key in reasons]
    assert len(keys) >= 20
    running = Server("--config", str(file))
    try:
        told = [line for line in running.settled_log() if "without_effect=" in line]
    finally:
        running.stop()
    for key in keys:
        (line,) = [line for line in told if re.search(rf'[" =]{re.escape(key)}[," ]', line)]
        assert f'reason="{reasons[key]}"' in line or f"reason={reasons[key]}" in line
