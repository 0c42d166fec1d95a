"""The page below a sub-path, behind a proxy with TLS. See page_driver.py."""

import http.client
import http.server
import json
import threading

import httpx
import pytest
from playwright.sync_api import expect

from conftest import Server, data_uri, token_id
from page_driver import CIRCLE, QUESTION, ask, choose, launched, open_page, until  # noqa: F401
from test_page_camera import FLAGS, answers, film, start
from test_pull_tls import authority, signed  # noqa: F401

HOST = "pictures.example.org"  # resolved to this machine
BELOW = "/eyes"


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """The browser tries what it will be told to overlook."""


class Proxy(http.server.BaseHTTPRequestHandler):
    """Has ocellus below BELOW, as nginx with `proxy_pass http://…/` and its usual headers has it."""

    protocol_version = "HTTP/1.1"
    port = 0  # of ocellus
    asked = []  # paths

    def log_message(self, *args):
        pass

    def pass_on(self):
        if self.path == BELOW:
            self.send_response(301)
            self.send_header("Location", BELOW + "/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.asked.append(self.path)
        if not self.path.startswith(BELOW + "/"):
            self.send_error(404)  # another program's
            return None
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        headers |= {"Host": f"127.0.0.1:{self.port}", "X-Forwarded-Host": self.headers["Host"],
                    "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7:4711"}  # fmt: skip
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        to = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            to.request(self.command, self.path[len(BELOW) :], body, headers)
            response = to.getresponse()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.close_connection = True
            self.end_headers()
            while piece := response.read1(65536):  # as it comes
                self.wfile.write(piece)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            to.close()

    do_GET = do_POST = do_DELETE = pass_on


@pytest.fixture(scope="module")
def proxied(authority):  # noqa: F811
    """The page's address as the world sees it, and the server."""
    running = Server("--allow-host", HOST)
    Proxy.port = running.port
    proxy = Listener(("127.0.0.1", 0), Proxy)
    proxy.socket = signed(authority, "proxy", f"DNS:{HOST}").wrap_socket(
        proxy.socket, server_side=True, do_handshake_on_connect=False)  # fmt: skip
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"https://{HOST}:{proxy.server_port}{BELOW}", running
    proxy.shutdown()
    proxy.server_close()
    thread.join()
    running.end()


@pytest.fixture(scope="module")
def browser():
    with launched(*FLAGS, f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as running:
        yield running


@pytest.fixture
def page(open_page, proxied):  # noqa: F811
    Proxy.asked.clear()
    yield open_page(proxied[0], ignore_https_errors=True)
    # Nothing is asked for beside the sub-path.
    assert [path for path in Proxy.asked if not path.startswith(BELOW + "/")] == []


def test_a_picture_is_asked_about(page, proxied):
    assert page.url == proxied[0] + "/"
    expect(page.locator("h1 img")).to_have_js_property("complete", True)
    assert page.evaluate("document.querySelector('h1 img').naturalWidth") > 0
    choose(page)
    turn = ask(page, QUESTION)
    expect(turn.locator(".text")).to_have_text("Circle.")
    turn.locator(".saw summary").click()
    expect(turn.locator(".saw canvas").first).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="Try an example").click()
    expect(page.locator("#picture-name")).to_have_text("shapes.png")
    page.locator("#status summary").click()
    expect(page.locator("#plot-now")).to_contain_text("tokens a second")
    # Whom the proxy asks for, without the port.
    assert proxied[1].logged(r"client=203\.0\.113\.7 .*path=/v1/chat/completions")


def test_without_the_last_slash(page, proxied):
    page.goto(proxied[0])
    assert page.url == proxied[0] + "/"
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")


def test_the_camera_may_be_used(page):
    assert page.evaluate("window.isSecureContext")
    film(page, "once")
    start(page, "What is there?")
    expect(answers(page).first).to_be_visible()


def test_an_answer_comes_piece_by_piece(page):
    """The first piece is here while the model is still at it: the proxy is told not to hold pieces back."""
    choose(page)
    page.evaluate("""async (body) => {
        const response = await fetch("v1/chat/completions", {
          method: "POST", headers: {"Content-Type": "application/json"}, body});
        window.buffering = response.headers.get("X-Accel-Buffering");
        const reader = response.body.getReader();
        window.first = new TextDecoder().decode((await reader.read()).value);
        window.health = await (await fetch("health")).json();
        reader.cancel();
    }""", json.dumps({"messages": [{"role": "user", "content": "Describe the image."}], "stream": True, "n": 8,
                      "max_tokens": 3500, "temperature": 1, "logit_bias": {token_id("a"): 100}}))  # fmt: skip
    assert page.evaluate("window.buffering") == "no"
    assert page.evaluate("window.first").startswith("data: {")
    assert page.evaluate("window.health.running") == 1
    until(page, "fetch('health').then((response) => response.json()).then((health) => health.running === 0)")


def test_who_may_come_through_the_proxy(proxied):
    """Another host's page, or one that says it came by http, is none of the server's own."""
    _, running = proxied
    body = {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": data_uri(CIRCLE.read_bytes())}},
        {"type": "text", "text": QUESTION}]}]}  # fmt: skip

    def status(origin, host, proto):
        headers = {"Origin": origin, "X-Forwarded-Host": host, "X-Forwarded-Proto": proto}
        return httpx.post(running.url + "/v1/chat/completions", json=body, headers=headers).status_code

    assert status(f"https://{HOST}", HOST, "https") == 200
    assert status(f"https://{HOST}", HOST, "http") == 403
    assert status("https://evil.example", "evil.example", "https") == 403
    assert status("https://evil.example", HOST, "https") == 403
