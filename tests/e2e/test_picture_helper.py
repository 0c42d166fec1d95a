"""HEIC, AVIF and TIFF: decoded in a process that is started for each, and of which nothing is left."""

import contextlib
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

KILLS = int(os.environ.get("OCELLUS_KILLS", "40"))
HAS_PROC = pathlib.Path("/proc/self/stat").exists()


def tiff(picture, **options):
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(out, "TIFF", **options)
    return out.getvalue()


def ask(server, *pictures):
    parts = [{"type": "image_url", "image_url": {"url": data_uri(one)}} for one in pictures]
    body = {"messages": [user(*parts, text_part("What is this?"))], "max_tokens": 2, "temperature": 0}
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


@pytest.mark.skipif(not HAS_PROC, reason="children are looked for in /proc")
def test_kills_under_load_cost_their_own_request_alone(server):
    picture = (ROOT / "examples/red-circle.png").read_bytes()
    noisy = Image.effect_noise((1200, 900), 80).convert("RGB")
    noisy.paste(Image.open(io.BytesIO(picture)).convert("RGB").resize((1200, 900)))
    through_helper = tiff(picture, compression="tiff_lzw")
    large = io.BytesIO()
    noisy.save(large, "TIFF", compression="tiff_lzw")
    kills, answers = 0, []
    over = threading.Event()

    def load(data, killed):
        while not over.is_set():
            answers.append((killed, ask(server, data)))

    threads = [threading.Thread(target=load, args=pair) for pair in
               ((picture, False), (picture, False), (through_helper, True), (large.getvalue(), True))]
    for thread in threads:
        thread.start()
    while kills < KILLS and all(thread.is_alive() for thread in threads):
        for pid in children(server.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
    over.set()
    for thread in threads:
        thread.join()
    assert kills >= KILLS
    wanted = ask(server, picture).json()["choices"][0]["message"]["content"]
    for may_be_killed, answer in answers:
        if answer.status_code == 200:
            assert answer.json()["choices"][0]["message"]["content"] == wanted
        else:
            assert may_be_killed and answer.status_code == 503, answer.text
            assert "ended from outside" in answer.json()["error"]["message"]
    assert {answer.status_code for _, answer in answers} == {200, 503}
    assert children(server.process.pid) == []


def test_the_argument_alone_does_nothing():
    run = subprocess.run([BIN, "--picture-helper"], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("", "") and run.returncode != 0
