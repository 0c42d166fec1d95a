"""What a question will take, below it, and how far its answer is, while it is waited for. See page_driver.py."""

import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SCREENS, SHAPES, ask, browser, choose, looked_at, open_page, page, page_of_all, same_page, until,
)  # fmt: skip
from test_page_access import PACKAGES, faults

LINE = "#forecast-text"
PLAN = "**/v1/images/plan"


def planned(tokens=100, crops=((5, 1),), seconds=2.5, **more):
    return {"images": [{"num_crops": 16, "crops": each} for each in crops], "usage": {"prompt_tokens": tokens},
            "expected": {"first_token_seconds": seconds}, "cached": False, "requests_ahead": 0, **more}  # fmt: skip


def plan_with(page, *plans):
    """The next plans of the server are these, the last one for good; the list of what was asked."""
    bodies = []

    def reply(route):
        bodies.append(route.request.post_data_json)
        route.fulfill(json=plans[min(len(bodies), len(plans)) - 1])

    page.route(PLAN, reply)
    return bodies


def test_it_is_what_the_answer_takes(page):
    expect(page.locator("#forecast")).to_be_hidden()
    choose(page, SHAPES)
    expect(page.locator(LINE)).to_have_text(re.compile(r"^\d+ tokens · one view"))
    with page.expect_response(PLAN) as response:
        page.locator("#question").fill("How many shapes are in it, please?")
    tokens = response.value.json()["usage"]["prompt_tokens"]
    expect(page.locator(LINE)).to_have_text(re.compile(rf"^{tokens} tokens · one view"))
    details = ask(page).locator(".saw")
    expect(page.locator(LINE)).to_be_empty()  # nothing is written yet
    details.locator("summary").click()
    expect(details.locator("dl")).to_contain_text(f"{tokens} tokens")
    # The next one is told how long it takes: that was measured now.
    page.locator("#question").fill("Which of them is the largest?")
    expect(page.locator(LINE)).to_have_text(re.compile(r"tokens · one view · first word (at once|in about \d+\.\d s)$"))
    page.locator("#question").fill("How many shapes are in it, please?")
    expect(page.locator(LINE)).to_contain_text("tokens")


def test_it_follows_pictures_question_and_detail(page):
    bodies = plan_with(page, planned(100), planned(110), planned(60, [(1, 1)]), planned(120, [(1, 1), (3, 2)]))
    choose(page)
    expect(page.locator(LINE)).to_have_text("100 tokens · 5 crops · first word in about 2.5 s")
    page.evaluate("""() => {
        const box = document.querySelector("#question");
        for (const letter of "What is it?") {
          box.value += letter;
          box.dispatchEvent(new Event("input"));
        }
    }""")
    expect(page.locator(LINE)).to_have_text("110 tokens · 5 crops · first word in about 2.5 s")
    assert len(bodies) == 2, "each letter is not asked about"
    page.locator("#detail").select_option("low")
    expect(page.locator(LINE)).to_have_text("60 tokens · one view · first word in about 2.5 s")
    page.locator("#more").set_input_files(SHAPES)
    expect(page.locator(LINE)).to_have_text("120 tokens · 6 crops · first word in about 2.5 s")
    first, second, third, fourth = ([part["type"] for part in body["messages"][0]["content"]] for body in bodies)
    assert (first, second) == (["image_url"], ["image_url", "text"])
    assert (third, fourth) == (second, ["image_url", "image_url", "text"])
    assert [body["messages"][0]["content"][0]["image_url"].get("detail") for body in bodies] == [
        None, None, "low", "low",
    ]  # fmt: skip
    # The same choice as that of the settings, kept as these are.
    page.get_by_role("button", name="Settings").click()
    expect(page.locator("#set-detail")).to_have_value("low")
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#detail")).to_have_value("")
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize(
    "plan, words",
    [(planned(seconds=None), "100 tokens · 5 crops"), (planned(seconds=0.02), "100 tokens · 5 crops · first word at once"),
     (planned(1, [(1, 1), (1, 1)], seconds=31.7), "1 token · one view each · first word in about 32 s"),
     (planned(cached=True, seconds=0), "100 tokens · 5 crops · kept from before · first word at once"),
     (planned(requests_ahead=3), "100 tokens · 5 crops · first word in about 2.5 s · 3 before it")],
    ids=["unknown", "soon", "long", "kept", "busy"],
)  # fmt: skip
def test_its_words(same_page, plan, words):
    page = same_page
    plan_with(page, plan)
    choose(page)
    expect(page.locator(LINE)).to_have_text(words)


def test_what_would_be_refused_is_told_before(page):
    choose(page)
    page.locator("#question").fill("word " * 20_000)
    expect(page.locator(LINE)).to_have_text(re.compile(r"^the prompt has at least \d+ tokens", re.I))
    expect(page.locator(LINE)).to_have_class("error-text")
    page.locator("#question").fill(QUESTION)
    expect(page.locator(LINE)).to_have_text(re.compile(r"^\d+ tokens"))
    # A plan that does not come costs nothing.
    page.route(PLAN, lambda route: route.fulfill(status=404, body="no such route"))
    page.locator("#question").fill("What is this?")
    expect(page.locator(LINE)).to_be_empty()
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")


def test_a_model_that_is_not_loaded_is_not_asked(page):
    bodies = plan_with(page, planned())
    state = "absent"

    def models(route):
        response = route.fetch()
        told = response.json()
        for model in told["data"]:
            model["state"] = state
        route.fulfill(response=response, json=told)

    page.route("**/v1/models", models)
    page.clock.install(time=0)
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "idle")
    choose(page)
    page.locator("#question").fill(QUESTION)
    page.clock.run_for(2000)
    assert page.evaluate("fetch('health').then((response) => response.status)") == 200
    assert bodies == []
    state = "ready"
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    page.clock.run_for(2000)
    expect(page.locator(LINE)).to_contain_text("100 tokens")
    assert len(bodies) == 1


STREAM = """() => {
    const real = window.fetch;
    window.said = [];
    new MutationObserver(() => window.said.push(document.querySelector("#announcer").textContent))
        .observe(document.querySelector("#announcer"), {childList: true});
    window.fetch = (path, options) => {
      if (!String(path).endsWith("v1/chat/completions")) return real(path, options);
      window.asked = JSON.parse(options.body);
      const stream = new ReadableStream({start(controller) {
        window.push = (text) => controller.enqueue(new TextEncoder().encode(text));
        window.close_stream = () => controller.close();
        options.signal.addEventListener("abort", () => controller.error(options.signal.reason));
      }});
      return Promise.resolve(new Response(stream, {headers: {"Content-Type": "text/event-stream"}}));
    };
}"""


def tell(page, **progress):
    page.evaluate("(text) => window.push(text)", f": progress {json.dumps(progress)}\n\n")


def waited(page):
    """A question whose answer comes from the test."""
    page.evaluate(STREAM)
    choose(page)
    page.locator("#question").fill(QUESTION)
    page.locator("#question").press("Enter")
    until(page, "window.push !== undefined")


WORDS = [
    (dict(phase="decoding", done=0, total=2), "Reading picture 1 of 2"),
    (dict(phase="preparing", done=1, total=2), "Cutting picture 2 of 2"),
    (dict(phase="queued", ahead=2), "Waiting, 2 before it"),
    (dict(phase="encoding", done=2, total=13), "Looking at view 3 of 13"),
    (dict(phase="encoding", done=13, total=13), "Looking at view 13 of 13"),
    (dict(phase="prefill", done=512, total=876), "Reading: 512 of 876 tokens"),
    (dict(phase="answering"), "Answering"),
]  # fmt: skip


def test_phase_and_view_are_told(page):
    waited(page)
    assert page.evaluate("window.asked.stream_options") == {"include_usage": True, "include_progress": True}
    waiting = page.locator(".waiting span").first
    expect(waiting).to_have_text("Looking at the picture")
    for progress, words in WORDS:
        tell(page, **progress)
        expect(waiting).to_have_text(words)
    expect(page.locator(".waiting .seconds")).to_have_text(re.compile(r"^\d+ s$"))
    page.evaluate("(text) => window.push(text)", 'data: {"choices":[{"delta":{"content":"A circle."}}]}\n\n')
    expect(page.locator(".waiting")).to_have_count(0)
    expect(page.locator(".turn .text")).to_have_text("A circle.")
    tell(page, phase="answering")  # late: nobody waits
    page.evaluate("""() => {
        window.push('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n');
        window.close_stream();
    }""")
    expect(page.locator(".turn .meta")).to_be_visible()


def test_a_screen_reader_hears_of_it_now_and_then(page):
    page.clock.install(time=0)
    page.clock.pause_at(3600)  # it goes on as the test says
    waited(page)
    page.evaluate("window.said = []")
    for done in range(13):
        tell(page, phase="encoding", done=done, total=13)
    expect(page.locator(".waiting span").first).to_have_text("Looking at view 13 of 13")
    assert page.evaluate("window.said") == [], "not each view"
    page.clock.fast_forward(4000)
    tell(page, phase="prefill", done=0, total=876)
    expect(page.locator("#announcer")).to_have_text("Reading: 0 of 876 tokens")
    page.clock.fast_forward(4000)
    tell(page, phase="prefill", done=300, total=876)
    expect(page.locator(".waiting span").first).to_have_text("Reading: 300 of 876 tokens")
    page.clock.fast_forward(16000)
    tell(page, phase="prefill", done=600, total=876)
    expect(page.locator("#announcer")).to_have_text("Reading: 600 of 876 tokens")
    assert len(page.evaluate("window.said")) == 2


def test_the_server_tells_it(page):
    page.evaluate("""() => {
        const real = window.fetch;
        window.fetch = async (path, options) => {
          const response = await real(path, options);
          if (!String(path).endsWith("v1/chat/completions")) return response;
          const [mine, theirs] = response.body.tee();
          window.raw = new Response(mine).text();
          return new Response(theirs, response);
        };
    }""")
    new = io.BytesIO()
    Image.new("RGB", (210, 140), (3, 99, 77)).save(new, "PNG")
    choose(page, {"name": "new.png", "mimeType": "image/png", "buffer": new.getvalue()})
    ask(page, "What is to be seen at the left?")
    phases = re.findall(r'^: progress \{"phase":"(\w+)"', page.evaluate("window.raw"), re.MULTILINE)
    assert phases[-1] == "answering" and "encoding" in phases and "prefill" in phases


@pytest.mark.parametrize("screen", SCREENS)
def test_looks(open_page, server, screen):
    page, check = looked_at(open_page, server.url, "forecast", screen)
    page.evaluate((PACKAGES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    plan_with(page, planned(778, requests_ahead=1))
    waited(page)
    tell(page, phase="encoding", done=2, total=5)
    page.locator("#question").fill("And what stands beside it?")
    expect(page.locator(".waiting span").first).to_have_text("Looking at view 3 of 5")
    check("waiting")
    page.get_by_role("button", name="Stop").click()
    page.locator("#question").fill("And what stands beside it?")
    expect(page.locator(LINE)).to_contain_text("778 tokens")
    check("forecast")
    assert faults(page) == []
