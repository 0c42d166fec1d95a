"""Conversations on the page: several pictures, and those that the browser keeps. See page_driver.py."""

import base64
import io
import json

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from conftest import data_uri
from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SHAPES, ask, browser, choose, open_page, page,
)  # fmt: skip

COLOUR = "What is the color of the circle?"


def asked(page, question):
    """What the model is sent."""
    with page.expect_request("**/v1/chat/completions") as request:
        ask(page, question)
    return request.value.post_data_json["messages"]


def pictures(message):
    return [part["image_url"]["url"] for part in message["content"] if part["type"] == "image_url"]


def give(page, kind, files=(), html="", text=""):
    """A drop or a paste on the page."""
    page.evaluate(
        """([kind, files, html, text]) => {
            const data = new DataTransfer();
            for (const [name, type, base64] of files)
              data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, {type}));
            if (html) data.setData("text/html", html);
            if (text) data.setData("text/plain", text);
            const options = {bubbles: true, cancelable: true};
            if (kind === "paste") {
              document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, ...options}));
            } else {
              for (const type of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, ...options}));
            }
        }""",
        [kind, [[name, "image/png", base64.b64encode(bytes).decode()] for name, bytes in files], html, text],
    )


def test_two_pictures_in_a_question(page):
    page.locator("#file").set_input_files([CIRCLE, SHAPES])
    expect(page.locator("#thumbs li")).to_have_count(2)
    expect(page.locator("#picture-name")).to_have_text("shapes.png")
    expect(page.locator("#question")).to_have_attribute("placeholder", "Ask about the pictures")
    page.get_by_role("button", name="Picture 1: red-circle.png").click()
    expect(page.locator("#picture-name")).to_have_text("red-circle.png")
    expect(page.get_by_role("button", name="Picture 1: red-circle.png")).to_be_focused()
    (message,) = asked(page, QUESTION)
    both = [data_uri(CIRCLE.read_bytes()), data_uri(SHAPES.read_bytes())]
    assert pictures(message) == both
    expect(page.locator(".turn .sent img")).to_have_count(2)
    expect(page.locator("#remove")).to_be_hidden()  # it was sent
    # One more goes with the next question; what was sent stays where it was.
    page.locator("#more").set_input_files(CIRCLE)
    expect(page.locator("#thumbs li")).to_have_count(3)
    expect(page.locator(".turn")).to_have_count(1)
    first, answer, second = asked(page, "And this?")
    assert (pictures(first), pictures(second)) == (both, both[:1])
    assert answer["role"] == "assistant"


def test_a_picture_is_taken_back(page):
    choose(page)
    give(page, "drop", [("second.png", SHAPES.read_bytes()), ("third.png", SHAPES.read_bytes())])
    expect(page.locator("#thumbs li")).to_have_count(3)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#picture-name")).to_have_text("second.png")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#thumbs")).to_be_hidden()
    (message,) = asked(page, QUESTION)
    assert pictures(message) == [data_uri(CIRCLE.read_bytes())]


def test_a_picture_of_another_page(page):
    html = f'<meta charset="utf-8"><p>x</p><img src="{data_uri(CIRCLE.read_bytes())}" onerror="document.title=1">'
    give(page, "drop", html=html)
    expect(page.locator("#preview-image")).to_be_visible()
    expect(page.locator("#picture-error")).to_be_empty()
    assert pictures(asked(page, QUESTION)[0]) == [data_uri(CIRCLE.read_bytes())]
    # Of others a page has only the address, which it may not follow.
    for kind in ("drop", "paste"):
        give(page, kind, html='<img src="https://example.org/a.png">')
        expect(page.locator("#picture-error")).to_contain_text("only the address")
    # Text is no picture.
    give(page, "paste", html="<b>words</b>", text="words")
    give(page, "drop", html="<b>words</b>", text="words")
    expect(page.locator("#thumbs")).to_be_hidden()
    assert not page.locator("body.dragging").count()


def test_a_picture_that_is_too_large_is_made_smaller(page, server):
    out = io.BytesIO()
    Image.new("1", (7200, 7200), 1).save(out, "png")
    large = out.getvalue()
    body = {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": data_uri(large)}}, {"type": "text", "text": QUESTION}]}]}  # fmt: skip
    assert httpx.post(server.url + "/v1/chat/completions", json=body).status_code == 413
    choose(page, {"name": "large.png", "mimeType": "image/png", "buffer": large})
    expect(page.locator("#picture-size")).to_contain_text("sent as PNG · 4000 × 4000")
    expect(ask(page, QUESTION).locator(".failure")).to_have_count(0)


def kept(page):
    page.get_by_role("button", name="Conversations").click()
    expect(page.locator("#history")).to_be_visible()  # it is filled before it is shown
    return page.locator("#history-list li")


def test_conversations_are_kept_in_the_browser(page, server):
    choose(page)
    ask(page, QUESTION)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#choose")).to_be_focused()
    choose(page, SHAPES)
    ask(page, "What is the color of the star?")
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    expect(page.locator(".turn")).to_have_count(0)
    expect(kept(page)).to_have_count(2)
    expect(page.locator("#history-list .title").last).to_have_text(QUESTION)
    page.locator("#history-list .open").last.click()
    expect(page.locator("#history")).to_be_hidden()
    expect(page.locator(".turn .text")).to_have_text(["Circle."])
    expect(page.locator("#picture-name")).to_have_text("red-circle.png")
    first, answer, second = asked(page, COLOUR)
    assert pictures(first) == [data_uri(CIRCLE.read_bytes())]
    assert (answer["content"], second["content"]) == ("Circle.", COLOUR)
    expect(page.locator(".turn .text")).to_have_text(["Circle.", "Red."])
    # What went on is the newest, and still one.
    expect(kept(page)).to_have_count(2)
    expect(page.locator("#history-list .title").first).to_have_text(QUESTION)
    expect(page.locator("#history-list .open").first).to_have_attribute("aria-current", "true")


def test_conversations_are_exported(page):
    choose(page)
    ask(page, QUESTION)
    expect(kept(page)).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export all").click()
    assert download.value.suggested_filename == "ocellus-conversations.json"
    with open(download.value.path(), encoding="utf-8") as file:
        (conversation,) = json.load(file)["conversations"]
    assert conversation["title"] == QUESTION
    assert [picture["data"] for picture in conversation["pictures"]] == [data_uri(CIRCLE.read_bytes())]
    (turn,) = conversation["turns"]
    assert (turn["question"], turn["reply"]) == (QUESTION, "Circle.")
    assert turn["pictures"] == [conversation["pictures"][0]["id"]]


def test_conversations_are_deleted(page):
    for question in (QUESTION, COLOUR):
        choose(page)
        ask(page, question)
    expect(kept(page)).to_have_count(2)
    last = page.locator("#history-list li").last
    last.get_by_role("button", name="Delete").click()
    page.keyboard.press("Tab")  # changed one's mind
    expect(last.get_by_role("button", name="Delete")).to_be_visible()
    last.get_by_role("button", name="Delete").click()
    last.get_by_role("button", name="Really?").click()
    expect(page.locator("#history-list .title")).to_have_text([COLOUR])
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("button", name="Really delete all?").click()
    expect(page.locator("#history-none")).to_be_visible()
    expect(page.locator("#export")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#history")).to_be_hidden()
    expect(page.locator(".turn")).to_have_count(0)  # the one that was open, too
    page.reload()
    expect(kept(page)).to_have_count(0)


def test_a_browser_that_keeps_nothing(open_page, server):
    page = open_page(server.url)
    page.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };")
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    choose(page)
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
    expect(kept(page)).to_have_count(0)
    expect(page.locator("#history-about")).to_contain_text("keeps nothing")


STAR = "What is the color of the star?"


def hold(page):
    """The next question waits until what is returned is called."""
    held = []
    page.route("**/v1/chat/completions", lambda route: route.continue_() if held else held.append(route))
    return lambda: held[0].continue_()


def begin(page, question=QUESTION):
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    expect(page.locator(".waiting")).to_be_visible()


@pytest.mark.parametrize("what", ["new", "another"])
def test_an_answer_under_way_comes_into_its_own_conversation(page, what):
    if what == "another":
        choose(page, SHAPES)
        ask(page, STAR)
    choose(page)
    ask(page, COLOUR)
    let_go = hold(page)
    begin(page)
    if what == "new":
        page.get_by_role("button", name="New conversation").click()
    else:
        kept(page).last.locator(".open").click()
        expect(page.locator(".turn .text")).to_have_text(["Yellow."])
    expect(kept(page).first).to_contain_text("answering…")
    page.keyboard.press("Escape")
    let_go()
    expect(page.locator("#announcer")).to_have_text(f"Answered in another conversation: {COLOUR}")
    expect(page.locator(".turn")).to_have_count(0 if what == "new" else 1)  # it came where it was asked
    expect(page.locator("#send")).to_be_visible()
    kept(page).first.locator(".open").click()
    expect(page.locator(".turn .text")).to_have_text(["Red.", "Circle."])
    expect(page.locator(".turn .saw")).to_have_count(2)
    expect(page.locator("#picture-name")).to_have_text("red-circle.png")


def test_one_goes_back_to_an_answer_that_comes(page):
    choose(page)
    let_go = hold(page)
    begin(page)
    page.locator("#file").set_input_files(SHAPES)  # another picture, another conversation
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#stop")).to_be_hidden()
    page.locator("#more").set_input_files(CIRCLE)
    kept(page).first.locator(".open").click()
    expect(page.locator(".waiting")).to_be_visible()
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#picture-name")).to_have_text("red-circle.png")
    let_go()
    expect(page.locator(".turn .text")).to_have_text(["Circle."])
    expect(page.locator(".turn .saw")).to_have_count(1)
    assert len(asked(page, COLOUR)) == 3


def test_two_conversations_are_answered_at_once(page):
    choose(page)
    let_go = hold(page)
    begin(page)
    page.get_by_role("button", name="New conversation").click()
    choose(page, SHAPES)
    expect(ask(page, STAR).locator(".text")).to_have_text("Yellow.")
    let_go()
    expect(page.locator("#announcer")).to_have_text(f"Answered in another conversation: {QUESTION}")
    expect(page.locator(".turn .text")).to_have_text(["Yellow."])


def test_what_is_deleted_while_it_is_answered_stays_away(page):
    choose(page)
    hold(page)
    begin(page)
    expect(kept(page)).to_have_count(1)
    with page.expect_event("requestfailed"):  # its answer is not waited for
        page.locator("#history-list li").get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Really?").click()
    expect(page.locator("#history-none")).to_be_visible()
    page.unroute_all()
    page.reload()
    expect(kept(page)).to_have_count(0)


def test_what_was_not_answered_is_kept_with_its_pictures(open_page, server):
    page = open_page(server.url, expected="503")
    choose(page)
    ask(page, QUESTION)
    page.locator("#more").set_input_files(SHAPES)
    expect(page.locator("#thumbs li")).to_have_count(2)
    page.route("**/v1/chat/completions", lambda route: route.fulfill(
        status=503, json={"error": {"message": "Too much to do."}}))  # fmt: skip
    ask(page, "And this?")
    page.unroute_all()
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    kept(page).first.locator(".open").click()
    expect(page.locator("#thumbs li")).to_have_count(2)
    expect(page.locator(".turn .question p")).to_have_text([QUESTION, "And this?"])
    expect(page.locator(".turn .failure p")).to_have_text("Too much to do.")
    # They go with what is asked next.
    first, _, second = asked(page, "How many are there?")
    assert pictures(first) == [data_uri(CIRCLE.read_bytes())]
    assert pictures(second) == [data_uri(SHAPES.read_bytes())]


def test_a_page_that_is_left_keeps_what_was_asked(page):
    page.locator("#file").set_input_files([CIRCLE, SHAPES])
    expect(page.locator("#thumbs li")).to_have_count(2)
    hold(page)
    begin(page)
    expect(kept(page)).to_have_count(1)
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    kept(page).first.locator(".open").click()
    expect(page.locator(".turn .failure")).to_contain_text("the page was left")
    with page.expect_request("**/v1/chat/completions") as request:
        page.get_by_role("button", name="Ask again").click()
    (message,) = request.value.post_data_json["messages"]
    assert pictures(message) == [data_uri(CIRCLE.read_bytes()), data_uri(SHAPES.read_bytes())]
    expect(page.locator(".turn .text")).to_have_count(1)


def test_a_store_that_fails_once_is_tried_again(page):
    page.evaluate("""() => {
        const open = indexedDB.open.bind(indexedDB);
        indexedDB.open = () => { throw new DOMException("no", "UnknownError"); };
        window.mend = () => { indexedDB.open = open; };
    }""")
    choose(page)
    ask(page, QUESTION)
    expect(kept(page)).to_have_count(0)
    expect(page.locator("#history-about")).to_contain_text("keeps nothing")
    page.keyboard.press("Escape")
    page.evaluate("window.mend()")
    ask(page, COLOUR)
    expect(kept(page)).to_have_count(1)
    page.keyboard.press("Escape")
    page.reload()
    kept(page).first.locator(".open").click()
    expect(page.locator(".turn .text")).to_have_text(["Circle.", "Red."])


def test_what_does_not_work_with_kept_conversations_is_said(page):
    choose(page)
    ask(page, QUESTION)
    expect(kept(page)).to_have_count(1)
    page.evaluate("""() => {
        const table = IDBObjectStore.prototype;
        table.delete = table.clear = () => { throw new Error("the disk is full"); };
    }""")
    page.locator("#history-list li").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really?").click()
    expect(page.locator("#history-error")).to_have_text("That did not work: the disk is full")
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("button", name="Really delete all?").click()
    expect(page.locator("#history-error")).to_have_text("That did not work: the disk is full")
    page.evaluate("() => { IDBObjectStore.prototype.getAll = () => { throw new Error('no'); }; }")
    page.get_by_role("button", name="Export all").click()
    expect(page.locator("#history-error")).to_have_text("That did not work: no")
    expect(page.locator(".turn")).to_have_count(1)  # nothing was lost
