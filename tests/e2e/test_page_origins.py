"""Web pages that are not the server's own, in a real browser: the old frontend's, opened as files or
served at another port, and those of another site."""

import functools
import http.server
import json
import shutil
import threading

import httpx
import pytest

from conftest import ROOT, data_uri
from page_driver import CIRCLE, launched
from test_switch import DEMO, both, home, states  # noqa: F401

SITE = "elsewhere.example"  # resolved to this machine, as a site in the internet would not be

# Asks what the old pages ask, and then what nobody but the owner should. Of each: the status and the
# text where the page may read them, else null.
ASK = """
async (server) => {
  const json = {"Content-Type": "application/json"};
  const question = (more) => ({
    method: "POST", headers: json, body: JSON.stringify({...server.question, ...more})});
  const asked = {
    "status": [server.backend + "/status"],
    "status of the model server": [server.model + "/status"],
    "config": [server.backend + "/config"],
    "chat": [server.backend + "/v1/chat/completions", question()],
    "chat with the model server": [server.model + "/v1/chat/completions", question()],
    "user query": [server.backend + "/api/v1/logging/user_query", {
      method: "POST", headers: json, body: JSON.stringify({query_id: "q", query: "Next?"})}],
    "state query": [server.backend + "/api/v1/state/query", {
      method: "POST", headers: json, body: JSON.stringify({query: "Next?"})}],
    "another model": [server.model + "/v1/chat/completions", question({model: "tiny"})],
    "patch": [server.backend + "/api/v1/config", {
      method: "PATCH", headers: json, body: JSON.stringify({active_model: "tiny"})}],
    "full config": [server.backend + "/api/v1/config"],
    "health": [server.backend + "/health"],
    "models": [server.model + "/v1/models"],
    "stats": [server.model + "/stats"],
    "metrics": [server.model + "/metrics"],
    "page": [server.model + "/"],
  };
  const told = {};
  for (const [name, [url, options]] of Object.entries(asked)) {
    try {
      const response = await fetch(url, options);
      told[name] = [response.status, await response.text()];
    } catch (error) {
      told[name] = null;
    }
  }
  return told;
}
"""
OLD_ROUTES = {"status", "status of the model server", "config", "chat", "chat with the model server",
              "user query"}  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with launched(f"--host-resolver-rules=MAP {SITE} 127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder of pages, and the port at which they are served."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><title>a page</title>")
    (folder / "frame.html").write_text(
        "<!doctype html><title>a page with a frame</title>"
        '<iframe sandbox="allow-scripts" srcdoc="<!doctype html><p>here"></iframe>'
    )
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, server.server_port
    server.shutdown()
    thread.join()


@pytest.fixture
def ask_from(browser, site):
    """What a page at this address is told of a server; `frame`: a sandboxed one in it."""
    folder, port = site
    contexts = []

    def ask(where, running, frame=False):
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        name = "frame.html" if frame else "index.html"
        start = {"file": f"file://{folder}", "local": f"http://localhost:{port}",
                 "site": f"http://{SITE}:{port}"}[where]  # fmt: skip
        page.goto(f"{start}/{name}")
        asking = page.frames[1] if frame else page
        wanted = {"local": f"http://localhost:{port}", "site": f"http://{SITE}:{port}"}
        origin = "null" if frame or where == "file" else wanted[where]
        assert asking.evaluate("self.origin") == origin
        picture = {"type": "image_url", "image_url": {"url": data_uri(CIRCLE.read_bytes())}}
        text = {"type": "text", "text": "What shape is in the picture?"}
        turn = {"role": "user", "content": [text, picture]}
        return asking.evaluate(ASK, {
            "model": running.url.replace("127.0.0.1", "localhost"),
            "backend": running.backend.replace("127.0.0.1", "localhost"),
            "question": {"max_tokens": 20, "messages": [turn]},
        })  # fmt: skip

    yield ask
    for context in contexts:
        context.close()


def check_guest(told, running):
    """The old pages' routes and no further."""
    for name in OLD_ROUTES:
        assert told[name] is not None and told[name][0] == 200, (name, told[name])
    for name in ("chat", "chat with the model server"):
        assert json.loads(told[name][1])["choices"][0]["message"]["content"] == "Circle."
    assert told["state query"][0] == 501
    status, text = told["another model"]
    assert (status, json.loads(text)["error"]["code"]) == (403, "origin_not_allowed")
    assert "--cors-origin" in text
    for name in set(told) - OLD_ROUTES - {"state query", "another model"}:
        assert told[name] is None, (name, told[name])
    check_nothing_changed(running)


def check_nothing_changed(running):
    assert httpx.get(running.backend + "/config").json()["active_model"] == "demo"
    assert states(running).get("tiny", {"state": "absent"})["state"] == "absent"


def test_the_old_pages_work_with_the_catalogues_file(both, ask_from):  # noqa: F811
    running = both("--config", "demo")
    for where in ("file", "local"):
        check_guest(ask_from(where, running), running)
    line = running.logged("guests")[0]
    assert "null" in line and "sandbox" in line and "--cors-origin" in line


def test_a_sandboxed_frame_of_another_site_gets_no_further(both, ask_from):  # noqa: F811
    running = both("--config", "demo")
    check_guest(ask_from("site", running, frame=True), running)
    # The site itself is nobody's guest.
    told = ask_from("site", running)
    assert not any(told.values()), told
    check_nothing_changed(running)


def test_a_page_that_is_named_may_do_everything(both, ask_from):  # noqa: F811
    running = both("--config", "demo", "--cors-origin", "null")
    told = ask_from("file", running)
    assert told["patch"][0] == 200 and told["models"][0] == 200
    assert json.loads(told["another model"][1])["model"] == "tiny"
    assert httpx.get(running.backend + "/config").json()["active_model"] == "tiny"
    [warning] = running.logged("sandboxed frame has this origin")
    assert " warning event=" in warning and "PATCH" in warning and "load" in warning
    # Others are guests as before.
    assert ask_from("local", running)["patch"] is None


@pytest.mark.parametrize("kind", ["an owner's file", "the environment", "no file"])
def test_where_the_owner_says_no_or_nothing_pages_stay_out(both, ask_from, tmp_path, kind):  # noqa: F811
    file = tmp_path / "demo.json"  # what the catalogue has, but somebody's own
    shutil.copy(ROOT / "configs/models/demo.json", file)
    args, env = {
        "an owner's file": (("--config", str(file)), {}),
        "the environment": (("--config", "demo"), {"OCELLUS_CORS": "false"}),
        "no file": ((), {}),
    }[kind]
    running = both(*args, env=env)
    for where, frame in (("file", False), ("local", False), ("site", True)):
        told = ask_from(where, running, frame=frame)
        assert not any(told.values()), (where, told)
    assert not any("guests" in line or "sandboxed" in line for line in running.settled_log())


@pytest.mark.parametrize("flags", [(), ("--shared-cache",)])
def test_what_others_have_asked_does_not_show(both, flags):  # noqa: F811
    """Neither by an answer that is kept, nor by how much of the prompt is."""
    running = both("--config", "demo", *flags)

    def kept(origin=None):
        body = {"messages": [{"role": "user", "content": "What can you see?"}], "max_tokens": 2}
        headers = {"origin": origin} if origin else {}
        response = httpx.post(
            running.backend + "/v1/chat/completions", json=body, timeout=300, headers=headers
        )
        assert response.status_code == 200
        cached = response.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
        return response.headers["x-ocellus-cache"], cached > 0

    assert [kept()[0], kept()[0]] == ["miss", "hit"]
    for origin in ("null", "http://localhost:5500"):
        assert [kept(origin), kept(origin)[0]] == [("miss", False), "hit"], origin


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "configs/models").iterdir()))
def test_guests_come_from_this_machine(both, name):  # noqa: F811
    """A request for another host, or one that a proxy passes on, is of no page of this machine."""
    running = both("--config", name)

    def status(**headers):
        body = {"messages": [{"role": "user", "content": "What can you see?"}], "max_tokens": 2}
        return httpx.post(
            running.backend + "/v1/chat/completions", json=body, timeout=300, headers=headers
        ).status_code

    assert status(origin="null") == status(origin="http://localhost:1") == 200
    assert status(origin="http://[::1]:1") == status(origin="http://127.0.0.1:5500") == 200
    for origin in ("http://localhost.example", "http://127.0.0.1.example", "file://", "NULL"):
        assert status(origin=origin) == 403, origin
    for name in ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via"):
        assert status(origin="null", **{name: "localhost"}) == 403, name
    assert status(origin="null", host="192.168.1.1") == 403
