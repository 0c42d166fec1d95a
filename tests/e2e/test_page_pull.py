"""The models' panel of the page, and the status with its plot. See page_driver.py."""

import re
import threading

import httpx
import pytest
from playwright.sync_api import expect

from bad_hub import Hub
from conftest import Server, eventually
from page_driver import (  # noqa: F401
    QUESTION, SCREENS, ask, browser, choose, looked_at, open_page, page, until,
)  # fmt: skip
from pull_home import FILES, NAME, WEIGHTS, Home
from test_page_access import PACKAGES, faults
from test_switch import run

ADMIN = "the-admins"
HELD = 1_200_000  # bytes that come before the hub waits


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with an admin key, a model "tiny" beside the embedded one, and a hub."""
    hub = Hub(FILES)
    home = Home(tmp_path_factory.mktemp("home"), hub)
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--out", home.path / "models/tiny")
    server = Server("--admin-key", ADMIN, "--max-answer", "8", env=home.env)
    yield server, hub
    server.end()
    hub.close()


@pytest.fixture
def hub(served):
    served[1].sent = 0
    yield served[1]
    served[1].hold_at, served[1].block = None, 64 << 10


@pytest.fixture
def server(served):
    return served[0]


def panel(open_page, server, key=ADMIN, **options):  # noqa: F811
    page = open_page(server.url, **options)  # noqa: F811
    if key:
        page.evaluate("(key) => sessionStorage.setItem('ocellus-api-key', key)", key)
        page.reload()
        expect(page.locator("#status")).to_have_attribute("data-state", re.compile("ready|idle"))
    opened(page)
    return page


def opened(page):  # noqa: F811
    page.locator("#status summary").click()
    page.get_by_role("button", name="Models…").click()
    expect(page.get_by_role("dialog", name="Models")).to_be_visible()
    expect(page.locator("#models-there li").first).to_be_visible()


def row(page, name):  # noqa: F811
    return page.locator("#models-here li").filter(has_text=name)


def test_a_model_is_used_when_it_has_been_loaded(open_page, server):  # noqa: F811
    page = panel(open_page, server)  # noqa: F811
    expect(row(page, "ocellus-demo")).to_contain_text("Phi-3.5-Vision · 4-bit · 2.6 MB · Ready")
    expect(row(page, "ocellus-demo")).to_have_attribute("aria-current", "true")
    expect(row(page, "tiny")).to_contain_text(re.compile(r"Phi-3\.5-Vision · 4-bit · [\d.]+ MB · Loads when asked"))
    # Loading takes a moment here: the figures are the test's own.
    models = httpx.get(server.url + "/v1/models").json()
    for model in models["data"]:
        if model["id"] == "tiny":
            loading = {"seconds": 3.2, "phase": "quantizing", "done_bytes": 42, "total_bytes": 100}
            model |= {"state": "loading", "loading": loading}
    held = []
    page.route("**/v1/models/load", lambda route: held.append(route))
    page.route("**/v1/models", lambda route: route.fulfill(json=models))
    row(page, "tiny").get_by_role("button", name="Use: tiny").click()
    expect(row(page, "tiny").locator("small")).to_contain_text("Quantizing… 42 % 3 s")
    expect(page.get_by_role("progressbar", name="Loading tiny")).to_have_js_property("value", 0.42)
    expect(row(page, "tiny").get_by_role("button")).to_be_disabled()
    page.unroute("**/v1/models")
    until(page, "document.querySelectorAll('#models-here progress').length === 0")
    held[0].continue_()
    expect(row(page, "tiny")).to_have_attribute("aria-current", "true")
    expect(row(page, "tiny")).to_contain_text("Ready")
    expect(page.locator("#announcer")).to_have_text("Questions go to tiny now.")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#model")).to_have_value("tiny")
    expect(page.locator("#status summary")).to_be_focused()
    choose(page)
    with page.expect_request("**/v1/chat/completions") as request:
        ask(page, QUESTION)
    assert request.value.post_data_json["model"] == "tiny"


def test_how_far_a_load_is_stands_in_the_status(open_page, server):  # noqa: F811
    page = open_page(server.url, expected="503")  # noqa: F811
    loading = {"seconds": 61.4, "phase": "reading", "done_bytes": 1, "total_bytes": 4}
    page.route("**/health", lambda route: route.fulfill(
        status=503, json={"status": "loading", "model": "x", "state": "loading", "loading": loading}))  # fmt: skip
    page.reload()
    expect(page.locator("#status-text")).to_have_text("Reading its files… 25 % 61 s")


def test_a_pull_is_stopped_goes_on_and_answers(open_page, server, hub):  # noqa: F811
    page = panel(open_page, server)  # noqa: F811
    hub.block, hub.hold_at = 16 << 10, HELD
    page.locator("#pull-model").fill(NAME)
    page.locator("#pull-model").press("Enter")
    expect(page.locator("#pull-name")).to_have_text(NAME)
    until(page, "document.querySelector('#pull-bar').value > 0.3")
    assert page.evaluate("document.querySelector('#pull-bar').value") < 0.6
    expect(page.locator("#pull-state")).to_contain_text(re.compile(r"^\d\d % · [\d.]+ MB of 2\.6 MB"))
    expect(page.locator("#pull-file")).to_contain_text(WEIGHTS + ": ")
    for pull in page.locator("#models-there button").all():
        expect(pull).to_be_disabled()  # one at a time
    # It goes on while the panel is closed.
    page.keyboard.press("Escape")
    opened(page)
    expect(page.locator("#pull-name")).to_have_text(NAME)
    page.locator("#pull-stop").click()
    expect(page.locator("#pull")).to_be_hidden()
    expect(page.locator("#announcer")).to_contain_text("goes on from here")
    expect(page.locator("#models-error")).to_be_empty()
    assert eventually(lambda: httpx.get(server.url + "/v1/models/pull").json()["under_way"] is None)
    hub.hold_at = None
    page.locator("#pull-form button").click()
    expect(page.locator("#announcer")).to_have_text(f"{NAME} is here.")
    row(page, NAME).get_by_role("button", name=f"Use: {NAME}").click()
    expect(row(page, NAME)).to_have_attribute("aria-current", "true")
    page.keyboard.press("Escape")
    choose(page)
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")


def test_what_cannot_be_pulled_is_told(open_page, server):  # noqa: F811
    page = panel(open_page, server, expected="404|400")  # noqa: F811
    for name, said in (("phi-3.5-vison", "did you mean phi-3.5-vision?"), ("../x", "is no model"),
                       ("other/none", "no model other/none")):  # fmt: skip
        page.locator("#pull-model").fill(name)
        page.locator("#pull-form button").click()
        expect(page.locator("#models-error")).to_contain_text(said)
        expect(page.locator("#pull")).to_be_hidden()


def test_somebody_elses_pull_is_seen_and_stopped(open_page, server, hub):  # noqa: F811
    hub.files = {**FILES, "config.json": FILES["config.json"] + b"\n"}  # whatever other tests have pulled
    hub.files[WEIGHTS] = FILES[WEIGHTS][:-1] + b"\0"
    hub.block, hub.hold_at = 16 << 10, HELD
    ends = []

    def other():
        with httpx.stream("POST", server.url + "/v1/models/pull", json={"model": NAME},
                          headers={"Authorization": f"Bearer {ADMIN}"}) as response:  # fmt: skip
            ends.append(response.read().decode())

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert eventually(lambda: hub.sent >= HELD // 2)
        page = panel(open_page, server)  # noqa: F811
        expect(page.locator("#pull-name")).to_have_text(NAME)
        expect(page.locator("#pull-note")).to_have_text("Somebody else has begun it.")
        page.locator("#pull-stop").click()
        expect(page.locator("#pull")).to_be_hidden()
    finally:
        hub.hold_at = None
        thread.join()
        hub.files = dict(FILES)
    assert '"cancelled"' in ends[0]


def test_who_may_not_is_told_what_to_type(open_page, server):  # noqa: F811
    page = panel(open_page, server, key=None, expected="403")  # noqa: F811
    expect(page.locator("#pull-how")).to_contain_text("ocellus pull NAME")
    expect(page.locator("#pull-form")).to_be_hidden()
    expect(page.locator("#models-there button")).to_have_count(0)
    expect(page.locator("#models-there li").first).to_contain_text("phi-3.5-vision-4bit")
    page.route("**/v1/models/load", lambda route: route.fulfill(
        status=403, json={"error": {"message": "for an admin key only", "code": "admin_key_required"}}))  # fmt: skip
    page.evaluate("""async () => {
        const {load} = await import("./api.js");
        window.refused = await load("x").catch((failure) => [failure.status, failure.code]);
    }""")
    assert page.evaluate("window.refused") == [403, "admin_key_required"]


def test_the_status_has_a_plot(open_page, server):  # noqa: F811
    page = open_page(server.url)  # noqa: F811
    choose(page)
    page.locator("#status summary").click()
    expect(page.locator("#plot-now")).to_have_text(re.compile(r"^[\d.]+ tokens a second, \d running, \d waiting$"))
    page.evaluate("""(body) => fetch("v1/chat/completions", {
        method: "POST", headers: {"Content-Type": "application/json"}, body})""",
        '{"messages": [{"role": "user", "content": "What can you see?"}], "max_tokens": 8}')  # fmt: skip
    image = page.locator("#plot-image")
    expect(image).to_have_attribute("aria-label", re.compile(r"at most [1-9.][\d.,]* tokens a second, at most \d"))
    until(page, "document.querySelector('#plot-rate').points.length > 1")
    heights = page.evaluate("[...document.querySelector('#plot-rate').points].map((point) => point.y)")
    assert min(heights) < 10 <= max(heights) <= 48
    page.keyboard.press("Escape")
    expect(page.locator("#plot")).to_be_hidden()


def test_the_panel_by_keyboard(open_page, server):  # noqa: F811
    page = open_page(server.url)  # noqa: F811
    page.locator("#status summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Models…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Models")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Models")).to_be_hidden()
    expect(page.locator("#status summary")).to_be_focused()


@pytest.mark.parametrize("screen", SCREENS)
def test_how_it_looks(open_page, server, hub, screen):  # noqa: F811
    page, check = looked_at(open_page, server.url, "panel", screen)  # noqa: F811
    page.evaluate("(key) => sessionStorage.setItem('ocellus-api-key', key)", ADMIN)
    page.reload()
    page.evaluate((PACKAGES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    page.locator("#status summary").click()
    expect(page.locator("#plot-now")).to_contain_text("tokens a second")
    check("status")
    assert faults(page) == []
    page.keyboard.press("Escape")
    opened(page)
    check("here")
    # Of its own, as a pull goes on with what a stopped one of the same weights has left.
    hub.files = {**FILES, WEIGHTS: FILES[WEIGHTS] + screen.encode()}
    hub.block, hub.hold_at = 16 << 10, HELD
    page.locator("#pull-model").fill(NAME)
    page.locator("#pull-model").press("Enter")
    until(page, "document.querySelector('#pull-bar').value > 0.3")
    page.evaluate("document.querySelector('#pull').scrollIntoView()")
    check("pull")
    assert faults(page) == []
    page.locator("#pull-stop").click()
    expect(page.locator("#pull")).to_be_hidden()
    assert eventually(lambda: httpx.get(server.url + "/v1/models/pull").json()["under_way"] is None)
    hub.hold_at, hub.files = None, dict(FILES)
