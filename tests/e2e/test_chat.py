"""`ocellus chat`: turns from standard input. With a person at it: test_chat_terminal.py."""

import re

from test_cli import picture, run  # noqa: F401


def test_chat_keeps_the_turns(picture):  # noqa: F811
    lines = "What is the shape?\n/reset\nWhat is the shape?\n/quit\nnever asked\n"
    first, again = run("chat", picture, stdin=lines).stdout.splitlines()
    assert first == again == run("ask", picture, "What is the shape?").stdout.rstrip("\n")


def test_chat_takes_pictures_on_the_way(picture):  # noqa: F811
    done = run("chat", "--stats", stdin=f"/image {picture}\nWhat is it?\nAnd now?\n")
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.count("of pictures)") == 2


def test_chat_goes_on_from_what_it_has_computed(picture):  # noqa: F811
    lines = ["What is the shape?", "And its colour?", "How many are there?"]
    done = run("chat", "--stats", picture, stdin="\n".join(lines) + "\n/reset\n" + lines[0] + "\n")
    known = [re.search(r", (\d+) computed before", line) for line in done.stderr.splitlines() if "tokens/s" in line]
    assert [found is not None for found in known] == [False, True, True, False]
    assert 85 < int(known[1][1]) < int(known[2][1])
    said = done.stdout.splitlines()
    assert said[3] == said[0]


def test_chat_survives_what_fails(picture, tmp_path):  # noqa: F811
    lines = f"/image {tmp_path}/none.png\n/frobnicate\nWhat is it?\n"
    done = run("chat", picture, stdin=lines, code=1)
    assert len(done.stdout.splitlines()) == 1
    assert "none.png" in done.stderr and "unknown command /frobnicate" in done.stderr
