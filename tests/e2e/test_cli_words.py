"""Words of the command line as people type them: their order, their spelling, files that are dropped."""

import base64
import json
import os
import re
import threading

import httpx

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
    assert "none.png" in missing and "/home/none.png: there is no such file" in missing


def test_chat_tells_what_is_no_picture_and_takes_spaces(tmp_path, picture):  # noqa: F811
    spaced = tmp_path / "my own picture.png"
    spaced.write_bytes(picture.read_bytes())
    question = "What is it?"
    answer = run("ask", picture, question).stdout
    for line in [str(spaced), f"{spaced} ", f"/image {spaced}"]:
        assert run("chat", stdin=f"{line}\n{question}\n").stdout == answer, line
    both = run("ask", picture, picture, question).stdout
    assert run("chat", stdin=f"{picture} {spaced}\n{question}\n").stdout == both
    done = run("chat", stdin="nope.png\n/foo\n", code=1)
    assert done.stdout == "" and "nope.png: there is no such file" in done.stderr
    assert "unknown command /foo" in done.stderr


def test_a_picture_that_cannot_be_read_is_told(tmp_path, picture):  # noqa: F811
    spaced = tmp_path / "no such folder/my photo.png"
    told = f"{spaced}: there is no such file"
    for line in (f"'{picture}' '{spaced}'", f"'{spaced}' \"{picture}\"", f"'{spaced}'"):
        done = run("chat", stdin=line, code=1)
        assert done.stdout == "" and told in done.stderr, line
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for line in (str(folder), f"'{folder}'", f"'{picture}' '{folder}'"):
        done = run("chat", stdin=line, code=1)
        assert done.stdout == "" and f"{folder}: this is a folder" in done.stderr, line
    # It is no question either, where one was forgotten.
    assert told in failure("ask", "What is it?", spaced) and told in failure("ask", spaced, "What is it?")
    assert "there is no question" in failure("ask", picture, spaced, code=2)
    assert "there is no question" in failure("ask", picture, folder, code=2)


def test_an_empty_question_is_refused(picture):  # noqa: F811
    for question in ("", " \t\n"):
        assert "the question is empty" in failure("ask", picture, question, code=2)
        assert "the question is empty" in failure("ask", question, picture, code=2)
        for verb in ("detect", "point"):
            assert "what is to be found is empty" in failure(verb, picture, question, code=2)


def test_a_text_that_is_too_long_has_nothing_to_do_with_pictures():
    told = failure("ask", "What is it? " * 5000)
    assert "shorten the text" in told and "picture" not in told


def test_a_schema_comes_through_a_pipe(tmp_path, picture):  # noqa: F811
    schema = json.dumps({"type": "object", "properties": {"shape": {"enum": ["circle", "star"]}},
                         "required": ["shape"], "additionalProperties": False})  # fmt: skip
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def through(text, *words, **kwargs):
        writer = threading.Thread(target=pipe.write_text, args=(text,))
        writer.start()
        done = run(*words, **kwargs)
        writer.join()
        return done

    ask = ("ask", picture, "What shape is it?", "--json-schema", pipe)
    assert json.loads(through(schema, *ask).stdout)["shape"] in ("circle", "star")
    assert "not valid JSON" in through("{", *ask, code=1).stderr
    assert "more than 1048576 bytes" in through(" " * (1 << 20) + "{}", *ask, code=1).stderr
    line = through(schema, "batch", picture, "--question", "What shape is it?", "--json-schema", pipe).stdout
    assert json.loads(line)["json"]["shape"] in ("circle", "star")
    turns = json.dumps([{"role": "user", "content": "What is it?"}])
    assert json.loads(through(turns, "tokenize", "--messages", pipe).stdout)
    # One that is read more than once.
    assert "a configuration is read more than once" in failure("ask", picture, "x", "--config", pipe)


def test_pictures_on_both_sides_of_the_question(picture):  # noqa: F811
    question = "What is it?"
    assert run("ask", picture, question, picture).stdout == run("ask", picture, picture, question).stdout
    assert "nope.png: there is no such file" in failure("ask", picture, question, "nope.png")
    assert "not fetched from the network" in failure("ask", question, "https://example.org/picture")


def test_choices_are_looked_at(picture):  # noqa: F811
    assert '"Red." twice' in failure("ask", picture, "x", "--choices", "Red.,Blue.", "--choices", "Red.", code=2)
    assert "one of the --choices is empty" in failure("ask", picture, "x", "--choices", "Red., ", code=2)
    assert "one of the --choices is empty" in failure("ask", picture, "x", "--choices", "", code=2)


def test_a_file_uri_wherever_a_picture_may_stand(tmp_path, picture):  # noqa: F811
    spaced = tmp_path / "a b"
    spaced.mkdir()
    (spaced / "c.png").write_bytes(picture.read_bytes())
    uri = (spaced / "c.png").as_uri()
    question = "What is it?"
    answer = run("ask", picture, question).stdout
    assert run("ask", uri, question).stdout == answer
    assert run("chat", uri, stdin=question).stdout == answer
    assert "tokens" in run("see", uri).stdout
    for where in (uri, spaced.as_uri()):
        lines = run("batch", where, "--question", question).stdout.splitlines()
        assert [json.loads(line)["answer"] for line in lines] == [answer.strip()], where


def test_log_probabilities_as_the_api_has_them(picture, server):  # noqa: F811
    words = ["ask", picture, "What color is the shape?"]
    told = json.loads(run(*words, "--logprobs", 3, "--json").stdout)
    body = {"model": "demo", "logprobs": True, "top_logprobs": 3, "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," +
                                            base64.b64encode(picture.read_bytes()).decode()}},
        {"type": "text", "text": "What color is the shape?"}]}]}  # fmt: skip
    answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=120).json()["choices"][0]
    assert told["text"] == answer["message"]["content"]
    assert told["logprobs"] == answer["logprobs"]
    assert len(told["logprobs"]["content"][0]["top_logprobs"]) == 3

    text, _, table = run(*words, "--logprobs", 2).stdout.partition("\n\n")
    assert text == told["text"]
    head, *lines = table.splitlines()
    assert head.split()[:3] == ["TOKEN", "LOGPROB", "PROBABILITY"]
    for line, token in zip(lines, told["logprobs"]["content"], strict=True):
        shown = json.dumps(token["token"], ensure_ascii=False)
        assert line.startswith(shown) and f"{token['logprob']:.4f}" in line
        assert json.dumps(token["top_logprobs"][1]["token"], ensure_ascii=False) in line[len(shown):]
    assert "LIKELIEST" not in run(*words, "--logprobs", 0).stdout
    assert "do not go together" in failure(*words, "--logprobs", 2, "--choices", "a,b", code=2)
    assert "--logprobs must be 0 to 20, found 21" in failure(*words, "--logprobs", 21, code=2)
