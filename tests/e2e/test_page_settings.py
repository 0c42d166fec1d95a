"""How questions are asked on the page, and what the model saw of them. See page_driver.py."""

import json

import pytest
from playwright.sync_api import expect

from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SCREENS, SHAPES, answer_with, ask, browser, choose, looked_at, open_page, page, page_of_all,
    same_page,
)  # fmt: skip

SCHEMA = {"type": "object", "properties": {"shape": {"enum": ["circle", "star"]}}, "required": ["shape"],
          "additionalProperties": False}  # fmt: skip


def asked(page):
    with page.expect_request("**/v1/chat/completions") as request:
        turn = ask(page, QUESTION)
    return request.value.post_data_json, turn


def settings(page, **values):
    page.get_by_role("button", name="Settings").click()
    for name, value in values.items():
        box = page.locator(f"#set-{name}")
        box.select_option(value) if name == "detail" else box.fill(value)
    page.get_by_role("button", name="Use", exact=True).click()


def test_what_is_not_set_is_the_servers_choice(same_page):
    page = same_page
    choose(page)
    body, _ = asked(page)
    assert set(body) == {"model", "messages", "stream", "stream_options"}
    assert page.evaluate("localStorage.length") == 0


def test_settings_go_with_every_question(page):
    settings(page, temperature="0.5", max_tokens="7", detail="low", system="Answer in one word.")
    expect(page.locator("#settings")).to_be_hidden()
    for _ in range(2):  # also when the page comes anew
        choose(page)
        body, _ = asked(page)
        assert (body["temperature"], body["max_tokens"]) == (0.5, 7)
        system, user = body["messages"]
        assert system == {"role": "system", "content": "Answer in one word."}
        assert user["content"][0]["image_url"]["detail"] == "low"
        page.reload()
    page.get_by_role("button", name="Settings").click()
    expect(page.locator("#set-temperature")).to_have_value("0.5")
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Cancel").click()
    choose(page)
    assert "temperature" not in asked(page)[0]
    assert page.evaluate("localStorage.length") == 0


def test_an_answer_keeps_to_a_schema(page):
    settings(page, schema=json.dumps(SCHEMA))
    choose(page)
    body, turn = asked(page)
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    assert json.loads(turn.locator(".text pre code").text_content())["shape"] in ("circle", "star")


@pytest.mark.parametrize(
    "name, value, why",
    [("temperature", "3", "from 0 to 2"), ("max_tokens", "1.5", "from 1 to"), ("schema", "{", "no JSON schema"),
     ("schema", "[1]", "no JSON schema")],
)  # fmt: skip
def test_what_cannot_be_is_told(same_page, name, value, why):
    page = same_page
    settings(page, **{name: value})
    expect(page.locator("#settings-error")).to_contain_text(why)
    expect(page.locator(f"#set-{name}")).to_be_focused()
    page.keyboard.press("Escape")
    choose(page)
    assert set(asked(page)[0]) == {"model", "messages", "stream", "stream_options"}


def test_what_the_model_saw(same_page):
    page = same_page
    choose(page, SHAPES)
    question = "How many shapes are in this picture?"  # not asked before
    details = ask(page, question).locator(".saw")
    details.locator("summary").click()
    expect(details.locator("figcaption")).to_have_text("one view · brought to 336 × 179 · 85 tokens")
    expect(details.get_by_role("img")).to_have_attribute("aria-label", "shapes.png: one view · brought to 336 × 179 · 85 tokens")
    expect(details.locator("dl")).to_contain_text("tokens a second")
    expect(details.locator("dl")).to_contain_text("cached")
    # The picture is drawn where the model has it, and nothing where it is padded.
    seen = details.locator("canvas").evaluate("""(canvas) => {
        const column = canvas.getContext("2d").getImageData(canvas.width / 2, 0, 1, canvas.height).data;
        const alpha = (y) => column[4 * Math.round(y * canvas.height) + 3];
        return [canvas.width / canvas.height, alpha(0.1) < 255, alpha(0.5)];
    }""")
    assert seen == [1, True, 255]
    # The same again comes from the server's cache, and says so.
    choose(page, CIRCLE)
    choose(page, SHAPES)
    details = ask(page, question).locator(".saw")
    details.locator("summary").click()
    expect(details.locator("dl")).to_contain_text("kept from before")


FAMILIES = {
    "crops": ({"width": 600, "height": 300, "num_crops": 4, "crops": [2, 1], "effective_size": [672, 336], "tokens": 457},
              "2 × 1 crops and the whole picture once more, smaller · brought to 672 × 336 · 457 tokens"),
    "tiles": ({"width": 300, "height": 600, "tiles": [2, 1], "effective_size": [512, 1024], "tokens": 192},
              "1 × 2 crops and the whole picture once more, smaller · brought to 512 × 1024 · 192 tokens"),
    "overlapping": ({"width": 800, "height": 600, "max_crops": 12, "crops": [2, 3], "tokens": 729},
                    "3 × 2 crops and the whole picture once more, smaller · 729 tokens"),
    "none": ({"width": 10, "height": 10, "tiles": [0, 0], "effective_size": [512, 512], "tokens": 64},
             "one view · brought to 512 × 512 · 64 tokens"),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_each_familys_own_words(same_page, family):
    page = same_page
    plan, words = FAMILIES[family]
    choose(page, SHAPES)
    answer_with(
        page, json.dumps({"choices": [{"delta": {"content": "x"}}]}),
        json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}], "ocellus": {"images": [plan]}}), "[DONE]",
    )  # fmt: skip
    details = ask(page, QUESTION).locator(".saw")
    details.locator("summary").click()
    expect(details.locator("figcaption")).to_have_text(words)
    w, h = plan.get("effective_size", [plan["width"], plan["height"]])
    assert abs(details.locator("canvas").evaluate("(canvas) => canvas.width / canvas.height") - w / h) < 0.02


@pytest.mark.parametrize("screen", SCREENS)
def test_looks(open_page, server, screen):
    page, check = looked_at(open_page, server.url, "settings", screen)

    choose(page, SHAPES)
    ask(page, "How many shapes are there?").locator(".saw summary").click()
    expect(page.locator(".saw canvas")).to_be_visible()
    page.locator(".saw dl").scroll_into_view_if_needed()
    check("saw")
    page.get_by_role("button", name="Settings").click()
    check("panel")
