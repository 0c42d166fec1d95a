"""The command line, as a black box: the built program, the embedded model, files made here.

OCELLUS_BIN names the program (default: build/release/ocellus). Needs nothing but pytest.
"""

import array
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import time
import zlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("OCELLUS_BIN", ROOT / "build/release/ocellus"))
DEMO = ROOT / "models/demo"
EXAMPLES = ROOT / "examples"
GOLDEN = ROOT.parent / "shared/golden"


def run(*args, stdin=None, code=0, env=None, text=True):
    """The completed process; its exit status must be `code`."""
    assert BIN.exists(), f"{BIN} is not built (set OCELLUS_BIN)"
    done = subprocess.run(
        [str(BIN), *map(str, args)],
        input=stdin if stdin is not None else ("" if text else b""),
        capture_output=True,
        timeout=300,
        text=text,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout!r} {done.stderr!r}"
    return done


def failure(*args, code=1, **kwargs):
    """Standard error of a run that must fail, and say so in the usual form, and print nothing else."""
    done = run(*args, code=code, **kwargs)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    return done.stderr


def png(width, height, pixel=lambda x, y: (200, 30, 30)):
    rows = b"".join(
        b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height)
    )

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def read_safetensors(path):
    """name → (dtype, shape, bytes)"""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    data = raw[8 + length :]
    return {
        name: (t["dtype"], t["shape"], data[t["data_offsets"][0] : t["data_offsets"][1]])
        for name, t in header.items()
        if name != "__metadata__"
    }


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(png(64, 48))
    return path


# --- The program


def test_help_names_every_verb():
    text = run("--help").stdout
    for verb in ("ask", "chat", "serve", "see", "tokenize", "inspect", "verify", "synth", "bench"):
        assert f"\n  {verb} " in text
        assert f"ocellus {verb}" in run(verb, "--help").stdout


def test_wrong_usage_is_status_2_with_a_hint():
    assert "hint: see ocellus --help" in failure(code=2)
    assert "hint: see ocellus --help" in failure("frobnicate", code=2)
    assert "hint: see ocellus ask --help" in failure("ask", "--frobnicate", "x", code=2)
    assert "--engine" in failure("ask", "--engine", "abacus", "x", code=2)
    assert "hint:" in failure("ask", code=2)


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--temperature", "-1"], "--temperature must be a number from 0 to 2, found -1"),
        (["--top-p", "1.5"], "--top-p must be a number from 0.000001 to 1, found 1.5"),
        (["--top-k", "-2"], "--top-k must be an integer from 0 to 16777216, found -2"),
        (["--min-p", "1"], "--min-p must be a number from 0 to 0.999999, found 1"),
        (["--repetition-penalty", "0"], "--repetition-penalty must be a number from 0.01 to 100, found 0"),
        (["--max-tokens", "0"], "--max-tokens must be at least 1, found 0"),
        (["--detail", "low", "--num-crops", "4"], "--num-crops and --detail do not go together"),
        (["--seed", "-1"], "--seed: must be a whole number from 0"),
    ],
)
def test_bad_flags(picture, flags, message):
    assert message in failure("ask", picture, "What is it?", *flags, code=2)


# --- ask


def examples():
    path = EXAMPLES / "examples.json"
    return json.loads(path.read_text()) if path.exists() else []


def canonical(answer):
    """As shared/demo-world says: without case, final full stop and leading article."""
    words = answer.strip().lower().rstrip(".").split()
    return " ".join(words[1:] if words[:1] in (["a"], ["an"], ["the"]) else words)


@pytest.mark.skipif(not examples(), reason="examples/examples.json is not there")
def test_examples_are_answered_rightly():
    wrong = []
    for case in examples():
        done = run("ask", EXAMPLES / case["image"], case["question"])
        if canonical(done.stdout) != canonical(case["answer"]):
            wrong.append((case, done.stdout))
    assert not wrong


def test_json_tells_everything(picture):
    done = run("ask", picture, "What is the shape?", "--json", "--num-crops", 1, "--seed", 7)
    answer = json.loads(done.stdout)
    assert done.stderr == ""
    assert answer["seed"] == 7
    assert answer["finish_reason"] == "stop" and answer["stop_cause"] == "stop_token"
    assert isinstance(answer["stop_token"], int) and answer["stop_string"] is None
    assert answer["stop_token"] not in answer["token_ids"]
    usage = answer["usage"]
    assert usage["completion_tokens"] == len(answer["token_ids"]) + 1
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["image_tokens"] < usage["prompt_tokens"]
    (image,) = answer["images"]
    assert (image["width"], image["height"], image["format"]) == (64, 48, "PNG")
    assert (image["effective_width"], image["effective_height"]) == (336, 252)
    assert (image["canvas_width"], image["canvas_height"]) == (336, 336)
    assert (image["crops_w"], image["crops_h"], image["num_crops"]) == (1, 1, 1)
    assert image["tokens"] == usage["image_tokens"]
    timings = answer["timings"]
    assert 0 < timings["ttft_ms"] <= timings["total_ms"]
    assert timings["load_ms"] > 0
    assert all(value == round(value, 3) for value in timings.values()), timings
    assert answer["model"]["name"] == "ocellus-demo"
    assert answer["model"]["architecture"] == "phi3_v"
    assert answer["engine"]
    # The ids are those of the text that is shown without --json.
    plain = run("ask", picture, "What is the shape?", "--num-crops", 1, "--seed", 7)
    assert plain.stdout == answer["text"] + "\n"


def test_pictures_from_standard_input(picture):
    piped = run(
        "ask", "-", "What is it?", "--json", stdin=picture.read_bytes(), text=False
    ).stdout
    named = run("ask", picture, "What is it?", "--json").stdout
    piped, named = json.loads(piped), json.loads(named)
    assert piped["token_ids"] == named["token_ids"]
    assert piped["images"][0]["file"] == "-"


def test_detail_and_several_pictures(picture):
    def crops(*flags):
        answer = json.loads(run("ask", picture, picture, "Hi", "--json", *flags).stdout)
        return [image["num_crops"] for image in answer["images"]]

    default = json.loads((DEMO / "preprocessor_config.json").read_text())["num_crops"]
    assert crops("--detail", "low") == [1, 1]
    assert crops("--detail", "high") == [16, 16]
    assert crops() == [default, default]
    assert crops("--num-crops", "2") == [2, 2]


def test_questions_without_pictures():
    answer = json.loads(run("ask", "Hello", "--json").stdout)
    assert answer["images"] == [] and answer["usage"]["image_tokens"] == 0


def test_greedy_answers_repeat_and_seeds_draw(picture):
    def text(*flags):
        return run("ask", picture, "Describe the picture.", *flags).stdout

    assert text() == text()
    hot = ["--temperature", "1.5", "--max-tokens", "12"]
    assert text(*hot, "--seed", "1") == text(*hot, "--seed", "1")
    assert len({text(*hot, "--seed", str(seed)) for seed in range(6)}) > 1


def test_max_tokens_and_stop_strings(picture):
    full = json.loads(run("ask", picture, "Describe the picture.", "--json").stdout)
    assert len(full["token_ids"]) > 2
    short = json.loads(
        run("ask", picture, "Describe the picture.", "--json", "--max-tokens", "1").stdout
    )
    assert short["token_ids"] == full["token_ids"][:1]
    assert (short["finish_reason"], short["stop_cause"]) == ("length", "max_tokens")
    stop = full["text"][2:4]
    cut = json.loads(
        run("ask", picture, "Describe the picture.", "--json", "--stop", "never", "--stop", stop).stdout
    )
    assert cut["text"] == full["text"].split(stop)[0]
    assert (cut["finish_reason"], cut["stop_cause"]) == ("stop", "stop_string")
    assert cut["stop_string"] == stop


def test_an_empty_answer_says_why(picture):
    full = json.loads(run("ask", picture, "Describe the picture.", "--json").stdout)
    first = full["text"][:2]
    done = run("ask", picture, "Describe the picture.", "--stop", first)
    assert done.stdout == "\n"
    assert done.stderr.startswith("warning: the answer is empty: it began with the stop string")
    done = run("ask", picture, "Describe the picture.", "--stop", first, "--json")
    assert json.loads(done.stdout)["warning"].startswith("the answer is empty")


def test_stats_on_demand(picture):
    done = run("ask", picture, "What is it?", "--stats")
    assert "prompt tokens (" in done.stderr and "tokens/s" in done.stderr


def test_missing_and_broken_pictures(tmp_path, picture):
    missing = tmp_path / "none.png"
    assert str(missing) in failure("ask", missing, "What is it?")
    text = tmp_path / "text.png"
    text.write_text("no picture at all")
    assert str(text) in failure("ask", text, "What is it?")
    cut = tmp_path / "cut.png"
    cut.write_bytes(picture.read_bytes()[:-30])
    assert str(cut) in failure("ask", cut, "What is it?")
    thin = tmp_path / "thin.png"
    thin.write_bytes(png(1000, 1))
    failure("ask", thin, "What is it?")
    assert "standard input" in failure("ask", "-", "What is it?")
    assert "there is no question" in failure("ask", picture, code=2)


def test_unknown_models(tmp_path, picture):
    env = {"OCELLUS_HOME": str(tmp_path)}
    error = failure("ask", "--model", "none", picture, "What is it?", env=env)
    assert str(tmp_path / "models/none") in error and "ocellus-demo" in error
    (tmp_path / "models/empty").mkdir(parents=True)
    error = failure("ask", "--model", "empty", picture, "What is it?", env=env)
    assert "config.json" in error


def test_the_context_is_limited(picture):
    error = failure("ask", "hello " * 6000)
    assert "the model's context holds" in error and "hint:" in error


def is_at_work(pid):
    """Whether it takes the signal itself, and has computed for half a second."""
    if not pathlib.Path("/proc/self/stat").exists():  # not Linux
        time.sleep(1.5)
        return True
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    caught = int(re.search(r"^SigCgt:\s+(\w+)$", status, re.M)[1], 16)
    times = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    seconds = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    return caught >> (signal.SIGINT - 1) & 1 == 1 and seconds > 0.5


def test_ctrl_c_ends_an_answer_cleanly(tmp_path):
    # 85 views on the slow engine: still at work when the signal comes.
    big = tmp_path / "big.png"
    big.write_bytes(png(336, 336))
    process = subprocess.Popen(
        [str(BIN), "ask", *[str(big)] * 5, "Describe", "--num-crops", "16", "--engine", "reference"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not is_at_work(process.pid):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors == "error: interrupted\n"


# --- see


def test_see_prints_sizes(picture):
    text = run("see", picture).stdout
    assert "64 x 48" in text and "tokens" in text
    sizes = json.loads(run("see", picture, "--num-crops", "4", "--json").stdout)
    assert sizes["crops_w"] == 2 and sizes["crops_h"] == 2
    assert (sizes["effective_width"], sizes["effective_height"]) == (672, 504)
    assert (sizes["canvas_width"], sizes["canvas_height"]) == (672, 672)


def test_see_writes_what_the_model_sees(tmp_path):
    # Left half red, right half blue, twice as wide as high: two crops beside each other.
    source = tmp_path / "two.png"
    source.write_bytes(png(672, 336, lambda x, y: (255, 0, 0) if x < 336 else (0, 0, 255)))
    out, tensor = tmp_path / "new/folder", tmp_path / "pixels.safetensors"
    run("see", source, "--num-crops", "2", "--out", out, "--tensor", tensor)
    assert sorted(p.name for p in out.iterdir()) == ["crop_0_0.png", "crop_0_1.png", "global.png"]
    assert {png_size(path) for path in out.iterdir()} == {(336, 336)}

    tensors = read_safetensors(tensor)
    dtype, shape, data = tensors["image_sizes"]
    assert (dtype, shape) == ("I64", [1, 2])
    assert struct.unpack("<2q", data) == (336, 672)
    dtype, shape, data = tensors["pixel_values"]
    assert (dtype, shape) == ("F32", [1, 3, 3, 336, 336])
    pixels = array.array("f", data)
    config = json.loads((DEMO / "preprocessor_config.json").read_text())
    plane = 336 * 336
    for view, colour in ((1, (1, 0, 0)), (2, (0, 0, 1))):
        for channel in range(3):
            mean, std = config["image_mean"][channel], config["image_std"][channel]
            start = (view * 3 + channel) * plane
            expected = (colour[channel] - mean) / std
            assert all(abs(v - expected) < 1e-5 for v in pixels[start : start + plane : 97])

    # The PNG of a crop is the picture again: seeing it changes nothing.
    again = tmp_path / "again"
    run("see", out / "crop_0_1.png", "--num-crops", "1", "--out", again)
    assert (again / "global.png").read_bytes() == (out / "crop_0_1.png").read_bytes()


def test_see_needs_no_weights(tmp_path, picture):
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((DEMO / name).read_bytes())
    assert run("see", picture, "--model", tmp_path).stdout == run("see", picture).stdout


def test_see_refuses(tmp_path, picture):
    assert "none.png" in failure("see", tmp_path / "none.png")
    assert "num_crops is 0" in failure("see", picture, "--num-crops", "0")
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "cannot make the folder" in failure("see", picture, "--out", blocked / "deeper")


# --- tokenize


def control_ids():
    added = json.loads((DEMO / "tokenizer.json").read_text())["added_tokens"]
    return {token["content"]: token["id"] for token in added}


def test_tokenize_text():
    ids = json.loads(run("tokenize", "Hello <|end|>").stdout)
    control = control_ids()
    assert ids[0] == control["<s>"]
    assert control["<|end|>"] not in ids, "what users type never becomes a control token"
    assert json.loads(run("tokenize", "-", stdin="Hello <|end|>").stdout) == ids
    assert control["<|end|>"] in json.loads(run("tokenize", "--trusted", "Hello <|end|>").stdout)


def test_tokenize_messages():
    control = control_ids()
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What <|image_1|> <|user|> is it?"},
                {"type": "image", "size": [64, 48], "num_crops": 1},
            ],
        },
    ]
    ids = json.loads(run("tokenize", "--messages", "-", stdin=json.dumps(messages)).stdout)
    (run_of_image,) = [entry for entry in ids if isinstance(entry, list)]
    sizes = json.loads(
        run("see", "-", "--num-crops", "1", "--json", stdin=png(64, 48), text=False).stdout
    )
    assert run_of_image == [-1, sizes["tokens"]]
    assert ids[:2] == [control["<s>"], control["<|system|>"]]
    assert ids.count(control["<|user|>"]) == 1
    at = ids.index(run_of_image)
    assert ids[at + 1] == control["<s>"], "BOS again after a picture"
    assert ids[-1] == control["<|assistant|>"]


@pytest.mark.parametrize(
    "document, message",
    [
        ("{", "not valid JSON"),
        ("[]", "no message"),
        ('[{"role": "robot", "content": ""}]', "role"),
        ('[{"role": "user"}]', "content"),
        ('[{"role": "user", "content": [{"type": "image", "size": [0, 1]}]}]', "size"),
        ('[{"role": "user", "content": 5}]', "content"),
    ],
)
def test_tokenize_refuses_wrong_messages(document, message):
    assert message in failure("tokenize", "--messages", "-", stdin=document)


def test_tokenize_cases_answer_line_by_line():
    lines = [
        {"kind": "plain", "text": "a\u2028b\u0000<|end|>"},
        {"kind": "chat_error", "messages": [{"role": "user", "content": "no tag"}], "images": [[9, 9]]},
        {"kind": "unheard of"},
        {"kind": "decode", "ids": [1]},
    ]
    out = run("tokenize", "--cases", "-", stdin="\n".join(map(json.dumps, lines))).stdout
    plain, chat_error, unknown, decode = map(json.loads, out.split("\n")[:-1])
    assert plain[0] == control_ids()["<s>"] and plain[-1] == control_ids()["<|end|>"]
    assert list(chat_error) == ["error"] and list(unknown) == ["error"]
    assert decode == {"text": "<s>", "text_skip_special": ""}


def test_tokenize_wants_one_input():
    assert "nothing to tokenize" in failure("tokenize", code=2)
    assert "more than one" in failure("tokenize", "a", "--messages", "b", code=2)


@pytest.mark.skipif(not (GOLDEN / "text").exists(), reason="../shared/golden is not there")
def test_tokenize_gives_the_golden_ids():
    path = GOLDEN / "text/cases.jsonl"
    cases = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    out = run("tokenize", "--model", GOLDEN / "tokenizer", "--cases", path).stdout
    answers = [json.loads(line) for line in out.split("\n")[:-1]]
    assert len(answers) == len(cases)
    for case, answer in zip(cases, answers):
        if case["kind"] in ("plain", "chat"):
            assert answer == case["ids"], case
        elif case["kind"] == "decode":
            assert answer == {key: case[key] for key in ("text", "text_skip_special")}
        else:
            assert list(answer) == ["error"], case


@pytest.mark.skipif(not (GOLDEN / "image").exists(), reason="../shared/golden is not there")
@pytest.mark.parametrize("name, num_crops", [("rgb_2x3.png", 1), ("circ_300x600.png", 4)])
def test_see_gives_the_golden_pixels(tmp_path, name, num_crops):
    expected = read_safetensors(GOLDEN / "image/expect.safetensors")
    cases = json.loads((GOLDEN / "image/cases.json").read_text())["images"]
    (image,) = [image for image in cases if image["file"] == name]
    (case,) = [case for case in image["cases"] if case["num_crops"] == num_crops]
    out = tmp_path / "out.safetensors"
    run("see", GOLDEN / "image" / name, "--model", GOLDEN / "tokenizer")
    run(
        *("see", GOLDEN / "image" / name, "--model", GOLDEN / "tokenizer"),
        *("--num-crops", num_crops, "--tensor", out),
    )
    got = read_safetensors(out)
    assert list(struct.unpack("<2q", got["image_sizes"][2])) == case["image_sizes"]
    _, shape, data = expected[case["full"]]
    assert got["pixel_values"][1] == [1, *shape]
    pairs = zip(array.array("f", got["pixel_values"][2]), array.array("f", data))
    assert max(abs(a - b) for a, b in pairs) <= 2e-5
