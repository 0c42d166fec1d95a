"""`ocellus eval vqa`: the score is the published rule's, by a computation of its own here."""

import html.parser
import http.server
import json
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import BIN
from drawn_world import drawn, questions
from test_cli import failure, run

COUNT = 1000
PROMPT = ("--prompt", "{question}")
NUMBERS = dict(zip("none zero one two three four five six seven eight nine ten".split(),
                   [0, *range(11)]))  # fmt: skip
MARKS = ';/[]"{}()=+\\_-><@`,?!'


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """1,000 questions in VQA 2.0's files. Ten people each, who do not always agree."""
    folder = tmp_path_factory.mktemp("vqa")
    (folder / "val2014").mkdir()
    rng = random.Random(11)
    asked, said = [], []
    for i in range(COUNT // 5):
        picture, shape, colour = drawn(rng)
        picture.save(folder / "val2014" / f"COCO_val2014_{i + 7:012}.jpg", quality=92)
        for k, (kind, question, right) in enumerate(questions(rng, shape, colour)):
            number = (i + 7) * 1000 + k
            asked.append({"image_id": i + 7, "question": question, "question_id": number})
            agree = rng.choice([0, 1, 2, 3, 4, 9, 10, 10])
            people = [right] * agree + [rng.choice([f"{right}-like"] + 8 * ["not sure"] + [f"{right}."])
                                        for _ in range(10 - agree)]  # fmt: skip
            rng.shuffle(people)
            said.append({
                "question_id": number, "image_id": i + 7, "question_type": kind,
                "answer_type": {"yesno": "yes/no", "count": "number"}.get(kind, "other"),
                "multiple_choice_answer": right,
                "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": n + 1}
                            for n, answer in enumerate(people)]})  # fmt: skip
    rng.shuffle(said)
    (folder / "questions.json").write_text(json.dumps({
        "info": {"year": 2014}, "task_type": "Open-Ended", "data_type": "mscoco",
        "license": {"name": "none"}, "data_subtype": "val2014", "questions": asked}))  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps({
        "info": {"year": 2014}, "data_type": "mscoco", "license": {"name": "none"},
        "data_subtype": "val2014", "annotations": said}))  # fmt: skip
    return folder


def flags(world):
    return ("--questions", world / "questions.json", "--annotations", world / "annotations.json",
            "--images", world / "val2014", *PROMPT)  # fmt: skip


def without_marks(text):
    """Punctuation as the rule has it."""
    out = text
    thousands = re.search(r"\d,\d", text)
    for mark in MARKS:
        alone = f" {mark}" in text or f"{mark} " in text
        out = out.replace(mark, "" if thousands or alone else " ")
    return re.sub(r"\.(?!\d)", "", out)


def plain(text):
    words = without_marks(text.replace("\n", " ").replace("\t", " ").strip()).lower().split()
    return " ".join(str(NUMBERS.get(word, word)) for word in words if word not in ("a", "an", "the"))


def score(answer, people):
    if len(set(people)) > 1:
        people = [without_marks(person) for person in people]
    answer = plain(answer)
    parts = []
    for i in range(len(people)):
        others = people[:i] + people[i + 1 :]
        parts.append(min(1, others.count(answer) / 3))
    return sum(parts) / len(parts)


def scores(world, out):
    """Question type, answer type and score of each question that was answered."""
    said = {one["question_id"]: one
            for one in json.loads((world / "annotations.json").read_text())["annotations"]}  # fmt: skip
    for answer in json.loads((out / "vqa_results.json").read_text()):
        one = said[answer["question_id"]]
        people = [person["answer"] for person in one["answers"]]
        yield one["question_type"], one["answer_type"], score(answer["answer"], people)


def expected(rows):
    rows = list(rows)

    def mean(values):
        values = list(values)
        return round(100 * sum(values) / len(values), 2)

    return {
        "overall": mean(row[2] for row in rows),
        "perQuestionType": {kind: mean(row[2] for row in rows if row[0] == kind)
                            for kind in sorted({row[0] for row in rows})},
        "perAnswerType": {kind: mean(row[2] for row in rows if row[1] == kind)
                          for kind in sorted({row[1] for row in rows})},
    }  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(world, tmp_path_factory):
    """All 1,000 with the model in the process, without an interruption."""
    out = tmp_path_factory.mktemp("evaluated") / "out"
    shown = run("eval", "vqa", *flags(world), "--out", out, "--json").stdout
    assert json.loads(shown) == json.loads((out / "results.json").read_text())
    return out


def interrupted(count, out, *args, sign=signal.SIGKILL):
    process = subprocess.Popen([BIN, "eval", "vqa", *map(str, args), "--out", out, "--resume"],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    answers, deadline = out / "answers.jsonl", time.monotonic() + 300
    while process.poll() is None and not (
        answers.exists() and answers.read_bytes().count(b"\n") > count):  # fmt: skip
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(sign)
    _, error = process.communicate(timeout=300)
    return process.returncode, error


def test_a_thousand_questions_score_what_the_published_rule_says(world, evaluated):
    results = json.loads((evaluated / "results.json").read_text())
    assert results["questions"] == results["drawn_of"] == COUNT and results["seed"] is None
    assert results["failed"] == 0
    assert results["accuracy"] == expected(scores(world, evaluated))
    assert 50 < results["accuracy"]["overall"] < 95  # people do not agree on all of them
    overall = results["overall"]
    assert overall["low"] < overall["accuracy"] < overall["high"] < overall["low"] + 8
    assert sum(one["questions"] for one in results["answer_types"]) == COUNT


def test_a_server_interrupted_twice_scores_the_same(server, world, evaluated, tmp_path):
    out = tmp_path / "out"
    args = (*flags(world), "--server", server.url)
    interrupted(200, out, *args)
    code, error = interrupted(500, out, *args, sign=signal.SIGINT)
    if code != 0:
        assert code == 130 and "answers are kept" in error, error
    with open(out / "answers.jsonl", "ab") as file:
        file.write(b'{"question_id": 1')
    run("eval", "vqa", *args, "--out", out, "--resume")
    answered, again = ((place / "answers.jsonl").read_text().splitlines()[1:]
                       for place in (evaluated, out))  # fmt: skip
    assert answered == again and len(again) == COUNT
    results, other = (json.loads((place / "results.json").read_text()) for place in (evaluated, out))
    assert other.pop("by") == server.url and results.pop("by").startswith("cpu")
    assert results == other


def test_a_sample_is_drawn_by_its_seed(world, tmp_path):
    def sample(name, *more):
        run("eval", "vqa", *flags(world), "--sample", 12, "--out", tmp_path / name, *more)
        return [json.loads(line)["question_id"]
                for line in (tmp_path / name / "answers.jsonl").read_text().splitlines()[1:]]  # fmt: skip

    first = sample("a", "--seed", 5)
    assert len(set(first)) == 12 and first != sample("b", "--seed", 6)
    results = json.loads((tmp_path / "a" / "results.json").read_text())
    assert (results["questions"], results["drawn_of"], results["seed"]) == (12, COUNT, 5)
    # Other questions are not mixed with these.
    again = ("eval", "vqa", *flags(world), "--sample", 12, "--out", tmp_path / "a")
    assert "--resume" in failure(*again, "--seed", 5, code=2)
    assert "other questions" in failure(*again, "--seed", 7, "--resume", code=2)
    assert sample("a", "--seed", 5, "--resume") == first


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone(evaluated):
    page = Page((evaluated / "report.html").read_text())
    assert "script" not in page.tags and "link" not in page.tags
    assert page.tags.count("img") == 60
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert "not sure" in page.text and "95 % interval" in page.text


def test_lines(tmp_path):
    rng = random.Random(4)
    lines = []
    for i in range(4):
        picture, shape, colour = drawn(rng)
        picture.save(tmp_path / f"{i}.png")
        for kind, question, right in questions(rng, shape, colour)[:2]:
            lines.append({"image": f"{i}.png", "question": question, "question_type": kind,
                          "answers": [right] if i else f"A {right.upper()}."})  # fmt: skip
    lines.append({"image": "0.png", "question": "<script>", "answers": ["none of it"]})
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    args = ("--format", "lines", "--questions", tmp_path / "set.jsonl", *PROMPT)
    shown = run("eval", "vqa", *args, "--out", tmp_path / "out").stdout
    assert "report.html" in shown and "colour" in shown
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["questions"] == 9 and 50 < results["accuracy"]["overall"] < 100
    assert "<script" not in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "1.png").unlink()
    wrong = failure("eval", "vqa", *args, "--out", tmp_path / "more")
    assert "2 of 9 pictures are not there" in wrong and "1.png" in wrong


class Stranger(http.server.ThreadingHTTPServer):
    """Another server: busy at first, then it says yes, until it is told to break."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.broken, self.bodies = 0, None, []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply(200, {"data": [{"id": "stranger"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        self.server.bodies.append((self.headers["Authorization"], body))
        if self.server.asked == 1:
            return self.reply(429, {"error": {"message": "busy"}}, Retry_After=1)
        question = body["messages"][-1]["content"][1]["text"]
        if "star" in question:
            return self.reply(400, {"error": {"code": "odd", "message": "I do not like <stars>"}})
        if self.server.broken and self.server.asked > self.server.broken:
            return self.reply(401, {"error": {"message": "the key has ended"}})
        self.reply(200, {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]})


def test_any_server(tmp_path, examples=("red-circle.png", "shapes.png")):
    from test_cli import EXAMPLES

    lines = [{"image": name, "question": f"Is it {i}?", "answers": ["yes"]}
             for i in range(5) for name in examples]  # fmt: skip
    lines[4]["question"] = "Is it a star?"
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    stranger = Stranger()
    stranger.broken = 7
    args = ("eval", "vqa", "--format", "lines", "--questions", tmp_path / "set.jsonl", "--images",
            EXAMPLES, "--server", stranger.url + "/v1/", "--parallel", 1, "--out",
            tmp_path / "out")  # fmt: skip
    wrong = run(*args, env={"OCELLUS_API_KEY": "secret"}, code=1).stderr
    assert "the key has ended" in wrong and "6 of 10 answers are kept" in wrong
    stranger.broken = None
    run(*args, "--resume")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["model"] == "stranger" and results["failed"] == 1
    assert results["accuracy"]["overall"] == 90
    key, body = stranger.bodies[0]
    assert key == "Bearer secret" and body["model"] == "stranger" and body["temperature"] == 0
    assert body["messages"][0]["content"][1]["text"].startswith("Is it 0?\nAnswer the question")
    assert stranger.asked == 1 + 6 + 1 + 5  # what failed, "star", once more
    page = (tmp_path / "out" / "report.html").read_text()
    assert "I do not like &lt;stars&gt;" in page


def test_what_has_no_answer_is_told(tmp_path):
    from stranger import Stranger as Any
    from test_cli import EXAMPLES

    lines = [{"image": "shapes.png", "question": f"Is it {i}?", "answers": ["yes"]} for i in range(4)]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    server = Any()
    args = ("eval", "vqa", "--format", "lines", "--questions", tmp_path / "set.jsonl", "--images",
            EXAMPLES, "--server", server.url, "--parallel", 1)  # fmt: skip
    server.fails = lambda number: (400, "no more") if number == 2 else None
    server.says = lambda number: None if number == 3 else "yes"
    told = "1 of 4 questions without an answer, which count as wrong; the first: http_400: no more"
    shown = run(*args, "--out", tmp_path / "some").stdout
    assert told + "; 1 of 4 answers are empty" in shown
    assert told in (tmp_path / "some" / "report.html").read_text()
    results = json.loads((tmp_path / "some" / "results.json").read_text())
    assert (results["failed"], results["empty"], results["first_error"]) == (1, 1, "http_400: no more")
    # What failed is asked again, in its place.
    server.fails = lambda number: None
    run(*args, "--out", tmp_path / "some", "--resume")
    assert len(server.bodies) == 5 and "Is it 1?" in json.dumps(server.bodies[-1])
    answers = (tmp_path / "some" / "answers.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line)["answer"] for line in answers] == ["yes", "yes", "", "yes"]
    changed = failure(*args, "--out", tmp_path / "some", "--resume", "--max-tokens", 5, code=2)
    assert '"max_tokens" was 32, and is 5' in changed
    server.says = lambda number: ""
    server.fails = lambda number: (400, "no more") if number % 2 else None
    server.bodies.clear()
    done = run(*args, "--out", tmp_path / "none", code=1)
    assert "nothing could be scored: 2 of 4 questions without an answer" in done.stderr
    assert json.loads((tmp_path / "none" / "results.json").read_text())["accuracy"]["overall"] == 0
    server.close()


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "q.json").write_text("{}")
    assert "--annotations" in failure("eval", "vqa", "--questions", tmp_path / "q.json", code=2)
    failure("eval", "vqa", "--questions", tmp_path / "none.json", code=2)
    (tmp_path / "a.json").write_text('{"annotations": []}')
    wrong = failure("eval", "vqa", "--questions", tmp_path / "q.json", "--annotations",
                    tmp_path / "a.json", "--images", tmp_path)  # fmt: skip
    assert '"questions" is missing' in wrong


def test_what_cannot_be_meant_is_refused_before_anything_is_loaded(world, tmp_path):
    args = ("eval", "vqa", *flags(world)[:-2], "--model", "none", "--out", tmp_path / "out")
    assert "has no {question}" in failure(*args, "--prompt", "Is it red?", code=2)
    assert "there is no {nope}" in failure(*args, "--prompt", "{question} {nope}", code=2)
    for flag in ("--seed", "--sample"):
        for value in ("-1", str(2**64), "1e3"):
            said = failure(*args, f"{flag}={value}", code=2)
            assert f"{flag}: must be a whole number from 0 to {2**64 - 1}, found {value}" in said
    line = '{"image": "a.png", "question": "b", "answers": "c", "question_id": 5}\n'
    (tmp_path / "set.jsonl").write_text(line * 2)
    twice = failure("eval", "vqa", "--format", "lines", "--questions", tmp_path / "set.jsonl")
    assert "line 2: question_id 5 is also that of line 1" in twice
    assert not (tmp_path / "out").exists()
