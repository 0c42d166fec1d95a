"""What clients may call a model: its name in any case and with ":latest", and the operator's aliases."""

import json
import os
import re
import socket
import subprocess

import httpx
import pytest

from conftest import BIN

DEMO = "ocellus-demo"
TURN = {"role": "user", "content": "What can you see?"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """$OCELLUS_HOME with random models: "tiny", "org/Other-2B", and "TINY" where the disk tells them apart."""
    home = tmp_path_factory.mktemp("home")
    for name, seed in (("tiny", 3), ("org/Other-2B", 4), ("TINY", 5)):
        folder = home / "models" / name
        if folder.exists():
            continue
        folder.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [str(BIN), "synth", "--shape", "tiny", "--quant", "mlx4", "--seed", str(seed), "--out", str(folder)],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def serve(home):
    from conftest import Server

    servers = []

    def begin(*args):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        running = Server("--backend-port", str(port), *args, env={"OCELLUS_HOME": str(home)})
        running.backend = f"http://127.0.0.1:{port}"
        servers.append(running)
        return running

    yield begin
    for running in servers:
        running.end()


@pytest.fixture(scope="module")
def server(serve):
    return serve("--alias", "gpt-4o-mini=ORG/other-2b", "--alias", "whoever=default", "--alias", "later=not/there",
                 "--alias", "soon=phi-3.5-vision-4bit")  # fmt: skip


def ask(url, model, path="/v1/chat/completions", **headers):
    body = {"model": model, "messages": [TURN], "max_tokens": 2, "temperature": 0}
    return httpx.post(url + path, json=body, headers=headers, timeout=300)


def answered_by(*args, **headers):
    response = ask(*args, **headers)
    assert response.status_code == 200, response.text
    return response.json()["model"]


@pytest.mark.parametrize(
    "written, meant",
    [
        ("", DEMO),
        (DEMO, DEMO),
        ("Ocellus-Demo", DEMO),
        ("OCELLUS-DEMO:LATEST", DEMO),
        ("demo:latest", DEMO),
        ("Default", DEMO),
        ("Phi3_Vision", DEMO),
        ("tiny", "tiny"),
        ("tiny:latest", "tiny"),
        ("org/other-2b", "org/Other-2B"),
        ("Org/Other-2B:latest", "org/Other-2B"),
        ("gpt-4o-mini", "org/Other-2B"),
        ("GPT-4o-Mini:latest", "org/Other-2B"),
        ("whoever", DEMO),
    ],
)
def test_a_name_means_the_model_that_is_called_so(server, written, meant):
    assert answered_by(server.url, written) == meant
    assert answered_by(server.backend, written) == meant
    count = ask(server.url, written, "/v1/messages/count_tokens")
    assert count.status_code == 200, count.text


def test_the_exact_name_comes_first(server, home):
    if not os.path.samefile(home / "models/tiny", home / "models/TINY"):
        assert answered_by(server.url, "TINY") == "TINY"
        assert answered_by(server.url, "tiny") == "tiny"
    assert answered_by(server.url, "Tiny") in ("tiny", "TINY")


@pytest.mark.parametrize(
    "written, nearest",
    [
        ("tinny", "tiny"),
        ("ocelus_demo", DEMO),
        ("other-2", "org/Other-2B"),
        ("gpt-4o", "gpt-4o-mini"),
        ("zebra", None),
        ("tiny:7b", "tiny"),
        ("a\nb", None),
    ],
)
def test_an_unknown_name_is_told_the_nearest(server, written, nearest):
    response = ask(server.url, written)
    assert response.status_code == 404
    error = response.json()["error"]
    assert error["code"] == "model_not_found" and error["param"] == "model"
    told = f'did you mean "{nearest}"?' if nearest else "this server has"
    assert told.lower() in error["message"].lower() and (nearest or "did you mean" not in error["message"])
    assert f'"{DEMO}"' in error["message"] and '"gpt-4o-mini"' in error["message"]
    if "\n" not in written:
        single = httpx.get(f"{server.url}/v1/models/{written}")
        assert single.status_code == 404 and told.lower() in single.text.replace('\\"', '"').lower()


def test_an_alias_of_a_model_that_is_not_there(server):
    response = ask(server.url, "later")
    assert response.status_code == 404 and response.json()["error"]["code"] == "model_not_found"
    warned = [line for line in server.settled_log() if "alias" in line and "not/there" in line]
    assert len(warned) == 1 and "later" in warned[0]
    assert warned[0].count(DEMO) == 1
    message = response.json()["error"]["message"]
    assert '"later" stands for "not/there", which is not here' in message and "ocellus pull" not in message
    assert '"gpt-4o-mini"' in message and message.count('"later"') == 1 and '"soon"' not in message
    get = "`ocellus pull phi-3.5-vision-4bit` gets it"
    for name in ("soon", "SOON", "phi-3.5-vision-4bit", "phi-3.5-vision-4bit:latest"):
        for text in (ask(server.url, name).text, httpx.get(f"{server.url}/v1/models/{name}").text,
                     httpx.post(f"{server.url}/api/show", json={"model": name}).text):  # fmt: skip
            assert get in text and "which is not here" in text, (name, text)
    assert "later" not in [m["id"] for m in httpx.get(server.url + "/v1/models").json()["data"]]


def test_models_have_what_programs_look_for(server):
    answered_by(server.url, "gpt-4o-mini")  # it is loaded, so that its context is known
    models = {m["id"]: m for m in httpx.get(server.url + "/v1/models").json()["data"]}
    assert set(models) >= {DEMO, "tiny", "org/Other-2B", "gpt-4o-mini", "whoever"}
    assert list(models)[0] == DEMO
    for name in (DEMO, "gpt-4o-mini", "org/Other-2B"):
        model = models[name]
        assert "image" in model["architecture"]["input_modalities"]
        context = model["context_length"]
        assert context == model["max_model_len"] == model["meta"]["n_ctx"] > 0
    assert "demo" in models[DEMO]["aliases"] and "whoever" in models[DEMO]["aliases"]
    assert "gpt-4o-mini" in models["org/Other-2B"]["aliases"]
    assert models["gpt-4o-mini"] == {
        **models["org/Other-2B"], "id": "gpt-4o-mini", "alias_of": "org/Other-2B",
    }  # fmt: skip
    assert not any("alias_of" in models[name] for name in (DEMO, "tiny", "org/Other-2B"))


@pytest.mark.parametrize(
    "written, listed",
    [
        (DEMO, DEMO),
        ("OCELLUS-demo:latest", DEMO),
        ("demo", DEMO),
        ("tiny", "tiny"),
        ("org/Other-2B", "org/Other-2B"),
        ("org%2Fother-2b", "org/Other-2B"),
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("GPT-4O-mini:latest", "gpt-4o-mini"),
        ("whoever", "whoever"),
        ("default", DEMO),
    ],
)
def test_one_model_by_any_of_its_names(server, written, listed):
    response = httpx.get(f"{server.url}/v1/models/{written}")
    assert response.status_code == 200, response.text
    models = {m["id"]: m for m in httpx.get(server.url + "/v1/models").json()["data"]}
    assert response.json()["id"] == listed and response.json() == models[listed]


@pytest.mark.parametrize(
    "written", ["demo", "DEMO:latest", "default", "org/other-2b", "gpt-4o-mini", "Whoever", "Tiny"]
)
def test_ollamas_clients_find_it_by_any_of_its_names(server, written):
    """Programs ask what a model can do before they ask it anything, and answers have the name that they know."""
    shown = httpx.post(server.url + "/api/show", json={"model": written})
    assert shown.status_code == 200 and "vision" in shown.json()["capabilities"]
    body = {"model": written, "messages": [TURN], "stream": False, "options": {"num_predict": 2}}
    assert httpx.post(server.url + "/api/chat", json=body, timeout=300).json()["model"] == written


def test_ollamas_clients_are_told_the_nearest_name(server):
    told = httpx.post(server.url + "/api/show", json={"model": "gpt-4o"})
    assert told.status_code == 404 and told.json()["code"] == "model_not_found"
    assert 'did you mean "gpt-4o-mini"?' in told.json()["error"] and f'"{DEMO}"' in told.json()["error"]


def test_ollamas_clients_have_the_aliases_in_their_lists(server):
    tags = {m["name"]: m for m in httpx.get(server.url + "/api/tags").json()["models"]}
    assert set(tags) >= {DEMO, "tiny", "org/Other-2B", "gpt-4o-mini", "whoever"} and "later" not in tags
    assert tags["gpt-4o-mini"] == {**tags["org/Other-2B"], "name": "gpt-4o-mini", "model": "gpt-4o-mini"}


def test_who_may_load_nothing_is_told_what_is_loaded(serve):
    running = serve("--api-key", "user", "--admin-key", "admin", "--alias", "gpt-4o-mini=default")
    told = ask(running.url, "gpt-4o-min", **{"x-api-key": "user"})
    assert (told.status_code, told.json()["error"]["code"]) == (403, "admin_key_required")
    assert 'did you mean "gpt-4o-mini"?' in told.json()["error"]["message"]
    assert "tiny" not in told.json()["error"]["message"]


def test_another_spelling_opens_no_door(serve):
    """Who may only ask loaded models has none loaded by another spelling of its name."""
    running = serve("--api-key", "user", "--admin-key", "boss", "--alias", "eyes=tiny")
    for written in ("tiny", "Tiny:latest", "eyes", "EYES"):
        response = ask(running.url, written, authorization="Bearer user")
        assert response.status_code == 403, response.text
        assert response.json()["error"]["code"] == "admin_key_required"
    assert answered_by(running.url, "eyes", authorization="Bearer boss") == "tiny"
    for written in ("tiny", "tiny:LATEST", "Eyes"):
        assert answered_by(running.url, written, authorization="Bearer user") == "tiny"


def loads(running):
    """How often each model was loaded, by its name."""
    told = httpx.get(running.url + "/metrics", headers={"authorization": "Bearer boss"}).text
    found = re.findall(r'^ocellus_model_loads_total{model="([^"]*)",result="loaded"} (\d+)', told, re.M)
    return {name: int(count) for name, count in found}


@pytest.mark.parametrize("path", [False, True])
def test_a_folder_is_loaded_once_however_it_is_called(serve, home, path):
    """Started by its folder, asked for by its name; and the other way round, through links, cases and switches."""
    folder = home / "models/org/Other-2B"
    running = serve("--model", str(folder) if path else "org/Other-2B", "--alias", "eyes=ORG/Other-2b", "--admin-key", "boss")
    own = answered_by(running.url, "")
    spellings = ["org/Other-2B", "ORG/other-2b", "org/Other-2B:latest", "Other-2B", "eyes", "Eyes:latest", own]
    for written in spellings:  # loaded already: nobody needs the admin's key
        assert answered_by(running.url, written) == own, written
        assert answered_by(running.backend, written) == own, written
    admin = {"authorization": "Bearer boss"}
    for written in spellings:
        loaded = httpx.post(running.url + "/v1/models/load", json={"model": written}, headers=admin, timeout=300)
        assert loaded.status_code == 200 and loaded.json()["id"] == own, written
    for written in ("org/Other-2B", own):
        switched = httpx.patch(
            running.backend + "/api/v1/config", json={"active_model": written}, headers=admin, timeout=300
        )
        assert switched.status_code == 200, switched.text
    assert loads(running)[own] == 1 and sum(loads(running).values()) == 1
    listed = [one["id"] for one in httpx.get(running.url + "/v1/models").json()["data"]]
    assert listed.count(own) == 1 and ("org/Other-2B" not in listed or own == "org/Other-2B")


@pytest.mark.parametrize("written", ["eyes", "EYES:latest", "Org/other-2b"])
def test_ollama_shows_a_model_by_any_of_its_names(serve, written):
    running = serve("--alias", "eyes=org/Other-2B")
    shown = httpx.post(running.url + "/api/show", json={"model": written})
    assert shown.status_code == 200 and "org/Other-2B" in shown.json()["modelfile"]


@pytest.mark.parametrize(
    "alias, said",
    [("gpt", "NAME=MODEL"), ("=tiny", "NAME=MODEL"), ("a b=tiny", "NAME=MODEL"), ("a=", "NAME=MODEL")],
)
def test_an_alias_that_is_none_is_refused_at_the_start(alias, said):
    done = subprocess.run([str(BIN), "serve", "--alias", alias], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and said in done.stderr and "--alias" in done.stderr


def test_an_alias_of_an_alias_is_refused_at_the_start(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"server": {"served_names": ["a=b", "B=demo"]}}))
    done = subprocess.run([str(BIN), "serve", "--config", str(file)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "alias itself" in done.stderr


def test_aliases_of_a_file_the_environment_and_flags_add_up(home, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"server": {"served_names": ["a=x", "b=x"]}}))
    env = {**os.environ, "OCELLUS_HOME": str(home), "OCELLUS_ALIAS": "c=y"}
    done = subprocess.run(
        [str(BIN), "config", "show", "--config", str(file), "--alias", "A=demo"],
        capture_output=True, text=True, timeout=300, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("server.served_names")]
    for alias in ("a=x", "b=x", "c=y", "A=demo"):
        assert alias in line


def test_a_batch_takes_the_same_names(tmp_path):
    lines, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    written = ["Ocellus-Demo:latest", "DEMO", "another"]
    lines.write_text("".join(
        json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions",
                    "body": {"model": name, "messages": [TURN], "max_tokens": 2}}) + "\n"
        for name in written))  # fmt: skip
    done = subprocess.run(
        [str(BIN), "batch", str(lines), "-o", str(out)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr  # one of them was refused
    responses = [json.loads(line)["response"] for line in out.read_text().splitlines()]
    assert [response["status_code"] for response in responses] == [200, 200, 404]
    assert {response["body"]["model"] for response in responses[:2]} == {DEMO}
