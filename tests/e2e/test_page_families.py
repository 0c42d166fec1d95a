"""The page with models of other families than the embedded one's: SmolVLM2, which also knows videos, and
Moondream2, which also knows tasks. What it shows is what the API answers. See page_driver.py."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from conftest import data_uri
from page_driver import CIRCLE, QUESTION, ask, browser, choose, open_page  # noqa: F401
from test_switch import DEMO, run

SHAPES = {"smol": "smolvlm2-tiny", "moon": "moondream2-tiny"}


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """$OCELLUS_HOME with a small random model of each."""
    home = tmp_path_factory.mktemp("families")
    for name, shape in SHAPES.items():
        run("synth", "--shape", shape, "--quant", "mlx4", "--seed", 5, "--out", home / "models" / name)
    return home


def shown(text):
    """As a browser lays it out: runs of spaces and line ends are a space."""
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize("name", SHAPES)
def test_a_picture_is_asked_about(open_page, start, families, name):
    running = start("--max-answer", "12", model=families / "models" / name)
    page = open_page(running.url)
    expect(page.locator("#model")).to_have_value(name)
    expect(page.locator("#model-note")).to_be_hidden()  # it is about the embedded model
    choose(page)
    with page.expect_response("**/v1/chat/completions") as came:
        turn = ask(page, QUESTION)
    sent = came.value.request.post_data_json
    picture = {"type": "image_url", "image_url": {"url": data_uri(CIRCLE.read_bytes())}}
    assert sent["messages"] == [{"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}]
    told = httpx.post(running.url + "/v1/chat/completions", json={**sent, "stream": False}, timeout=300).json()
    text, usage = told["choices"][0]["message"]["content"], told["usage"]
    assert usage["prompt_tokens_details"]["image_tokens"] > 0 and usage["completion_tokens"] == 12
    assert shown(turn.locator(".text").inner_text()) == shown(text)
    expect(turn.locator(".failure")).to_have_count(0)
    expect(turn.locator(".meta")).to_have_text(re.compile(r"^12 tokens · \d+\.\d s · cut off: no room for more$"))


def test_moondream_says_what_it_has_not_looked_at(open_page, start, families):
    """A second question: the model answers it alone, and the page shows the warning that says so."""
    running = start("--max-answer", "6", model=families / "models/moon")
    page = open_page(running.url)
    choose(page)
    expect(ask(page, QUESTION).locator(".failure")).to_have_count(0)
    with page.expect_response("**/v1/chat/completions") as came:
        second = ask(page, "What colour is it?")
    sent = came.value.request.post_data_json
    assert len(sent["messages"]) == 3
    warning = "this model answers one question about one picture: 2 earlier turns left out"
    expect(second.locator(".meta")).to_contain_text(warning)
    alone = {**sent, "messages": [{"role": "user", "content": [*sent["messages"][0]["content"][:1],
                                                             {"type": "text", "text": "What colour is it?"}]}]}  # fmt: skip
    told = httpx.post(running.url + "/v1/chat/completions", json={**alone, "stream": False}, timeout=300).json()
    assert shown(second.locator(".text").inner_text()) == shown(told["choices"][0]["message"]["content"])


def test_each_family_answers_when_it_is_chosen(open_page, start, families):
    """Without a word on the page about what one family has and the chosen one has not."""
    running = start("--max-answer", "6", env={"OCELLUS_HOME": str(families)})
    page = open_page(running.url)
    choose(page)
    menu = page.get_by_role("combobox", name="Model")
    for name in ("smol", "moon", DEMO):
        menu.select_option(name)
        with page.expect_response("**/v1/chat/completions") as came:
            turn = ask(page, QUESTION)
        expect(turn.locator(".failure")).to_have_count(0)
        sent = {**came.value.request.post_data_json, "stream": False}
        told = httpx.post(running.url + "/v1/chat/completions", json=sent, timeout=300).json()
        assert told["model"] == name
        assert shown(turn.locator(".text").inner_text()) == shown(told["choices"][0]["message"]["content"])
        has = next(model for model in httpx.get(running.url + "/v1/models").json()["data"] if model["id"] == name)
        words = page.locator("main").inner_text().lower()
        assert "max_frames" in has["capabilities"] or "video" not in words
        assert "tasks" in has["capabilities"] or "detect" not in words
        expect(page.locator("#model-note")).to_have_js_property("hidden", name != DEMO)
