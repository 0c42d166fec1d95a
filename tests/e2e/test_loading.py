"""--preload and --mlock: weights in memory before anything else, and what forbids it."""

import ctypes
import json
import os
import re
import resource
import subprocess

import pytest

from conftest import Server
from test_cli import BIN, DEMO, run

CAP_IPC_LOCK, PR_CAPBSET_DROP = 14, 24


def may_lock(bytes_):
    """For a child: this limit, and none of root's rights to pass over it."""

    def apply():
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (bytes_, bytes_))

    return apply


def can_lock(bytes_):
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    return os.geteuid() == 0 or limit == resource.RLIM_INFINITY or limit >= bytes_


@pytest.mark.parametrize("flag", ["--preload", "--mlock"])
def test_the_answer_stays_the_same(flag):
    if flag == "--mlock" and not can_lock(4 << 20):
        pytest.skip("this process may not lock the demo's weights")
    plain = json.loads(run("ask", "--json", "--max-tokens", 4, "Hello").stdout)
    done = run("ask", "--json", "--max-tokens", 4, flag, "Hello")
    assert done.stderr == ""  # progress is for terminals
    assert json.loads(done.stdout)["token_ids"] == plain["token_ids"]
    run("chat", "--max-tokens", 1, flag, stdin="Hello\n")


def test_bench_takes_it():
    report = json.loads(run("bench", "--quick", "--json", "--preload").stdout)
    assert [r for r in report["results"] if r["name"] == "load"]


def test_a_server_says_how_far_it_is():
    running = Server("--preload")
    try:
        assert running.shown_or_next(r"reading weights.* mb=(\d+) of=\1\b")
    finally:
        running.stop()


def test_locked_weights_are_locked():
    if not can_lock(4 << 20):
        pytest.skip("this process may not lock the demo's weights")
    running = Server("--mlock")
    try:
        status = open(f"/proc/{running.pid}/status").read()
        locked = int(re.search(r"VmLck:\s+(\d+) kB", status).group(1)) << 10
        weights = (DEMO / "model.safetensors").stat().st_size
        if locked == 0:
            pytest.skip("locks are not counted (a sanitizer's mlock)")
        assert locked >= weights
    finally:
        running.stop()


@pytest.mark.parametrize("verb", [["ask", "Hello"], ["serve", "--port", "0", "--backend-port", "0"]])
def test_a_limit_that_forbids_it_is_explained(verb):
    done = subprocess.run(
        [str(BIN), *verb, "--mlock"],
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=may_lock(64 << 10),
    )
    if done.returncode == 0:
        pytest.skip("locks are not counted (a sanitizer's mlock)")
    assert done.returncode == 1
    assert "2 MiB of weights cannot be locked in memory: this process may lock 64 KiB" in done.stderr
    assert "hint: raise the limit (ulimit -l" in done.stderr
    assert "--preload" in done.stderr
