"""The page for everybody: axe-core finds nothing serious in any state of it, on any screen. See page_driver.py."""

import os
import pathlib

import pytest
from playwright.sync_api import expect

from conftest import ROOT
from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SCREENS, SHAPES, answer_with, ask, launched, open_page, page,
)  # fmt: skip
from test_page_answers import MARKDOWN, pieces
from test_page_camera import COLOUR, DRAWN, FLAGS, answers, film, start

PACKAGES = pathlib.Path(os.environ.get("NODE_PATH", ROOT / "build/node/node_modules"))
FIND = """async (which) => (await axe.run(document, {resultTypes: ["violations"], ...which})).violations
    .filter((each) => each.impact === "serious" || each.impact === "critical" || each.impact === "moderate")
    .map((each) => `${each.impact} ${each.id}: ${each.help}: ${each.nodes.map((node) => node.html).join(" | ")}`)"""
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that a colour scheme may break


def faults(page):
    """What is found in either colour scheme."""
    page.emulate_media(color_scheme="light")
    found = page.evaluate(FIND, {})
    page.emulate_media(color_scheme="dark")
    return found + page.evaluate(FIND, {"runOnly": OF_COLOURS})


@pytest.fixture(scope="module")
def browser():
    with launched(*FLAGS) as running:
        yield running


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_serious_is_found(open_page, server, screen):
    phone = screen == "phone"
    page = open_page(server.url, viewport=SCREENS[screen], reduced_motion="reduce", is_mobile=phone, has_touch=phone,
                     expected="503")  # fmt: skip
    page.evaluate((PACKAGES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = {}

    def check(state):
        found[state] = faults(page)

    check("begin")
    page.locator("#status summary").click()
    check("status")
    page.keyboard.press("Escape")
    page.locator("#file").set_input_files([SHAPES, CIRCLE])
    expect(page.locator("#thumbs li")).to_have_count(2)
    check("pictures")
    ask(page, QUESTION).locator(".saw summary").click()
    expect(page.locator(".saw canvas").first).to_be_visible()
    answer_with(page, *pieces(MARKDOWN))
    ask(page, QUESTION)
    page.unroute_all()
    answer_with(page, status=503)
    ask(page, QUESTION)
    page.unroute_all()
    check("answers")
    page.locator(".turn").first.locator(".question button").click()
    check("edit")
    page.keyboard.press("Escape")
    for panel in ("Conversations", "Settings"):
        page.get_by_role("button", name=panel).click()
        expect(page.locator("dialog[open]")).to_be_visible()  # it is filled before it is shown
        check(panel)
        page.keyboard.press("Escape")
    page.evaluate(DRAWN)
    film(page, "often")
    start(page, COLOUR)
    expect(answers(page).first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    check("camera")
    assert {state: each for state, each in found.items() if each} == {}
