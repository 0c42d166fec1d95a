"""`ocellus pull` against a hub that misbehaves: a right model or a clear error, nothing between."""

import json
import os
import resource
import shutil
import signal
import subprocess

import pytest

from pull_home import FILES, NAME, NEEDED, WEIGHTS, always, home, hub, on  # noqa: F401 (fixtures)
from bad_hub import COMMIT
from test_cli import BIN, DEMO

# --- what works --------------------------------------------------------------------------------


def test_a_pulled_model_answers(home, hub):
    hub.pause = 0.02  # so that there is time for others
    done = home.pull()
    assert home.is_whole()
    assert str(home.folder) in done.stdout and WEIGHTS in done.stderr
    assert hub.most_active > 1  # ranges in parallel
    picture = DEMO.parents[1] / "examples/red-circle.png"
    question = (picture, "What shape is in the picture?")
    assert home.run("ask", *question, "-m", NAME).stdout == home.run("ask", *question).stdout
    assert not any("README" in path or "onnx" in path for _, path, _ in hub.requests)


def test_list_show_and_rm(home, hub):
    home.pull()
    builtin, mine = home.list()["models"]
    assert builtin["built_in"] and builtin["name"] == "ocellus-demo"
    assert mine["name"] == NAME and not mine["built_in"] and mine["problem"] is None
    assert (mine["quantization"], mine["architecture"]) == ("4-bit", "phi3_v")
    assert mine["bytes"] >= sum(map(len, NEEDED.values()))
    assert any(NAME in line and "4-bit" in line for line in home.run("list").stdout.splitlines())
    shown = json.loads(home.run("show", NAME, "--json").stdout)
    assert shown["origin"] == {"hub": hub.url, "repo": NAME, "revision": "main", "commit": COMMIT}
    assert COMMIT in home.run("show", NAME).stdout

    assert "--yes" in home.fail("rm", NAME, code=2) and home.folder.exists()
    home.run("rm", NAME, "--yes")
    assert not (home.path / "models/tester").exists()
    assert "no model" in home.fail("rm", NAME, "--yes")


def test_rm_refuses_what_is_not_a_model_of_the_folder(home, tmp_path):
    home.pull()
    outside = tmp_path / "outside"
    shutil.copytree(DEMO, outside / "mine")
    for name in ("..", "../outside/mine", str(outside / "mine"), "tester/..", ".", "", "demo",
                 "tester", "a/b/c", "tester/.demo.pull"):  # fmt: skip
        home.fail("rm", name, "--yes")
    (home.path / "models/linked").symlink_to(outside)
    home.fail("rm", "linked/mine", "--yes")
    (home.path / "models/link").symlink_to(outside / "mine")
    home.run("rm", "link", "--yes")  # the link alone
    assert not (home.path / "models/link").is_symlink()
    assert {p.name for p in (outside / "mine").iterdir()} == set(FILES)
    assert home.is_whole()


def test_again_is_up_to_date_and_repairs(home, hub):
    home.pull()
    sent = hub.sent
    assert "up to date" in home.pull().stdout
    assert hub.sent == sent and home.is_whole()
    damaged = bytearray(FILES[WEIGHTS])
    damaged[1000] ^= 1
    (home.folder / WEIGHTS).write_bytes(damaged)
    home.pull()
    assert home.is_whole()
    assert hub.sent - sent == len(FILES[WEIGHTS])  # nothing else came again


def test_an_update_fetches_what_changed(home, hub):
    home.pull()
    hub.files["config.json"] += b"\n"
    sent = hub.sent
    home.pull()
    assert home.is_whole({**NEEDED, "config.json": hub.files["config.json"]})
    assert hub.sent - sent == len(hub.files["config.json"])


def test_files_of_someone_else_are_not_replaced(home):
    home.folder.mkdir(parents=True)
    (home.folder / "config.json").write_text("{}")
    (home.folder / "notes.txt").write_text("mine")
    assert "--replace" in home.fail("pull", NAME, "--quiet")
    assert (home.folder / "notes.txt").read_text() == "mine"
    home.pull(NAME, "--replace")
    assert home.is_whole()


def test_revisions(home, hub):
    home.pull(NAME + "@refs/pr/1")
    assert home.is_whole()
    assert any("/revision/refs%2Fpr%2F1" in path for _, path, _ in hub.requests)


def test_a_tree_of_many_pages(home, hub):
    hub.page = 2
    home.pull()
    assert home.is_whole()


def test_only_the_shards_of_the_index_come(home, hub):
    hub.files |= {"consolidated.safetensors": b"x" * 40_000, "other.safetensors": b"y" * 40_000,
                  "pytorch_model.bin": b"z" * 40_000, "model.gguf": b"g" * 40_000}  # fmt: skip
    home.pull()
    assert home.is_whole()


# --- names -------------------------------------------------------------------------------------


def test_names_that_are_none(home, hub):
    for name in ("../x", "/etc", "a/b/c", "a/../b", "a/.b", "a b", "a/b@", "a/b@../x", "a/b@-x",
                 "a/b?c", "a/b@main?x", "", "a/%2e%2e"):  # fmt: skip
        home.pull_fails(name, code=2)
    assert "phi-3.5-vision" in home.pull_fails("nonsense", code=2)
    assert not hub.requests
    home.env["OCELLUS_HUB"] = "ftp://example.com"
    assert "OCELLUS_HUB" in home.pull_fails(code=2)
    home.env |= {"OCELLUS_HUB": hub.url, "HF_TOKEN": "a\r\nX-Evil: 1"}
    assert "HF_TOKEN" in home.pull_fails(code=2)


def test_hostile_names_from_the_server(home, hub, tmp_path):
    evil = ["../../evil.safetensors", "/tmp/evil.safetensors", "a/evil.safetensors", "..",
            ".evil.safetensors", "evil\n.safetensors", "x\x1b[31m.safetensors"]  # fmt: skip
    hub.extra_names = evil
    hub.files |= {name: b"evil" for name in evil}
    home.pull()
    assert home.is_whole()
    assert not list(tmp_path.rglob("*evil*"))


def test_an_index_that_leads_outside(home, hub):
    index = {"weight_map": {"a": "../../evil.safetensors"}}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()
    assert "lists" in home.pull_fails()


# --- who may -----------------------------------------------------------------------------------


def test_the_token_goes_to_the_hub_alone(home, hub):
    hub.token, hub.redirect = "hf_secret", True
    home.env["HF_TOKEN"] = "hf_secret"
    home.pull()
    assert home.is_whole()
    cdn = [headers for role, _, headers in hub.requests if role == "cdn"]
    assert cdn and all("Authorization" not in headers for headers in cdn)
    assert "hf_secret" not in (home.folder / ".ocellus.json").read_text()


def test_refusals_say_what_to_do(home, hub):
    hub.token = "hf_right"
    assert "HF_TOKEN" in home.pull_fails()
    home.env["HF_TOKEN"] = "hf_wrong"
    text = home.pull_fails()
    assert "401" in text and "not valid" in text and "hf_wrong" not in text
    hub.token, hub.gated = None, True
    assert "terms" in home.pull_fails()


@pytest.mark.parametrize("codes", [True, False])
def test_what_is_not_there(home, hub, codes):
    hub.error_codes = codes
    assert "no such revision" in home.pull_fails(NAME + "@nope")
    assert "no model other/demo" in home.pull_fails("other/demo")


@pytest.mark.parametrize("gone, said", [
    ("config.json", "config.json"), ("tokenizer.json", "tokenizer.json"), (WEIGHTS, "safetensors"),
])  # fmt: skip
def test_no_model_in_the_repository(home, hub, gone, said):
    del hub.files[gone]
    assert said in home.pull_fails()


# --- bad servers: right in the end -------------------------------------------------------------


@pytest.mark.parametrize("fault", [
    "drop", "reset", "hang up", "lie about the length", "wrong bytes", "too much", "other range",
    "lie about the total", "stall", 429, 500, 503,
])  # fmt: skip
def test_a_fault_that_passes(home, hub, fault):
    hub.fault = on(WEIGHTS, fault, fault)
    home.pull()
    assert home.is_whole()


@pytest.mark.parametrize("fault", ["drop", "wrong bytes", 429, 500])
def test_a_fault_that_passes_on_a_small_file(home, hub, fault):
    hub.fault = on("tokenizer.json", fault)
    home.pull()
    assert home.is_whole()


def test_every_connection_drops_half_way(home, hub):
    hub.fault = lambda name, count: "drop" if name == WEIGHTS and count < 12 else None
    home.pull()
    assert home.is_whole()


def test_ranges_are_ignored(home, hub):
    hub.fault = always(WEIGHTS, "ignore ranges")
    home.pull()
    assert home.is_whole()


def test_ranges_are_ignored_and_connections_drop(home, hub):
    dropped = []

    def fault(name, count):
        if name != WEIGHTS or count > 3:
            return "ignore ranges"
        dropped.append(count)
        return "drop"

    hub.fault = fault
    home.pull()
    assert home.is_whole() and dropped


@pytest.mark.parametrize("status", [429, 500])
def test_the_api_is_busy_at_first(home, hub, status):
    hub.api_fault = lambda kind, count: status if count < 3 else None
    home.pull()
    assert home.is_whole()


# --- bad servers: a clear error ----------------------------------------------------------------


@pytest.mark.parametrize("fault, said", [
    ("drop", WEIGHTS), ("wrong bytes", "SHA-256"), ("too much", "more than"),
    ("other range", "another range"), ("lie about the total", f"{len(FILES[WEIGHTS])} bytes"),
    (500, "500"), (429, "429"), (403, "refuses"), (404, "has no"), ("stall", WEIGHTS),
])  # fmt: skip
def test_a_fault_that_stays(home, hub, fault, said):
    seen = []

    def stays(name, count):
        if name != WEIGHTS:
            return None
        seen.append(count)
        return "hang up" if fault in ("drop", "stall") and len(seen) > 6 else fault

    hub.fault = stays
    assert said in home.pull_fails()
    hub.fault = lambda name, count: None
    home.pull()  # and nothing of it stays behind
    assert home.is_whole()


@pytest.mark.parametrize("what", ["files", "listing"])
def test_two_bytes_a_second_are_a_stall(home, hub, what):
    if what == "files":
        hub.block, hub.pause = 1, 0.5
    else:
        hub.api_pause = 0.5
    text = home.pull_fails()
    assert "stalled: below 1024 bytes a second for 2 s" in text
    assert hub.sent < 1000


def test_a_listing_that_is_just_not_stalled(home, hub):
    hub.api_fault = lambda kind, count: b" " * 1_000_000
    hub.api_block, hub.api_pause = 20_000, 0.5  # 25 s
    text = home.fail("pull", NAME, "--quiet", "--timeout", 1)
    assert "not whole after 10 s" in text
    assert len(hub.requests) == 1


def test_a_byte_an_answer_is_no_progress(home, hub):
    hub.fault = always(WEIGHTS, "crumbs")
    assert "crumbs" in home.pull_fails(retries=6)
    assert len([path for _, path, _ in hub.requests if WEIGHTS in path]) < 100


def test_a_listing_without_end(home, hub):
    hub.api_fault = lambda kind, count: b"[" + b" " * (17 << 20) if kind == "tree" else None
    assert "has more than" in home.pull_fails()
    entry = b'{"type":"file","path":"f%05d","size":1}'
    page = b"[" + b",".join(entry % n for n in range(9000)) + b"]"
    hub.api_fault = lambda kind, count: page if kind == "tree" else None
    hub.next_page = True
    assert "more files than can be listed" in home.pull_fails()
    assert len([path for _, path, _ in hub.requests if "/tree/" in path]) < 10


def test_a_small_file_that_stays_wrong(home, hub):
    hub.fault = always("config.json", "wrong bytes")
    text = home.pull_fails()
    assert "config.json" in text and "SHA-1" in text


@pytest.mark.parametrize("size, said", [
    (len(FILES[WEIGHTS]) + 10, "bytes"), (len(FILES[WEIGHTS]) - 10, "bytes"),
    (8_000_000_000_000, "free"), (1 << 60, "size"), (-1, "size"),
])  # fmt: skip
def test_the_hub_lies_about_a_size(home, hub, size, said):
    hub.listed[WEIGHTS] = {"size": size}
    assert said in home.pull_fails()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"sha": "../../x"}', b"[" * 99999])
def test_an_api_that_talks_nonsense(home, hub, body):
    for kind in ("revision", "tree"):
        hub.api_fault = lambda k, count: body if k == kind else None
        if (kind, body) != ("tree", b"[]"):
            assert "the hub's answer" in home.pull_fails()
        else:
            assert "is missing" in home.pull_fails()


def test_no_server(home, hub):
    hub.close()
    hub.close = lambda: None
    assert "cannot get" in home.pull_fails(retries=0)
    assert not (home.path / "models").exists()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "", "config.json"])
def test_redirects_to_nowhere(home, hub, target):
    hub.redirect = target  # the last one: to itself, for ever
    assert "redirect" in home.pull_fails()


def test_a_disk_that_fills_up(home, hub):
    limit = 1_000_000

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run([BIN, "pull", NAME, "-q"], preexec_fn=small_disk, text=True,
                          capture_output=True, env={**os.environ, **home.env})  # fmt: skip
    assert done.returncode == 1 and "cannot write" in done.stderr and "make room" in done.stderr
    home.has_no_model()
    home.pull()
    assert home.is_whole()
