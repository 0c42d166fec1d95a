"""`serve` and `ask` offer to pull a known model that is missing: at a terminal, and nowhere else."""

import json
import os
import pty
import select
import signal
import time

import pytest

from pull_home import home, hub  # noqa: F401 (fixtures)
from test_cli import BIN, ROOT, failure

REPO = "mlx-community/Phi-3.5-vision-instruct-4bit"
COMMAND = "ocellus pull phi-3.5-vision-4bit"
SERVE = ("serve", "--port", "0", "--backend-port", "0")
SERVING = "ocellus serving"
# All the ways to say that the missing model is the first one to be loaded.
FIRST = {
    "model": ("--model", "phi-3.5-vision-4bit"),
    "model by its full name": ("--model", REPO),
    "a fallback that is missing, too": ("--config", "phi3_vision"),
    "active": ("--set", "active_model=phi-3.5-vision-4bit"),
    "active by the original's name": ("--set", "active_model=phi3_vision"),
    "active by its id": ("--config", "phi3_vision", "--set", "active_model=phi3_vision"),
}


@pytest.fixture(autouse=True)
def the_known_models_repository(hub):
    hub.repo = REPO


@pytest.fixture
def at_terminal(home):
    """Runs the program where a person sits who types `answer`, until it ends or has shown `until`."""

    def play(*args, answer, until="nothing that is ever shown", env=None):
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(home.env, **(env or {}))
            os.environ["OCELLUS_CONFIGS"] = str(ROOT / "configs/models")
            os.execv(BIN, [str(BIN), *args])
        os.write(terminal, answer)
        shown, deadline, stopped = b"", time.monotonic() + 300, False
        try:
            while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                shown += os.read(terminal, 65536)
                if until.encode() in shown and not stopped:
                    stopped = True
                    os.kill(pid, signal.SIGTERM)
        except OSError:  # the end, on Linux
            pass
        else:
            os.kill(pid, signal.SIGKILL)  # it hung; the status says so
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    return play


def test_ask_asks(at_terminal, hub):
    ask = ("ask", "Hello", "--model", "phi-3.5-vision-4bit")
    status, text = at_terminal(*ask, answer=b"n\n")
    assert status == 1 and "[y/N]" in text and COMMAND in text and not hub.requests
    status, text = at_terminal(*ask, answer=b"y\n")
    assert status == 0 and "100 %" in text, text


@pytest.mark.parametrize("flags", FIRST.values(), ids=FIRST)
def test_serve_asks(at_terminal, hub, home, flags):
    status, text = at_terminal(*SERVE, *flags, answer=b"n\n")
    assert status == 1 and f"Pull {REPO}" in text, text
    assert "[y/N]" in text and COMMAND in text and not hub.requests
    status, text = at_terminal(*SERVE, *flags, answer=b"y\n", until=SERVING)
    assert status == 0 and "100 %" in text and SERVING in text, text
    shown = json.loads(home.run("show", "phi-3.5-vision-4bit", "--json").stdout)
    assert shown["origin"]["repo"] == REPO
    # It is there now: nobody is asked again.
    status, text = at_terminal(*SERVE, *flags, answer=b"", until=SERVING)
    assert status == 0 and "[y/N]" not in text, text


@pytest.mark.parametrize("flags", FIRST.values(), ids=FIRST)
def test_without_a_terminal_the_error_says_what_to_do(home, hub, flags):
    text = home.fail(*SERVE, *flags, "--log-level", "error", stdin="y\n")
    assert COMMAND in text and "[y/N]" not in text and "there is no model" in text
    assert ("nor its fallback" in text) == ("phi3_vision" in " ".join(flags))
    assert not hub.requests


def test_a_fallback_that_is_there_serves_unasked(at_terminal, hub):
    flags = ("--config", "phi3_vision", "--fallback", "demo")
    status, text = at_terminal(*SERVE, *flags, answer=b"", until=SERVING)
    assert status == 0 and "[y/N]" not in text and not hub.requests, text
    assert sum(COMMAND in line for line in text.splitlines()) == 1, text


def test_ask_does_as_serve_does(at_terminal, home, hub):
    ask = ("ask", "Hello", "--max-tokens", "4")
    configured = (*ask, "--config", "phi3_vision")
    assert COMMAND in home.fail(*configured) and not hub.requests
    status, text = at_terminal(*configured, answer=b"n\n")
    assert status == 1 and "[y/N]" in text and COMMAND in text, text
    # The fallback answers, and one line says what is missing.
    status, text = at_terminal(*configured, answer=b"", env={"OCELLUS_FALLBACK": "demo"})
    assert status == 0 and "[y/N]" not in text and text.count(COMMAND) == 1, text
    assert not hub.requests
    # What a switch has left as active is what `serve` would load, by either of its names.
    for active in ("phi3_vision", "phi-3.5-vision-4bit"):
        env = {"OCELLUS_ACTIVE_MODEL": active}
        assert COMMAND in failure(*ask, env={**home.env, **env})
    status, text = at_terminal(*ask, answer=b"y\n", env={"OCELLUS_ACTIVE_MODEL": "phi3_vision"})
    assert status == 0 and "100 %" in text, text


def test_an_unknown_model_is_never_offered(at_terminal, hub):
    for flags in (("--model", "nonsense"), ("--set", "active_model=nonsense")):
        status, text = at_terminal(*SERVE, *flags, answer=b"")
        assert status == 1 and "[y/N]" not in text and "no model" in text, text
    assert not hub.requests
