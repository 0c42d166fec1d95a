"""Several models in one server: the switch, loading on demand, idle unload, the fallback."""

import concurrent.futures
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import httpx
import pytest

from conftest import BIN, eventually, picture_part, text_part, user

DEMO = "ocellus-demo"
TURN = {"role": "user", "content": "What can you see?"}
IMAGE_TURN = user(picture_part(1, detail="low"), text_part("What is this?"))


def run(*args):
    done = subprocess.run([str(BIN), *map(str, args)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """$OCELLUS_HOME with two random models, "tiny" and "org/other", and "full" (bf16)."""
    home = tmp_path_factory.mktemp("home")
    for name, quant, seed in (("tiny", "mlx4", 3), ("org/other", "mlx4", 4), ("full", "bf16", 5)):
        folder = home / "models" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        run("synth", "--shape", "tiny", "--quant", quant, "--seed", seed, "--out", folder)
    return home


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def both(start, home):
    """Starts a server with both ports; `backend` is the second one's address."""

    def begin(*args, **options):
        port = free_port()
        options["env"] = {"OCELLUS_HOME": str(home), **options.get("env", {})}
        running = start("--backend-port", str(port), *args, **options)
        running.backend = f"http://127.0.0.1:{port}"
        return running

    return begin


def ask(url, model=None, turn=TURN, **fields):
    body = {"messages": [turn], "max_tokens": 4, "temperature": 0, **fields}
    if model is not None:
        body["model"] = model
    return httpx.post(url + "/v1/chat/completions", json=body, timeout=300)


def switch(running, name):
    return httpx.patch(running.backend + "/api/v1/config", json={"active_model": name}, timeout=300)


def states(running):
    return {m["name"]: m for m in httpx.get(running.url + "/status", timeout=60).json()["models"]}


def test_models_are_loaded_by_their_names(both):
    running = both("--log-level", "info")
    listed = {m["id"]: m for m in httpx.get(running.url + "/v1/models").json()["data"]}
    assert list(listed)[0] == DEMO and {"tiny", "org/other", "full"} <= set(listed)
    assert (listed[DEMO]["state"], listed["tiny"]["state"]) == ("ready", "absent")
    for name, answers in ((None, DEMO), ("demo", DEMO), ("default", DEMO), ("phi3_vision", DEMO),
                          ("tiny", "tiny"), ("org/other", "org/other")):  # fmt: skip
        response = ask(running.url, name)
        assert response.status_code == 200, (name, response.text)
        assert response.json()["model"] == answers
    assert {n: s["state"] for n, s in states(running).items()} == {
        DEMO: "ready",
        "tiny": "ready",
        "org/other": "ready",
    }
    assert states(running)[DEMO]["active"] and not states(running)["tiny"]["active"]
    metrics = httpx.get(running.url + "/metrics").text
    assert f'ocellus_model_loads_total{{model="{DEMO}",result="loaded"}} 1\n' in metrics
    assert 'ocellus_model_loads_total{model="tiny",result="loaded"} 1\n' in metrics
    assert re.search(r'^ocellus_model_weights_bytes\{model="tiny"\} [1-9]\d+$', metrics, re.M)
    assert httpx.get(running.url + "/v1/models/org%2Fother").json()["state"] == "ready"
    # Two models give two answers to one question, each always the same.
    texts = {name: ask(running.url, name, seed=1).json()["choices"][0]["message"]["content"]
             for name in ("tiny", "org/other", DEMO)}  # fmt: skip
    assert len(set(texts.values())) == 3


@pytest.mark.parametrize(
    "name",
    ["gpt-4o", "../models/tiny", "/etc", "..", "tiny/..", "org", ".tiny", "a" * 300, "t\u00edny", "org/other/x"],
)
def test_a_name_is_never_a_path(both, name):
    running = both()
    response = ask(running.url, name)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert response.json()["error"]["param"] == "model"
    response = switch(running, name)
    assert response.status_code == 400
    assert "not found or invalid" in response.json()["detail"]
    assert response.json()["error"]["param"] == "active_model"
    assert set(states(running)) == {DEMO}


def test_fifty_switches_under_eight_clients(both):
    running = both("--max-queue", "1000")
    names = [DEMO, "tiny"]
    # What each model says, asked alone.
    said = {}
    for name in names:
        for turn, key in ((TURN, "text"), (IMAGE_TURN, "image")):
            said[name, key] = ask(running.url, name, turn).json()["choices"][0]["message"]["content"]
    assert said[DEMO, "text"] != said["tiny", "text"]
    stop = threading.Event()
    failures, answers = [], []

    def client(number):
        turns = [("text", TURN), ("image", IMAGE_TURN)]
        n = number
        with httpx.Client(timeout=300) as http:
            while not stop.is_set():
                n += 1
                wanted = (DEMO, "tiny", None)[n % 3]
                key, turn = turns[n // 3 % 2]
                url = (running.url, running.backend)[n // 6 % 2]
                body = {"messages": [turn], "max_tokens": 4, "temperature": 0, "seed": n}
                if wanted:
                    body["model"] = wanted
                response = http.post(url + "/v1/chat/completions", json=body)
                if response.status_code != 200:
                    failures.append((response.status_code, response.text))
                    continue
                out = response.json()
                answers.append(out["model"])
                text = out["choices"][0]["message"]["content"]
                if (wanted and out["model"] != wanted) or text != said[out["model"], key]:
                    failures.append((wanted, out["model"], key, text))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        try:
            for n in range(50):
                name = names[(n + 1) % 2]
                response = switch(running, name)
                assert response.status_code == 200, response.text
                assert response.json()["config"]["active_model"] == name
                assert httpx.get(running.backend + "/health", timeout=60).json()["active_model"] == name
                eventually(lambda n=n: len(answers) > n or failures)
        finally:
            stop.set()
        for one in clients:
            one.result()
    assert not failures, failures[:3]
    assert len(answers) >= 50 and set(answers) == set(names)
    stats = httpx.get(running.url + "/stats").json()["statistics"]
    assert stats["failed"] == 0 and stats["requests"] >= len(answers)


def test_the_old_model_finishes_its_answer(both):
    running = both(model="tiny")
    assert ask(running.url, DEMO).status_code == 200  # loaded, so that the switch takes no time
    body = {"messages": [TURN], "max_tokens": 1500, "stream": True, "temperature": 0}
    with httpx.stream("POST", running.url + "/v1/chat/completions", json=body, timeout=300) as stream:
        lines = stream.iter_lines()
        pieces = [next(lines)]
        assert switch(running, DEMO).status_code == 200
        assert states(running)["tiny"]["state"] == "draining"
        assert ask(running.url).json()["model"] == DEMO
        pieces += [line for line in lines if line]
    chunks = [json.loads(p.removeprefix("data: ")) for p in pieces if p.startswith("data: {")]
    assert pieces[-1] == "data: [DONE]"
    assert {chunk["model"] for chunk in chunks} == {"tiny"}
    assert chunks[-1]["choices"][0]["finish_reason"] in ("length", "stop")
    assert eventually(lambda: states(running)["tiny"]["state"] == "absent")
    assert states(running)["tiny"]["memory_bytes"] == 0


def truncate(folder):
    path = folder / "model.safetensors"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def bend(folder):
    """A wrong shape in the header of the weights."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    bent = header["model.layers.0.self_attn.o_proj.weight"]
    rows, cols = bent["shape"]
    bent["shape"] = [rows // 2, cols * 2]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def broken(home, tmp_path, how):
    folder = tmp_path / "four-bit"
    if how == "missing":
        return folder
    shutil.copytree(home / "models/tiny", folder)
    {"truncated": truncate, "wrong shape": bend}[how](folder)
    return folder


@pytest.mark.parametrize("how", ["missing", "truncated", "wrong shape"])
def test_the_fallback_serves_and_says_why(both, home, tmp_path, how):
    folder = broken(home, tmp_path, how)
    running = both("--fallback", "full", model=str(folder))
    assert len(running.logged("event=fallback")) == 1
    health = httpx.get(running.url + "/health").json()
    assert (health["status"], health["model"], health["method"]) == ("healthy", "four-bit", "CPU")
    reason = {"missing": "no model", "truncated": "model.safetensors", "wrong shape": "o_proj"}[how]
    for document in (health, httpx.get(running.backend + "/health").json(),
                     httpx.get(running.backend + "/status").json(),
                     states(running)["four-bit"]):  # fmt: skip
        assert reason in document["fallback_reason"]
        assert str(tmp_path) not in document["fallback_reason"]
    response = ask(running.url)
    assert response.status_code == 200 and response.json()["model"] == "four-bit"
    listed = httpx.get(running.url + "/v1/models").json()["data"][0]
    assert listed["quantization"] == "BF16"


def test_both_bad_is_an_error_with_both_reasons(home, tmp_path):
    first = broken(home, tmp_path, "truncated")
    second = tmp_path / "full"
    shutil.copytree(home / "models/full", second)
    for path in second.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:1000])
    done = subprocess.run(
        [str(BIN), "serve", "--port", "0", "--backend-port", "0", "--model", str(first),
         "--fallback", str(second)],  # fmt: skip
        capture_output=True, text=True, timeout=300,  # fmt: skip
    )
    assert done.returncode == 1
    error = re.search(r"^error: (.*)$", done.stderr, re.M).group(1)
    assert "neither" in error and str(first) in error and str(second) in error
    assert done.stdout == ""


def test_a_failed_switch_leaves_the_old_one_serving(both, home, tmp_path):
    shutil.copytree(home, tmp_path / "home")
    truncate(tmp_path / "home/models/tiny")
    running = both(env={"OCELLUS_HOME": str(tmp_path / "home")})
    response = switch(running, "tiny")
    assert response.status_code == 503
    assert "model.safetensors" in response.json()["detail"]
    assert str(tmp_path) not in response.text
    assert ask(running.url).json()["model"] == DEMO
    failed = states(running)["tiny"]
    assert failed["state"] == "failed" and "model.safetensors" in failed["why"]
    metrics = httpx.get(running.url + "/metrics").text
    assert 'ocellus_model_loads_total{model="tiny",result="failed"} 1\n' in metrics
    response = ask(running.url, "tiny")
    assert response.status_code == 503 and str(tmp_path) not in response.text
    assert httpx.get(running.backend + "/health").json()["active_model"] == DEMO


def test_memory_is_asked_before_loading(both):
    running = both("--model-memory", "4")  # MiB; the demo takes 2.3
    response = switch(running, "full")
    assert response.status_code == 503
    assert "not enough memory" in response.json()["detail"]
    assert "--model-memory" in response.json()["detail"]
    assert ask(running.url).json()["model"] == DEMO


def test_idle_models_are_unloaded_and_come_back(both):
    running = both("--keep-alive", "0.5")
    assert eventually(lambda: states(running)[DEMO]["state"] == "absent")
    health = httpx.get(running.url + "/health")
    assert health.status_code == 200 and health.json()["state"] == "absent"
    for _ in range(2):
        response = ask(running.url)
        assert response.status_code == 200 and response.json()["model"] == DEMO
        assert eventually(lambda: states(running)[DEMO]["state"] == "absent")
    assert running.logged("event=unloaded", 2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: ask(running.url, DEMO).status_code, range(8)))
    assert codes == [200] * 8


def ps(running, *args, env=None, code=0):
    done = subprocess.run(
        [str(BIN), "ps", "--url", running if isinstance(running, str) else running.url, *args],
        capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})},  # fmt: skip
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_ps_shows_the_models(both):
    running = both("--api-key", "secret")
    key = {"authorization": "Bearer secret"}
    body = {"messages": [TURN], "max_tokens": 2, "model": "tiny"}
    assert httpx.post(running.url + "/v1/chat/completions", headers=key, json=body,
                      timeout=300).status_code == 200  # fmt: skip
    for url in (running.url, running.backend):
        lines = ps(url, env={"OCELLUS_API_KEY": "secret"}).splitlines()
        assert lines[0].split() == ["NAME", "STATE", "MEMORY", "IDLE", "REQUESTS"]
        assert lines[1].split()[:2] == [DEMO, "ready"] and lines[1].endswith("active")
        assert lines[2].split()[:2] == ["tiny", "ready"] and lines[2].split()[-1] == "1"
    models = json.loads(ps(running, "--api-key", "secret", "--json"))
    assert [m["name"] for m in models] == [DEMO, "tiny"] and models[0]["memory_bytes"] > 1e6
    assert "API key" in ps(running, "--api-key", "wrong", code=1)
    assert "no server" in ps(f"http://127.0.0.1:{free_port()}", code=1)
    assert ps("ftp://localhost", code=2)


def test_ps_does_not_wait_for_a_server_that_drips():
    def drip(listener):
        client, _ = listener.accept()
        try:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"x" * 1000:
                client.send(bytes([byte]))
                time.sleep(0.5)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        assert "error: " in ps(f"http://127.0.0.1:{listener.getsockname()[1]}", code=1)
