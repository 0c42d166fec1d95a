"""`ocellus batch`: nothing lost, nothing twice, whatever ends it."""

import csv
import json
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BIN, data_uri, drawing
from drawn_world import folder_of_pictures
from test_cli import failure, run
from test_terminal import at_terminal

QUESTION = "Describe the image."


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    folder_of_pictures(folder, 24)
    return folder


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """The records of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "out.jsonl"
    run("batch", pictures, "-q", QUESTION, "-o", out)
    return out.read_bytes()


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def killed_at(count, out, *args, sign=signal.SIGKILL):
    """A run that gets the signal when its file has so many lines."""
    process = subprocess.Popen([BIN, "batch", *map(str, args), "--resume"], stderr=subprocess.PIPE,
                               text=True)  # fmt: skip
    deadline = time.monotonic() + 300
    while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < count):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(sign)
    _, error = process.communicate(timeout=300)
    return process.returncode, error


def test_a_record_for_each_picture_in_order(pictures, whole):
    got = records(whole)
    assert [record["image"] for record in got] == sorted(str(file) for file in pictures.iterdir())
    for record in got:
        assert list(record) == ["image", "question", "answer", "finish_reason", "prompt_tokens",
                                "completion_tokens"]  # fmt: skip
        assert record["question"] == QUESTION and record["finish_reason"] == "stop"
    # What one question at a time gives.
    for record in got[:2]:
        assert run("ask", record["image"], QUESTION).stdout.strip() == record["answer"].strip()


def test_killed_again_and_again_it_is_the_same_file(pictures, whole, tmp_path):
    out = tmp_path / "out.jsonl"
    args = (pictures, "-q", QUESTION, "-o", out)
    for count in (1, 5, 11, 18):
        killed_at(count, out, *args)
        assert whole.startswith(out.read_bytes()[: out.read_bytes().rfind(b"\n") + 1])
    with open(out, "ab") as file:
        file.write(b'{"image": "torn')
    run("batch", *args, "--resume")
    assert out.read_bytes() == whole
    run("batch", *args, "--resume")  # nothing is left to do
    assert out.read_bytes() == whole


def test_ctrl_c_keeps_what_was_answered(pictures, whole, tmp_path):
    out = tmp_path / "out.jsonl"
    args = (pictures, "-q", QUESTION, "-o", out)
    code, error = killed_at(3, out, *args, sign=signal.SIGINT)
    if code != 0:  # it may have come to its end before
        assert code == 130 and "--resume goes on" in error, error
    assert whole.startswith(out.read_bytes())
    run("batch", *args, "--resume")
    assert out.read_bytes() == whole


def test_a_file_of_another_run_is_not_touched(pictures, whole, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_bytes(whole)
    args = (pictures, "-q", QUESTION, "-o", out)
    assert "--resume" in failure("batch", *args, code=2)
    other = failure("batch", pictures, "-q", "What shape is this?", "-o", out, "--resume", code=2)
    assert "question" in other
    fewer = tmp_path / "fewer"
    shutil.copytree(pictures, fewer)
    assert "image" in failure("batch", fewer, "-q", QUESTION, "-o", out, "--resume", code=2)
    assert out.read_bytes() == whole
    out.write_text("my notes")
    failure("batch", *args, "--resume", code=2)
    assert out.read_text() == "my notes"


def test_records_that_were_made_otherwise_are_not_mixed_with_these(pictures, tmp_path):
    files, out, schema = sorted(pictures.iterdir())[:2], tmp_path / "out.jsonl", tmp_path / "schema"
    schema.write_text("{}")
    asked = ("batch", *files, "-q", QUESTION, "-o", out)
    run(*asked, "--max-tokens", 3, "--system", "Be brief.")
    before = out.read_bytes() + b'{"image": "torn'
    out.write_bytes(before)
    same, brief = ("--max-tokens", 3, "--system", "Be brief.", "--resume"), ("--system", "Be brief.")
    for other, told in ((("--max-tokens", 4, *brief), '"max_tokens" was 3, and is 4'),
                        (brief, '"max_tokens" was 3, and is null'),
                        (("--max-tokens", 3), '"system" was "Be brief.", and is ""'),
                        ((*same, "--temperature", 0.5), '"temperature" was 0.0, and is 0.5'),
                        ((*same, "--seed", 1), '"seed" was null, and is 1'),
                        ((*same, "--stop", "x"), '"stop" was [], and is ["x"]'),
                        ((*same, "--detail", "low"), '"detail" was "", and is "low"')):  # fmt: skip
        said = failure(*asked, *other, *([] if "--resume" in other else ["--resume"]), "--model", "none",
                       code=2)  # fmt: skip
        assert f"out.jsonl was made otherwise: {told}" in said
        assert out.read_bytes() == before
    settings = tmp_path / "out.jsonl.run"
    known = json.loads(settings.read_text())
    settings.write_text(json.dumps({**known, "model": "other 123"}))
    assert '"model" was "other 123", and is "ocellus-demo ' in failure(*asked, *same, code=2)
    settings.unlink()
    assert "out.jsonl.run cannot be read" in failure(*asked, *same, code=2)
    assert out.read_bytes() == before
    settings.write_text(json.dumps(known))
    run(*asked, *same)
    assert out.read_bytes() == before[: before.rindex(b"\n") + 1]


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_what_failed_is_asked_again(pictures, tmp_path, name):
    """One record for each picture remains, in its place."""
    folder, out = tmp_path / "pictures", tmp_path / name
    shutil.copytree(pictures, folder)
    files = sorted(folder.iterdir())[:8]
    away = [files[1], files[2], files[6]]
    asked = ("batch", *files, "-q", QUESTION, "-o", out)
    for file in away:
        file.rename(file.with_suffix(".away"))
    run(*asked, code=1)
    failed = out.read_bytes()
    assert "3 of 8 have no answer" in run(*asked, "--resume", code=1).stderr
    assert out.read_bytes() == failed
    for file in away[:2]:
        file.with_suffix(".away").rename(file)
    process = subprocess.Popen([BIN, *map(str, asked), "--resume"], stderr=subprocess.PIPE)
    while process.poll() is None and not (tmp_path / f"{name}.renewed").exists():
        time.sleep(0.001)
    process.kill()  # in the middle of it, or when it was done
    process.communicate(timeout=300)
    run(*asked, "--resume", code=1)
    away[2].with_suffix(".away").rename(away[2])
    run(*asked, "--resume")
    again = out.read_bytes()
    run(*asked[:-1], tmp_path / f"whole{out.suffix}")
    assert again == (tmp_path / f"whole{out.suffix}").read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {
        "pictures", name, f"{name}.run", f"whole{out.suffix}", f"whole{out.suffix}.run"}  # fmt: skip


def test_what_is_wrong_with_one_is_told_in_its_record(pictures, tmp_path):
    good = sorted(pictures.iterdir())[0]
    cut, text = tmp_path / "cut.png", tmp_path / "text.png"
    cut.write_bytes(good.read_bytes()[:200])
    text.write_text("no picture")
    done = run("batch", good, cut, text, tmp_path / "none.png", good, "-q", QUESTION, code=1)
    got = records(done.stdout)
    assert [("answer" in record, "error" in record) for record in got] == [
        (True, False), (False, True), (False, True), (False, True), (True, False)]  # fmt: skip
    assert got[3]["error"]["code"] == "not_found" and "none.png" in got[3]["error"]["message"]
    assert got[1]["error"]["message"] and got[2]["error"]["message"]
    assert "3 of 5 have no answer" in done.stderr


def test_csv(pictures, whole, tmp_path):
    out = tmp_path / "out.CSV"
    args = (pictures, "-q", QUESTION, "-o", out)
    killed_at(6, out, *args)
    run("batch", *args, "--resume")
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["answer"]) for row in rows] == [
        (record["image"], record["answer"]) for record in records(whole)]  # fmt: skip
    assert {row["error"] for row in rows} == {""}


def test_captions_beside_the_pictures(pictures, whole, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    run("batch", folder, "-q", QUESTION, "--sidecar", ".txt")
    answers = [record["answer"].strip() for record in records(whole)]
    captions = sorted(folder.glob("*.txt"))
    assert [file.read_text().strip() for file in captions] == answers
    # They say what is done.
    captions[3].write_text("by hand")
    captions[7].unlink()
    run("batch", folder, "-q", QUESTION, "--sidecar", ".txt", "--resume")
    assert captions[3].read_text() == "by hand"
    assert captions[7].read_text().strip() == answers[7]
    shutil.copy(sorted(folder.glob("*.png"))[0], folder / "01.png")  # beside 01.jpg
    assert "01.txt" in failure("batch", folder, "-q", QUESTION, "--sidecar", ".txt", code=2)


def test_templates_lists_and_patterns(pictures, tmp_path):
    files = sorted(pictures.iterdir())
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{file}\n" for file in files[:3]))
    got = records(run("batch", listed, "-q", "Describe {stem} {index}.", "--max-tokens", 1).stdout)
    assert [record["question"] for record in got] == [
        "Describe 00 1.", "Describe 01 2.", "Describe 02 3."]  # fmt: skip
    got = records(run("batch", f"{pictures}/0*.jpg", "-q", QUESTION, "--max-tokens", 1).stdout)
    assert [record["image"][-6:] for record in got] == ["01.jpg", "03.jpg", "05.jpg", "07.jpg",
                                                        "09.jpg"]  # fmt: skip
    lines = tmp_path / "list.jsonl"
    lines.write_text("".join(
        json.dumps({"id": i, "image": str(file), "question": "What shape is this?"}) + "\n"
        for i, file in enumerate(files[:4])) + '{"image": "none.png"}\n')  # fmt: skip
    got = records(run("batch", lines, code=1).stdout)
    assert [record.get("id") for record in got] == [0, 1, 2, 3, None]
    assert all("answer" in record for record in got[:4]) and "question" in got[4]["error"]["message"]
    assert "no question" in failure("batch", pictures, code=2)
    # Before the model is loaded: that there is none is not told.
    assert "there is no {nothing}" in failure("batch", files[0], "-q", "{nothing}", "--model", "none",
                                              code=2)  # fmt: skip
    assert "{nope}" in failure("batch", lines, "-q", "{id} {nope}", code=2)


def test_answers_within_a_schema(pictures, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"shape": {"enum": ["circle", "other"]}}, '
                      '"required": ["shape"], "additionalProperties": false}')  # fmt: skip
    files = sorted(pictures.iterdir())[:2]
    done = subprocess.run([BIN, "batch", *files, "-q", "What shape is this?", "--json-schema", schema],
                          capture_output=True, text=True)  # fmt: skip
    if "grammar" in done.stderr or "grammar" in done.stdout:
        pytest.skip("this build has no grammars")
    assert done.returncode == 0, done.stderr
    for record in records(done.stdout):
        assert record["json"] == json.loads(record["answer"])
        assert record["json"]["shape"] in ("circle", "other")


def request(name, **body):
    body = {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": data_uri(drawing(3))}},
        {"type": "text", "text": QUESTION}]}], **body}  # fmt: skip
    return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions",
                       "body": body}) + "\n"  # fmt: skip


def test_openais_batch_file(client, model, tmp_path):
    requests, out = tmp_path / "requests.jsonl", tmp_path / "out.jsonl"
    requests.write_text(
        "".join(request(f"r{i}", model=model, max_tokens=4 + i) for i in range(6))
        + request("other", model="gpt-4o") + request("wrong", temperature=9)
        + "nonsense\n" + json.dumps({"custom_id": "u", "method": "POST", "url": "/v1/none",
                                     "body": {}}) + "\n" + request("last"))  # fmt: skip
    killed_at(3, out, requests, "-o", out)
    run("batch", requests, "-o", out, "--resume", code=1)
    got = records(out.read_text())
    assert [record["custom_id"] for record in got] == [
        *(f"r{i}" for i in range(6)), "other", "wrong", None, "u", "last"]  # fmt: skip
    assert len({record["id"] for record in got}) == len(got)
    for i, record in enumerate(got[:6]):
        assert list(record) == ["id", "custom_id", "response", "error"] and record["error"] is None
        assert record["response"]["status_code"] == 200
        body = record["response"]["body"]
        assert body["object"] == "chat.completion" and body["usage"]["completion_tokens"] <= 4 + i
    # What the server answers.
    asked = json.loads(request("r5", model=model, max_tokens=9))["body"]
    assert client.chat.completions.create(**asked).choices[0].message.content == \
        got[5]["response"]["body"]["choices"][0]["message"]["content"]  # fmt: skip
    statuses = [record["response"] and record["response"]["status_code"] for record in got[6:]]
    assert statuses == [404, 400, None, 404, 200]
    assert got[8]["error"]["message"].startswith("line 9")
    assert got[7]["response"]["body"]["error"]["param"] == "temperature"


def test_progress_at_a_terminal(pictures, tmp_path):
    files = sorted(pictures.iterdir())[:4]
    args = ("batch", *files, "-q", QUESTION, "--max-tokens", 2)
    assert "100 %  4 of 4" in at_terminal(*args, "-o", tmp_path / "out.jsonl")
    # Where the records themselves go to the terminal, nothing stands between them.
    assert [json.loads(line)["image"] for line in at_terminal(*args).splitlines()] == [
        str(file) for file in files]  # fmt: skip


def test_nothing_that_is_there_is_overwritten(pictures, tmp_path):
    first = next(pictures.iterdir())
    picture, notes = tmp_path / "cat.png", tmp_path / "cat.txt"
    shutil.copy(first, picture)
    shutil.copy(first, tmp_path / "cat.jpg")
    notes.write_text("my own")
    assert "cat.txt is there already" in failure(
        "batch", picture, "-q", QUESTION, "--sidecar", ".txt", code=2
    )
    assert "pictures end so" in failure("batch", picture, "-q", QUESTION, "--sidecar", ".JPG", code=2)
    assert notes.read_text() == "my own"
    assert (tmp_path / "cat.jpg").read_bytes() == first.read_bytes()
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps({"image": "cat.png", "question": QUESTION}))
    before = lines.read_bytes()
    for more in ([], ["--resume"]):
        assert "is what is read" in failure("batch", lines, "-o", lines, *more, code=2)
    assert lines.read_bytes() == before


def test_a_file_of_answers_ends_as_what_it_is(pictures, tmp_path):
    for name in ("out.txt", "out.json", "out", "out.jsonl.gz"):
        said = failure("batch", pictures, "-q", QUESTION, "-o", tmp_path / name, "--model", "none", code=2)
        assert f"{name}: a file of answers ends with .jsonl or .csv" in said
    assert list(tmp_path.iterdir()) == []


def test_a_lines_own_fields_stay(pictures, tmp_path):
    picture, lines = next(pictures.iterdir()), tmp_path / "lines.jsonl"
    own = {"image": str(picture), "question": "What?", "answer": "by hand", "json": [1], "error": None}
    lines.write_text(json.dumps(own))
    (got,) = records(run("batch", lines, "-q", "{question} Not {answer}?", "--max-tokens", 1).stdout)
    assert got["question"] == "What? Not by hand?" and isinstance(got["answer"], str)
    assert [got[f"line_{name}"] for name in ("question", "answer", "json", "error")] == [
        "What?", "by hand", [1], None]  # fmt: skip
    assert "error" not in got and "json" not in got


def test_addresses_are_not_fetched(pictures, tmp_path):
    picture, listed = next(pictures.iterdir()), tmp_path / "list.txt"
    listed.write_text(f"http://127.0.0.1:9/a.png\n{picture.as_uri()}\n")
    done = run("batch", listed, "HTTPS://127.0.0.1:9/b.png", "-q", QUESTION, "--max-tokens", 1, code=1)
    first, local, word = records(done.stdout)
    for record in (first, word):
        assert "not fetched from the network" in record["error"]["message"]
    assert first["image"] == "http://127.0.0.1:9/a.png" and "answer" in local


def test_no_cell_of_a_spreadsheet_is_a_formula(pictures, tmp_path):
    (tmp_path / "=cmd.png").write_bytes(next(pictures.iterdir()).read_bytes())
    out = tmp_path / "out.csv"
    done = subprocess.run([BIN, "batch", "=cmd.png", "-q", "@x", "-o", out], cwd=tmp_path, timeout=300)
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert done.returncode == 0 and (row["image"], row["question"]) == ("'=cmd.png", "'@x")


def test_names_that_are_no_text(pictures, tmp_path):
    folder, out = tmp_path / "names", tmp_path / "out.jsonl"
    folder.mkdir()
    shutil.copy(next(pictures.iterdir()), bytes(folder) + b"/b\xff.png")
    asked = ["batch", folder, "-q", "What is {stem} of {file}?", "-o", out]
    run(*asked)
    before = out.read_bytes()
    assert "What is b\ufffd of " in records(before.decode())[0]["question"]
    run(*asked, "--resume")
    assert out.read_bytes() == before
    done = subprocess.run([BIN, "batch", folder, "-q", b"bad \xff"], capture_output=True, timeout=300)
    assert done.returncode == 2 and b"--question is no UTF-8 text" in done.stderr


def test_links_to_folders_are_not_followed(pictures, tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    shutil.copy(next(pictures.iterdir()), below / "a.png")
    (below / "up").symlink_to(tmp_path)
    assert len(records(run("batch", tmp_path, "--recursive", "-q", QUESTION).stdout)) == 1


def test_requests_say_their_own_settings(tmp_path):
    requests, schema = tmp_path / "requests.jsonl", tmp_path / "schema.json"
    requests.write_text("\ufeff" + request("", max_tokens=3, seed=2**64))
    schema.write_text('{"type": "object"}')
    for flag, value in (("--seed", 1), ("--max-tokens", 4), ("--stop", "x"), ("--system", "Be brief."),
                        ("--detail", "low"), ("--num-crops", 4), ("--json-schema", schema)):  # fmt: skip
        said = failure("batch", requests, flag, value, "--model", "none", code=2)
        assert f"{flag} is not for requests" in said
    # Those that a server takes as defaults are taken; numbers come to the model as they stand.
    (got,) = records(run("batch", requests, "--temperature", 0, code=1).stdout)
    assert got["custom_id"] == "" and got["response"]["status_code"] == 400
    assert got["response"]["body"]["error"]["param"] == "seed"


def test_numbers_of_a_line_keep_their_digits(pictures, tmp_path):
    picture, lines = next(pictures.iterdir()), tmp_path / "lines.jsonl"
    lines.write_text(f'\ufeff{{"id": 12345678901234567890123, "image": "{picture}", "n": [ 1.10 ]}}\n')
    out = run("batch", lines, "-q", "Is it {id}?", "--max-tokens", 1).stdout
    assert out.startswith('{"id":12345678901234567890123,"image":')
    assert ',"n":[1.10],"question":"Is it 12345678901234567890123?"' in out
