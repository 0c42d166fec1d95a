"""`ocellus quantize` as a black box: killed and continued, its report, its errors."""

import json
import os
import shutil
import signal
import subprocess
import time

import httpx
import pytest

from test_cli import BIN, EXAMPLES, GOLDEN, failure, read_safetensors, run

STATE = "ocellus-quantize.json"


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A random bf16 checkpoint of a few MB."""
    folder = tmp_path_factory.mktemp("quantize") / "full"
    run("synth", "--shape", "tiny", "--quant", "bf16", "--seed", 5, "--out", folder)
    return folder


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != STATE}


def test_a_quantised_model_is_complete_and_answers(full, tmp_path):
    text = run("quantize", full, tmp_path / "out", "--bits", 8, "--keep", "vision,lm_head").stdout
    assert "model.layers.2" in text and "8 bits in groups of 64" in text
    assert "vision" not in text and "lm_head" not in text
    assert run("inspect", tmp_path / "out").stdout.rstrip().endswith("complete")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config.pop("quantization") == {"group_size": 64, "bits": 8}
    assert config == json.loads((full / "config.json").read_text())
    answer = run("ask", EXAMPLES / "small.png", "Hello", "--json", "--max-tokens", 3,
                 "--model", tmp_path / "out").stdout  # fmt: skip
    assert len(json.loads(answer)["token_ids"]) == 3


def test_the_report_compares_answers_about_pictures(full, tmp_path):
    pictures = [EXAMPLES / "small.png", EXAMPLES / "red-circle.png"]
    args = ["--json", "--max-tokens", 4, "--pictures", *pictures]
    reports = {}
    for bits in (4, 8):
        out = run("quantize", full, tmp_path / str(bits), "--bits", bits, *args).stdout
        reports[bits] = json.loads(out)
    four, eight = reports[4], reports[8]
    assert 0.05 < four["relative_rms"] < 0.12  # of a uniform distribution in 16 steps
    assert 10 < four["relative_rms"] / eight["relative_rms"] < 25  # 15 against 255 steps
    assert four["output_bytes"] < eight["output_bytes"] < four["input_bytes"]
    assert {t["action"] for t in four["tensors"]} == {"quantized", "float"}
    for report in reports.values():
        scores = report["pictures"]
        assert [item["picture"] for item in scores["items"]] == [str(p) for p in pictures]
        assert all(item["tokens"] == 4 and item["agreed"] <= 4 for item in scores["items"])
        assert scores["mean_logprob_input"] < 0 and scores["perplexity_output"] > 1
    same = four["pictures"]["mean_logprob_input"] == eight["pictures"]["mean_logprob_input"]
    assert same, "the input's answers do not depend on the output"


def test_killed_at_any_moment_it_goes_on_and_ends_the_same(full, tmp_path):
    command = ["quantize", full, tmp_path / "out", "--shard-size", "300KB", "--threads", 1]
    run("quantize", full, tmp_path / "whole", *command[3:])
    expected = files(tmp_path / "whole")
    killed = 0
    for delay in (0.02, 0.03, 0.04, 0.05, 0.07, 0.09, 0.12, 0.15):
        process = subprocess.Popen([BIN, *map(str, command)], stdout=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        found = files(tmp_path / "out") if (tmp_path / "out").exists() else {}
        for name, data in found.items():
            assert name.endswith(".tmp") or data == expected[name], f"half of {name}"
        if "config.json" in found:
            assert set(found) >= set(expected), "a model that is not whole"
        if process.returncode == 0:  # too late, on a busy machine: there must be something left to do
            shutil.rmtree(tmp_path / "out")
    assert killed > 0
    run(*command)
    assert files(tmp_path / "out") == expected


def test_errors_say_what_is_wrong(full, tmp_path):
    done = tmp_path / "done"
    run("quantize", full, done)
    assert "quantised already" in failure("quantize", done, tmp_path / "again")
    assert "quantised already" in failure("quantize", "demo", tmp_path / "again")
    assert "--restart" in failure("quantize", full, done, "--bits", 8)
    run("quantize", full, done, "--bits", 8, "--restart")
    assert "the input itself" in failure("quantize", full, full)
    assert "is not empty" in failure("quantize", full, EXAMPLES)
    assert "nonsense" in failure("quantize", full, tmp_path / "x", "--keep", "vision,nonsense")
    assert "gone.png" in failure("quantize", full, tmp_path / "x", "--pictures", "gone.png")
    assert not (tmp_path / "x").exists()
    failure("quantize", full, tmp_path / "x", "--bits", 3, code=2)
    failure("quantize", full, tmp_path / "x", "--group", 16, code=2)
    failure("quantize", full, tmp_path / "x", "--shard-size", "much", code=2)
    failure("quantize", full, code=2)


def test_the_golden_checkpoint_becomes_the_golden_four_bit_one(tmp_path):
    if not GOLDEN.exists():
        pytest.skip("../shared/golden is not here")
    run("quantize", GOLDEN / "model/tiny-bf16", tmp_path / "out")
    expected = read_safetensors(GOLDEN / "model/tiny-4bit-mlx/model.safetensors")
    assert read_safetensors(tmp_path / "out/model.safetensors") == expected


# --- when it is loaded


def on_load(model, *flags, home, **more):
    done = run("ask", EXAMPLES / "small.png", "Hello", "--json", "--max-tokens", 6, "--model", model,
               *flags, env={"OCELLUS_HOME": str(home)}, **more)  # fmt: skip
    answer = json.loads(done.stdout)
    return answer["token_ids"], answer["model"]


@pytest.mark.parametrize("engine", [["--engine", "cpu"], ["--engine", "mlx", "--device", "cpu"]])
def test_on_load_it_answers_as_the_quantised_folder(full, tmp_path, engine):
    home = tmp_path / "home"
    for bits, group in ((4, 64), (8, 32)):
        out = tmp_path / f"{bits}"
        run("quantize", full, out, "--bits", bits, "--group", group)
        flags = ("--quantize", bits, "--group", group, *engine)
        ids, model = on_load(full, *flags, home=home)
        assert (ids, model["quantization"]) == (on_load(out, *engine, home=home)[0], f"{bits}-bit")
        assert model["name"] == "full"
        (copy,) = (home / "quantized").glob(f"full-*-{bits}bit-g{group}-*")
        assert files(copy) == files(out), "bit for bit"
        # The next one takes it as it is.
        before = {p.name: p.stat().st_mtime_ns for p in copy.iterdir()}
        assert on_load(full, *flags, home=home)[0] == ids
        assert {p.name: p.stat().st_mtime_ns for p in copy.iterdir()} == before
    assert len(list((home / "quantized").iterdir())) == 2


def test_on_load_one_model_by_two_names_has_one_copy(full, tmp_path):
    home = tmp_path / "home"
    (home / "models/org").mkdir(parents=True)
    (home / "models/org/alias").symlink_to(full)
    on_load("org/alias", "--quantize", 4, home=home)
    (copy,) = (home / "quantized").iterdir()
    before = {p.name: p.stat().st_mtime_ns for p in copy.iterdir()}
    on_load(full, "--quantize", 4, home=home)
    on_load("org/alias", "--quantize", 4, home=home)
    assert list((home / "quantized").iterdir()) == [copy]
    assert {p.name: p.stat().st_mtime_ns for p in copy.iterdir()} == before


def test_on_load_a_changed_input_gets_a_new_copy(full, tmp_path):
    home, model = tmp_path / "home", tmp_path / "model"
    shutil.copytree(full, model)
    on_load(model, "--quantize", 4, home=home)
    (first,) = (home / "quantized").iterdir()
    run("synth", "--shape", "tiny", "--quant", "bf16", "--seed", 6, "--out", tmp_path / "other")
    for path in model.glob("*.safetensors"):
        path.write_bytes((tmp_path / "other" / path.name).read_bytes())
    on_load(model, "--quantize", 4, home=home)
    (second,) = (home / "quantized").iterdir()
    assert first.name != second.name
    # One that is not whole is made anew.
    (second / "model.safetensors").write_bytes(b"half")
    ids = on_load(model, "--quantize", 4, home=home)[0]
    assert on_load(second, home=home)[0] == ids
    # And goes with its model.
    (home / "models").mkdir()
    model.rename(home / "models/mine")
    on_load("mine", "--quantize", 8, home=home)
    assert len(list((home / "quantized").glob("mine-*"))) == 1
    run("rm", "mine", "--yes", env={"OCELLUS_HOME": str(home)})
    assert not list((home / "quantized").glob("mine-*"))


def test_on_load_two_at_a_time_make_one_copy(full, tmp_path):
    env = {**os.environ, "OCELLUS_HOME": str(tmp_path)}
    command = [str(BIN), "ask", "Hello", "--json", "--max-tokens", "4", "--model", str(full),
               "--quantize", "4"]  # fmt: skip
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, env=env) for _ in range(3)]
    answers = {str(json.loads(p.communicate(timeout=300)[0])["token_ids"]) for p in both}
    assert len(answers) == 1 and all(p.returncode == 0 for p in both)
    assert len(list((tmp_path / "quantized").iterdir())) == 1


def test_on_load_refusals(full, tmp_path):
    env = {"OCELLUS_HOME": str(tmp_path)}
    text = failure("ask", "Hello", "--model", "demo", "--quantize", 4, env=env)
    assert "quantised already" in text and "--quantize" in text
    failure("ask", "Hello", "--model", full, "--quantize", 3, code=2)
    for verb in (["ask", "Hello"], ["chat"], ["bench"]):  # means nothing alone
        told = failure(*verb, "--model", full, "--group", 32, code=2)
        assert told == f"error: --group needs --quantize\nhint: see ocellus {verb[0]} --help\n"
    # These may have the other one in a file or a variable.
    assert run("plan", "--model", full, "--group", 32).stdout
    for flags in (["--group", 32], ["--set", "engine.quantize_group=32"]):
        assert run("config", "show", *flags).stderr == ""
    for verb in ("serve", "ask"):
        more = ["Hello"] if verb == "ask" else []
        told = failure(verb, *more, "--quantize", 5, code=2)
        assert "--quantize must be one of 4, 8, 0, found 5" in told
        assert told.endswith(f"hint: see ocellus {verb} --help\n")
    told = failure("ask", "Hello", "--quantize", 4, "--group", 48, code=2)
    assert told.count("error:") == 1 and "--group must be one of 32, 64, 128, found 48" in told
    assert "quantised already" in failure("serve", "--model", "demo", "--quantize", 4, "--port", 0)
    assert "quantised already" in failure("plan", "--model", "demo", "--quantize", 4)
    (tmp_path / "quantized").write_text("in the way")
    assert "quantized" in failure("ask", "Hello", "--model", full, "--quantize", 4, env=env)


def test_a_server_quantises_on_load(full, tmp_path, start):
    home = {"OCELLUS_HOME": str(tmp_path)}
    running = start("--quantize", "8", "--group", "64", model=str(full), env=home)
    (shown,) = [m for m in httpx.get(running.url + "/v1/models").json()["data"] if m.get("active")]
    assert (shown["id"], shown["quantization"]) == ("full", "8-bit")
    # What the plan said is what the copy takes.
    told = json.loads(run("plan", "--json", "--model", full, "--quantize", 8).stdout)
    (copy,) = (tmp_path / "quantized").iterdir()
    size = (copy / "model.safetensors").stat().st_size
    assert 0 <= size - told["weights"]["file_bytes"] < 60_000  # the header
    # Other models are taken as they are.
    reply = httpx.post(running.url + "/v1/chat/completions", timeout=300,
                       json={"model": "ocellus-demo", "max_tokens": 2,
                             "messages": [{"role": "user", "content": "Hello"}]})  # fmt: skip
    assert reply.status_code == 200


def test_a_server_takes_a_group_alone(start):
    assert httpx.get(start("--group", "32").url + "/health").status_code == 200


def test_on_load_from_the_configuration(full, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model_path": str(full), "engine": {"quantize": 8, "quantize_group": 128}}))
    env = {"OCELLUS_HOME": str(tmp_path)}
    done = run("ask", "Hello", "--json", "--max-tokens", 2, "--config", file, env=env)
    assert json.loads(done.stdout)["model"]["quantization"] == "8-bit"
    assert [p.name.split("-")[2:4] for p in (tmp_path / "quantized").iterdir()] == [["8bit", "g128"]]
