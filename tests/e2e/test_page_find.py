"""Boxes and points on the page, of a model that finds them: a random Moondream. See page_driver.py."""

import re

import pytest
from playwright.sync_api import expect

from conftest import Server, data_uri
from page_driver import (  # noqa: F401
    CIRCLE, SCREENS, SHAPES, ask, browser, choose, looked_at, open_page, page,
)  # fmt: skip
from test_cli import run

BOXES = {"objects": [{"x_min": 0.1, "y_min": 0.2, "x_max": 0.4, "y_max": 0.8},
                     {"x_min": -0.1, "y_min": 0.9, "x_max": 1.2, "y_max": 1.1}], "count": 2}  # fmt: skip
POINTS = {"points": [{"x": 0.5, "y": 0.5}], "count": 1}


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moondream") / "tiny"
    run("synth", "--shape", "moondream2-tiny", "--quant", "bf16", "--seed", 7, "--out", folder)
    running = Server("--max-answer", "12", model=folder)
    yield running
    running.end()


def found(page, task, answer=None):
    """The body that is sent, and the turn."""
    page.locator("#task").select_option(task)
    if answer is not None:
        page.route(f"**/v1/{task}", lambda route: route.fulfill(json=answer))
    with page.expect_request(f"**/v1/{task}") as request:
        turn = ask(page, "circle")
    return request.value.post_data_json, turn


def test_a_model_that_finds_nothing_has_no_choice(page):
    choose(page)
    expect(page.locator("#task")).to_be_hidden()


@pytest.mark.parametrize("task", ["detect", "point"])
def test_the_model_is_asked(open_page, finder, task):
    page = open_page(finder.url)
    choose(page)
    expect(page.get_by_role("combobox", name="What to do")).to_have_value("ask")
    body, turn = found(page, task)
    assert body == {"model": "", "image_url": data_uri(CIRCLE.read_bytes()), "object": "circle"}
    expect(turn.locator(".failure")).to_have_count(0)
    expect(turn.locator(".text")).to_have_text(re.compile(r"^\d+ found$"))
    expect(turn.locator(".found canvas")).to_be_visible()


def test_boxes_and_points_are_drawn_where_they_are(open_page, finder):
    page = open_page(finder.url)
    choose(page, SHAPES)
    _, turn = found(page, "detect", BOXES)
    expect(turn.locator(".text")).to_have_text("2 found")
    canvas = turn.get_by_role("img", name="shapes.png with 2 marked")
    expect(canvas).to_be_visible()
    # The colour of the marks on a line through the middle of the first box.
    marks = """([canvas, y]) => {
        const {width, height} = canvas;
        const row = canvas.getContext("2d").getImageData(0, Math.round(y * height), width, 1).data;
        return [...Array(width).keys()].filter((x) => row[4 * x] > 240 && Math.abs(row[4 * x + 1] - 176) < 12 &&
          row[4 * x + 2] < 30).map((x) => x / width);
    }"""
    at = page.evaluate(marks, [canvas.element_handle(), 0.5])
    assert at and all(min(abs(x - 0.1), abs(x - 0.4)) < 0.02 for x in at)
    _, turn = found(page, "point", POINTS)
    expect(turn.locator(".text")).to_have_text("1 found")
    at = page.evaluate(marks, [turn.locator(".found canvas").element_handle(), 0.5])
    assert at and all(abs(x - 0.5) < 0.06 for x in at)
    # They are kept, and no part of what the model is told of the conversation.
    page.locator("#task").select_option("ask")
    with page.expect_request("**/v1/chat/completions") as request:
        ask(page, "What is it?")
    (message,) = request.value.post_data_json["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    page.reload()
    page.get_by_role("button", name="Conversations").click()
    page.locator("#history-list .open").click()
    expect(page.locator(".found canvas")).to_have_count(2)


def test_a_refusal_is_told(open_page, finder):
    page = open_page(finder.url, expected="400")
    choose(page)
    page.locator("#task").select_option("detect")
    page.route("**/v1/detect", lambda route: route.fulfill(
        status=400, json={"error": {"message": "no such thing", "code": "x"}}))  # fmt: skip
    expect(ask(page, "circle").locator(".failure")).to_contain_text("no such thing")
    page.unroute_all()
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".found canvas")).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS)
def test_looks(open_page, finder, screen):
    page, check = looked_at(open_page, finder.url, "found", screen)
    choose(page, SHAPES)
    _, turn = found(page, "detect", BOXES)
    expect(turn.locator(".found canvas")).to_be_visible()
    check("boxes")
