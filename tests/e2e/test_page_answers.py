"""Answers on the page: Markdown that is shown and nothing that acts, copied, asked again, edited. See page_driver.py."""

import json

import pytest
from playwright.sync_api import expect

from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SCREENS, SHAPES, answer_with, ask, browser, choose, looked_at, open_page, page, page_of_all,
    same_page,
)  # fmt: skip

MARKDOWN = """# Shapes

There are **three** shapes, *all* ~~square~~ `round`:
on two lines.

1. a red circle
   - left
2. a star

| shape | n |
| :--- | ---: |
| circle | 1 |

> said

```python
print("<b>")
```

---
"""
HOSTILE = """<script>document.title = "owned"</script>
<img src="http://192.0.2.1/a.png" onerror="document.title='owned'">

![remote](http://192.0.2.1/b.png) ![data](data:image/png;base64,AAAA)
[click](javascript:document.title='owned') [there](http://192.0.2.1/ "title") <http://192.0.2.1/c>

<iframe src="http://192.0.2.1/"></iframe> <style>body { display: none }</style> &lt;b&gt; &#60;i&#62;

[ref]: http://192.0.2.1/d "x"
[ref] ![ref]

| a | b |
| :-: | --- |
| <b onclick=x>bold</b> | ![i](//192.0.2.1/e.png) |
"""
ALLOWED = {"P", "UL", "OL", "LI", "BLOCKQUOTE", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "H2", "H3", "H4", "H5", "H6",
           "EM", "STRONG", "DEL", "CODE", "PRE", "BR", "HR", "SPAN", "DIV"}  # fmt: skip


def pieces(*texts, finish="stop"):
    return [*(json.dumps({"choices": [{"delta": {"content": text}}]}) for text in texts),
            json.dumps({"choices": [{"delta": {}, "finish_reason": finish}]}), "[DONE]"]  # fmt: skip


def answered(page, *texts):
    page.unroute_all()
    answer_with(page, *pieces(*texts))
    return ask(page, QUESTION).locator(".text")


def elements(text):
    return text.evaluate("(text) => [...text.querySelectorAll('*')].map((each) => each.tagName)")


def test_markdown(same_page):
    page = same_page
    choose(page)
    text = answered(page, *(MARKDOWN[i : i + 7] for i in range(0, len(MARKDOWN), 7)))
    expect(text.locator("h2")).to_have_text("Shapes")
    expect(text.locator("strong")).to_have_text("three")
    expect(text.locator("em")).to_have_text("all")
    expect(text.locator("del")).to_have_text("square")
    expect(text.locator("p code")).to_have_text("round")
    expect(text.locator("p br")).to_have_count(1)
    expect(text.locator("ol > li")).to_have_count(2)
    expect(text.locator("ol > li > ul > li")).to_have_text("left")
    expect(text.locator("th")).to_have_text(["shape", "n"])
    expect(text.locator("td")).to_have_text(["circle", "1"])
    assert text.locator("td").last.evaluate("(cell) => getComputedStyle(cell).textAlign") == "right"
    expect(text.locator("blockquote")).to_have_text("said")
    expect(text.locator("pre code")).to_have_text('print("<b>")')
    expect(text.locator("hr")).to_have_count(1)
    assert set(elements(text)) <= ALLOWED


def test_a_hostile_answer_is_plain_content(same_page):
    page = same_page
    choose(page)
    text = answered(page, HOSTILE)
    assert set(elements(text)) <= ALLOWED
    attributes = text.evaluate("""(text) => [...text.querySelectorAll("*")].flatMap((each) =>
        [...each.attributes].map((attribute) => attribute.name))""")
    assert set(attributes) <= {"class", "tabindex", "role", "aria-label"}
    shown = text.text_content()
    for words in ('<script>document.title = "owned"</script>', "onerror=", "<iframe", "<style>", "[picture: remote",
                  "<b onclick=x>bold</b>", "there (http://192.0.2.1/)", "<b> <i>"):  # fmt: skip
        assert words in shown, words
    assert page.locator("img").count() == 2  # the sign and the preview


@pytest.mark.parametrize(
    "text",
    ["| a | b |\n| --- | --- |\n" + "| 1 | 2 |\n" * 5000, "> " * 3000 + "deep", "- " * 3000 + "deep",
     "*" * 20000, "[" * 20000, "`" * 20001, "a\n" * 10000, "![" * 5000 + "](" * 5000, "\u202e\u0000\ufffe" * 50],
    ids=["table", "quotes", "lists", "stars", "brackets", "ticks", "lines", "pictures", "signs"],
)  # fmt: skip
def test_large_and_deep_answers(same_page, text):
    page = same_page
    choose(page)
    half = len(text) // 2
    shown = answered(page, text[:half], text[half:])
    assert set(elements(shown)) <= ALLOWED
    page.unroute_all()
    choose(page)  # with it there would be no room for a question
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS["wide"]["width"]


def test_a_long_answer_is_shown_in_full_at_its_end(same_page):
    page = same_page
    choose(page)
    words = [f"word{i} " for i in range(3000)]
    expect(answered(page, *words)).to_have_text("".join(words).strip())


def test_an_answer_is_copied_as_it_came(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page)
    answered(page, "**three** shapes")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "**three** shapes"
    # Without https there is no clipboard to write to.
    page.evaluate("""() => {
        navigator.clipboard.writeText = () => Promise.reject(new Error());
        document.addEventListener("copy", () => { window.copied = document.activeElement.value; });
    }""")
    page.get_by_role("button", name="Copied").or_(page.get_by_role("button", name="Copy")).click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("window.copied") == "**three** shapes"


def asked(page, act):
    with page.expect_request("**/v1/chat/completions") as request:
        act()
    return request.value.post_data_json["messages"]


def test_the_last_question_is_asked_again(same_page):
    page = same_page
    choose(page)
    ask(page, QUESTION)
    ask(page, "What is the color of the circle?")
    expect(page.get_by_role("button", name="Ask again")).to_have_count(1)
    messages = asked(page, page.get_by_role("button", name="Ask again").click)
    expect(page.locator(".turn .text")).to_have_text(["Circle.", "Red."])
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[-1]["content"] == "What is the color of the circle?"


def test_a_question_is_edited(same_page):
    page = same_page
    choose(page)
    ask(page, QUESTION)
    ask(page, "Is there a star?")
    first = page.locator(".turn").first
    first.hover()
    first.get_by_role("button", name="Edit the question").click()
    box = first.get_by_role("textbox", name="Your question")
    expect(box).to_be_focused()
    expect(box).to_have_value(QUESTION)
    page.keyboard.press("Escape")
    expect(first.locator(".question p")).to_have_text(QUESTION)
    expect(first.get_by_role("button", name="Edit the question")).to_be_focused()
    page.keyboard.press("Enter")
    box.fill("What is the color of the circle?")
    (message,) = asked(page, lambda: box.press("Enter"))
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    expect(page.locator(".turn .text")).to_have_text(["Red."])  # the answers below hung on the old one
    expect(page.locator("#question")).to_be_focused()


@pytest.mark.parametrize("screen", SCREENS)
def test_looks(open_page, server, screen):
    page, check = looked_at(open_page, server.url, "answers", screen)

    page.locator("#file").set_input_files([SHAPES, CIRCLE])
    expect(page.locator("#thumbs li")).to_have_count(2)
    check("pictures")
    answered(page, MARKDOWN)
    check("markdown")
    answered(page, "| " + "a wide cell | " * 20 + "\n|" + " --- |" * 20 + "\n\n```\n" + "long line " * 40 + "\n```")
    check("wide")
    page.locator(".turn").first.locator(".question button").click()
    check("edit")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Conversations").click()
    expect(page.locator("#history-list li")).to_have_count(1)
    check("conversations")
