"""`ocellus compare`: three models, our server and one that is not ours, in one table."""

import json
import re
import signal
import subprocess
import xml.etree.ElementTree

import jsonschema
import pytest

from conftest import BIN
from stranger import Stranger
from test_cli import EXAMPLES, failure, run
from test_terminal import at_terminal

SPREAD = {"type": "object", "required": ["p50", "p90"], "additionalProperties": False,
          "properties": {"p50": {"type": "number", "minimum": 0}, "p90": {"type": "number"}}}  # fmt: skip
PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
MEASURED = {
    "type": "object", "additionalProperties": False,
    "required": ["name", "model", "by", "error", "accuracy", "failed", "first_error", "empty", "seconds", "first_text_seconds",
                 "resident_bytes", "load_seconds", "prompt_tokens", "answer_tokens", "cached_tokens"],
    "properties": {
        "name": {"type": "string"}, "model": {"type": "string"}, "by": {"type": "string"},
        "error": {"type": "null"},
        "accuracy": {"type": "object", "additionalProperties": False,
                     "required": ["questions", "overall", "low", "high"],
                     "properties": {"questions": {"type": "integer", "minimum": 1}, "overall": PERCENT,
                                    "low": PERCENT, "high": PERCENT}},
        "failed": {"type": "integer", "minimum": 0}, "first_error": {"type": ["string", "null"]},
        "empty": {"type": "integer", "minimum": 0}, "seconds": SPREAD,
        "first_text_seconds": {"anyOf": [SPREAD, {"type": "null"}]},
        "resident_bytes": {"type": ["integer", "null"], "exclusiveMinimum": 0},
        "load_seconds": {"type": ["number", "null"], "minimum": 0},
        "prompt_tokens": SPREAD, "answer_tokens": SPREAD,
        "cached_tokens": {"type": "integer", "minimum": 0}}}  # fmt: skip
FAILED = {"type": "object", "required": ["name", "error"], "properties": {"error": {"type": "string", "minLength": 5}}}
SCHEMA = {
    "type": "object", "additionalProperties": False,
    "required": ["questions", "prompt", "max_tokens", "machine", "program", "models"],
    "properties": {
        "questions": {"type": "string"}, "prompt": {"type": "string"}, "max_tokens": {"type": "integer"},
        "machine": {"type": "string"}, "program": {"type": "string", "pattern": "^ocellus "},
        "models": {"type": "array", "items": {"anyOf": [MEASURED, FAILED]}}}}  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The other two families, small and random."""
    folder = tmp_path_factory.mktemp("small")
    for family in ("smolvlm2", "moondream2"):
        run("synth", "--shape", f"{family}-tiny", "--quant", "bf16", "--seed", 7, "--out", folder / family)
    return folder


@pytest.fixture
def stranger():
    server = Stranger()
    yield server
    server.close()


@pytest.fixture(scope="module")
def compared(small, server, tmp_path_factory):
    """All of them, and one that is not there; the folder of the files and what was printed."""
    foreign, whole = Stranger(), Stranger(streams=False)
    out = tmp_path_factory.mktemp("compare") / "out"
    names = ["demo", small / "smolvlm2", small / "moondream2", server.url + "/v1", foreign.url,
             whole.url + "#other", "not-a-model", "http://127.0.0.1:9"]  # fmt: skip
    done = run("compare", *names, "--sample", 10, "--prompt", "{question}", "--out", out, code=1)
    foreign.close()
    whole.close()
    rows = json.loads((out / "compare.json").read_text())
    jsonschema.validate(rows, SCHEMA)
    assert [row["name"] for row in rows["models"]] == [str(name) for name in names]
    return out, done, rows, foreign, whole


def test_every_model_has_its_figures(compared):
    _, _, rows, *_ = compared
    demo, smol, moon, ours, foreign, whole, missing, nobody = rows["models"]
    for row in (demo, smol, moon, ours, foreign, whole):
        assert row["error"] is None and row["failed"] == 0 and row["accuracy"]["questions"] == 10
        assert 0 <= row["seconds"]["p50"] <= row["seconds"]["p90"]  # thousandths: it may be none
        assert row["prompt_tokens"]["p50"] > 0 and row["answer_tokens"]["p50"] > 0
    for row in (demo, smol, moon, ours):
        assert row["first_text_seconds"]["p50"] <= row["seconds"]["p90"]
        assert row["resident_bytes"] > 10e6 and row["load_seconds"] is not None
    # The embedded model knows these questions; the other two are random.
    assert demo["accuracy"]["overall"] == ours["accuracy"]["overall"] >= 80
    assert demo["model"] == ours["model"] == "ocellus-demo" and ours["by"] == ours["name"][:-3]
    # A stranger that says yes is right about a fifth of them, and tells nothing of its process.
    for row in (foreign, whole):
        assert row["accuracy"]["overall"] == 20
        assert row["resident_bytes"] is row["load_seconds"] is None
        assert row["prompt_tokens"]["p50"] == 20 and row["answer_tokens"]["p50"] == 1
    assert foreign["first_text_seconds"] is not None and whole["first_text_seconds"] is None
    assert foreign["model"] == "stranger" and whole["model"] == "other"
    assert "not-a-model" in missing["error"] and "127.0.0.1:9" in nobody["error"]


def test_one_question_at_a_time_greedy_in_streams(compared):
    *_, foreign, whole = compared
    for asked, model in ((foreign.bodies, "stranger"), (whole.bodies, "other")):
        assert len(asked) == 11  # one before them, which does not count
        for body in asked:
            assert body["model"] == model and body["temperature"] == 0 and body["max_tokens"] == 32
            assert body["stream"] and body["stream_options"] == {"include_usage": True}
        texts = [body["messages"][-1]["content"][1]["text"] for body in asked[1:]]
        assert texts[0] == "What shape is this?" and texts[2] == "How many shapes are there?"
        pictures = {body["messages"][-1]["content"][0]["image_url"]["url"] for body in asked}
        assert len(pictures) == 11 and all(one.startswith("data:image/png") for one in pictures)


def test_eval_scores_the_same_answers_alike(compared, tmp_path):
    *_, rows, foreign, _ = compared
    lines = []
    for i, body in enumerate(foreign.bodies[1:]):
        content = body["messages"][-1]["content"]
        (tmp_path / f"{i}.png").write_bytes(__import__("base64").b64decode(
            content[0]["image_url"]["url"].partition(",")[2]))  # fmt: skip
        answer = {3: "yes", 4: "no", 2: "1"}.get(i % 5, "circle" if i % 5 == 0 else "red")
        lines.append({"image": f"{i}.png", "question": content[1]["text"], "answers": [answer]})
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    args = ("--format", "lines", "--questions", tmp_path / "set.jsonl", "--prompt", "{question}")
    shown = run("eval", "vqa", *args, "--json", "--out", tmp_path / "out").stdout
    again = json.loads(run("compare", "demo", *args, "--json").stdout)
    assert again["models"][0]["accuracy"]["overall"] == json.loads(shown)["accuracy"]["overall"]
    assert again["questions"] == "10 questions of set.jsonl"


def test_the_table_is_printed_and_kept(compared, small):
    out, done, rows, *_ = compared
    assert (out / "compare.md").read_text() == done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].startswith("| model ") and re.fullmatch(r"(\| -+[-:] )+\|", lines[1])
    assert len({line.count("|") - line.count("\\|") for line in lines[:10]}) == 1
    assert len({len(line) for line in lines[:10]}) == 1
    assert "- not-a-model: " in done.stdout and "- http://127.0.0.1:9: " in done.stdout
    assert "2 of 8 could not be measured" in done.stderr
    again = failure("compare", "demo", "--out", out, code=2)
    assert "compare.md is there already" in again


def test_the_plot_is_a_picture_with_axes(compared):
    out, _, rows, *_ = compared
    plot = xml.etree.ElementTree.fromstring((out / "compare.svg").read_text())
    assert plot.tag == SVG + "svg" and plot.find(SVG + "title") is not None
    tags = {element.tag.removeprefix(SVG) for element in plot.iter()}
    assert tags == {"svg", "title", "desc", "style", "rect", "text", "line", "circle"}
    texts = [element.text for element in plot.iter(SVG + "text")]
    assert "accuracy" in texts and any("seconds for an answer" in text for text in texts)
    circles = plot.findall(SVG + "circle")
    assert len(circles) == 6
    assert sum("unknown" in circle.get("class") for circle in circles) == 2
    assert "prefers-color-scheme: dark" in plot.find(SVG + "style").text
    boxes = [float(value) for value in plot.get("viewBox").split()]
    for circle in circles:
        assert 0 < float(circle.get("cx")) < boxes[2] and 0 < float(circle.get("cy")) < boxes[3]
    for row in rows["models"][:6]:
        assert any(row["name"][:30] in text for text in texts)


def test_a_server_that_stops_answering_is_told_in_its_row(stranger, tmp_path):
    stranger.refuse = 4
    done = run("compare", stranger.url, "demo", "--sample", 5, "--json", code=1)
    broken, demo = json.loads(done.stdout)["models"]
    assert "the key has ended" in broken["error"] and demo["error"] is None


def error_of(server, *args):
    """Of the one row, which could not be measured."""
    (row,) = json.loads(run("compare", server.url, "--json", *args, code=1).stdout)["models"]
    return row["error"]


def test_what_a_server_says_of_itself_is_told(stranger):
    for models, told in (((200, "rubbish"), "names no model"), ((200, {"data": []}), "names no model"),
                         ((500, "out of memory"), "500 out of memory"),
                         ((404, {"detail": "no such page"}), "404 no such page")):  # fmt: skip
        stranger.models = models
        said = error_of(stranger)
        assert f"/v1/models{':' if models[0] != 200 else ''} {told}" in said
        assert "(name one behind the address: URL#NAME)" in said
    stranger.models = 401, {"error": {"message": "no key"}}
    assert "401 no key (put its key into $OCELLUS_API_KEY)" in error_of(stranger)
    assert stranger.bodies == []


def test_what_failed_and_what_is_empty_is_told(stranger):
    stranger.fails = lambda number: (400, "I see nothing") if number == 3 else None
    stranger.says = lambda number: ["Yes", "", " \n"][number % 3]
    done = run("compare", stranger.url, "--sample", 6)
    assert ("1 of 6 questions without an answer, which count as wrong; the first: http\\_400: "
            "I see nothing; 4 of 6 answers are empty") in done.stdout  # fmt: skip
    stranger.fails, stranger.says = lambda number: None, lambda number: ""
    assert error_of(stranger, "--sample", 2) == "nothing could be scored: 2 of 2 answers are empty"
    stranger.fails = lambda number: (400, {"error": {"code": "odd", "message": "no pictures"}})
    said = error_of(stranger, "--sample", 2)
    assert "nothing could be scored: 2 of 2 questions without" in said and "odd: no pictures" in said


def test_the_time_for_an_answer_counts_all_tries(stranger):
    stranger.fails = lambda number: (503, "busy", {"Retry-After": "50"})
    assert "busy" in error_of(stranger, "--timeout", 3)
    assert len(stranger.bodies) == 1  # the second would be too late
    stranger.fails, stranger.pause = lambda number: None, 30
    assert "timed out" in error_of(stranger, "--timeout", 1)
    assert len(stranger.bodies) == 2


def test_it_is_asked_for_a_word_or_a_phrase(stranger):
    shown = json.loads(run("compare", stranger.url, "--sample", 1, "--json").stdout)
    assert shown["prompt"] == "{question}\nAnswer the question using a single word or phrase."
    text = stranger.bodies[-1]["messages"][-1]["content"][1]["text"]
    assert text == shown["prompt"].replace("{question}", "What shape is this?")


def test_progress_at_a_terminal(stranger):
    shown = at_terminal("compare", stranger.url, "--sample", 4)
    assert "100 %  4 of 4" in shown and "stranger" in shown


def test_ctrl_c_ends_it_and_its_processes(tmp_path):
    stranger = Stranger(pause=0.05)
    process = subprocess.Popen([BIN, "compare", stranger.url, "demo", "--sample", "5000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    while len(stranger.bodies) < 3:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)  # to it alone, as `kill` does
    out, error = process.communicate(timeout=300)
    assert process.returncode == 130 and out == "" and "interrupted" in error
    stranger.close()


def test_ctrl_c_keeps_what_was_measured(tmp_path):
    stranger = Stranger(pause=0.05)
    process = subprocess.Popen([BIN, "compare", "demo", stranger.url, "--sample", "100", "--prompt", "{question}",
                                "--out", tmp_path / "out"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    while len(stranger.bodies) < 3:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=300)
    assert process.returncode == 130 and "1 of 2 were measured" in error
    (row,) = json.loads((tmp_path / "out/compare.json").read_text())["models"]
    assert "demo" in row["model"] and row["model"] in out
    stranger.close()


def test_what_is_wrong_is_told_before_anything_is_loaded():
    assert "{question}" in failure("compare", "demo", "--prompt", "Say yes.", code=2)
    assert "{nope}" in failure("compare", "demo", "--prompt", "{question} {nope}", code=2)
    assert "--annotations" in failure("compare", "demo", "--questions", EXAMPLES / "examples.json", code=2)
    failure("compare", code=2)
    failure("compare", "demo", "--threads", "-3", code=2)
    assert "--row" not in run("compare", "--help").stdout
