"""Words of the command line as people type them: their order, their spelling, files that are dropped."""

import json
import re

from test_cli import failure, picture, run  # noqa: F401


def test_pictures_and_question_in_either_order(tmp_path, picture):  # noqa: F811
    question = "What is it?"
    answer = run("ask", picture, question).stdout
    assert run("ask", question, picture).stdout == answer
    assert run("ask", question, picture, picture).stdout == run("ask", picture, picture, question).stdout
    home = tmp_path / "home"
    home.mkdir()
    (home / "a b.png").write_bytes(picture.read_bytes())
    assert run("ask", "~/a b.png", question, env={"HOME": str(home)}).stdout == answer
    # A file that is not there is no question.
    assert "there is no question" in failure("ask", "photo.jpg", code=2)
    assert "photo.jpg: there is no such file" in failure("ask", question, "photo.jpg")


def test_what_was_probably_meant():
    assert 'there is no verb "asl"' in failure("asl", "x", code=2)
    assert "hint: did you mean ask? see ocellus --help\n" in failure("asl", "x", code=2)
    assert "did you mean check? see ocellus config --help" in failure("config", "chek", code=2)
    assert "hint: see ocellus --help\n" in failure("frobnicate", code=2)
    error = failure("ask", "--max-tokns", "3", "x", code=2)
    assert "--max-tokns" in error and "did you mean --max-tokens? see ocellus ask --help" in error
    error = failure("serve", "--prot=80", code=2)
    assert "did you mean --port? see ocellus serve --help" in error and "80" not in error


def test_choices_are_scored(picture):  # noqa: F811
    lines = run("ask", picture, "What color is the shape?", "--choices", "Red.,Blue.", "--choices",
                "dark green").stdout.splitlines()  # fmt: skip
    assert [line.split(maxsplit=1)[1] for line in lines] == ["Red.", "Blue.", "dark green"]
    assert abs(sum(float(line.split()[0]) for line in lines) - 1) < 1e-3
    whole = json.loads(run("ask", picture, "What color is the shape?", "--choices", "Red.,Blue.",
                           "--json").stdout)  # fmt: skip
    assert [one["text"] for one in whole["choices"]] == ["Red.", "Blue."]
    assert whole["choices"][0]["probability"] > whole["choices"][1]["probability"]
    failure("ask", picture, "x", "--choices", "a", "--json-schema", "none.json", code=2)


def test_quiet_tells_nothing_but_errors(picture):  # noqa: F811
    full = json.loads(run("ask", picture, "Describe the picture.", "--json").stdout)
    cut = ["ask", picture, "Describe the picture.", "--stop", full["text"][:2]]
    assert run(*cut).stderr != "" and run(*cut, "--quiet").stderr == ""
    assert "there is no such file" in failure("ask", "-q", "none.png", "What is it?")


def test_chat_takes_files_that_are_dropped_on_it(tmp_path, picture):  # noqa: F811
    strange = tmp_path / "it's a \"picture\".png"
    strange.write_bytes(picture.read_bytes())
    question = "What is it?"
    answer = run("ask", picture, question).stdout
    escaped = re.sub(r"([^\w/.])", r"\\\1", str(strange))
    for line in [f"'{picture}'", f'"{picture}" ', picture.as_uri(), escaped, strange.as_uri()]:
        assert run("chat", stdin=f"{line}\n{question}\n").stdout == answer, line
    both = run("ask", picture, picture, question).stdout
    assert run("chat", stdin=f"'{picture}' {escaped}\n{question}\n").stdout == both
    assert run("chat", stdin=f"/image {escaped}\n{question}\n").stdout == answer
    missing = run("chat", stdin="/image 'none.png'\n/home/none.png\n", code=1).stderr
    assert "none.png" in missing and "unknown command /home/none.png" in missing
