"""A model's file is cut off or written to while it is used: nothing that was made of it gets out, the
process lives, and what else is loaded goes on."""

import json
import os
import shutil
import subprocess
import threading
import time

import httpx
import pytest

from conftest import BIN, START_SECONDS, data_uri, drawing, eventually, text_part, user
from test_cli import DEMO, run

WEIGHTS = "model.safetensors"
QUESTION = "tell me everything"


@pytest.fixture(scope="module")
def pattern(tmp_path_factory):
    """Random weights, so that an answer never ends by itself and one wrong weight shows."""
    folder = tmp_path_factory.mktemp("pattern") / "tiny"
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--out", folder)
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    return folder


@pytest.fixture
def victim(pattern, tmp_path):
    """A copy of its own, which is a model of $OCELLUS_HOME by the name "victim"."""
    folder = tmp_path / "home/models/victim"
    shutil.copytree(pattern, folder)
    os.utime(folder / WEIGHTS, (1e9, 1e9))  # a change comes later
    return folder


def home(folder):
    return {"OCELLUS_HOME": str(folder.parents[1])}


def cut(folder, to=4096):
    with open(folder / WEIGHTS, "r+b") as file:
        file.truncate(to)


def cut_and_grown(folder):
    """As `cp` over it does, in the middle of its work: the size is right, a part is missing."""
    size = (folder / WEIGHTS).stat().st_size
    cut(folder, size // 2)
    cut(folder, size)


def scribbled(folder):
    with open(folder / WEIGHTS, "r+b") as file:
        file.seek(-(1 << 20), os.SEEK_END)
        file.write(b"\x55" * (1 << 20))


def body(model, tokens=8, **more):
    return {"model": model, "messages": [user(text_part(QUESTION))], "max_tokens": tokens,
            "temperature": 0, **more}  # fmt: skip


def ask(server, model, **more):
    return httpx.post(server.url + "/v1/chat/completions", json=body(model, **more), timeout=300)


def text_of(response):
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


def state_of(server, name):
    models = httpx.get(server.url + "/status", timeout=60).json()["models"]
    return next(one for one in models if one["name"] == name)


@pytest.mark.parametrize("damage", [cut, cut_and_grown, scribbled])
def test_the_other_model_goes_on(start, victim, pattern, damage):
    server = start("--response-cache-mb", "0", model="victim",
                   env={**home(victim), "LOG_LEVEL": "info"})  # fmt: skip
    expected, other = text_of(ask(server, "victim")), text_of(ask(server, "ocellus-demo"))
    damage(victim)
    response = ask(server, "victim")
    if damage is cut or response.status_code != 200:
        assert response.status_code == 503, response.text
        assert WEIGHTS in response.json()["error"]["message"]
        assert str(victim) not in response.text, "no folder of the server"
    else:  # the host's look each second was faster, and has loaded what the file holds now
        metrics = httpx.get(server.url + "/metrics", timeout=60).text
        assert 'ocellus_model_loads_total{model="victim",result="loaded"} 2' in metrics
    assert text_of(ask(server, "ocellus-demo")) == other
    eventually(lambda: any("out of service" in line and WEIGHTS in line for line in server.log))
    if damage is not cut:
        return  # it is loaded anew: a whole file, with other numbers
    state = eventually(lambda: (s := state_of(server, "victim"))["state"] == "failed" and s)
    assert WEIGHTS in state["why"]
    health = eventually(lambda: (h := httpx.get(server.url + "/health", timeout=60)).json()[
        "status"] == "degraded" and h)  # fmt: skip
    assert health.status_code == 200
    # Put in place by renaming, it is loaded again.
    shutil.copy(pattern / WEIGHTS, victim / "new")
    (victim / "new").rename(victim / WEIGHTS)
    eventually(lambda: (r := ask(server, "victim")).status_code == 200 and text_of(r) == expected)
    assert httpx.get(server.url + "/health", timeout=60).json()["status"] == "healthy"


@pytest.mark.parametrize("damage", [cut, cut_and_grown])
def test_a_stream_ends_with_an_error_and_without_a_wrong_word(start, victim, damage):
    server = start("--response-cache-mb", "0", model="victim", env=home(victim))
    whole = text_of(ask(server, "victim", tokens=3000))
    said, error = "", None
    with httpx.stream("POST", server.url + "/v1/chat/completions", timeout=300,
                      json=body("victim", tokens=3000, stream=True)) as response:  # fmt: skip
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                error = event["error"]
            else:
                said += event["choices"][0]["delta"].get("content") or ""
                if len(said) > 50 and damage is not None:
                    damage(victim)
                    damage = None
    assert error and WEIGHTS in error["message"], said[-200:]
    assert whole.startswith(said) and len(said) < len(whole)


def test_an_only_model_that_is_lost_is_told_by_health(start, victim):
    server = start(model="victim", env=home(victim))
    assert httpx.get(server.url + "/health", timeout=60).status_code == 200
    cut(victim)  # and nobody asks it anything
    response = eventually(lambda: (r := httpx.get(server.url + "/health", timeout=60)).json()[
        "state"] == "failed" and r)  # fmt: skip
    assert response.status_code == 503
    assert response.json()["status"] == "failed" and WEIGHTS in response.json()["why"]
    assert response.headers["retry-after"]
    metrics = httpx.get(server.url + "/metrics", timeout=60).text
    assert "\nocellus_ready 0\n" in metrics
    server.signal()
    assert server.wait() == 0


def test_pictures_and_many_requests_at_once(start, victim):
    """The pool, the threads that read ahead and the towers meet the missing pages."""
    server = start("--response-cache-mb", "0", "--image-cache", "0", model="victim", env=home(victim))
    part = {"type": "image_url", "image_url": {"url": data_uri(drawing(2))}}

    def one():
        request = body("victim", tokens=500)
        request["messages"] = [user(part, text_part(QUESTION))]
        return httpx.post(server.url + "/v1/chat/completions", json=request, timeout=300)

    right = text_of(one())
    answers = []

    def client():
        while not answers or answers[-1].status_code == 200:
            answers.append(one())

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    eventually(lambda: len(answers) > 4)
    cut(victim)
    for thread in clients:
        thread.join(timeout=START_SECONDS)
    assert {r.status_code for r in answers} == {200, 503}
    assert all(text_of(r) == right for r in answers if r.status_code == 200)
    assert server.process.poll() is None


def test_a_file_replaced_by_renaming_disturbs_nobody(start, victim, pattern):
    server = start("--response-cache-mb", "0", model="victim", env=home(victim))
    expected = text_of(ask(server, "victim"))
    (victim / "new").write_bytes(b"something else")
    (victim / "new").rename(victim / WEIGHTS)
    assert text_of(ask(server, "victim")) == expected
    time.sleep(1.5)  # more than the host's second
    assert text_of(ask(server, "victim")) == expected
    assert state_of(server, "victim")["state"] == "ready"


def test_the_fallback_takes_over(start, victim, tmp_path):
    config = tmp_path / "mine.json"
    config.write_text(json.dumps({"model": {"path": "victim"},
                                  "fallback_config": {"fallback_model_path": str(DEMO)}}))  # fmt: skip
    server = start("--response-cache-mb", "0", "--config", str(config), model="victim",
                   env=home(victim))  # fmt: skip
    name = httpx.get(server.url + "/status", timeout=60).json()["active_model"]
    cut(victim)
    # Unless the host's look each second was faster, and the fallback is there by now.
    if (response := ask(server, name)).status_code != 503:
        assert WEIGHTS in state_of(server, name)["fallback_reason"], response.text
    state = eventually(lambda: (s := state_of(server, name))["state"] == "ready" and "fallback_reason" in s and s)
    assert WEIGHTS in state["fallback_reason"]
    assert ask(server, name).status_code == 200
    assert httpx.get(server.url + "/health", timeout=60).json()["status"] == "healthy"


def test_ask_says_which_file_and_fails(victim):
    process = subprocess.Popen(
        [str(BIN), "ask", "--model", str(victim), "--temperature", "0", "--max-tokens", "4000",
         QUESTION], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "OCELLUS_DEMO_MODEL": str(DEMO)})  # fmt: skip
    said = process.stdout.read(40)
    cut(victim)
    rest, error = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert error.decode().startswith(f"error: {WEIGHTS}: ")
    assert len(said + rest) < 20_000
