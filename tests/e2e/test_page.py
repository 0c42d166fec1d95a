"""The web page: one picture, questions, answers, and what goes wrong. page_driver.py drives the browser."""

import re
import signal

import pytest
from playwright.sync_api import expect

from conftest import Server, data_uri
from page_driver import (  # noqa: F401
    CIRCLE, HOSTILE, QUESTION, SCREENS, SHAPES,
    answer_with, ask, browser, choose, looked_at, open_page, page, page_of_all, same_page,
    until,
)  # fmt: skip


def test_a_picture_is_asked_about_twice(page, server):
    bodies = []
    page.on(
        "request",
        lambda request: request.url.endswith("/completions") and bodies.append(request.post_data_json),
    )
    expect(page.locator("#status-text")).to_have_text(server.client().models.list().data[0].id)
    expect(page.locator("#send")).to_be_disabled()
    choose(page)
    expect(page.locator("#preview-image")).to_be_visible()
    expect(page.locator("#picture-size")).to_have_text(re.compile(r"^2\.5 kB · \d+ × \d+$"))
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
    expect(page.locator("#announcer")).to_have_text("Answer: Circle.")
    expect(page.locator("#question")).to_have_value("")
    second = ask(page, "What is the color of the circle?")
    expect(second.locator(".text")).to_have_text("Red.")
    expect(second.locator(".meta")).to_have_text(re.compile(r"^\d+ tokens · \d+\.\d s$"))
    assert all(body["stream"] for body in bodies)
    picture = {"type": "image_url", "image_url": {"url": data_uri(CIRCLE.read_bytes())}}
    first = {"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}
    assert [body["messages"] for body in bodies] == [
        [first],
        [
            first,
            {"role": "assistant", "content": "Circle."},
            {"role": "user", "content": "What is the color of the circle?"},
        ],
    ]


def test_the_answer_grows_as_it_comes(same_page):
    page = same_page
    page.evaluate("""() => {
        window.lengths = [];
        new MutationObserver((changes) => {
          const text = document.querySelector(".turn .text");
          if (text) for (const change of changes)
            if (change.target === text) window.lengths.push(text.textContent.length);
        }).observe(document.body, {childList: true, subtree: true});
    }""")
    choose(page, SHAPES)
    text = ask(page, "Describe the image.").locator(".text").text_content()
    lengths = page.evaluate("window.lengths")
    assert len(lengths) >= 5 and lengths[-1] == len(text) > 20


def test_another_picture_begins_anew(same_page):
    page = same_page
    choose(page)
    ask(page, QUESTION)
    choose(page, SHAPES)
    expect(page.locator(".turn")).to_have_count(0)
    expect(ask(page, "What is the color of the star?").locator(".text")).to_have_text("Yellow.")


def test_the_example_and_the_suggestions(page):
    page.locator("#example").click()
    expect(page.locator("#picture-name")).to_have_text("shapes.png")
    page.get_by_role("button", name="How many shapes are there?").click()
    expect(page.locator(".turn .text")).to_have_text("3")
    expect(page.locator("#suggestions")).to_be_hidden()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_may_be_dropped_or_pasted(page, way):
    page.evaluate(
        """async ([way, uri]) => {
            const bytes = Uint8Array.from(atob(uri.split(",")[1]), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "given.png", {type: "image/png"}));
            const options = {bubbles: true, cancelable: true};
            if (way === "paste") {
              document.body.dispatchEvent(
                new ClipboardEvent("paste", {clipboardData: data, ...options}));
            } else {
              for (const type of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, ...options}));
            }
        }""",
        [way, data_uri(CIRCLE.read_bytes())],
    )
    expect(page.locator("#picture-name")).to_have_text("given.png")
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
    assert not page.locator("body.dragging").count()


def test_what_is_no_picture_is_told(open_page, server):
    page = open_page(server.url, expected="40[0-9]|41[0-9]")
    page.locator("#file").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"}
    )
    expect(page.locator("#picture-error")).to_have_text("That file is not a picture.")
    choose(page, {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    expect(page.locator("#picture-error")).to_be_empty()
    expect(page.locator("#no-preview")).to_be_visible()
    turn = ask(page, "What is this?")
    refused = server.client().with_options(max_retries=0)
    with pytest.raises(Exception) as error:
        refused.chat.completions.create(
            model="",
            messages=[{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": data_uri(b"no picture at all")}},
                {"type": "text", "text": "What is this?"}]}],
        )  # fmt: skip
    shown = turn.locator(".failure p").first.text_content()
    message = re.sub(r'^"messages[^"]*": ', "", error.value.body["message"])
    assert "picture" in shown and shown.lower() == message.lower()
    choose(page)  # and the page goes on
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")


def test_names_questions_and_answers_are_text(same_page):
    page = same_page
    picture = {"name": HOSTILE, "mimeType": "image/png", "buffer": CIRCLE.read_bytes()}
    choose(page, picture)
    piece = HOSTILE.replace('"', '\\"')
    answer_with(
        page,
        '{"choices":[{"delta":{"content":"' + piece + '"}}]}',
        '{"choices":[{"delta":{},"finish_reason":"stop"}]}',
        "[DONE]",
    )
    turn = ask(page, HOSTILE)
    expect(turn.locator(".question p")).to_have_text(HOSTILE)
    expect(turn.locator(".text")).to_have_text(HOSTILE)
    page.unroute_all()
    answer_with(page, '{"error":{"message":"' + piece + '"}}', "[DONE]")
    expect(ask(page, HOSTILE).locator(".failure p").first).to_have_text(HOSTILE)
    assert page.locator("img").count() == 2  # the sign and the preview


def test_the_policy_is_in_force(open_page, server):
    page = open_page(server.url, expected="Content Security Policy|192.0.2.1")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        document.body.setAttribute("style", "color: red");
        const image = new Image();
        image.src = "http://192.0.2.1/picture.png";
        document.body.append(image);
    }""")
    until(page, "window.seen.length >= 3")
    seen = page.evaluate("window.seen.splice(0).join()")
    for directive in ("script-src", "style-src", "img-src"):
        assert directive in seen
    page.evaluate("document.body.removeAttribute('style')")


def test_stopping_cancels_the_work(open_page):
    running = Server()
    try:
        page = open_page(running.url)
        choose(page)
        page.locator("#question").fill(QUESTION)
        running.signal(signal.SIGSTOP)  # an answer that takes its time
        page.locator("#question").press("Enter")
        expect(page.locator(".waiting")).to_be_visible()
        expect(page.locator("#send")).to_be_hidden()
        page.locator("#stop").click()
        expect(page.locator(".turn .meta")).to_have_text("stopped")
        expect(page.locator("#send")).to_be_visible()
        expect(page.locator("#question")).to_be_focused()
        running.signal(signal.SIGCONT)
        # The stopped turn is no part of the conversation that the model is sent.
        with page.expect_request("**/v1/chat/completions") as asked:
            expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
        assert len(asked.value.post_data_json["messages"]) == 1
        # And by the keyboard.
        running.signal(signal.SIGSTOP)
        page.locator("#question").fill(QUESTION)
        page.locator("#question").press("Enter")
        page.keyboard.press("Escape")
        expect(page.locator(".turn .meta").last).to_have_text("stopped")
        running.signal(signal.SIGCONT)
    finally:
        running.signal(signal.SIGCONT)
        running.stop()


def test_a_server_that_is_gone(open_page):
    running = Server()
    page = open_page(running.url, expected="ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE")
    choose(page)
    ask(page, QUESTION)
    running.stop()
    turn = ask(page, QUESTION)
    expect(turn.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(page.locator("#status-text")).to_have_text("Server not reachable")
    again = Server(port=running.port)
    try:
        turn.get_by_role("button", name="Ask again").click()
        expect(page.locator(".turn .text").last).to_have_text("Circle.")
        expect(page.locator(".failure")).to_have_count(0)
        expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    finally:
        again.stop()


def test_errors_of_the_api_are_shown(open_page, server):
    page = open_page(server.url, expected="429|400")
    choose(page)
    answer_with(page, status=429, headers={"Retry-After": "7"})
    turn = ask(page, QUESTION)
    expect(turn.locator(".failure")).to_contain_text("The server answered with status 429.")
    expect(turn.locator(".failure")).to_contain_text("wait 7 seconds")
    page.unroute_all()
    answer_with(page, '{"choices":[{"delta":{"content":"Cir"}}]}')
    turn = ask(page, QUESTION)
    expect(turn.locator(".text")).to_have_text("Cir")
    expect(turn.locator(".failure")).to_contain_text("ended before the answer was complete")
    page.unroute_all()
    question = "Describe the image. " * 2000
    message = ask(page, question).locator(".failure p").first.text_content()
    assert re.search(r"\d+ tokens", message)


def test_a_key_is_asked_for_only_where_one_is_wanted(open_page, server):
    expect(open_page(server.url).locator("#key-form")).to_be_hidden()
    running = Server("--api-key", "right")
    try:
        page = open_page(running.url, ready=False, expected="401")
        expect(page.locator("#key-form")).to_be_visible()
        expect(page.locator("#status-text")).to_have_text("API key needed")
        expect(page.locator("#key")).to_be_focused()
        for key, message in (("wrong", "does not accept"), ("ключ", "no spaces")):
            page.locator("#key").fill(key)
            page.keyboard.press("Enter")
            expect(page.locator("#key-error")).to_contain_text(message)
        page.locator("#key").fill("right")
        page.get_by_role("button", name="Use key").click()
        expect(page.locator("#key-form")).to_be_hidden()
        expect(page.locator("#status")).to_have_attribute("data-state", "ready")
        assert page.evaluate("Object.values(sessionStorage)") == ["right"]
        assert page.evaluate("localStorage.length + document.cookie.length") == 0
        page.reload()
        expect(page.locator("#status")).to_have_attribute("data-state", "ready")
        choose(page)
        expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
    finally:
        running.stop()


def test_loading_is_told(open_page, server):
    page = open_page(server.url, expected="503")
    page.route("**/health", lambda route: route.fulfill(status=503, json={"status": "loading"}))
    page.reload()
    expect(page.locator("#status-text")).to_have_text("Loading the model…")
    page.unroute_all()
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")


def test_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Conversations")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Conversations")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Conversations")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Settings")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#status summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status-details")).to_contain_text("Engine")
    page.keyboard.press("Escape")
    expect(page.locator("#status-details")).to_be_hidden()
    page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(CIRCLE)
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("What shape is this?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Answer the question using a single word or phrase.")
    expect(page.locator("#question")).to_have_value(re.compile("^What shape is this\\?\nAnswer the"))
    page.keyboard.press("Enter")
    expect(page.locator(".turn .text")).to_have_text("Circle.")
    expect(page.locator("#question")).to_be_focused()


def test_events_in_any_pieces(same_page):
    """Split lines, split characters, comments, several lines of data, CR LF."""
    page = same_page
    events = page.evaluate("""async () => {
        const {events} = await import("./api.js");
        const bytes = new TextEncoder().encode(
          ": ping\\n\\ndata: één 🦚\\n\\ndata:two\\r\\ndata:  lines\\r\\n\\r\\nevent: x\\n\\ndata: cut off");
        const all = [];
        for (const size of [1, 2, 3, 7, 1000]) {
          const stream = new ReadableStream({start(controller) {
            for (let i = 0; i < bytes.length; i += size)
              controller.enqueue(bytes.subarray(i, i + size));
            controller.close();
          }});
          const got = [];
          for await (const data of events(stream)) got.push(data);
          all.push(got);
        }
        return all;
    }""")
    assert events == [["één 🦚", "two\n lines"]] * 5


@pytest.mark.parametrize("screen", SCREENS)
def test_looks(open_page, server, screen):
    page, looks = looked_at(open_page, server.url, "page", screen, expected="4[0-9]{2}")

    def check(name):
        looks(name)
        box = page.locator("#ask-form").bounding_box()
        assert 0 <= box["y"] and box["y"] + box["height"] <= SCREENS[screen]["height"]

    check("begin")
    page.locator("#status summary").click()
    check("status")
    page.locator("h1").click()
    choose(page, SHAPES)
    expect(page.locator("#picture-size")).to_contain_text("×")
    check("picture")
    for question in ("How many shapes are there?", "What is the color of the star?",
                     "Describe the image."):  # fmt: skip
        ask(page, question)
    check("answers")
    end = page.locator(".turn").last.bounding_box()
    box = page.locator("#ask-form").bounding_box()
    assert end["y"] + end["height"] <= box["y"] + 1  # the last answer is not behind the question
    choose(page, {"name": "a-long-name-" * 12 + ".png", "mimeType": "image/png", "buffer": b"?"})
    ask(page, "w" * 200)
    check("error")
