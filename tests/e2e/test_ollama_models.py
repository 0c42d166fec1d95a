"""Models come and go as Ollama's clients know it: /api/pull, /api/tags, /api/show, /api/delete."""

import json

import httpx
import ollama
import pytest

from conftest import eventually
from pull_home import FILES, NAME, NEEDED
from test_pull_served import ADMIN, USER, catalogue, home, hub, running, served  # noqa: F401

WHOLE = sum(map(len, NEEDED.values()))


def client_of(server, name=ADMIN):
    return ollama.Client(host=server.url, headers={"Authorization": f"Bearer {name}"})


def names(client):
    return {one.model for one in client.list().models}


def test_a_model_comes_answers_and_goes(running, home, hub):  # noqa: F811
    client = client_of(running)
    hub.block, hub.pause = 16 << 10, 0.02
    *steps, last = client.pull(NAME + ":latest", stream=True)
    assert last.status == "success" and home.is_whole()
    assert {step.status for step in steps} <= {f"pulling {NAME}", "verifying sha256 digest"}
    assert len({step.digest for step in steps}) == 1 and len(steps[0].digest) == len("sha256:") + 64
    done = [step.completed for step in steps if step.status.startswith("pulling")]
    assert done == sorted(done) and all(step.completed <= step.total <= WHOLE for step in steps)
    assert steps[-1].total == WHOLE
    assert NAME in names(client)
    shown = client.show(NAME)
    assert shown.details.family == "phi3_v" and shown.modelinfo["phi3_v.context_length"] > 0
    asked = client.chat(NAME, messages=[{"role": "user", "content": "Hello"}])
    assert asked.message.content.strip() and asked.model == NAME
    assert client.pull(NAME, stream=False).status == "success"  # nothing to be done
    assert client.delete(NAME).status == "success"  # also while it is loaded
    assert not home.folder.exists() and NAME not in names(client)
    assert eventually(lambda: NAME not in {one.model for one in client.ps().models})
    with pytest.raises(ollama.ResponseError) as error:
        client.delete(NAME)
    assert error.value.status_code == 404 and "no model" in error.value.error


def test_older_clients_say_name(running, home):  # noqa: F811
    key = {"Authorization": f"Bearer {ADMIN}"}
    done = httpx.post(running.url + "/api/pull", json={"name": NAME, "stream": False}, headers=key)
    assert done.json() == {"status": "success"} and home.is_whole()
    assert httpx.post(running.url + "/api/show", json={"name": NAME}, headers=key).status_code == 200
    gone = httpx.request("DELETE", running.url + "/api/delete", json={"name": NAME}, headers=key)
    assert (gone.status_code, gone.content) == (200, b"") and not home.folder.exists()


def test_only_an_admin_may(running, home, hub):  # noqa: F811
    user = client_of(running, USER)
    for ask in (lambda: user.pull(NAME), lambda: user.delete(NAME)):
        with pytest.raises(ollama.ResponseError) as error:
            ask()
        assert error.value.status_code == 403 and "admin key" in error.value.error
    for origin in ("http://evil.example", "https://named.example", "null"):
        key = {"Authorization": f"Bearer {ADMIN}", "Origin": origin}
        told = httpx.post(running.url + "/api/pull", json={"model": NAME}, headers=key)
        assert (told.status_code, told.json()["code"]) == (403, "origin_not_allowed")
    assert hub.requests == [] and not home.folder.exists()


def test_what_cannot_be_pulled_is_told(running, hub):  # noqa: F811
    client = client_of(running)
    for name, status, text in (("phi-3.5-vison-4bit", 404, "did you mean phi-3.5-vision-4bit?"), ("../x", 400, "x")):
        for stream in (True, False):
            with pytest.raises(ollama.ResponseError) as error:
                list(client.pull(name, stream=stream))
            assert error.value.status_code == status and text in error.value.error
    # It breaks off behind the first line: the last one says so.
    hub.block, hub.hold_at = 16 << 10, 1_200_000
    lines = client.pull(NAME, stream=True)
    assert next(lines).status
    assert eventually(lambda: (catalogue(running)["under_way"] or {}).get("done_bytes", 0) > 1_000_000)
    with pytest.raises(ollama.ResponseError) as error:  # one at a time, whichever route it is
        client.pull("org/other")
    assert error.value.status_code == 409 and NAME in error.value.error
    key = {"Authorization": f"Bearer {ADMIN}"}
    assert httpx.delete(running.url + "/v1/models/pull", headers=key).status_code == 200
    hub.hold_at = None
    with pytest.raises(ollama.ResponseError) as error:
        list(lines)
    assert error.value.error


def test_who_leaves_stops_it(running, home, hub):  # noqa: F811
    client = client_of(running)
    hub.block, hub.hold_at = 16 << 10, 1_200_000
    lines = client.pull(NAME, stream=True)
    next(lines)
    lines.close()
    assert eventually(lambda: catalogue(running)["under_way"] is None)
    home.has_no_model()


def test_what_is_not_whole_is_not_listed(running, home):  # noqa: F811
    home.folder.mkdir(parents=True)
    (home.folder / "config.json").write_bytes(FILES["config.json"])
    key = {"Authorization": f"Bearer {USER}"}
    told = httpx.get(running.url + "/api/tags", headers=key).json()
    assert NAME not in json.dumps(told)
