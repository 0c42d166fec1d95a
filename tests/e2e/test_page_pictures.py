"""Pictures on the page that are no still JPEG, PNG or WebP: shown and sent alike. See page_driver.py."""

import io

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from page_driver import CIRCLE, QUESTION, ask, browser, choose, open_page, page, page_of_all, same_page  # noqa: F401

DRAWN = {
    "moving.gif": "image/gif", "plain.bmp": "image/bmp", "moving.webp": "image/webp",
    "moving.png": "image/png", "still.avif": "image/avif", "drawing.svg": "image/svg+xml",
}  # fmt: skip


def circle_as(name):
    """The circle in another format; what moves shows a blue square from its second frame on."""
    circle = Image.open(CIRCLE).convert("RGB")
    if name.endswith("svg"):
        return b"""<svg xmlns="http://www.w3.org/2000/svg" width="336" height="336">
            <circle cx="168" cy="168" r="100" fill="red"/></svg>"""
    out = io.BytesIO()
    square = Image.new("RGB", circle.size, "white")
    ImageDraw.Draw(square).rectangle((80, 80, 250, 250), fill="blue")
    frames = {"save_all": True, "append_images": [square], "duration": 50, "loop": 0}
    circle.save(out, name.rpartition(".")[2], **(frames if name.startswith("moving") else {}))
    return out.getvalue()


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_shown_is_what_is_sent(same_page, name):
    page = same_page
    bodies = []
    page.on("request", lambda request: request.url.endswith("/completions")
            and bodies.append(request.post_data_json))  # fmt: skip
    page.evaluate("""() => {
        window.made = new Map();
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
          const url = make(blob);
          window.made.set(url, blob);
          return url;
        };
    }""")
    choose(page, {"name": name, "mimeType": DRAWN[name], "buffer": circle_as(name)})
    expect(page.locator("#picture-size")).to_contain_text("sent as PNG")
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
    sent = bodies[0]["messages"][0]["content"][0]["image_url"]["url"]
    assert sent.startswith("data:image/png;base64,")
    shown = page.evaluate("""async () => {
        const blob = window.made.get(document.querySelector("#preview-image").src);
        return await new Promise((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(reader.result);
          reader.readAsDataURL(blob);
        });
    }""")
    assert shown == sent


def test_what_shows_through_is_white(same_page):
    page = same_page
    clear = Image.new("RGBA", (336, 336), (0, 0, 0, 0))
    ImageDraw.Draw(clear).ellipse((68, 68, 268, 268), fill=(0, 0, 0, 255))
    out = io.BytesIO()
    clear.save(out, "png")
    choose(page, {"name": "logo.png", "mimeType": "image/png", "buffer": out.getvalue()})
    assert page.evaluate("getComputedStyle(document.querySelector('#preview-image')).backgroundColor") \
        == "rgb(255, 255, 255)"
    expect(ask(page, QUESTION).locator(".text")).to_have_text("Circle.")
