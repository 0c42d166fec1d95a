"""The page where the server has several models, and texts of a configuration. See page_driver.py."""

import json
import os
import pathlib
import re

import httpx
import pytest
from playwright.sync_api import expect

from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SCREENS, ask, browser, choose, looked_at, open_page, page,
)  # fmt: skip
from test_switch import DEMO, both, home, switch  # noqa: F401

TEXTS = {
    "description": "Looks at <shapes>",
    "ui": {"default_instruction": "Describe the image.\n\n**OBJECTS**: What is there? " + "word " * 60},
}


def options(page):
    return page.locator("#model option").all_text_contents()


def asked(page, question=QUESTION):
    """The body of the request that a question makes, and the turn."""
    with page.expect_request("**/v1/chat/completions") as request:
        turn = ask(page, question)
    return request.value.post_data_json, turn


def test_one_model_is_no_choice(page):
    expect(page.locator("#model-choice")).to_be_hidden()
    choose(page)
    assert asked(page)[0]["model"] == ""


def test_the_models_are_shown_and_one_is_chosen(open_page, both):
    running = both("--max-answer", "8")  # random weights find no end
    page = open_page(running.url)
    names = [m["id"] for m in httpx.get(running.url + "/v1/models").json()["data"]]
    assert len(names) == 4 and names[0] == DEMO
    assert options(page) == [DEMO, *(f"{name} · loads when asked" for name in names[1:])]
    expect(page.get_by_role("combobox", name="Model")).to_have_value(DEMO)
    expect(page.locator("#status-text")).to_have_text("Ready")
    choose(page)
    body, turn = asked(page)
    assert body["model"] == ""  # whoever is active
    expect(turn.locator(".text")).to_have_text("Circle.")

    page.get_by_role("combobox", name="Model").select_option("tiny")
    expect(page.locator("#announcer")).to_have_text("Questions go to tiny now.")
    expect(page.locator("#status-text")).to_have_text("Loads when asked")
    expect(page.locator("#status")).to_have_attribute("data-state", "idle")
    expect(page.locator("#model-note")).to_be_hidden()  # it is about the built-in one
    body, turn = asked(page)
    assert body["model"] == "tiny"
    expect(turn.locator(".failure")).to_have_count(0)
    page.locator("#status summary").click()
    expect(page.locator("#status-text")).to_have_text("Ready")
    expect(page.locator("#status-details")).to_contain_text("tiny")
    expect(page.locator("#model option[value=tiny]")).to_have_text("tiny")
    states = {m["id"]: m["state"] for m in httpx.get(running.url + "/v1/models").json()["data"]}
    assert (states["tiny"], states["full"]) == ("ready", "absent")


def test_who_has_not_chosen_follows_the_active_model(open_page, both):
    running = both()
    page = open_page(running.url)
    page.locator("#status summary").click()  # looks often
    assert switch(running, "tiny").status_code == 200
    expect(page.locator("#model")).to_have_value("tiny")
    page.locator("#model").select_option("org/other")
    assert switch(running, DEMO).status_code == 200
    page.wait_for_timeout(2500)
    expect(page.locator("#model")).to_have_value("org/other")
    assert options(page)[0] == DEMO


def test_a_model_that_cannot_be_loaded_says_why(open_page, both, home, tmp_path):
    models = tmp_path / "home/models"
    models.mkdir(parents=True)
    (models / "bad").mkdir()
    for name in ("config.json", "tokenizer.json"):
        (models / "bad" / name).write_bytes((home / "models/tiny" / name).read_bytes())
    running = both(env={"OCELLUS_HOME": str(models.parent)})
    page = open_page(running.url, expected="404|50[0-9]|400")
    choose(page)
    page.locator("#model").select_option("bad")
    turn = ask(page, QUESTION)
    expect(turn.get_by_role("alert")).to_contain_text("bad")
    page.locator("#status summary").click()
    expect(page.locator("#status-text")).to_have_text(re.compile("Could not be loaded|Loads when asked"))
    page.locator("#model").select_option(DEMO)
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")


@pytest.mark.parametrize("screen", SCREENS)
def test_texts_of_the_configuration(open_page, both, tmp_path, screen):
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(TEXTS))
    running = both("--config", str(file))
    page, check = looked_at(open_page, running.url, "models", screen, is_mobile=False, has_touch=False)
    expect(page.locator("#description")).to_have_text(TEXTS["description"])
    check("begin")
    choose(page, CIRCLE)
    page.locator("#model").select_option("org/other")
    page.locator("#status summary").click()
    check("picture")
    page.locator("#model").select_option(DEMO)
    with page.expect_request("**/v1/chat/completions") as request:
        page.locator("#suggestions button").first.click()
    (message,) = request.value.post_data_json["messages"]
    assert message["content"][1]["text"] == TEXTS["ui"]["default_instruction"]
    expect(page.locator(".turn .question p")).to_have_text(TEXTS["ui"]["default_instruction"].strip())
    expect(page.locator(".turn .meta")).to_be_visible()
    check("answer")


def test_any_width(open_page, both):
    page = open_page(both().url)

    def widths():
        for width in (320, 375, 800, 801, 1280, 2560):
            page.set_viewport_size({"width": width, "height": 900})
            yield width

    def check(name):
        for width in widths():
            if folder := os.environ.get("OCELLUS_SCREENSHOTS"):
                page.screenshot(path=pathlib.Path(folder) / f"width-{width}-{name}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for part in ("#history-open", "#settings-open", "#model", "#status summary", "#question"):
                box = page.locator(part).bounding_box()
                assert 0 <= box["x"] and box["x"] + box["width"] <= width and box["width"] >= 30, (width, part)

    check("begin")
    page.locator("#file").set_input_files([CIRCLE, CIRCLE, CIRCLE])
    expect(page.locator("#thumbs li")).to_have_count(3)
    ask(page, QUESTION)
    check("answer")
    for panel in ("Settings", "Conversations"):
        page.get_by_role("button", name=panel).click()
        for width in widths():
            box = page.get_by_role("dialog", name=panel).bounding_box()
            assert 0 <= box["x"] and box["x"] + box["width"] <= width, (width, panel)
        page.keyboard.press("Escape")
