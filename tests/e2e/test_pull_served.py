"""POST /v1/models/pull: the server pulls as `ocellus pull` does, for an admin, one model at a time."""

import contextlib
import json
import re
import shutil

import httpx
import pytest

from bad_hub import COMMIT, Hub
from conftest import ROOT, Server, data_uri, eventually
from pull_home import FILES, NAME, NEEDED, WEIGHTS, Home, always
from test_switch import run

ADMIN, USER = "the-admins", "a-users"
WHOLE = sum(map(len, NEEDED.values()))
PATH = "/v1/models/pull"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with keys and a home of its own; what it pulls is gone after each test (`running`)."""
    hub = Hub(FILES)
    home = Home(tmp_path_factory.mktemp("home"), hub)
    server = Server("--api-key", USER, "--admin-key", ADMIN, "--cors-origin", "https://named.example",
                    env=home.env)  # fmt: skip
    yield server, hub, home
    server.end()
    hub.close()


@pytest.fixture
def running(served):
    server, hub, home = served
    fresh = Hub.__new__(Hub)
    fresh.__dict__.update(hub.__dict__)
    yield server
    assert eventually(lambda: catalogue(server)["under_way"] is None)
    for name, value in fresh.__dict__.items():
        if name in ("fault", "api_fault", "token", "gated", "redirect", "pause", "block", "hold_at"):
            setattr(hub, name, value)
    hub.listed, hub.files, hub.requests, hub.sent, hub._counts = {}, dict(FILES), [], 0, {}
    shutil.rmtree(home.path / "models", ignore_errors=True)


@pytest.fixture
def hub(served):
    return served[1]


@pytest.fixture
def home(served):
    return served[2]


def key(name=ADMIN):
    return {"Authorization": f"Bearer {name}"} if name else {}


def catalogue(server, name=ADMIN):
    response = httpx.get(server.url + PATH, headers=key(name))
    assert response.status_code == 200
    return response.json()


@contextlib.contextmanager
def pulling(server, model=NAME, **fields):
    """The response, and its events as they come."""
    body = {"model": model, "retries": 1, "timeout": 5, **fields}
    with httpx.stream("POST", server.url + PATH, json=body, headers=key()) as response:

        def events():
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield line.removeprefix("data: ")
                else:
                    assert line in ("", ": ping")

        yield response, events()


def pull(server, model=NAME, **fields):
    """All events but the end, or the error there is instead."""
    with pulling(server, model, **fields) as (response, events):
        if response.status_code != 200:
            response.read()
            return response.status_code, response.json()["error"]
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        *told, end = events
        assert end == "[DONE]"
        return [json.loads(one) for one in told]


def refused(server, method="POST", headers=None, **more):
    headers = key() if headers is None else headers
    if method == "POST":
        more = {"json": {"model": NAME}, **more}
    response = httpx.request(method, server.url + PATH, headers=headers, **more)
    return response.status_code, response.json()["error"]


def in_the_middle(events, hub, count=1_000_000):
    """Until so much is known to be here."""
    for one in events:
        if json.loads(one).get("done_bytes", 0) >= count:
            return json.loads(one)
    raise AssertionError("it ended")


def test_progress_and_a_model_that_answers_at_once(running, home, hub):
    hub.block, hub.pause = 16 << 10, 0.05  # a second or more, so that there is something to tell
    told = pull(running)
    assert all(one["object"] == "model.pull" and one["model"] == NAME for one in told)
    *steps, end = told
    assert end == {"object": "model.pull", "model": NAME, "revision": "main", "phase": "done", "id": NAME,
                   "commit": COMMIT, "files": len(NEEDED), "total_bytes": WHOLE, "fetched_bytes": WHOLE}  # fmt: skip
    phases = {one["phase"] for one in steps}
    assert "loading" in phases and phases <= {"loading", "checking"}  # which may be over too soon to be told
    weights = [one for one in steps if (one["file"] or {}).get("name") == WEIGHTS]
    assert weights and all(one["total_bytes"] == WHOLE for one in weights)
    assert all(one["file"]["total_bytes"] == len(FILES[WEIGHTS]) for one in weights)
    done = [one["done_bytes"] for one in weights if one["phase"] == "loading"]
    assert done == sorted(done) and done[-1] <= WHOLE
    assert all(0 <= one["file"]["done_bytes"] <= one["file"]["total_bytes"] for one in weights)
    assert any(one["bytes_per_s"] > 0 for one in weights)
    assert home.is_whole()
    # No restart.
    listed = {m["id"]: m for m in httpx.get(running.url + "/v1/models", headers=key()).json()["data"]}
    assert listed[NAME]["state"] == "absent"
    picture = data_uri((ROOT / "examples/red-circle.png").read_bytes())
    body = {"model": NAME, "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": picture}},
        {"type": "text", "text": "What shape is in the picture?"}]}]}  # fmt: skip
    answer = httpx.post(running.url + "/v1/chat/completions", json=body, headers=key())
    assert answer.json()["choices"][0]["message"]["content"] == "Circle."
    # Again there is nothing to fetch, and the model that is loaded stays in service.
    assert pull(running)[-1]["fetched_bytes"] == 0
    assert httpx.post(running.url + "/v1/chat/completions", json=body, headers=key()).status_code == 200


def test_the_catalogue(running, hub):
    told = catalogue(running)
    assert told["allowed"] is True and told["hub"] == hub.url and told["under_way"] is None
    names = {one["id"]: one for one in told["data"]}
    phi = names["phi-3.5-vision-4bit"]
    assert (phi["repo"], phi["arch"], phi["installed"]) == (
        "mlx-community/Phi-3.5-vision-instruct-4bit", "phi3_v", False)  # fmt: skip
    assert phi["bytes"] > 1e9
    [demo] = told["installed"]
    assert (demo["id"], demo["arch"], demo["quantization"], demo["whole"]) == (
        "ocellus-demo", "phi3_v", "4-bit", True)  # fmt: skip
    other = catalogue(running, USER)
    assert other["allowed"] is False and "hub" not in other and other["data"] == told["data"]


def test_who_leaves_stops_it_and_it_goes_on_later(running, home, hub):
    hub.block, hub.hold_at = 16 << 10, 1_200_000
    with pulling(running) as (_, events):
        in_the_middle(events, hub)
        under_way = catalogue(running)["under_way"]
        assert under_way["model"] == NAME and under_way["file"]["name"] == WEIGHTS
    assert eventually(lambda: catalogue(running)["under_way"] is None)
    home.has_no_model()
    [part] = catalogue(running)["unfinished"]
    assert part["id"] == NAME and part["bytes"] > 900_000
    hub.hold_at = None
    assert eventually(lambda: not hub.active)
    sent = hub.sent
    assert pull(running)[-1]["phase"] == "done"
    assert home.is_whole() and hub.sent - sent < WHOLE - 700_000


def test_it_is_stopped_by_delete(running, home, hub):
    hub.block, hub.hold_at = 16 << 10, 1_200_000
    with pulling(running) as (_, events):
        in_the_middle(events, hub)
        stopped = httpx.delete(running.url + PATH, headers=key())
        assert stopped.status_code == 200
        assert stopped.json() == {"object": "model.pull", "model": NAME, "revision": "main", "phase": "stopped"}
        hub.hold_at = None
        # When that has been said another one may begin.
        assert pull(running)[-1]["phase"] == "done"
        *_, error, end = events
        assert json.loads(error)["error"]["code"] == "cancelled" and end == "[DONE]"
    assert home.is_whole()
    assert (refused(running, "DELETE")[0], refused(running, "DELETE")[1]["code"]) == (404, "no_pull_under_way")


def test_one_at_a_time(running, home, hub):
    hub.block, hub.hold_at = 16 << 10, 1_200_000
    with pulling(running) as (_, events):
        in_the_middle(events, hub)
        response = httpx.post(running.url + PATH, json={"model": "org/other"}, headers=key())
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (409, "pull_under_way")
        assert re.search(NAME + r" is being pulled, \d+ % of it is here", error["message"])
        assert response.headers["x-should-retry"] == "false"
        # Another program's is seen, too.
        assert "another process" in home.fail("pull", NAME, "--quiet")
        hub.hold_at = None
        assert [json.loads(one) for one in events if one != "[DONE]"][-1]["phase"] == "done"
    assert home.is_whole()


def test_only_an_admin_may(running, hub):
    for name, status, code in ((None, 401, "missing_api_key"), ("wrong", 401, "invalid_api_key"),
                               (USER, 403, "admin_key_required")):  # fmt: skip
        for method in ("POST", "DELETE"):
            told = refused(running, method, key(name))
            assert (told[0], told[1]["code"]) == (status, code), (name, method)
    assert httpx.get(running.url + PATH).status_code == 401
    assert hub.requests == []


@pytest.mark.parametrize("origin", ["http://evil.example", "https://named.example", "null"])
def test_no_other_page_may(running, hub, origin):
    """Not even one that --cors-origin lets in."""
    for method in ("POST", "DELETE"):
        told = refused(running, method, {**key(), "Origin": origin})
        assert (told[0], told[1]["code"]) == (403, "origin_not_allowed")
    assert refused(running, "DELETE", {**key(), "Origin": running.url})[0] == 404  # its own may
    assert hub.requests == []


def test_what_is_no_model_is_told(running, hub):
    status, error = pull(running, "phi-3.5-vison-4bit")
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "did you mean phi-3.5-vision-4bit?" in error["message"]
    assert "did you mean smolvlm2-500m?" in pull(running, "smolvlm2_500m")[1]["message"]
    status, error = pull(running, "../x")
    assert (status, error["param"]) == (400, "model")
    for fields, param in (({"model": None}, "model"), ({"model": ""}, "model"), ({"model": 3}, "model"),
                          ({"connections": 0}, "connections"), ({"retries": 1001}, "retries"),
                          ({"timeout": 0}, "timeout"), ({"replace": "yes"}, "replace"),
                          ({"modle": "x"}, "modle")):  # fmt: skip
        status, error = pull(running, **{"model": NAME, **fields})
        assert (status, error["param"]) == (400, param)
    assert refused(running, content=b"[]", json=None, headers={**key(), "Content-Type": "application/json"})[0] == 400
    assert hub.requests == []
    status, error = pull(running, "other/demo")
    assert (status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("size, status, code", [
    (8_000_000_000_000, 503, "unavailable"), (1 << 60, 502, "bad_hub"), (-1, 502, "bad_hub"),
])  # fmt: skip
def test_no_room_and_sizes_that_are_none(running, home, hub, size, status, code):
    hub.listed[WEIGHTS] = {"size": size}
    told = pull(running)
    error = told[1] if isinstance(told, tuple) else told[-1]["error"]
    assert error["code"] == code
    if isinstance(told, tuple):
        assert told[0] == status
    assert str(home.path) not in json.dumps(error)  # no folder shows
    home.has_no_model()


def test_a_hub_that_damages_or_refuses(running, home, hub):
    hub.fault = always(WEIGHTS, "wrong bytes")
    told = pull(running)
    assert any("came damaged" in one.get("note", "") for one in told)
    assert told[-1]["error"]["code"] == "bad_hub" and "SHA-256" in told[-1]["error"]["message"]
    home.has_no_model()
    hub.fault = lambda name, count: None
    hub.token = "hf_right"
    status, error = pull(running)
    # The server's token at the hub, not the client's key.
    assert (status, error["code"]) == (403, "hub_refused") and "HF_TOKEN" in error["message"]
    home.has_no_model()


def test_the_end_of_the_server_does_not_wait_for_it(tmp_path):
    hub = Hub(FILES)
    home = Home(tmp_path, hub)
    server = Server(env=home.env)  # no key: who is at the machine may
    try:
        hub.block, hub.hold_at = 16 << 10, 1_200_000
        with pulling(server) as (_, events):
            in_the_middle(events, hub)
            server.signal()
            *_, error, end = events
            assert json.loads(error)["error"]["code"] == "cancelled" and end == "[DONE]"
        assert server.wait() == 0
        home.has_no_model()
        hub.hold_at = None
        assert eventually(lambda: not hub.active)
        sent = hub.sent
        home.pull()  # the verb goes on with what the server began
        assert home.is_whole() and hub.sent - sent < WHOLE - 700_000
    finally:
        server.end()
        hub.close()


def test_a_model_is_loaded_before_it_is_asked(running, home):
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--out", home.path / "models/tiny")

    def load(body, name=ADMIN):
        return httpx.post(running.url + "/v1/models/load", json=body, headers=key(name))

    response = load({"model": "tiny"}, USER)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "admin_key_required")
    assert load({"model": "none"}).status_code == 404
    assert load({"model": "tiny", "now": 1}).status_code == 400 and load({}).status_code == 400
    response = load({"model": "tiny"})
    assert response.status_code == 200
    assert (response.json()["id"], response.json()["state"]) == ("tiny", "ready")
    states = {m["id"]: m["state"] for m in httpx.get(running.url + "/v1/models", headers=key()).json()["data"]}
    assert states["tiny"] == "ready"
    assert load({"model": "tiny"}, USER).status_code == 200  # it is
