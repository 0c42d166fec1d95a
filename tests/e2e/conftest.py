"""A running server for the tests of its API.

OCELLUS_BIN names the program (default: build/release/ocellus), OCELLUS_TEST_MODEL the model
(default: the embedded one).
"""

import base64
import functools
import io
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
import uuid

import httpx
import pytest

# Nobody's own models, certificates or copies: neither seen nor touched.
_HOME = tempfile.TemporaryDirectory(prefix="ocellus-home-")
os.environ["OCELLUS_HOME"] = _HOME.name
os.environ["HF_HUB_CACHE"] = _HOME.name + "/hf"
os.environ.pop("OCELLUS_DEMO_MODEL", None)  # the model that is in the program

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("OCELLUS_BIN", ROOT / "build/release/ocellus"))
MODEL = os.environ.get("OCELLUS_TEST_MODEL", "demo")
# The embedded model's rows of control tokens, and those behind them: who bans them gets an answer without end.
_DEMO = json.loads((ROOT / "models/demo/config.json").read_text())
NO_END = {str(i): -100 for i in range(_DEMO["pad_token_id"], _DEMO["vocab_size"])}
# One token again and again, drawn, so that none is guessed and no cache knows the answer.
ONE_TOKEN = {"temperature": 1, "logit_bias": {"300": 100}}
START_SECONDS = 300  # a sanitizer build on a busy machine
# What httpx waits where a test does not say it; its own 5 s may pass on a busy machine.
for _what in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _what, START_SECONDS)
# Each client reads the certificate authorities, 18 ms, though most ask over plain HTTP: read once.
_transport = httpx._transports.default
_transport.create_ssl_context = functools.cache(_transport.create_ssl_context)
SANITIZER_REPORT = re.compile(r"\b\w+Sanitizer\b|: runtime error: ")


def eventually(what):
    """What `what` gives, once it is true: what a server does beside its answer may be later."""
    deadline = time.monotonic() + START_SECONDS  # only against hanging
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found


class Server:
    """`ocellus serve` on a free port; its log is collected."""

    def __init__(self, *args, model=MODEL, env=None, wait=True, port=0, prefix=()):
        assert BIN.exists(), f"{BIN} is not built (set OCELLUS_BIN)"
        environment = {
            **os.environ,
            "LOG_LEVEL": "debug",
        }
        environment.pop("OCELLUS_API_KEY", None)
        environment.update(env or {})
        if "--backend-port" not in args:
            args = ("--backend-port", "0", *args)
        self.process = subprocess.Popen(
            [*prefix, str(BIN), "serve", "--model", model, "--port", str(port), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.log = []
        self._lines = queue.Queue()
        self._open = 2  # streams whose end wait_for() has not seen
        streams = (self.process.stdout, self.process.stderr)
        self._readers = [
            threading.Thread(target=self._collect, args=(stream,), daemon=True)
            for stream in streams
        ]
        for reader in self._readers:
            reader.start()
        self.port = int(self.wait_for(r"\blistening\b.*\bhttp://[^ \"]*:(\d+)").group(1))
        self.url = f"http://127.0.0.1:{self.port}"
        self.pid = self.process.pid
        if wait:
            self.ready = self.shown_or_next(r"^ocellus serving .*$").group(0)

    def _collect(self, stream):
        for line in stream:
            self.log.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def shown_or_next(self, pattern):
        """As wait_for(); also what came before it. A small model is loaded so soon that its line
        of standard output may overtake that of the log."""
        seen = (re.search(pattern, line) for line in list(self.log))
        return next(filter(None, seen), None) or self.wait_for(pattern)

    def wait_for(self, pattern):
        """The match of the next line of output that matches."""
        while self._open > 0:
            line = self._lines.get(timeout=START_SECONDS)
            if line is None:
                self._open -= 1
                continue
            match = re.search(pattern, line)
            if match:
                return match
        raise AssertionError(f"no {pattern!r} in:\n" + "\n".join(self.log))

    def logged(self, pattern, count=1):
        """The lines of output so far that match, once there are `count` of them: a thread of the
        server's writes them, which may be later than what they tell of."""
        found = lambda: [line for line in list(self.log) if re.search(pattern, line)]  # noqa: E731
        return eventually(lambda: (lines := found())[count - 1 :] and lines)

    def settled_log(self):
        """All lines, once those of what has been answered by now have come: they are written in
        order, and what is asked here is told at the level info."""
        mark = f"settled-{uuid.uuid4().hex}"
        httpx.get(self.url + "/stats", headers={"x-request-id": mark}, timeout=START_SECONDS)
        self.logged(mark)
        return list(self.log)

    def client(self, **options):
        import openai

        options = {"api_key": "unused", "max_retries": 0, "timeout": 300, **options}
        return openai.OpenAI(base_url=self.url + "/v1", **options)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(timeout=START_SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.signal()
            self.signal()
        return self.wait()

    def end(self):
        """Stops it; a report of a sanitizer, also one of leaks at the very end, is a failure."""
        self.stop()
        for reader in self._readers:
            reader.join(timeout=START_SECONDS)
        reported = any(SANITIZER_REPORT.search(line) for line in self.log)
        assert not reported, "a sanitizer reported:\n" + "\n".join(self.log)


@pytest.fixture
def start():
    """Starts servers of a test's own, with flags; they end with it."""
    servers = []

    def begin(*args, **options):
        servers.append(Server(*args, **options))
        return servers[-1]

    yield begin
    for running in servers:
        running.stop()
    for running in servers:
        running.end()


@pytest.fixture(scope="session")
def endless(tmp_path_factory):
    """A random checkpoint of a few MB: with --max-answer 0 and ONE_TOKEN its answers take minutes."""
    folder = tmp_path_factory.mktemp("synth") / "tiny"
    flags = ("--shape", "tiny", "--quant", "mlx4", "--seed", "3", "--out", str(folder))
    subprocess.run([str(BIN), "synth", *flags], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def server():
    running = Server()
    yield running
    running.end()


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture(scope="session")
def model(server):
    return server.client().models.list().data[0].id


def token_id(text, model=MODEL):
    """The id of a text that is one token."""
    done = subprocess.run(
        [str(BIN), "tokenize", "--model", model, text],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    _, number = json.loads(done.stdout)  # behind BOS
    return number


def data_uri(data, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def drawing(number):
    """PNG bytes of a small picture that differs from number to number."""
    from PIL import Image, ImageDraw

    colours = ["red", "blue", "green", "orange", "purple", "black", "brown", "yellow"]
    size = (160 + 16 * (number % 5), 160 + 16 * (number % 3))
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for i in range(number % 4 + 1):
        x, y = 20 + 30 * i, 30 + 20 * (number % 4)
        shape = pen.ellipse if number % 2 else pen.rectangle
        shape((x, y, x + 24, y + 24), fill=colours[(number + i) % len(colours)])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def picture_part(number, **more):
    return {"type": "image_url", "image_url": {"url": data_uri(drawing(number)), **more}}


def text_part(text):
    return {"type": "text", "text": text}


def user(*parts):
    return {"role": "user", "content": list(parts)}
