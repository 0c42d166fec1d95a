"""`ocellus ask` and `chat` with a configuration: file below environment below flags, as for `serve`."""

import json
import re

import pytest

from test_cli import DEMO, ROOT, failure, picture, png, run  # noqa: F401

QUESTION = "Describe the picture."
ORIGINALS = sorted((ROOT / "tests/data/config").glob("*.json"))


@pytest.fixture
def config(tmp_path):
    """Writes a configuration; its path."""

    def write(document):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(document))
        return path

    return write


def answer(*args, **options):
    return json.loads(run("ask", "--json", *args, **options).stdout)


def test_sampling_and_length_of_a_file(picture, config):  # noqa: F811
    hot = config({"generation_config": {"temperature": 2.0, "max_new_tokens": 6, "repetition_penalty": 1.5}})
    typed = ["--temperature", 2, "--max-tokens", 6, "--repetition-penalty", 1.5, "--seed", 5]
    plain = answer(picture, QUESTION, "--max-tokens", 6)["text"]
    wanted = answer(picture, QUESTION, *typed)["text"]
    assert wanted != plain
    assert answer(picture, QUESTION, "--config", hot, "--seed", 5)["text"] == wanted
    # A flag counts over the file, value by value; a variable stands between them.
    assert answer(picture, QUESTION, "--config", hot, "--temperature", 0, "--repetition-penalty", 1)["text"] == plain
    cold = {"OCELLUS_TEMPERATURE": "0", "OCELLUS_REPETITION_PENALTY": "1"}
    assert answer(picture, QUESTION, "--config", hot, env=cold)["text"] == plain
    assert answer(picture, QUESTION, "--config", hot, *typed, env=cold)["text"] == wanted


def test_bounds_of_a_file(picture, config):  # noqa: F811
    capped = config({"limits": {"max_tokens_cap": 2}})
    for more in ([], ["--max-tokens", 50]):
        usage = answer(picture, QUESTION, "--config", capped, *more)["usage"]
        assert usage["completion_tokens"] == 2
    short = config({"limits": {"max_sequence_length": 32}})
    error = failure("ask", "word " * 60, "--config", short)
    assert "allows 32" in error or "32 tokens" in error
    late = config({"timeout": 0.001})
    assert "time" in failure("ask", picture, QUESTION, "--config", late, "--engine", "reference")
    full = answer(picture, QUESTION)["text"]
    ended = answer(picture, QUESTION, "--config", config({"special_tokens": {"end_token": full[3:6]}}))
    assert (ended["text"], ended["stop_cause"]) == (full[: full.index(full[3:6])], "stop_string")


def test_pictures_are_made_to_fit(tmp_path, config):
    large = tmp_path / "large.png"
    large.write_bytes(png(600, 300))
    file = config({"image_processing": {"size": [100, 100]}})
    (image,) = answer(large, QUESTION, "--config", file)["images"]
    assert (image["width"], image["height"]) == (100, 50)
    (image,) = answer(large, QUESTION)["images"]
    assert (image["width"], image["height"]) == (600, 300)


def test_the_image_token_is_no_part_of_a_question(picture, config):  # noqa: F811
    file = config({"special_tokens": {"image_token": "<|image_1|>"}})
    tokens = [answer(picture, "<|image_1|>\nWhat?", *more)["usage"]["prompt_tokens"]
              for more in ([], ["--config", file])]  # fmt: skip
    assert tokens[1] == answer(picture, "What?")["usage"]["prompt_tokens"] < tokens[0]


def test_model_and_fallback_of_a_file(picture, config, tmp_path):  # noqa: F811
    assert "absent/m-9" in failure("ask", "Hi", "--config", config({"model_path": "absent/m-9"}))
    fallback = {"model_path": "absent/m-9", "fallback_config": {"fallback_model_path": str(DEMO)}}
    done = run("ask", "--json", picture, QUESTION, "--config", config(fallback))
    assert json.loads(done.stdout)["text"] and "fallback" in done.stderr and "absent/m-9" in done.stderr
    off = {**fallback, "fallback_config": {**fallback["fallback_config"], "enabled": False}}
    assert "absent/m-9" in failure("ask", "Hi", "--config", config(off))
    # --model counts over both, and then there is no fallback.
    assert run("ask", picture, QUESTION, "--config", config(fallback), "--model", "demo").stderr == ""
    assert "other/m" in failure("ask", "Hi", "--config", config(fallback), "--model", "other/m")
    assert "f32 activations" in answer("Hi", "--config", config({"engine": {"activations": "f32"}}))["engine"]
    assert run("ask", "Hi", env={"OCELLUS_MODEL": str(DEMO)}).stdout
    assert "gone" in failure("ask", "Hi", env={"OCELLUS_MODEL": "gone"})


@pytest.mark.parametrize("path", ORIGINALS, ids=lambda path: path.stem)
def test_the_original_files_and_the_catalogue(picture, path):  # noqa: F811
    names = [path.stem] if (ROOT / "configs/models" / path.name).exists() else []
    for config in (path, *names):
        done = run("ask", "--json", picture, QUESTION, "--config", config, "--model", "demo")
        assert json.loads(done.stdout)["text"] and done.stderr == ""
    assert run("ask", picture, QUESTION, "--config", "demo").stdout == run("ask", picture, QUESTION).stdout


def test_what_is_wrong_is_told(config, tmp_path):
    error = failure("ask", "Hi", "--config", config({"max_tokens": "many", "timeout": -1}), code=2)
    assert [line.split()[2] for line in error.splitlines()] == ['"max_tokens"', '"timeout"'], "a line each"
    warned = run("ask", "Hi", "--config", config({"timeot": 1}))
    assert "timeot" in warned.stderr and warned.stdout
    assert "phi3_vision" in failure("ask", "Hi", "--config", "phi9")
    assert "OCELLUS_TEMPERATURE" in failure("ask", "Hi", env={"OCELLUS_TEMPERATURE": "hot"}, code=2)


def test_a_typed_mistake_leads_to_the_verbs_help(picture):  # noqa: F811
    for flags, says in ((["--engine", "x"], "one of auto, cpu, mlx, reference"),
                        (["--threads", 5000], "from 0 to 1024"),
                        (["--temperature", "hot"], "from 0 to 2")):  # fmt: skip
        told = failure("ask", picture, "Hi", *flags, code=2)
        assert says in told and told.endswith("\nhint: see ocellus ask --help\n")
    assert "hint:" not in failure("ask", "Hi", env={"OCELLUS_THREADS": "-1"}, code=2)


def test_a_flag_twice_is_wrong_usage(picture):  # noqa: F811
    for verb in (["ask", "Hi"], ["chat"], ["see", picture], ["tokenize", "Hi"], ["bench"]):
        told = failure(*verb, "--model", "demo", "--model", "demo", code=2)
        assert told == f"error: --model is given more than once\nhint: see ocellus {verb[0]} --help\n"
    for flag, value in (("--engine", "cpu"), ("--threads", 1), ("--temperature", 0)):
        assert flag in failure("ask", "Hi", flag, value, flag, value, code=2)
    # serve's verbs take the last one, and lists add up.
    shown = run("config", "show", "--port", 1, "--port", 2, "--api-key", "a", "--api-key", "b").stdout
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert lines["server.port"][0] == "2" and lines["server.api_keys"][0] == "2,"


# A key may stand behind a name that is mistyped.
def test_what_is_not_understood_shows_no_values():
    for flags in (["--set", "server.api_key=TOPSECRET"], ["--set", "server.api_kyes=TOPSECRET"],
                  ["--set", "api_keys=TOPSECRET"], ["--set", "=TOPSECRET"]):  # fmt: skip
        done = run("config", "show", *flags, code=1)
        assert "--set wants KEY=VALUE" in done.stderr and "SECRET" not in done.stdout + done.stderr
        assert "SECRET" not in failure("serve", *flags, code=2)
    for verb in (["serve"], ["plan"], ["config", "show"]):
        for flags in (["--api-kye", "TOPSECRET"], ["--api-kye=TOPSECRET"], ["-aTOPSECRET"], ["TOPSECRET"],
                      ["--set", "server.api_keys", "TOPSECRET"], ["--insecure", "TOPSECRET", "--host", "::1"]):  # fmt: skip
            told = failure(*verb, *flags, code=2)
            assert "SECRET" not in told and "expected" in told
            hint = told.splitlines()[-1]
            assert re.fullmatch(rf"hint: (did you mean --[a-z-]+\? )?see ocellus {' '.join(verb)} --help", hint)
            assert ("--api-kye" in told) == ("kye" in flags[0])
    assert "--colour" in failure("ask", "Hi", "--colour", "TOPSECRET", code=2)
    assert "not expected: x" in failure("list", "x", code=2)


def test_chat_takes_the_same(picture, config):  # noqa: F811
    file = config({"limits": {"max_tokens_cap": 2}})
    lines = f"{QUESTION}\n/reset\n{QUESTION}\n"
    first, second = run("chat", picture, "--config", file, stdin=lines).stdout.splitlines()
    full = run("chat", picture, stdin=f"{QUESTION}\n").stdout.strip()
    assert first == second and full.startswith(first) and len(first) < len(full)
