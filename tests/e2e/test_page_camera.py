"""The camera on the page: Chromium's own fake device, or a stream that the test draws. See page_driver.py."""

import json
import re

import httpx
import pytest
from playwright.sync_api import expect

from conftest import Server, token_id
from page_driver import (  # noqa: F401
    SCREENS, ask, launched, looked_at, open_page, page, page_of_all, same_page, until,
)  # fmt: skip

FLAGS = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=2",
         "--host-resolver-rules=MAP camera.example 127.0.0.1"]  # fmt: skip
# What the test draws is what the camera sees.
DRAWN = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 336;
  const context = canvas.getContext("2d");
  let shape = () => {};
  window.see = (colour) => {
    shape = () => {
      context.fillStyle = "white";
      context.fillRect(0, 0, 336, 336);
      context.fillStyle = colour;
      context.beginPath();
      context.arc(168, 168, 100, 0, 7);
      context.fill();
    };
  };
  setInterval(() => shape(), 30);  // a stream has frames only while something is drawn
  window.see("red");
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
}"""
COLOUR = "What is the color of the circle?"


@pytest.fixture(scope="module")
def browser():
    with launched(*FLAGS) as running:
        yield running


@pytest.fixture
def sent(page):
    """The bodies of all questions."""
    bodies = []
    page.on("request", lambda request: request.url.endswith("/completions")
            and bodies.append(request.post_data_json))  # fmt: skip
    return bodies


def film(page, every=None):
    page.get_by_role("button", name="Live camera").click()
    until(page, "document.querySelector('#camera-view').videoWidth > 0")
    if every is not None:
        page.locator("#interval").select_option(every)


def start(page, question):
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")


def answers(page):
    return page.locator(".frame .meta")


def more_answers(page):
    until(page, "(n) => document.querySelectorAll('.frame .meta').length > n", answers(page).count())


def test_every_second_a_frame_is_asked_about(page, sent):
    film(page)
    assert page.locator("#interval option").evaluate_all("all => all.map((each) => each.value)") == [
        "1000", "2000", "5000", "10000", "15000", "often", "change", "once"]  # fmt: skip
    expect(page.locator("#interval")).to_have_value("5000")
    page.locator("#interval").select_option("1000")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    start(page, "What is there?")
    expect(answers(page).nth(2)).to_be_visible()
    expect(page.locator("#watch-state")).to_have_text(re.compile(r"^asking every second · [3-9] answered"))
    expect(page.locator("#question")).to_have_value("What is there?")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    for body in sent:
        (message,) = body["messages"]
        picture, text = message["content"]
        assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")
        assert text == {"type": "text", "text": "What is there?"}
        assert body["policy"] == "latest_wins" and body["stream_key"] == sent[0]["stream_key"] != ""
    # Beside each answer stands the frame that was asked about, the newest on top.
    shown = page.evaluate("""async () => {
        const uris = [];
        for (const image of document.querySelectorAll(".frame img")) {
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
          canvas.getContext("2d").drawImage(image, 0, 0);
          uris.push([...canvas.getContext("2d").getImageData(0, 0, 40, 40).data].join());
        }
        return uris;
    }""")
    asked = page.evaluate("""async (urls) => {
        const all = [];
        for (const url of urls) {
          const image = new Image();
          image.src = url;
          await image.decode();
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
          canvas.getContext("2d").drawImage(image, 0, 0);
          all.push([...canvas.getContext("2d").getImageData(0, 0, 40, 40).data].join());
        }
        return all;
    }""", [body["messages"][0]["content"][0]["image_url"]["url"] for body in sent])
    assert len(shown) >= 3 and shown == asked[: len(shown)][::-1]


def test_only_a_change_is_asked_about(open_page, server):
    page = open_page(server.url)
    page.evaluate(DRAWN)
    film(page, "change")
    start(page, COLOUR)
    expect(page.locator(".frame .text")).to_have_text("Red.")
    page.wait_for_timeout(1500)  # nothing changes, nothing is asked
    expect(page.locator(".frame")).to_have_count(1)
    page.evaluate("window.see('blue')")
    expect(page.locator(".frame")).to_have_count(2)
    expect(page.locator(".frame .text").first).to_have_text("Blue.")
    expect(page.locator(".frame .text").last).to_have_text("Red.")


def test_a_change_whose_question_failed_is_asked_about_again(open_page, server):
    page = open_page(server.url, expected="503")
    page.evaluate(DRAWN)
    film(page, "change")
    start(page, COLOUR)
    expect(page.locator(".frame .text")).to_have_text("Red.")
    page.route("**/v1/chat/completions", lambda route: route.fulfill(status=503, json={}))
    page.evaluate("window.see('blue')")
    expect(page.locator(".frame .failure")).to_be_visible()
    page.unroute_all()
    # Nothing has changed since, but for that there is no answer about it.
    expect(page.locator(".frame .text").first).to_have_text("Blue.")


def test_a_frame_is_waited_for(page):
    """Before the camera has a picture there is nothing to keep: no black spot is sent."""
    page.evaluate("""() => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 336;
        const context = canvas.getContext("2d");
        navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
        HTMLMediaElement.prototype.play = async () => {};  // which would wait, too
        window.draw = () => setInterval(() => {
          context.fillStyle = context.fillStyle === "#ffffff" ? "#fffffe" : "#ffffff";
          context.fillRect(0, 0, 336, 336);
        }, 30);
    }""")
    page.get_by_role("button", name="Live camera").click()
    expect(page.locator("#camera-take")).to_be_visible()
    page.locator("#camera-take").click()
    expect(page.locator("#preview")).to_be_hidden()
    page.evaluate("window.draw()")
    expect(page.locator("#picture-size")).to_contain_text("336 × 336")


def test_the_difference_is_the_mean_of_small_grey_pictures(same_page):
    page = same_page
    assert page.evaluate("""async () => {
        const {difference} = await import("./camera.js");
        return difference(new Uint8Array([0, 10, 255, 7]), new Uint8Array([4, 10, 251, 0]));
    }""") == 15 / 4


def test_as_often_as_possible_is_one_behind_the_other(page, sent):
    film(page, "often")
    start(page, "What is there?")
    expect(answers(page).nth(4)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    page.locator("#interval").select_option("once")
    number = len(sent)
    start(page, "And now?")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    page.wait_for_timeout(500)
    assert len(sent) == number + 1


def test_a_frame_that_waits_gives_way_to_a_newer_one(open_page):
    running = Server("--max-running", "1")
    try:
        page = open_page(running.url, expected="410")
        film(page, "1000")
        # Several frames while one answer is written, however fast the machine is.
        page.evaluate("document.querySelector('#interval').append(new Option('fast', '100'))")
        page.locator("#interval").select_option("100")
        # The only place is taken by answers without an end.
        page.evaluate("""(token) => {
            window.busy = new AbortController();
            const {signal} = window.busy;
            const body = JSON.stringify({messages: [{role: "user", content: "Count."}], temperature: 1,
                                         max_tokens: 1500, logit_bias: {[token]: 100}});
            const headers = {"Content-Type": "application/json"};
            const again = () => fetch("v1/chat/completions", {method: "POST", headers, body, signal})
              .then((response) => response.text()).then(again, () => {});
            again();
        }""", token_id("a"))
        while not httpx.get(running.url + "/health").json()["running"]:
            page.wait_for_timeout(50)
        start(page, COLOUR)
        expect(page.locator("#watch-state")).to_contain_text("passed over")
        page.evaluate("window.busy.abort()")
        expect(page.locator("#watch-state")).to_contain_text("answered")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".failure")).to_have_count(0)
        assert "ocellus_superseded_total 0\n" not in httpx.get(running.url + "/metrics").text
    finally:
        running.stop()


def test_a_hidden_page_asks_nothing(page, sent):
    film(page, "often")
    start(page, "What is there?")
    expect(answers(page).first).to_be_visible()
    # The next frame is being taken as the page is hidden.
    page.evaluate("""() => {
        const toBlob = HTMLCanvasElement.prototype.toBlob;
        HTMLCanvasElement.prototype.toBlob = function (...all) {
            HTMLCanvasElement.prototype.toBlob = toBlob;
            window.take = () => toBlob.apply(this, all);
        };
    }""")
    until(page, "window.take !== undefined")
    number = len(sent)
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => true});
        document.dispatchEvent(new Event("visibilitychange"));
        window.take();
    }""")
    expect(page.locator("#watch-state")).to_contain_text("paused: the page is hidden")
    expect(page.locator(".frame .waiting")).to_have_count(0)
    page.wait_for_timeout(1000)
    assert len(sent) == number
    page.evaluate("""() => {
        delete document.hidden;
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(page.locator("#watch-state")).to_contain_text("asking as often as possible")
    more_answers(page)


def test_the_other_camera_and_a_picture_to_keep(page, sent):
    film(page)
    label = "document.querySelector('#camera-view').srcObject.getVideoTracks()[0].label"
    first = page.evaluate(label)
    page.get_by_role("button", name="Other camera").click()
    until(page, f"document.querySelector('#camera-view').srcObject && {label} !== {json.dumps(first)}")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#picture-name")).to_have_text(re.compile("^Camera, "))
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#preview-image")).to_be_visible()
    ask(page, "What is there?")
    assert "policy" not in sent[0]
    # A frame that was answered goes on as a conversation, and the camera may be opened again.
    film(page, "often")
    start(page, "What is there?")
    page.get_by_role("button", name="Ask more about it").first.click()
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#picture-name")).to_have_text(re.compile("^Camera, "))
    assert page.evaluate("document.querySelector('#camera-view').srcObject") is None


def test_the_configuration_says_how(open_page, tmp_path):
    file = tmp_path / "camera.json"
    file.write_text(json.dumps({
        "ui": {"default_instruction": COLOUR, "capture_intervals": [3000, 700], "default_interval": 3000},
        "frontend": {"video_width": 320, "video_height": 240}}))  # fmt: skip
    running = Server("--config", str(file))
    try:
        page = open_page(running.url)
        page.evaluate("""() => {
            const media = navigator.mediaDevices, open = media.getUserMedia.bind(media);
            media.getUserMedia = (wanted) => { window.wanted = wanted; return open(wanted); };
        }""")
        film(page)
        values = page.locator("#interval option").evaluate_all("all => all.map((each) => each.value)")
        assert values == ["700", "3000", "often", "change", "once"]
        expect(page.locator("#interval")).to_have_value("3000")
        expect(page.locator("#interval option").first).to_have_text("every 0.7 seconds")
        expect(page.locator("#question")).to_have_value(COLOUR)
        wanted = page.evaluate("window.wanted.video")
        assert (wanted["width"], wanted["height"]) == ({"ideal": 320}, {"ideal": 240})
        page.get_by_role("button", name="Start").click()
        expect(answers(page).first).to_be_visible()
    finally:
        running.stop()


def test_a_server_that_is_gone_says_so_once(open_page):
    running = Server()
    # Stopped at once, also within an answer.
    page = open_page(running.url, expected="ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING")
    film(page, "often")
    start(page, "What is there?")
    expect(answers(page).first).to_be_visible()
    running.stop()
    expect(page.locator(".frame .failure")).to_have_text("The server cannot be reached. Is it still running?")
    first = page.locator(".failure").element_handle()
    until(page, "(first) => !first.isConnected", first)  # the next frame says it instead
    expect(page.locator(".failure")).to_have_count(1)
    again = Server(port=running.port)
    try:
        more_answers(page)
    finally:
        again.stop()


REFUSALS = {
    "NotAllowedError": "does not let this page use the camera", "NotFoundError": "No camera was found",
    "NotReadableError": "Maybe another program uses it",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_a_browser_that_refuses(same_page, name):
    page = same_page
    page.evaluate("""(name) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
    }""", name)
    page.get_by_role("button", name="Live camera").click()
    expect(page.locator("#camera-error")).to_contain_text(REFUSALS[name])
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#choose")).to_be_visible()


def test_without_https_it_says_so(open_page):
    running = Server("--allow-host", "camera.example")
    try:
        page = open_page(f"http://camera.example:{running.port}", expected="COOP|Cross-Origin")
        assert not page.evaluate("window.isSecureContext")
        page.get_by_role("button", name="Live camera").click()
        expect(page.locator("#camera-error")).to_contain_text("https")
    finally:
        running.stop()


def test_a_camera_that_is_pulled_out(page):
    film(page)
    page.evaluate("""() => {
        for (const track of document.querySelector("#camera-view").srcObject.getTracks())
          track.dispatchEvent(new Event("ended"));
    }""")
    expect(page.locator("#camera-error")).to_have_text("The camera was switched off.")
    expect(page.locator("#choose")).to_be_visible()


def test_a_phone_takes_a_photograph(open_page, server):
    page = open_page(server.url, viewport=SCREENS["phone"], is_mobile=True, has_touch=True)
    button = page.get_by_role("button", name="Take a photo")
    expect(button).to_be_visible()
    assert page.locator("#photo").get_attribute("capture") == "environment"
    with page.expect_file_chooser():
        button.click()


def test_a_computer_has_none(same_page):
    page = same_page
    expect(page.get_by_role("button", name="Take a photo")).to_be_hidden()


@pytest.mark.parametrize("screen", SCREENS)
def test_looks(open_page, server, screen):
    page, looks = looked_at(open_page, server.url, "camera", screen)
    page.evaluate(DRAWN)

    def check(name):
        looks(name)
        box = page.locator("#ask-form").bounding_box()
        assert 0 <= box["y"] and box["y"] + box["height"] <= SCREENS[screen]["height"]

    film(page, "often")
    check("begin")
    start(page, COLOUR)
    expect(answers(page).nth(2)).to_be_visible()
    page.evaluate("window.see('blue')")
    expect(page.locator(".frame .text", has_text="Blue.").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    check("answers")
