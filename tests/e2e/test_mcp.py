"""ocellus mcp: lines of JSON-RPC in, lines out, as agents speak them. (The SDKs' own clients: make clients.)"""

import base64
import io
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from conftest import BIN, ROOT
from hostile_pictures import PictureHost
from test_cli import failure

PICTURE = ROOT / "examples/red-circle.png"


class Mcp:
    """A server on pipes; replies are kept by id."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [str(BIN), "mcp", "--model", "demo", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, bufsize=1)  # fmt: skip
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def write(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def send(self, method, params=None, id=1):
        message = {"jsonrpc": "2.0", "method": method} | ({} if id is None else {"id": id})
        self.write(json.dumps(message | ({} if params is None else {"params": params})))

    def reply(self):
        return self.lines.get(timeout=60)

    def ask(self, method, params=None):
        self.send(method, params, id="q")
        told = self.reply()
        assert (told["jsonrpc"], told["id"]) == ("2.0", "q")
        return told

    def call(self, name, **arguments):
        return self.ask("tools/call", {"name": name, "arguments": arguments})["result"]

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        return self.process.stderr.read()


@pytest.fixture(scope="module")
def mcp():
    running = Mcp("--root", str(ROOT / "examples"))
    yield running
    assert running.end() == ""


def text(result):
    assert result["isError"] is False, result
    return result["content"][0]["text"]


def refused(result, words):
    assert result["isError"] is True and words in result["content"][0]["text"], result


@pytest.mark.parametrize("asked, told", [
    ("2025-11-25", "2025-11-25"), ("2024-11-05", "2024-11-05"), ("2031-01-01", "2025-11-25"), (None, "2025-11-25"),
])  # fmt: skip
def test_it_says_what_it_is(mcp, asked, told):
    result = mcp.ask("initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t"}})["result"]
    assert result["protocolVersion"] == told
    assert result["serverInfo"]["name"] == "ocellus" and result["capabilities"]["tools"] is not None
    mcp.send("notifications/initialized", id=None)
    assert mcp.ask("ping")["result"] == {}


def test_its_tools(mcp):
    tools = {tool["name"]: tool for tool in mcp.ask("tools/list")["result"]["tools"]}
    assert {*tools} == {"ask_about_picture", "describe", "read_text"}  # this model finds no objects
    schema = tools["ask_about_picture"]["inputSchema"]
    assert schema["required"] == ["picture", "question"] and schema["additionalProperties"] is False
    assert tools["describe"]["annotations"]["readOnlyHint"] is True


@pytest.mark.parametrize("picture", [
    str(PICTURE), PICTURE.as_uri(), base64.b64encode(PICTURE.read_bytes()).decode(),
    "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode(),
    "DATA:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode(),
    base64.urlsafe_b64encode(PICTURE.read_bytes()).decode().rstrip("="),
    base64.encodebytes(PICTURE.read_bytes()).decode().replace("\n", " "),
], ids=["path", "file", "base64", "data", "capitals", "for URLs", "with spaces"])  # fmt: skip
def test_pictures_as_agents_name_them(mcp, picture):
    assert text(mcp.call("ask_about_picture", picture=picture, question="What shape is this?")) == "Circle."


def test_a_picture_of_few_bytes(mcp):
    """In base64 it is shorter than many a path."""
    assert text(mcp.call("describe", picture="R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs="))


@pytest.mark.parametrize("picture, words", [
    ("data:image/png;base64,eA==", '"picture": this is a text'), ("ftp://a/b.png", '"picture": '),
    ("https://example.com/a.png", '"picture": pictures are not fetched'),
])  # fmt: skip
def test_errors_name_what_the_caller_knows(mcp, picture, words):
    refused(mcp.call("describe", picture=picture), words)


def test_an_empty_answer_says_so():
    running = Mcp("--root", str(ROOT / "examples"), "--stop", "C", "--stop", "c")
    result = running.call("ask_about_picture", picture=str(PICTURE), question="What shape is this?")
    assert text(result) == "(The answer is empty.)" and len(result["content"]) == 2  # and why
    running.end()


def test_what_is_to_be_known_of_a_picture_is_told(mcp, tmp_path):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    animation = io.BytesIO()
    frames[0].save(animation, "GIF", save_all=True, append_images=frames[1:])
    picture = base64.b64encode(animation.getvalue()).decode()
    answer, note = mcp.call("describe", picture=picture)["content"]
    assert answer["text"] and note["text"].startswith("(") and "animation" in note["text"]


def test_of_several_roots_the_one_that_should_have_it_says_why(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    running = Mcp("--root", str(tmp_path / "a"), "--root", str(tmp_path / "b"))
    for folder in ("a", "b"):
        refused(running.call("describe", picture=str(tmp_path / folder / "none.png")), "no such file")
    running.end()


def test_a_last_line_without_its_end():
    line = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    done = subprocess.run([str(BIN), "mcp", "--model", "demo"], input=line, capture_output=True, timeout=60)
    assert json.loads(done.stdout) == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_calls_that_wait_are_bounded_in_bytes():
    host = PictureHost()
    host.answers["/a.png"] = host.silent()
    running = Mcp("--parallel", "1", "--allow-remote-images=http", "--remote-images-allow", host.host,
                  "--remote-image-seconds", "600")  # fmt: skip
    running.send("tools/call", {"name": "describe", "arguments": {"picture": host.url()}}, id=0)
    for i in range(1, 4):
        running.send("tools/call", {"name": "describe", "arguments": {"picture": "A" * (90 << 20)}}, id=i)
    told = running.reply()
    assert (told["id"], told["error"]["code"]) == (3, -32000)
    host.close()
    running.process.kill()
    running.process.wait(60)


def test_what_the_others_ask(mcp):
    assert "circle" in text(mcp.call("describe", picture=str(PICTURE))).lower()
    assert text(mcp.call("read_text", picture=str(ROOT / "examples/number.jpg")))


def test_pictures_elsewhere_are_not_read(mcp, tmp_path):
    other = tmp_path / "a.png"
    other.write_bytes(PICTURE.read_bytes())
    refused(mcp.call("describe", picture=str(other)), "not in the folder")
    refused(mcp.call("describe", picture=str(ROOT / "examples/../README.md")), "may not be read")
    refused(mcp.call("describe", picture="../README.md"), "may not be read")
    refused(mcp.call("describe", picture=str(ROOT / "examples/none.png")), "no such file")
    refused(mcp.call("describe", picture=str(ROOT / "examples/README.md")), "not a picture")
    refused(mcp.call("describe", picture="https://example.com/a.png"), "--allow-remote-images")


def test_pictures_of_the_network_where_that_is_allowed():
    data = PICTURE.read_bytes()
    host = PictureHost({"/a.png": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data})
    running = Mcp("--allow-remote-images=http", "--remote-images-allow", host.host)
    assert text(running.call("ask_about_picture", picture=host.url(), question="What shape is this?")) == "Circle."
    refused(running.call("describe", picture=f"http://127.0.0.1:{host.port}/a.png"), "usual port")
    assert len(host.heads) == 1
    running.end()
    host.close()


def test_a_link_does_not_lead_out(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a.png").symlink_to(PICTURE)
    running = Mcp("--root", str(tmp_path / "root"))
    refused(running.call("describe", picture=str(tmp_path / "root/a.png")), "may not be read")
    running.end()


def test_without_a_root_no_file_is_read():
    running = Mcp()
    refused(running.call("describe", picture=str(PICTURE)), "--root")
    running.end()


@pytest.mark.parametrize("arguments, words", [
    ({}, '"picture" is missing'), ({"picture": str(PICTURE)}, '"question" is missing'),
    ({"picture": 5, "question": "a"}, "must be a text"), ({"picture": str(PICTURE), "question": ""}, "must be a text"),
    ({"picture": str(PICTURE), "question": "a", "more": "b"}, 'takes no "more"'),
    ({"picture": "x" * 5000, "question": "a"}, ""), ({"picture": str(PICTURE), "question": "a" * 70000}, "more than"),
])  # fmt: skip
def test_what_a_model_may_get_wrong_is_told_to_it(mcp, arguments, words):
    refused(mcp.call("ask_about_picture", **arguments), words)


@pytest.mark.parametrize("line, code", [
    ("nonsense", -32700), ("[]", -32600), ("5", -32600), ('{"jsonrpc":"2.0","id":7}', -32600),
    ('{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600), ('{"jsonrpc":"2.0","id":7,"method":"no/such"}', -32601),
    ('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[]}', -32602),
    ('{"jsonrpc":"2.0","id":7,"method":"tools/call"}', -32602),
    ('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"detect"}}', -32602),
    ('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"describe","arguments":[]}}', -32602),
    ("[" * 2000, -32700),
])  # fmt: skip
def test_wrong_messages(mcp, line, code):
    mcp.write(line)
    told = mcp.reply()
    assert told["error"]["code"] == code and told["id"] in (7, None)
    mcp.write("")
    mcp.write('{"jsonrpc":"2.0","id":9,"result":{}}')
    mcp.send("notifications/nonsense", id=None)
    assert mcp.ask("ping")["result"] == {}


def test_many_calls_at_once_and_one_that_is_cancelled(mcp):
    arguments = {"name": "ask_about_picture", "arguments": {"picture": str(PICTURE), "question": "What shape is this?"}}
    for i in range(40):
        mcp.send("tools/call", arguments, id=i)
    mcp.send("notifications/cancelled", {"requestId": 39}, id=None)
    mcp.send("ping", id="after")
    told, seen = {}, 0
    while len(told) < 40:  # 39 answers, or 40 where the last was sooner, and the ping
        one = mcp.reply()
        told[one["id"]] = one
        seen += one["id"] == "after"
        if seen and len(told) == 40:
            break
    assert all(text(one["result"]) == "Circle." for i, one in told.items() if i != "after")


def test_a_message_that_is_too_long_is_passed_over():
    running = Mcp()
    for _ in range(97):
        running.process.stdin.write("x" * (1 << 20))
    running.write("")
    assert "more than" in running.reply()["error"]["message"]
    assert running.ask("ping")["result"] == {}
    status = open(f"/proc/{running.process.pid}/status").read() if os.path.exists("/proc") else "VmHWM: 0 kB"
    assert int(status.split("VmHWM:")[1].split()[0]) < 420_000  # KiB
    running.end()


def test_it_ends_with_its_input_and_on_ctrl_c():
    running = Mcp("--root", str(ROOT / "examples"))
    running.send("tools/call", {"name": "describe", "arguments": {"picture": str(PICTURE)}}, id=1)
    assert running.end() == ""
    assert text(running.reply()["result"])  # what was under way is answered first
    for _ in range(4):  # before it waits for more, or after
        running = Mcp()
        assert running.ask("ping")["result"] == {}
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(60) == 130


def test_a_closed_standard_input_is_an_end():
    closed = ["sh", "-c", 'exec "$0" mcp --model demo <&-', str(BIN)]
    done = subprocess.run(closed, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts how often the system wakes it")
def test_it_sleeps_while_nobody_asks():
    running = Mcp()
    assert running.ask("ping")["result"] == {}
    status = Path(f"/proc/{running.process.pid}/status")

    def wakes():
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.M)[1])

    before = wakes()
    time.sleep(2)
    assert wakes() - before < 5  # one may be that of the wait itself
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 130


def test_a_root_that_is_not_there():
    assert failure("mcp", "--root", "/no/such", code=2).startswith("error: --root /no/such is no folder")
