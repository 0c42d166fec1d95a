"""Pictures that are small on the wire and large to decode: refused, stepped over, or left."""

import io
import json
import re
import signal
import socket
import struct
import subprocess
import time
import zlib

import httpx
from PIL import Image

from conftest import BIN, ROOT, START_SECONDS, data_uri, drawing, text_part, user

EMBEDDED = str(ROOT / "models/demo")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_texts(png, count, inflated):
    """The PNG with packed texts in front of its pixels."""
    text = chunk(b"zTXt", b"text\0\0" + zlib.compress(b"a" * inflated, 9))
    at = png.index(b"IDAT") - 4
    return png[:at] + count * text + png[at:]


def black_png(side):
    """A black square in a few bytes."""
    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * side)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed)
            + chunk(b"IEND", b""))  # fmt: skip


def many_scans(picture, scans):
    """A progressive JPEG whose last scan comes again and again."""
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(out, "JPEG", progressive=True)
    jpeg = out.getvalue()
    starts = [m.start() for m in re.finditer(rb"\xff\xda", jpeg)]
    last = jpeg[starts[-1] : -2]
    return jpeg[:-2] + last * (scans - len(starts)) + jpeg[-2:]


def picture_part(png):
    return {"type": "image_url", "image_url": {"url": data_uri(png)}}


def ask(server, pictures, **options):
    body = {"messages": [user(*map(picture_part, pictures), text_part("What is this?"))],
            "max_tokens": 2}  # fmt: skip
    return httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300, **options)


def see(tmp_path, name, picture):
    file = tmp_path / name
    file.write_bytes(picture)
    return subprocess.run([BIN, "see", file, "--model", EMBEDDED], capture_output=True, text=True)


def test_see_steps_over_texts_and_refuses_endless_scans(tmp_path):
    plain = see(tmp_path, "plain.png", drawing(3))
    assert plain.returncode == 0
    texts = see(tmp_path, "texts.png", with_texts(drawing(3), 40, 7 << 20))
    assert (texts.returncode, texts.stdout) == (0, plain.stdout)
    ten = see(tmp_path, "ten.jpg", many_scans(drawing(3), 10))
    assert ten.returncode == 0, ten.stderr
    scans = see(tmp_path, "scans.jpg", many_scans(drawing(3), 1000))
    assert scans.returncode == 1
    assert "comes in more than 200 scans" in scans.stderr


def test_endless_scans_are_a_413_and_texts_cost_nothing(server):
    refused = ask(server, [many_scans(drawing(3), 1000)])
    assert refused.status_code == 413
    error = refused.json()["error"]
    assert error["code"] == "image_too_large" and "200 scans" in error["message"]
    assert error["param"] == "messages[0].content[0].image_url.url"
    texts = ask(server, [with_texts(drawing(3), 40, 7 << 20)])
    assert texts.status_code == 200
    assert texts.json()["choices"] == ask(server, [drawing(3)]).json()["choices"]


def decoded(server):
    return sum(" event=decode " in line for line in list(server.log))


def begin(server):
    """A connection that asks about 16 pictures of 16 million pixels each."""
    body = {"messages": [user(*[picture_part(black_png(4000))] * 16, text_part("What?"))]}
    text = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=START_SECONDS)
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(text) + text)  # fmt: skip
    return connection


def test_two_signals_end_the_decoding(start):
    server = start("--image-size", "64,64")
    with begin(server):
        server.wait_for(" event=decode ")
        server.signal(signal.SIGTERM)
        server.wait_for(" action=drain")
        server.signal(signal.SIGTERM)
        assert server.wait() == 130
    assert decoded(server) < 16, "decoded for nobody"


def test_a_client_that_leaves_ends_the_decoding(start):
    server = start("--image-size", "64,64")
    with begin(server):
        server.wait_for(" event=decode ")
    metrics = ""
    deadline = time.monotonic() + START_SECONDS
    while "ocellus_request_memory_bytes 0\n" not in metrics and time.monotonic() < deadline:
        time.sleep(0.05)
        metrics = httpx.get(server.url + "/metrics").text
    assert "ocellus_request_memory_bytes 0\n" in metrics
    assert decoded(server) < 16, "decoded for nobody"


def test_the_time_limit_ends_the_decoding(start):
    server = start("--image-size", "64,64", "--time-limit", "0.3")
    with begin(server) as connection:
        answer = connection.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 504 "), answer
    assert re.search("out of time during (decoding|resizing) of a picture", answer), answer
    assert decoded(server) < 16
