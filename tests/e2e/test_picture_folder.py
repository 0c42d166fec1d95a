"""Encoded pictures that are kept on disk: damaged, half written, in a folder that vanishes or is full.
Answers go on, and are right."""

import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time

import httpx
import pytest

from conftest import BIN, Server, eventually
from test_faults import ask, body, lines, metric, text_of

KILLS = int(os.environ.get("OCELLUS_KILLS", "8"))


def pictures(folder):
    return sorted(p for p in folder.iterdir() if p.suffix == ".ocimage")


def disk(running, what):
    return metric(running, f'ocellus_cache_{what}_total{{cache="image_disk"}}')


def test_a_picture_survives_a_restart(start, tmp_path):
    folder = tmp_path / "deep" / "pictures"
    first = start("--image-cache-dir", str(folder))
    answer = text_of(ask(first, body(1)))
    eventually(lambda: len(pictures(folder)) == 1)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert pictures(folder)[0].stat().st_mode & 0o777 == 0o600
    first.stop()
    second = start("--image-cache-dir", str(folder))
    reply = ask(second, body(1))
    assert text_of(reply) == answer
    assert reply.json()["ocellus"]["timings"]["encode_ms"] == 0
    assert disk(second, "hits") == 1


@pytest.mark.parametrize("damage", ["corrupt", "truncated", "foreign"])
def test_a_damaged_picture_is_encoded_again(start, tmp_path, damage):
    folder = tmp_path / "pictures"
    first = start("--image-cache-dir", str(folder))
    answer = text_of(ask(first, body(1)))
    text_of(ask(first, body(2)))
    eventually(lambda: len(pictures(folder)) == 2)
    first.stop()
    for path in pictures(folder):
        data = bytearray(path.read_bytes())
        if damage == "corrupt":
            data[len(data) // 2] ^= 1
        elif damage == "truncated":
            del data[-len(data) // 3 :]
        else:
            data[:] = b"something else" * 1000
        path.write_bytes(data)
    second = start("--image-cache-dir", str(folder))
    assert text_of(ask(second, body(1))) == answer
    assert metric(second, "ocellus_image_disk_discarded_total") == 1
    eventually(lambda: lines(second, "removed=.*because="))
    assert len(lines(second, "removed=.*because=")) == 1
    eventually(lambda: disk(second, "misses") == 1)
    eventually(lambda: len(pictures(folder)) == 2)  # one was removed, and is written anew
    second.stop()
    third = start("--image-cache-dir", str(folder))
    assert text_of(ask(third, body(1))) == answer
    assert disk(third, "hits") == 1, "what was encoded again was kept"


def test_the_folder_vanishes(start, tmp_path):
    folder = tmp_path / "pictures"
    running = start("--image-cache-dir", str(folder))
    assert text_of(ask(running, body(1)))
    eventually(lambda: len(pictures(folder)) == 1)
    shutil.rmtree(folder)
    for i in range(2, 8):
        assert text_of(ask(running, body(i)))
    eventually(lambda: metric(running, "ocellus_image_disk_failures_total") == 1)
    eventually(lambda: lines(running, "pictures are not kept"))
    assert len(lines(running, "pictures are not kept")) == 1


def test_the_disk_is_full(start, tmp_path):
    """A limit on the size of files ends a write in the middle, as a full disk does."""
    folder = tmp_path / "pictures"
    running = start("--image-cache-dir", str(folder))
    assert text_of(ask(running, body(1)))
    eventually(lambda: len(pictures(folder)) == 1)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    for i in range(2, 8):
        assert text_of(ask(running, body(i)))
    eventually(lambda: metric(running, "ocellus_image_disk_failures_total") == 1)
    eventually(lambda: lines(running, "pictures are not kept"))
    assert len(lines(running, "pictures are not kept")) == 1
    assert len(list(folder.iterdir())) == 1, "nothing half written is left"


def test_two_servers_of_one_folder(start, tmp_path):
    flags = ["--image-cache-dir", str(tmp_path / "pictures"), "--response-cache-mb", "0"]
    servers = [start(*flags), start(*flags)]
    plain = start()
    expected = [text_of(ask(plain, body(i))) for i in range(12)]
    wrong = []

    def client(salt):
        rng = random.Random(salt)
        for i in rng.sample(range(12), 12):
            if text_of(ask(servers[salt % 2], body(i))) != expected[i]:
                wrong.append(i)

    clients = [threading.Thread(target=client, args=(i,)) for i in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert not wrong
    eventually(lambda: len(list((tmp_path / "pictures").iterdir())) == 12)
    for one in servers:
        assert metric(one, "ocellus_image_disk_discarded_total") == 0
    third = start(*flags)
    assert [text_of(ask(third, body(i))) for i in range(12)] == expected
    assert disk(third, "hits") == 12


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("no folder")
    ended = subprocess.run(
        [str(BIN), "serve", "--port", "0", "--backend-port", "0"]
        + ["--image-cache-dir", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "it is no folder" in ended.stderr and "--image-cache-dir" in ended.stderr


def test_killed_while_writing(tmp_path):
    """kill -9 at random moments of a server that writes one picture after the other, every second time
    when a file has just been begun."""
    folder = tmp_path / "pictures"
    plain = Server()
    expected = {i: text_of(ask(plain, body(i))) for i in range(30)}
    plain.stop()
    rng = random.Random(5)
    left = kill = 0
    while kill < KILLS or (left == 0 and kill < 8 * KILLS):
        kill += 1
        running = Server("--image-cache-dir", str(folder), "--response-cache-mb", "0")
        # The start has swept the folder.
        assert not [p for p in folder.iterdir() if p.suffix != ".ocimage"]
        for path in rng.sample(pictures(folder), len(pictures(folder)) // 2):
            path.unlink()  # so that there is something to write again
        over = threading.Event()

        def client(numbers):
            for number in numbers:
                try:
                    answer = text_of(ask(running, body(number)))
                except httpx.HTTPError:
                    return  # killed
                if answer != expected[number]:
                    wrong.append((number, answer))
            over.set()

        wrong = []
        numbers = rng.sample(range(30), 30)
        clients = [threading.Thread(target=client, args=(numbers[i::3],)) for i in range(3)]
        for one in clients:
            one.start()
        kept, end = len(os.listdir(folder)), time.monotonic() + 20
        while len(os.listdir(folder)) == kept and time.monotonic() < end:
            pass  # the first picture of this life, however slow the machine
        time.sleep(rng.uniform(0, 0.4))
        writing = lambda: any(name.endswith(".tmp") for name in os.listdir(folder))
        while kill % 2 and time.monotonic() < end and not over.is_set():
            if not writing():
                continue
            # It stands still: what is being written now is so when it is killed.
            running.process.send_signal(signal.SIGSTOP)
            if writing():
                break
            running.process.send_signal(signal.SIGCONT)
        running.process.kill()
        running.wait()
        over.set()
        for one in clients:
            one.join()
        assert not wrong, wrong[:3]
        left += len([p for p in folder.iterdir() if p.suffix == ".tmp"])
    assert left > 0, "no kill met a file that was being written"
    last = Server("--image-cache-dir", str(folder))
    try:
        assert pictures(folder), "nothing was ever written"
        assert not [p for p in folder.iterdir() if p.suffix != ".ocimage"]
        for i, answer in expected.items():
            assert text_of(ask(last, body(i))) == answer
        assert disk(last, "hits") > 0
        assert metric(last, "ocellus_image_disk_discarded_total") == 0, "none was half written"
    finally:
        last.stop()
