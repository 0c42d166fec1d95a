"""HEIC, AVIF and TIFF: decoded in a process that is started for each, and of which nothing is left."""

import io
import os
import pathlib
import signal
import subprocess
import threading

import httpx
import pytest
from PIL import Image

from conftest import BIN, ROOT, data_uri, drawing, text_part, user

HAS_PROC = pathlib.Path("/proc/self/stat").exists()


def tiff(picture, **options):
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(out, "TIFF", **options)
    return out.getvalue()


def ask(server, *pictures):
    parts = [{"type": "image_url", "image_url": {"url": data_uri(one)}} for one in pictures]
    body = {"messages": [user(*parts, text_part("What is this?"))], "max_tokens": 2}
    return httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)


def children(pid):
    """Also those that have ended and were not waited for."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if entry.name.isdigit() and int(fields[1]) == pid:
            found.append(int(entry.name))
    return found


def test_they_are_answered_as_any_other(server):
    for name in ("slope.heic", "slope.avif", "alpha.heic", "grid.avif"):
        answer = ask(server, (ROOT / "tests/data/pictures" / name).read_bytes())
        assert answer.status_code == 200, answer.text
    png = drawing(3)
    for options in ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}):
        assert ask(server, tiff(png, **options)).json()["choices"] == ask(server, png).json()["choices"]
    if HAS_PROC:
        assert children(server.process.pid) == []


def test_a_damaged_one_is_a_400(server):
    whole = (ROOT / "tests/data/pictures/slope.heic").read_bytes()
    for broken in (whole[:-20], whole[:-300] + bytes(300), tiff(drawing(3), compression="tiff_lzw")[:-200]):
        answer = ask(server, broken)
        assert answer.status_code == 400, answer.text
        assert "damaged or cut off" in answer.json()["error"]["message"]


@pytest.mark.skipif(not HAS_PROC, reason="children are looked for in /proc")
def test_killed_from_outside_its_request_alone_is_told_so(server):
    out = io.BytesIO()
    Image.effect_noise((1500, 1000), 80).convert("RGB").save(out, "TIFF", compression="tiff_lzw")
    told = False
    for _ in range(100):  # it may be over before it is found
        answers = []
        asking = threading.Thread(target=lambda to: to.append(ask(server, out.getvalue())), args=(answers,))
        asking.start()
        killed = False
        while asking.is_alive() and not killed:
            for pid in children(server.process.pid):
                os.kill(pid, signal.SIGKILL)
                killed = True
        asking.join()
        assert answers[0].status_code in (200, 503), answers[0].text
        if answers[0].status_code == 503:
            assert killed and "ended from outside" in answers[0].json()["error"]["message"]
            told = True
            break
    assert told
    assert ask(server, drawing(3)).status_code == 200
    assert children(server.process.pid) == []


def test_the_argument_alone_does_nothing():
    run = subprocess.run([BIN, "--picture-helper"], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("", "") and run.returncode != 0
