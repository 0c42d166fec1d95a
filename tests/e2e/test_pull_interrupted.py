"""`ocellus pull` that is killed, stopped, run twice at once; and models that go by a short name."""

import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import time

from pull_home import NAME, NEEDED, WEIGHTS, always, home, hub, on  # noqa: F401 (fixtures)
from test_cli import BIN

# --- interruptions -----------------------------------------------------------------------------


def start(home, *flags):
    return subprocess.Popen([BIN, "pull", NAME, *flags], env={**os.environ, **home.env},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


def has_sent(hub, process, count):
    """Waits until the hub has sent so many bytes, or the process has ended."""
    while hub.sent < count and process.poll() is None:
        time.sleep(0.002)


def let_go(hub):
    """The hub goes on, and has noticed who has gone."""
    hub.hold_at = None
    while hub.active:
        time.sleep(0.01)


def on_disk(home):
    """Bytes of the weights that the state file says are there."""
    state = (home.staging / (WEIGHTS + ".part.state")).read_bytes().split(b"\n", 4)[4]
    return sum(struct.unpack(f"<{len(state) // 8}Q", state))


def test_killed_at_ten_random_points(home, hub):
    chance = random.Random(7)
    hub.block, hub.pause = 16 << 10, 0.01  # 2 MB in about 0.5 s over three connections
    for _ in range(10):
        point = hub.sent + chance.randrange(120_000)
        hub.hold_at = point + 50_000  # so that it has not ended before it is killed
        process = start(home, "--connections", "3")
        has_sent(hub, process, point)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        home.has_no_model()
    let_go(hub)
    hub.pause = 0
    home.pull()
    assert home.is_whole()
    # What had come was not asked for again, but for what was on its way.
    assert hub.sent < 3 * sum(map(len, NEEDED.values()))


def test_killed_once_loses_next_to_nothing(home, hub):
    hub.block, hub.hold_at = 16 << 10, 1_000_000
    process = start(home, "--connections", "2")
    part = home.staging / (WEIGHTS + ".part")
    has_sent(hub, process, 1_000_000)
    while on_disk(home) < 900_000 and process.poll() is None:  # what is not read yet is lost
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert part.exists()
    assert home.list()["unfinished"][0]["name"] == NAME
    let_go(hub)
    sent = hub.sent
    home.pull()
    assert home.is_whole()
    rest = hub.sent - sent
    assert rest < sum(map(len, NEEDED.values())) - 700_000


def test_ctrl_c_keeps_what_came(home, hub):
    hub.block, hub.hold_at = 16 << 10, 500_000
    process = start(home)
    has_sent(hub, process, 500_000)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate()
    assert process.returncode == 130 and "goes on" in text
    home.has_no_model()
    let_go(hub)
    home.pull()
    assert home.is_whole()


def test_damage_between_two_pulls_is_found(home, hub):
    hub.fault = always(WEIGHTS, 404)
    home.pull_fails()
    staged = home.staging / "tokenizer.json"
    staged.write_bytes(b"x" * staged.stat().st_size)
    hub.fault = on(WEIGHTS, "drop", "drop", *[404] * 20)
    home.pull_fails()
    part = home.staging / (WEIGHTS + ".part")
    data = bytearray(part.read_bytes())
    data[:] = b"y" * len(data)
    part.write_bytes(data)
    (home.staging / (WEIGHTS + ".part.state")).write_bytes(b"\xff" * 300)
    hub.fault = lambda name, count: None
    home.pull()
    assert home.is_whole()


def test_two_pulls_of_one_model(home, hub):
    hub.block, hub.hold_at = 16 << 10, 1
    process = start(home)
    has_sent(hub, process, 1)
    assert "another process" in home.fail("pull", NAME, "--quiet")
    assert "another process" in home.fail("rm", NAME, "--yes")
    let_go(hub)
    _, text = process.communicate()
    assert process.returncode == 0, text
    assert home.is_whole()


def test_a_lock_of_a_dead_process_does_not_hold(home):
    lock = home.path / "models/tester/.demo.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")  # left behind, held by nobody
    home.pull()
    assert home.is_whole()
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process" in home.fail("pull", NAME, "--quiet")


# --- known models ------------------------------------------------------------------------------


def test_a_known_model_goes_by_its_short_name(home, hub):
    hub.repo = "mlx-community/Phi-3.5-vision-instruct-4bit"
    text = home.fail("ask", "Hello", "--model", "phi-3.5-vision-4bit")
    assert "ocellus pull phi-3.5-vision-4bit" in text and not hub.requests  # never unasked
    assert "ocellus pull" in home.fail("serve", "--model", "phi-3.5-vision-4bit", "--port", 0)
    home.run("pull", "phi-3.5-vision-4bit")
    shown = json.loads(home.run("show", "phi-3.5-vision-4bit", "--json").stdout)
    assert shown["origin"]["repo"] == hub.repo
    assert home.run("ask", "Hello", "--model", "phi-3.5-vision-4bit").stdout
    home.run("rm", "phi-3.5-vision-4bit", "--yes")
