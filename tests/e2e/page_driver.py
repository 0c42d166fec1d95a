"""The web page in a real browser: Debian's Chromium, or the one that OCELLUS_CHROMIUM names. What the tests
of the page share.

OCELLUS_SCREENSHOTS names a folder for pictures of the page, to be looked at. OCELLUS_WEB names one whose
files the page has in place of the program's (web): what is changed there is tested without a build.
"""

import contextlib
import os
import pathlib
import re
import shutil
import time

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from conftest import ROOT, Server, data_uri

CIRCLE = ROOT / "examples/red-circle.png"
SHAPES = ROOT / "examples/shapes.png"
QUESTION = "What shape is in the picture?"
HOSTILE = "<img src=x onerror=document.title='owned'>"
SCREENS = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
WATCH = """
  window.seen = [];
  addEventListener("securitypolicyviolation", (event) =>
    window.seen.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
SECONDS = 60  # far above anything that a test waits for
expect.set_options(timeout=SECONDS * 1000)


def chromium():
    names = (os.environ.get("OCELLUS_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if name and (found := shutil.which(name))), None)
    assert program, "no Chromium (Debian: chromium; elsewhere name it in OCELLUS_CHROMIUM)"
    return program


def until(page, condition, arg=None):
    """Waits for an expression of the page. (wait_for_function wants eval, which the policy forbids.)"""
    end = time.monotonic() + SECONDS
    while not page.evaluate(condition, arg):
        assert time.monotonic() < end, f"not so in time: {condition}"
        page.wait_for_timeout(50)


# What each window has beside the page, and no test looks at: the address bar's lists, which are pages of their own,
# and a process for the page that may come next. They take half of the time.
BESIDE = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess"]
# Chromium heeds the last --disable-features only, so these are Playwright's.
PLAYWRIGHTS = [
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
]  # fmt: skip


@contextlib.contextmanager
def launched(*args):
    with sync_playwright() as playwright:
        # --no-sandbox: Chromium's own does not work for root, as tests in containers run.
        own = ["--no-sandbox", "--disable-features=" + ",".join(PLAYWRIGHTS + BESIDE)]
        running = playwright.chromium.launch(executable_path=chromium(), args=[*own, *args])
        yield running
        running.close()


@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


KINDS = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


def from_folder(context, url):
    folder = os.environ.get("OCELLUS_WEB")
    if not folder or "127.0.0.1" not in url:  # elsewhere Chromium asks whether such a page may use this machine
        return
    policy = httpx.get(url + "/").headers["Content-Security-Policy"]

    def answer(route):
        path = route.request.url.removeprefix(url + "/").split("?")[0] or "index.html"
        file = pathlib.Path(folder) / path
        if not file.is_file():
            return route.fallback()
        kind = KINDS.get(file.suffix, "text/javascript")
        return route.fulfill(body=file.read_bytes(), content_type=kind,
                             headers={"Content-Security-Policy": policy})

    context.route(url + "/**", answer)


@contextlib.contextmanager
def pages(browser):
    """What opens the page of a server; at the end nothing may have gone wrong in it unexpectedly."""
    contexts, faults = [], []

    def begin(url, ready=True, expected=None, **options):
        options = {"viewport": SCREENS["wide"], **options}
        contexts.append(browser.new_context(**options))
        from_folder(contexts[-1], url)
        page = contexts[-1].new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.add_init_script(WATCH)
        # Listening from the start: Playwright may turn it on too late for a dialog that comes at once.
        page.on("filechooser", lambda chooser: None)
        page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
        page.on(
            "console",
            lambda line: line.type in ("error", "warning")
            and not (expected and re.search(expected, line.text))
            # What a question would be refused for stands below it.
            and not (line.location["url"].endswith("/v1/images/plan") and "status of 4" in line.text)
            and faults.append(f"console: {line.text}"),
        )
        page.on(
            "request",
            lambda request: request.url.startswith((url, "blob:", "data:"))
            or (expected and re.search(expected, request.url))
            or faults.append(f"elsewhere: {request.url}"),
        )
        page.goto(url + "/")
        if ready:
            expect(page.locator("#status")).to_have_attribute("data-state", "ready")
        return page

    yield begin
    for context in contexts:
        for page in context.pages:
            faults += page.evaluate("window.seen")
            assert page.title() == "ocellus"
        context.close()
    assert not faults, faults


@pytest.fixture
def open_page(browser):
    with pages(browser) as begin:
        yield begin


@pytest.fixture
def page(open_page, server):
    return open_page(server.url)


@pytest.fixture(scope="module")
def page_of_all(browser, server):
    with pages(browser) as begin:
        yield begin(server.url)


@pytest.fixture
def same_page(page_of_all):
    """One page for the tests of a module that need no new one: each begins a conversation, and what it answers itself
    ends with it."""
    yield page_of_all
    page_of_all.unroute_all()


def ask(page, question=None):
    """The turn, when it has been answered, has failed or was stopped."""
    number = page.locator(".turn").count()
    if question is not None:
        page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    turn = page.locator(".turn").nth(number)
    expect(turn.locator(".meta, .failure").first).to_be_visible()
    return turn


def choose(page, picture=CIRCLE):
    """A conversation about this picture."""
    page.locator("#file").set_input_files(picture)
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#picture-name")).to_have_text(
        picture["name"] if isinstance(picture, dict) else pathlib.Path(picture).name
    )


def answer_with(page, *events, status=200, headers=None):
    """The next answers of the API are these; the page around them stays the real one."""
    body = "".join(f"data: {event}\n\n" for event in events)
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(
            status=status, body=body, content_type="text/event-stream", headers=headers
        ),
    )


CONTRAST = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const paint = (colours) => {
      for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => rgb.map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const poor = [];
    for (const element of document.querySelectorAll("body *")) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!own || !element.checkVisibility() || element.disabled) continue;
      const grounds = [];
      for (let at = element; at; at = at.parentElement)
        grounds.unshift(getComputedStyle(at).backgroundColor);
      const a = light(paint(grounds));
      const b = light(paint([...grounds, getComputedStyle(element).color]));
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) poor.push(`${element.tagName} "${element.textContent.trim()}" ${ratio}`);
    }
    return poor;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, textarea, input, select, summary, img, video")]
    .filter((each) => each.checkVisibility() && !each.textContent.trim() && !each.ariaLabel &&
        !each.labels?.length && !each.hasAttribute("alt"))
    .map((each) => each.outerHTML)"""


def schemes(page):
    """The page in one colour scheme, then in the other: only its style knows of them."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        yield scheme


def looked_at(open_page, url, part, screen, **options):
    """A page on a screen of SCREENS, and a check of how it looks in both colour schemes: nothing is wider than the
    screen, all can be read and has a name. A screenshot of each goes into $OCELLUS_SCREENSHOTS."""
    phone = screen == "phone"
    page = open_page(url, **{
        "viewport": SCREENS[screen], "reduced_motion": "reduce", "is_mobile": phone, "has_touch": phone,
        "device_scale_factor": 2 if phone else 1, **options})  # fmt: skip

    def check(name):
        for scheme in schemes(page):
            if folder := os.environ.get("OCELLUS_SCREENSHOTS"):
                page.screenshot(path=pathlib.Path(folder) / f"{part}-{screen}-{scheme}-{name}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen]["width"]
            assert page.evaluate(CONTRAST) == []
            assert page.evaluate(NAMELESS) == []

    return page, check
