"""Models that other programs left in the Hugging Face cache: found, read in place, never changed."""

import hashlib
import json
import re
import os

import httpx
import pytest

from conftest import ROOT, Server
from test_cli import DEMO, failure, run
from test_switch import both, home  # noqa: F401

CIRCLE = ROOT / "examples/red-circle.png"
QUESTION = "What shape is in the picture?"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def add(cache, name, files, commit=COMMIT, ref=True):
    """A repository as huggingface_hub lays it out: the files are links to blobs."""
    repo = cache / ("models--" + name.replace("/", "--"))
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir(exist_ok=True)
    for file, data in files.items():
        blob = repo / "blobs" / hashlib.sha256(data).hexdigest()
        blob.write_bytes(data)
        (snapshot / file).symlink_to(os.path.relpath(blob, snapshot))
    if ref:
        (repo / "refs").mkdir()
        (repo / "refs/main").write_text(commit)
    return repo


FILES = {path.name: path.read_bytes() for path in DEMO.iterdir() if path.name != "README.md"}


def state(folder):
    return sorted((str(p), os.readlink(p) if p.is_symlink() else "", p.lstat().st_mtime_ns, p.lstat().st_mode)
                  for p in folder.rglob("*"))  # fmt: skip


@pytest.fixture
def cache(tmp_path):
    """Also with what is none of ours: another architecture, a data set, a half-fetched one."""
    folder = tmp_path / "hub"
    add(folder, "tester/shapes", FILES)
    add(folder, "other/text", {"config.json": b'{"model_type": "llama"}', "model.safetensors": FILES["model.safetensors"]})
    (folder / "datasets--tester--pictures/snapshots/1").mkdir(parents=True)
    half = add(folder, "tester/half", {k: v for k, v in FILES.items() if k != "model.safetensors"})
    (half / "blobs/1234.incomplete").write_bytes(b"half")
    yield folder


@pytest.fixture
def env(cache, tmp_path):
    before = state(cache)
    yield {"HF_HUB_CACHE": str(cache), "OCELLUS_HOME": str(tmp_path / "home")}
    assert state(cache) == before


def test_they_are_listed_and_shown(env, cache):
    models = {m["name"]: m for m in json.loads(run("list", "--json", env=env).stdout)["models"]}
    assert set(models) == {"ocellus-demo", "tester/shapes", "tester/half"}
    assert models["tester/shapes"]["in_hf_cache"] and models["tester/shapes"]["problem"] is None
    assert models["tester/shapes"]["bytes"] == sum(map(len, FILES.values()))
    assert not models["ocellus-demo"]["in_hf_cache"]
    problem = models["tester/half"]["problem"]
    assert "model.safetensors is missing" in problem and "not finished" in problem
    text = run("list", env=env).stdout
    assert "in the Hugging Face cache" in text and "broken: in the Hugging Face cache, and not whole" in text
    shown = json.loads(run("show", "shapes", "--json", env=env).stdout)
    assert shown["name"] == "tester/shapes"
    assert shown["folder"] == str(cache / "models--tester--shapes/snapshots" / COMMIT)
    assert "never changed" in run("show", "tester/shapes", env=env).stdout


@pytest.mark.parametrize("name", ["tester/shapes", "shapes"])
def test_they_answer(env, name):
    assert run("ask", "--model", name, CIRCLE, QUESTION, env=env).stdout == "Circle.\n"
    assert json.loads(run("ask", "--json", "--model", name, CIRCLE, QUESTION, env=env).stdout)["model"]["name"] == "tester/shapes"
    assert "tokens" in run("plan", "--model", name, env=env).stdout


@pytest.mark.parametrize("variables", [
    {"HF_HUB_CACHE": "{}/hub/"}, {"HF_HOME": "{}"}, {"XDG_CACHE_HOME": "{}/cache"}, {"HOME": "{}/user"},
    {"HF_HOME": "~/there", "HOME": "{}/user2"},
])  # fmt: skip
def test_where_the_cache_may_be(cache, tmp_path, variables):
    (tmp_path / "cache/huggingface").mkdir(parents=True)
    (tmp_path / "user/.cache/huggingface").mkdir(parents=True)
    (tmp_path / "user2/there").mkdir(parents=True)
    for place in ("cache/huggingface/hub", "user/.cache/huggingface/hub", "user2/there/hub"):
        (tmp_path / place).symlink_to(cache)
    env = {"HF_HUB_CACHE": "", "HF_HOME": "", "XDG_CACHE_HOME": "", "OCELLUS_HOME": str(tmp_path / "home")}
    env.update({key: value.format(tmp_path) for key, value in variables.items()})
    assert run("ask", "--model", "shapes", CIRCLE, QUESTION, env=env).stdout == "Circle.\n"


def test_what_is_not_whole_or_not_clear_is_told(env, cache, tmp_path):
    text = failure("ask", "--model", "tester/half", "Hello", env=env)
    assert "model.safetensors is missing" in text and "ocellus pull tester/half" in text
    assert "model.safetensors is missing" in failure("show", "half", env=env)
    assert "llama" in failure("ask", "--model", "other/text", "Hello", env=env)
    other = tmp_path / "second"
    add(other, "one/shapes", FILES)
    add(other, "two/shapes", FILES)
    add(other, "three/shapes", {"config.json": b'{"model_type": "llama"}'})  # in nobody's way
    both = {**env, "HF_HUB_CACHE": str(other)}
    text = failure("ask", "--model", "shapes", "Hello", env=both)
    assert "one/shapes" in text and "two/shapes" in text
    text = failure("rm", "shapes", "--yes", env=both)
    assert "may be any of one/shapes, two/shapes" in text and "whole name" in text and "hf cache" not in text
    assert run("ask", "--model", "two/shapes", CIRCLE, QUESTION, env=both).stdout == "Circle.\n"
    # A link that leads nowhere is a file that is missing.
    snapshot = other / "models--one--shapes/snapshots" / COMMIT
    os.remove(snapshot / "tokenizer.json")
    (snapshot / "tokenizer.json").symlink_to("../../blobs/gone")
    assert "tokenizer.json is missing" in failure("ask", "--model", "one/shapes", "Hello", env=both)


def test_the_commit_of_main_counts_and_else_the_newest(tmp_path):
    cache = tmp_path / "hub"
    repo = add(cache, "tester/shapes", {}, commit="a" * 40, ref=False)
    add_more = repo / "snapshots" / ("b" * 40)
    add_more.mkdir()
    for file, data in FILES.items():
        (add_more / file).write_bytes(data)
    os.utime(repo / "snapshots" / ("a" * 40), (1, 1))
    env = {"HF_HUB_CACHE": str(cache)}
    shown = json.loads(run("show", "shapes", "--json", env=env).stdout)
    assert shown["folder"].endswith("b" * 40)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("a" * 40 + "\n")
    assert "is missing" in failure("show", "shapes", env=env)
    (repo / "refs/main").write_text("../../../" + "b" * 40)  # no commit: not followed
    assert json.loads(run("show", "shapes", "--json", env=env).stdout)["folder"].endswith("b" * 40)


def test_nothing_is_removed_there(env):
    for name in ("tester/shapes", "shapes", "tester/half"):
        text = failure("rm", name, "--yes", env=env)
        assert "only reads" in text and "hf cache rm" in text


def test_one_is_served_and_another_loaded_by_name(env):
    running = Server(model="shapes", env=env)
    try:
        url = running.url
        names = [m["id"] for m in httpx.get(f"{url}/v1/models").json()["data"]]
        assert names[0] == "tester/shapes" and "tester/half" not in names and "other/text" not in names
        for name in ("tester/shapes", ""):
            answer = httpx.post(f"{url}/v1/chat/completions", timeout=60, json={
                "model": name, "max_tokens": 4, "messages": [{"role": "user", "content": "What can you see?"}]})  # fmt: skip
            assert answer.json()["model"] == "tester/shapes", answer.text
    finally:
        running.stop()
    running = Server(env=env)
    try:
        answer = httpx.post(f"{running.url}/v1/chat/completions", timeout=60, json={
            "model": "tester/shapes", "max_tokens": 4,
            "messages": [{"role": "user", "content": "What can you see?"}]})  # fmt: skip
        assert answer.json()["model"] == "tester/shapes", answer.text
        wrong = httpx.post(f"{running.url}/v1/chat/completions", timeout=60, json={
            "model": "tester/half", "messages": [{"role": "user", "content": "Hello"}]})  # fmt: skip
        assert wrong.status_code == 404 and "snapshots" not in wrong.text
    finally:
        running.stop()


def test_where_the_cache_lies_does_not_show(both, cache, tmp_path):  # noqa: F811
    """A missing model's error names it to the owner; what clients read of it does not."""
    running = both("--fallback", "demo", model="tester/absent",
                   env={"HF_HUB_CACHE": str(cache), "OCELLUS_HOME": str(tmp_path / "home")})  # fmt: skip
    reason = httpx.get(running.url + "/health").json()["fallback_reason"]
    assert "tester/absent" in reason and "the Hugging Face cache" in reason
    for url in (running.url, running.backend):
        for path in ("/health", "/status"):
            text = httpx.get(url + path).text
            assert str(cache) not in text and str(tmp_path) not in text, text
    assert running.logged(re.escape(str(cache)))
    # Nor does the second port offer what it has not.
    nothing = httpx.get(running.backend + "/nothing")
    assert nothing.status_code == 404 and "; try /v1/models" in nothing.text
    assert httpx.get(running.backend + "/v1/models").status_code == 200
