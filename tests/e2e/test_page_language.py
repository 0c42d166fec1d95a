"""The page in Chinese: every text has one, and a browser that wants it gets it. See page_driver.py."""

import html.parser
import re

import pytest
from playwright.sync_api import expect

from conftest import ROOT
from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SCREENS, ask, browser, choose, looked_at, open_page, page,
)  # fmt: skip

STRING = r'"((?:[^"\\]|\\.)*)"'
COUNTED = {"token", "crop", "second", "byte", "conversation"}  # with and without an s: dom.js, count()
# Signs, names of keys and languages, code; what stands outside of the page's scripts.
SAME = {"ocellus", "Enter", "Shift", "Esc", "+", "English", "中文", "ORG/REPO", "ocellus pull NAME", '{"type": "object", …}', "ocellus ask",
        "This page needs JavaScript. Without it, use", "on the command line, or the API."}  # fmt: skip


class Texts(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.title = set(), False

    def handle_starttag(self, tag, attributes):
        self.title = tag == "title"
        self.found |= {value for name, value in attributes
                       if name in ("aria-label", "title", "placeholder", "alt") and value}  # fmt: skip

    def handle_data(self, data):
        text = " ".join(data.split())
        if text and not self.title:
            self.found.add(text)


def said():
    """All texts of the page: those of its scripts, and of index.html."""
    texts = Texts()
    texts.feed((ROOT / "web/index.html").read_text(encoding="utf-8"))
    found = texts.found - SAME
    for path in (ROOT / "web").glob("*.js"):
        source = path.read_text(encoding="utf-8")
        for call in re.findall(rf"\bsay\(\s*((?:{STRING}\s*\+?\s*)+)", source):
            found.add("".join(re.findall(STRING, call[0])))
        for unit in re.findall(r'\bcount\([^;]*?, "(\w+)"\)', source):
            assert unit in COUNTED, unit
    return found | {f"{{n}} {unit}{ending}" for unit in COUNTED for ending in ("", "s")}


def chinese():
    source = (ROOT / "web/chinese.js").read_text(encoding="utf-8")
    return dict(re.findall(rf"^  {STRING}:\s+{STRING},$", source, re.MULTILINE))


def test_every_text_is_there_in_chinese():
    assert said() == set(chinese())


def test_values_are_kept():
    values = re.compile(r"\{\w+\}")
    assert [text for text, other in chinese().items()
            if sorted(values.findall(text)) != sorted(values.findall(other))] == []  # fmt: skip


@pytest.mark.parametrize("screen", SCREENS)
def test_a_browser_in_chinese(open_page, server, screen):
    page, check = looked_at(open_page, server.url, "chinese", screen, locale="zh-TW")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#empty h2")).to_have_text("就图片提问")
    expect(page.get_by_role("button", name="设置")).to_be_visible()
    check("begin")
    choose(page)
    turn = ask(page, QUESTION)
    expect(turn.locator(".text")).to_have_text("Circle.")
    expect(turn.locator(".meta")).to_have_text(re.compile(r"^\d+ 个词元 · \d+\.\d s$"))
    # What is left in English is what is no text of the page.
    left = page.evaluate(r"""() => {
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found = [];
        while (texts.nextNode()) {
          const {parentElement: parent, data} = texts.currentNode;
          if (/[a-z]{3}/i.test(data) && parent.checkVisibility() && !parent.closest("kbd, .question, .text, h1, #announcer"))
            found.push(data.trim());
        }
        return found;
    }""")
    assert set(left) <= {"red-circle.png", "ocellus-demo"}
    check("answer")


def test_the_language_is_chosen(page):
    page.get_by_role("button", name="Settings").click()
    page.locator("#set-language").select_option("zh-CN")
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.reload()
    expect(page.locator("#empty h2")).to_have_text("就图片提问")
    page.get_by_role("button", name="设置").click()
    page.locator("#set-language").select_option("")
    page.get_by_role("button", name="使用", exact=True).click()
    expect(page.locator("#empty h2")).to_have_text("Ask about a picture")
    assert page.evaluate("localStorage.length") == 0
