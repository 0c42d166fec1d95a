"""`ocellus chat` at a terminal: editing, history, pasting, completion, Ctrl-C and Ctrl-D."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from conftest import BIN
from test_cli import DEMO, picture, run  # noqa: F401

pytestmark = pytest.mark.skipif(
    "line editing" in run("--version").stdout, reason="built without libedit"
)
UP, LEFT, CTRL_A, CTRL_C, CTRL_D, CTRL_R = "\x1b[A", "\x1b[D", "\x01", "\x03", "\x04", "\x12"
PROMPT = "> "


class Terminal:
    """A program at a terminal of 80 columns; `seen` is what it has sent since the last expect()."""

    def __init__(self, *args, env=None):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update({"OCELLUS_DEMO_MODEL": str(DEMO), "TERM": "xterm", "LC_ALL": "C", **(env or {})})
            os.execv(BIN, [str(BIN), *map(str, args)])
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.seen, self.all = "", ""
        self.status = None

    def read(self, deadline):
        if not select.select([self.file], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"nothing more came behind {self.all!r}")
        try:
            more = os.read(self.file, 65536).decode("utf-8", "replace")
        except OSError:
            more = ""
        self.seen += more
        self.all += more
        return more

    def expect(self, text):
        """Waits until `text` was shown behind what was expected before; what stood in front of it."""
        deadline = time.monotonic() + 120
        while text not in self.seen:
            assert self.read(deadline), f"it ended without {text!r}: {self.all!r}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def send(self, text):
        os.write(self.file, text.encode())

    def ask(self, text):
        """A line and the answer to it, once the next prompt is there."""
        self.send(text + "\r")
        shown = self.expect("tokens/s")
        self.expect(PROMPT)
        return shown

    def end(self):
        deadline = time.monotonic() + 120
        while self.read(deadline):
            pass
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def chat(tmp_path):
    begun = []

    def begin(*args, env=None):
        terminal = Terminal("chat", *args, env={"XDG_STATE_HOME": str(tmp_path / "state"), **(env or {})})
        begun.append(terminal)
        terminal.expect(PROMPT)
        return terminal

    yield begin
    for terminal in begun:
        try:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


QUESTION = "What shape is it?"


def history(tmp_path):
    return (tmp_path / "state/ocellus/history").read_text().splitlines()


def test_lines_are_edited_and_remembered(chat, picture, tmp_path):  # noqa: F811
    answer = run("ask", picture, QUESTION).stdout.strip()
    talk = chat(picture)
    # The first letters are typed last, a wrong one is taken back.
    assert answer in talk.ask("shape is it?x\x7f" + CTRL_A + "What ")
    talk.send(CTRL_D)
    assert talk.end() == 0
    assert history(tmp_path) == [QUESTION]
    assert (tmp_path / "state/ocellus/history").stat().st_mode & 0o777 == 0o600
    # It is there the next time, with the keys up and Ctrl-R.
    talk = chat(picture)
    assert answer in talk.ask(UP)
    assert answer in talk.ask(CTRL_R + "shape\x1b")
    assert history(tmp_path) == [QUESTION]
    talk.send("/quit\r")
    assert talk.end() == 0
    assert history(tmp_path) == [QUESTION, "/quit"]


def test_history_can_be_switched_off(chat, tmp_path):
    talk = chat("--no-history")
    talk.ask("Hello")
    talk.send(CTRL_D)
    assert talk.end() == 0 and not (tmp_path / "state").exists()


def test_ctrl_c_gives_a_line_up_and_stops_an_answer(chat, picture, tmp_path):  # noqa: F811
    talk = chat(picture)
    talk.send("no, not that" + CTRL_C)
    talk.expect("^C")
    talk.expect(PROMPT)
    talk.send(CTRL_C)
    talk.expect("Ctrl-D or /quit ends")
    talk.expect(PROMPT)
    talk.ask("What shape is it?")
    assert history(tmp_path) == ["What shape is it?"]
    talk.send(CTRL_D)
    assert talk.end() == 0


def test_ctrl_c_stops_an_answer_but_not_the_chat(chat, tmp_path):
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--tokenizer", DEMO, "--out", tmp_path / "tiny")
    talk = chat("--model", tmp_path / "tiny", "--temperature", 2, "--seed", 7, "--engine", "reference")
    talk.send("hello\r")
    talk.expect("hello\r\n")
    while not talk.seen:  # the answer has begun
        talk.read(time.monotonic() + 120)
    talk.send(CTRL_C)
    talk.expect(PROMPT)
    talk.send("/help\r")
    talk.expect("/reset")
    talk.expect(PROMPT)
    talk.send(CTRL_D)
    assert talk.end() == 0


@pytest.mark.parametrize("typed", [CTRL_D, "and then?\r" + CTRL_D])
def test_ctrl_d_during_an_answer_ends_behind_it(chat, tmp_path, typed):
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--tokenizer", DEMO, "--out", tmp_path / "tiny")
    talk = chat("--model", tmp_path / "tiny", "--temperature", 2, "--seed", 7, "--engine", "reference", "--max-tokens", 200)
    talk.send("hello\r")
    talk.expect("hello\r\n")
    while not talk.seen:  # the answer has begun
        talk.read(time.monotonic() + 120)
    talk.send(typed)
    assert talk.end() == 0
    assert talk.all.count("tokens/s") == 1 + typed.count("\r")  # nothing was cut short
    # Ctrl-Space is the same byte, and no end.
    talk = chat()
    talk.send("\x00")
    talk.ask("Hello")
    talk.send(CTRL_D)
    assert talk.end() == 0


def test_what_is_pasted_is_one_question(chat, tmp_path):
    talk = chat()
    talk.send("\x1b[200~first line\rsecond\x1b[31m line\x1b[201~")
    talk.expect("line")
    talk.ask("")
    talk.send(CTRL_D)
    talk.end()
    assert history(tmp_path) == [r"first line\nsecond[31m line"]
    assert "\x1b[?2004h" in talk.all and talk.all.rstrip().endswith("\x1b[?2004l")


def test_wide_letters_take_two_columns(chat):
    talk = chat()
    talk.send("图片里" + LEFT + "x" + "\r")
    shown = talk.expect("tokens/s")
    # The cursor stands behind two letters of two columns, the prompt's two in front of them: x goes
    # into column 7, and what stood there moves on.
    assert re.search("图片里(\b\b|.*\x1b\\[7G)+x里", shown), repr(shown)
    talk.expect(PROMPT)
    talk.send(UP + "\r")
    assert "图片x里" in talk.expect("tokens/s")


def test_commands_and_paths_are_completed(chat, tmp_path, picture):  # noqa: F811
    (tmp_path / "my pictures").mkdir()
    (tmp_path / "my pictures/red one.png").write_bytes(picture.read_bytes())
    answer = run("ask", picture, QUESTION).stdout.strip()
    talk = chat()
    talk.send("/im\t" + str(tmp_path / "my pi") + "\tre\t\r")
    talk.expect(PROMPT)
    assert answer in talk.ask(QUESTION)
    talk.send("nope.png\r")
    talk.expect("nope.png: there is no such file")
    talk.expect(PROMPT)
    talk.send(CTRL_D)
    assert talk.end() == 0


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_dumb_terminal_gets_plain_lines(chat, env):
    talk = chat(env=env)
    talk.ask("Hello")
    talk.send(CTRL_D)
    assert talk.end() == 0 and "\x1b" not in talk.all


def test_the_terminal_is_as_it_was(chat):
    talk = chat()
    before = termios.tcgetattr(talk.file)
    talk.ask("Hello")
    os.kill(talk.pid, signal.SIGTERM)
    assert talk.end() == -signal.SIGTERM
    assert before is not None
