"""The engine mlx from outside: the same answers as the cpu engine in full precision."""

import concurrent.futures
import json
import os

import pytest

from conftest import picture_part, text_part, user
from test_cli import EXAMPLES, failure, run

OWN_GOLDEN = EXAMPLES.parent / "tests/data/golden-demo"
MLX = ("--engine", "mlx", "--device", "cpu")
EXACT = ("--engine", "cpu", "--activations", "f32")
PROBE = ("ask", "Hello", "--max-tokens", 1, *MLX)


@pytest.fixture(scope="module", autouse=True)
def built_with_mlx():
    """A program of one's own choice (OCELLUS_BIN: a sanitizer's) may lack the engine, and must then
    say so; the one that the test suite builds has it."""
    if "OCELLUS_BIN" in os.environ and run_code(*PROBE) != 0:
        assert "built without the engine mlx" in failure(*PROBE)
        pytest.skip("built without the engine mlx")


def run_code(*args):
    try:
        return run(*args).returncode
    except AssertionError:
        return 1


def test_verify():
    report = json.loads(run("verify", "demo", "--goldens", OWN_GOLDEN, "--json", *MLX).stdout)
    stages = {stage["stage"]: stage for stage in report["stages"]}
    assert all(stage["failed"] == 0 for stage in stages.values())
    assert stages["model.tokens"]["checked"] > 50


@pytest.mark.parametrize("picture", [None, *sorted(p.name for p in EXAMPLES.glob("*.jpg"))[:1]])
def test_ask_gives_the_same_tokens(picture):
    question = ["What is in the picture?"] if picture else ["How are you?"]
    paths = [EXAMPLES / picture] if picture else []
    answers = [
        json.loads(run("ask", *paths, *question, "--json", "--max-tokens", 40, *flags).stdout)
        for flags in (MLX, EXACT)
    ]
    assert answers[0]["token_ids"] == answers[1]["token_ids"]
    assert answers[0]["text"] == answers[1]["text"] != ""


def test_serve_answers_one_and_many(start):
    def ask(client, number):
        done = client.chat.completions.create(
            model="demo",
            messages=[user(picture_part(number), text_part("What is in the picture?"))],
            temperature=0,
            max_tokens=24,
        )
        return done.choices[0].message.content

    numbers = range(4)
    exact = start(*EXACT)
    expected = [ask(exact.client(), number) for number in numbers]
    exact.stop()
    running = start(*MLX)
    client = running.client()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: ask(client, number), numbers)) == expected
    # Streamed, from a prefix that is now in the cache; and one that leaves in the middle.
    with client.chat.completions.create(
        model="demo",
        messages=[user(picture_part(0), text_part("What is in the picture?"))],
        temperature=0,
        max_tokens=24,
        stream=True,
    ) as stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == expected[0]
    stream = client.chat.completions.create(
        model="demo", messages=[user(text_part("Tell me a story."))], max_tokens=400, stream=True
    )
    next(iter(stream))
    stream.close()
    assert ask(client, 1) == expected[1]
    running.signal()
    assert running.wait() == 0


def test_what_it_lacks_is_said():
    assert "int8" in failure("ask", "Hello", *MLX, "--activations", "int8")
    assert "no int8 cache" in failure("ask", "Hello", *MLX, "--kv", "q8")
    assert "--device" in failure("ask", "Hello", "--device", "tpu", code=2)
    assert "gpu" in failure("ask", "Hello", "--engine", "cpu", "--device", "gpu")
