"""What comes from files, models and servers does not drive the terminal."""

import http.server
import json
import os
import pty
import re
import select
import struct
import subprocess
import threading
import time

import pytest

from conftest import BIN, ROOT
from test_cli import DEMO, run

# A new title, red, a C1 control, a turned line, another line, a bell.
EVIL = "\x1b]0;owned\x07\x1b[31m\u009b2J\u202e\nfake line\x7f"
# Code points that may come out: everything but these.
CONTROLS = [*range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029,
            *range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # fmt: skip


def at_terminal(*args, env=None, raw=False):
    """What a terminal is sent on both streams, without the program's own progress lines (unless raw)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(OCELLUS_DEMO_MODEL=str(DEMO), **(env or {}))
        os.execv(BIN, [str(BIN), *map(str, args)])
    shown, deadline = b"", time.monotonic() + 300
    try:
        while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            shown += os.read(terminal, 65536)
    except OSError:  # the end, on Linux
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    text = shown.decode("utf-8")  # strictly: bytes that are no text do not come out
    if raw:
        return text
    return text.replace("\r\n", "\n").replace("\r\x1b[K", "").replace("\x1b[2m", "").replace(
        "\x1b[0m", "")  # fmt: skip


def piped(*args, env=None):
    done = subprocess.run([str(BIN), *map(str, args)], capture_output=True, timeout=300,
                          env={**os.environ, "OCELLUS_DEMO_MODEL": str(DEMO), **(env or {})})  # fmt: skip
    return (done.stdout + done.stderr).decode("utf-8")


def check(text, shown="owned"):
    found = {hex(ord(c)) for c in text if ord(c) in CONTROLS}
    assert not found, f"{found} in {text!r}"
    if shown:
        assert shown in text, text
    assert not any(line.startswith("fake line") for line in text.splitlines()), text


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A model with a tensor, a type and a file that nobody expects."""
    folder = tmp_path_factory.mktemp("strange") / "model"
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--out", folder)
    path = folder / "model.safetensors"
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header[EVIL] = header.pop("model.norm.weight")
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return folder


@pytest.mark.parametrize("show", [at_terminal, piped])
@pytest.mark.parametrize("flags", [[], ["--tensors"], ["--json"], ["--json", "--tensors"]])
def test_inspect_spells_names_out(strange, show, flags):
    check(show("inspect", strange, *flags))


@pytest.mark.parametrize("env, dim", [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False),
                                      ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                                      ({"TERM": "xterm", "NO_COLOR": ""}, True)])  # fmt: skip
def test_colour_only_where_it_is_wanted(env, dim):
    shown = at_terminal("ask", ROOT / "examples/red-circle.png", "What is it?", env=env, raw=True)
    assert "tokens/s" in shown and ("\x1b[2m" in shown) == dim


ASK = ["ask", ROOT / "examples/red-circle.png", "What shape is in the picture?"]


def test_what_an_answer_waits_for_is_shown_until_it_comes():
    shown = at_terminal(*ASK, env={"TERM": "xterm"}, raw=True)
    before, _, after = shown.partition("Circle.")
    assert re.search(r"\r\x1b\[Klooking at the picture, (view 1 of \d+, )?\d+ s", before), repr(before)
    assert re.search(r"\r\x1b\[Kreading the prompt, \d+ of \d+ tokens, \d+ s", before), repr(before)
    assert before.endswith("\r\x1b[K"), "the line is gone when the answer begins"
    assert "\x1b[K" not in after
    # As JSON and of scored answers nothing grows: the line stands until the end.
    for flags in (["--json"], ["--choices", "Circle.,Square."]):
        shown = at_terminal(*ASK, *flags, env={"TERM": "xterm"}, raw=True)
        assert re.search(r"answering, \d+", shown), repr(shown)


@pytest.mark.parametrize("flags, env", [(["--quiet"], {"TERM": "xterm"}), ([], {"TERM": "dumb"})])
def test_no_line_where_it_is_not_wanted(flags, env):
    shown = at_terminal(*ASK, *flags, env=env, raw=True)
    assert "Circle." in shown and "looking" not in shown and "prompt," not in shown
    assert "looking" not in piped(*ASK)


def test_json_stays_the_same_json(strange):
    found = json.loads(piped("inspect", strange, "--json"))
    assert found["unexpected"] == [EVIL]


@pytest.mark.parametrize("show", [at_terminal, piped])
def test_errors_about_files_spell_names_out(strange, tmp_path, show):
    check(show("ask", "--model", strange, "hello"), shown="")
    # A type, a key and a value that are not known.
    for change in [
        lambda header: header[EVIL].update(dtype=EVIL),
        lambda header: header.update({EVIL: 3}),
    ]:
        folder = tmp_path / f"model{id(change)}"
        folder.mkdir()
        for name in ("config.json", "tokenizer.json", "preprocessor_config.json"):
            if (strange / name).exists():
                (folder / name).write_bytes((strange / name).read_bytes())
        data = (strange / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        (folder / "model.safetensors").write_bytes(
            struct.pack("<Q", len(text)) + text + data[8 + length :])  # fmt: skip
        check(show("inspect", folder))
    config = json.loads((strange / "config.json").read_text())
    bent = tmp_path / "bent"
    bent.mkdir()
    (bent / "config.json").write_text(json.dumps({**config, "model_type": EVIL}))
    env = {"OCELLUS_HOME": str(tmp_path / "home")}
    (tmp_path / "home/models").mkdir(parents=True)
    (tmp_path / "home/models/bent").symlink_to(bent)
    for verb in (["inspect", bent], ["show", "bent"], ["list"], ["list", "--json"]):
        check(show(*verb, env=env), shown="")


@pytest.mark.parametrize("show", [at_terminal, piped])
def test_configuration_spells_names_out(tmp_path, show):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({EVIL: 1, "server": {EVIL: EVIL, "host": EVIL},
                                "model": {"path": EVIL}, "sampling": {"stop": [EVIL]}}))  # fmt: skip
    check(show("config", "check", file))
    check(show("config", "show", "--config", file))
    check(show("config", "show", "--json", "--config", file))


@pytest.mark.parametrize("show", [at_terminal, piped])
def test_words_of_the_command_line_are_spelled_out(show):
    check(show("ask", "--model", EVIL, "hello"))
    check(show("inspect", "demo", EVIL))
    check(show("inspect", EVIL))
    check(show("ask", EVIL + ".png", "hello"), shown="")


class Liar(http.server.BaseHTTPRequestHandler):
    """A server of some program that answers with what drives terminals."""

    def do_GET(self):
        model = {"name": EVIL, "state": EVIL, "active": True, "why": EVIL, "fallback_reason": EVIL}
        body = json.dumps({"status": EVIL, "models": [model], "error": EVIL}).encode()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("show", [at_terminal, piped])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_what_servers_say_is_spelled_out(show, status, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.status = status
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        check(show("ps", "--url", url), shown="owned" if status == 200 else "")
        check(show("ps", "--url", url, "--json"), shown="owned" if status == 200 else "")
        check(show("bench", "--server", url), shown="")
        env = {"OCELLUS_HUB": url, "OCELLUS_HOME": str(tmp_path)}
        if status != 500:  # which is tried again for a while
            check(show("pull", "org/model", env=env), shown="")
    finally:
        server.shutdown()
        server.server_close()


def test_answers_are_spelled_out_at_a_terminal_and_left_as_they_are_in_a_file(tmp_path):
    # Random weights, so that every token comes, those of control characters too.
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--tokenizer", DEMO, "--out",
        tmp_path / "tiny")  # fmt: skip
    words = ["ask", "--model", tmp_path / "tiny", "--temperature", 2, "--seed", 7,
             "--max-tokens", 300, "hello"]  # fmt: skip
    done = subprocess.run([str(BIN), *map(str, words)], capture_output=True, timeout=300, check=True)
    said = done.stdout.decode("utf-8")
    assert any(ord(c) in CONTROLS for c in said), "a file gets what the model said"
    shown = at_terminal(*words)
    check(shown, shown="\\u00")
