"""`ocellus plan`: its numbers against what the program really takes, and what follows from them."""

import json
import math
import os
import re
import subprocess
import sys

import httpx
import pytest

from conftest import NO_END, picture_part, text_part, user
from test_cli import BIN, EXAMPLES, failure, run
from test_server_process import failing

MIB = 1 << 20
# What one token takes in the demo's cache: 4 layers, keys and values, 6 heads of 32; q8 has a scale
# of 4 bytes for each head beside them.
TOKEN_BYTES = {"f16": 4 * 2 * 6 * 32 * 2, "q8": 4 * 2 * 6 * (32 + 4), "f32": 4 * 2 * 6 * 32 * 4}


def plan(*flags, code=0):
    return json.loads(run("plan", "--json", *flags, code=code).stdout)


PARENT = """
import os, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(*args):
    """Peak resident bytes of a run, and what it printed. What wait4() tells at the end may be the peak
    of the parent, before it became the other: so it is a small one, and not this process."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PARENT, str(BIN), *map(str, args)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stderr.splitlines()[-1]) << 10, json.loads(done.stdout)


FOLDERS = ["demo", "tiny-mlx4", "tiny-bf16", "smolvlm2-tiny-mlx4", "moondream2-tiny-mlx4"]


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request, tmp_path_factory):
    if request.param == "demo":
        return "demo"
    path = tmp_path_factory.mktemp("plan") / request.param
    shape, _, quant = request.param.rpartition("-")
    run("synth", "--shape", shape, "--quant", quant, "--seed", 5, "--out", path)
    return path


@pytest.mark.skipif("OCELLUS_BIN" in os.environ, reason="a sanitizer takes memory of its own")
@pytest.mark.parametrize("engine", ["cpu", "mlx"])
@pytest.mark.parametrize("picture", [False, True])
def test_the_peak_is_what_the_plan_says(folder, picture, engine):
    if not picture and "moondream2" in str(folder):
        assert "there is no picture" in failure("ask", "--model", folder, "--engine", engine, "What?")
        return
    found = plan("--model", folder, "--engine", engine)
    # The widest step and the most views that are planned for.
    # mlx's estimate is for scores over 4,096 tokens, so its prompts are longer; Moondream2's context is not.
    short = engine == "cpu" or "moondream2" in str(folder)
    # Of some four tokens each, for all of these models.
    words = " ".join(["qzx" if "demo" in str(folder) else "word"] * (900 if not picture else 300 if short else 700))
    pictures = [EXAMPLES / "red-circle.png", "--detail", "high"] if picture else []
    measured, answer = peak("ask", "--model", folder, "--engine", engine, "--json", "--max-tokens", 8,
                            *pictures, words)  # fmt: skip
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 512
    weights = found["weights"]
    expected = found["program_bytes"] + weights["copied_bytes"]
    expected += weights["file_bytes"]  # mapped: resident at the peak, whoever reads it
    computed = found["step_bytes"] + usage["total_tokens"] * found["kv"]["token_bytes"]
    if picture:
        # Alone, a picture is encoded before the first step; a server may do both at once.
        widest = found["pictures"][-1]
        assert widest["tokens"] == max(one["tokens"] for one in found["pictures"])
        encoded = widest["workspace_bytes"] + widest["pixel_bytes"]
        computed = max(computed, encoded) if engine == "cpu" else computed + encoded
        computed += widest["bytes"]
    expected += computed
    # cpu: buffers are counted one by one. mlx: an estimate (its graphs are its own affair, and it
    # keeps their memory), made for scores over 4,096 tokens, so that it may well be too high.
    low, high = (0.95, 1.05) if engine == "cpu" else (0.4, 1.3)
    assert low * expected - 6 * MIB < measured < high * expected + 6 * MIB, (
        f"measured {measured / MIB:.1f} MiB, planned {expected / MIB:.1f} MiB"
    )


@pytest.mark.parametrize("kv", ["f16", "q8"])
def test_keys_and_values_as_the_metrics_count_them(start, kv):
    token = plan("--kv", kv)["kv"]["token_bytes"]
    assert token == TOKEN_BYTES[kv]
    server = start("--kv", kv)
    client = httpx.Client(base_url=server.url, timeout=300)
    metric = lambda pattern: float(re.search(pattern, client.get("/metrics").text, re.M)[1])
    kept = lambda: metric(r'^ocellus_cache_bytes\{[^}]*prefix[^}]*\} (\S+)$')
    before = kept()  # of the warm-up
    body = {"messages": [user(picture_part(1), text_part("Describe " * 300))], "max_tokens": 200,
            "stream": True, "stream_options": {"include_usage": True},
            "logit_bias": NO_END}
    seen = []
    with httpx.stream("POST", server.url + "/v1/chat/completions", json=body, timeout=300) as reply:
        for line in reply.iter_lines():
            seen.append(metric(r"^ocellus_kv_reserved_bytes (\S+)$"))
            if '"usage":{' in line:
                usage = json.loads(line.removeprefix("data: "))["usage"]
    prompt, answered = (usage[k] for k in ("prompt_tokens", "completion_tokens"))
    assert answered == 200
    # Block by block, as the answer grows.
    blocks = lambda tokens: math.ceil(tokens / 64) * 64 * token
    assert set(seen) <= {0.0} | {float(blocks(prompt + tokens)) for tokens in range(answered)}
    # Finished, it is kept: the last token of an answer is never computed.
    assert blocks(prompt + answered - 1) <= kept() - before <= blocks(prompt + answered)
    # However fast the answers were: somewhere in one of them it is seen to grow.
    again = 0
    while len(set(seen) - {0.0}) < 2 and again < 20:
        again += 1
        body["messages"] = [user(text_part(f"{again} " + "Describe " * 300))]
        body["max_tokens"] = 1500
        with httpx.stream("POST", server.url + "/v1/chat/completions", json=body, timeout=300) as reply:
            for _ in reply.iter_lines():
                seen.append(metric(r"^ocellus_kv_reserved_bytes (\S+)$"))
    assert len(set(seen) - {0.0}) > 1


def test_the_server_runs_by_the_plan(start):
    flags = ("--image-cache", 32, "--max-running", 4)
    wanted = plan(*flags)
    assert wanted["fits"] and not wanted["made_smaller"]
    # Small models have a small pool: two contexts for each of those that run.
    assert wanted["kv"]["bytes"] == 2 * 4 * 4096 * TOKEN_BYTES["f16"]
    assert wanted["kv"]["prefix_bytes"] == wanted["kv"]["bytes"] / 2
    server = start(*map(str, flags))
    line = server.logged("event=memory")[0]
    told = dict(re.findall(r"(\w+)=(\S+)", line))
    assert int(told["kv_mb"]) == wanted["kv"]["bytes"] >> 20
    assert int(told["images_mb"]) == 32
    assert int(told["total_mb"]) == wanted["total_bytes"] >> 20


def test_finished_conversations_stay_within_their_share(start):
    """Without --kv-memory: what is kept of ever new conversations is bounded by the model."""
    server = start("--max-running", "1")
    share = plan("--max-running", 1)["kv"]["prefix_bytes"]
    assert share == 4096 * TOKEN_BYTES["f16"]
    most = 0
    for i in range(12):
        httpx.post(
            server.url + "/v1/chat/completions",
            json={"messages": [user(text_part(f"{i} " + "word " * 250))], "max_tokens": 1},
            timeout=300,
        ).raise_for_status()
        text = httpx.get(server.url + "/metrics").text
        most = max(most, float(re.search(r"^ocellus_cache_bytes\{[^}]*prefix[^}]*\} (\S+)$", text, re.M)[1]))
    assert share / 2 < most <= share


def test_a_small_machine_gets_smaller_defaults():
    large, small = plan("--ram", "16G"), plan("--ram", "1G")
    assert not large["made_smaller"] and small["made_smaller"] and small["fits"]
    assert small["total_bytes"] <= small["usable_bytes"] == (1 << 30) - (1 << 30) // 10
    assert small["request_bytes"] < large["request_bytes"]
    text = run("plan", "--ram", "1G").stdout
    assert "with defaults made smaller" in text and "longest context: " in text


def test_what_does_not_fit_says_which_flag_would_help():
    f16, q8 = (plan("--ram", "16G", "--kv", kv)["least_bytes"] for kv in ("f16", "q8"))
    assert q8 < f16
    between = str((f16 + q8) // 2 * 10 // 9)
    bad = plan("--ram", between, code=1)
    assert not bad["fits"] and bad["would_fit_with"] == ["--kv q8"]
    assert plan("--ram", between, "--kv", "q8")["fits"]
    text = run("plan", "--ram", between, code=1).stdout
    assert "does not fit" in text and "would fit with --kv q8" in text
    hopeless = plan("--ram", "40M", code=1)
    assert hopeless["would_fit_with"] == []


def test_a_server_that_does_not_fit_refuses_with_the_plans_numbers():
    flags = ("--kv-memory", "9000000")
    told = plan(*flags, code=1)
    code, text = failing("--port", "0", *flags)
    assert code == 1 and "listening" not in text
    assert "not enough memory for the model" in text
    advised = told["would_fit_with"][0]
    assert advised.startswith("--kv-memory ") and "it would fit with --kv-memory " in text
    assert plan(*advised.split())["fits"]


def test_wrong_words_are_refused():
    assert "no model" in failure("plan", "--model", "none")
    failure("plan", "--ram", "lots", code=2)
    assert "--kv must be one of" in failure("plan", "--kv", "q3", code=2)
