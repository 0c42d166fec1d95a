"""A client of OpenAI's streaming chat, the same for every server; its pictures and texts are new
each time, so that no cache knows them."""

import base64
import http.client
import io
import json
import random
import time

import numpy as np
from PIL import Image

# A token each in SmolVLM2's vocabulary, at the start of a text and behind a space.
WORDS = "time people water world year life work house food music art school city state day".split()


def words(count):
    return " ".join(random.choice(WORDS) for _ in range(count))


def picture(width, height):
    """A smooth picture of random colours, as the part of a message."""
    small = np.random.default_rng().integers(0, 256, (12, 16, 3), dtype=np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(jpeg, "JPEG")
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def message(text_words, size=None):
    """One message of the user: a picture of that size, if any, and so many words."""
    text = {"type": "text", "text": words(text_words)}
    return {"role": "user", "content": [picture(*size), text] if size else [text]}


def counted(port, content):
    """Tokens of the prompt as llama-server counts them, without computing anything."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    body, path = json.dumps({"messages": [content]}), "/v1/chat/completions/input_tokens"
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())["input_tokens"]


def ask(port, content, tokens, fields):
    """Seconds until the first token and until the end, counts of tokens, and the server's own
    times. The answer has exactly `tokens` tokens."""
    body = {"messages": [content], "max_tokens": tokens, "temperature": 0, "stream": True}
    body |= {"stream_options": {"include_usage": True}, **fields}
    sent = json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", sent, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    assert reply.status == 200, reply.read().decode()
    first, last, usage, own, images = None, None, None, {}, []
    for line in reply:
        if not line.startswith(b"data: {"):
            continue
        event, now = json.loads(line[6:]), time.perf_counter() - began
        for choice in event.get("choices", []):
            if choice["delta"].get("content"):
                first, last = first or now, now
        usage = event.get("usage") or usage
        details = event.get("ocellus", {})  # llama.cpp has its timings in the event itself
        own |= event.get("timings") or details.get("timings") or {}
        images = details.get("images") or images
    connection.close()
    assert usage["completion_tokens"] == tokens, usage
    return {
        "first_s": first,
        "whole_s": last,
        "prompt": usage["prompt_tokens"],
        "answer": tokens,
        "cached": (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
        "images": images,
        "own": own,
    }
