"""Whoever meets a limit is told by its name what raises it: mostly the owner of the server, at home."""

import io

import httpx
import pytest
from PIL import Image

from conftest import START_SECONDS, Server, data_uri, drawing, text_part, user

LIMITS = ("--max-images", "1", "--max-frames", "1", "--max-n", "1", "--max-picture-mb", "1", "--max-body-mb", "2",
          "--max-picture-megapixels", "1", "--max-picture-aspect", "2", "--max-picture-memory-mb", "16",
          "--set", "limits.max_sequence_length=1000")  # fmt: skip


@pytest.fixture(scope="module")
def narrow():
    running = Server(*LIMITS)
    yield running
    running.end()


def png(width, height):
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def openai(*uris, **more):
    parts = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
    return {"messages": [user(*parts, text_part("What is it?"))], **more}


def anthropic(data):
    part = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data.partition(",")[2]}}
    return {"max_tokens": 5, "messages": [user(part, part, text_part("What is it?"))]}


def responses(uri):
    part = {"type": "input_image", "image_url": uri}
    return {"input": [{"role": "user", "content": [part, part, {"type": "input_text", "text": "What is it?"}]}]}


ONE = data_uri(drawing(1))
CASES = {
    "pictures": ("/v1/chat/completions", openai(ONE, ONE), "--max-images"),
    "Anthropic's": ("/v1/messages", anthropic(ONE), "--max-images"),
    "of responses": ("/v1/responses", responses(ONE), "--max-images"),
    "Ollama's": ("/api/chat", {"messages": [{"role": "user", "content": "?", "images": [ONE, ONE]}]}, "--max-images"),
    "frames": ("/v1/chat/completions",
               {"messages": [user({"type": "video_frames", "frames": [ONE, ONE]}, text_part("?"))]}, "--max-frames"),
    "answers": ("/v1/chat/completions", openai(n=2), "--max-n"),
    "bytes": ("/v1/chat/completions", openai(data_uri(drawing(1) + bytes(1 << 20))), "--max-picture-mb"),
    "a body": ("/v1/chat/completions", openai("data:image/png;base64," + "A" * (2 << 20)), "--max-body-mb"),
    "pixels": ("/v1/chat/completions", openai(data_uri(png(1001, 1000))), "--max-picture-megapixels"),
    "a shape": ("/v1/chat/completions", openai(data_uri(png(30, 10))), "--max-picture-aspect"),
    "a prompt": ("/v1/chat/completions", {"messages": [user(text_part("one " * 1500))]},
                 "limits.max_sequence_length"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_who_meets_a_limit_is_told_its_name(narrow, case):
    path, body, name = CASES[case]
    response = httpx.post(narrow.url + path, json=body, timeout=START_SECONDS)
    assert response.status_code in (400, 413), response.text
    assert name in response.text, response.text


def test_no_pictures_at_all(start):
    server = start("--max-images", "0", "--max-running", "1")
    for path, body in (("/v1/chat/completions", openai(ONE)), ("/v1/query", {"image_url": ONE, "question": "?"})):
        told = httpx.post(server.url + path, json=body).json()["error"]["message"]
        assert "takes no pictures" in told and "--max-images" in told
    # What holds the answers down is another setting here.
    assert "--max-running" in httpx.post(server.url + "/v1/chat/completions", json=openai(n=2)).text
