"""`ocellus verify MODEL`: known checkpoints of its family on this machine, and what can be said of its
own weights."""

import hashlib
import json
import shutil
import struct

import pytest

from test_cli import DEMO, GOLDEN, ROOT, failure, run
from test_cli_models import rewrite_header

SETS = ROOT / "tests/data"
FAMILIES = ROOT.parent / "shared/families"
EXACT = ("--engine", "cpu", "--activations", "f32")
# The shapes of the sets whose checkpoints are made again.
SHAPES = sorted({json.loads(path.read_text())["info"]["synth"]["shape"]
                 for path in SETS.glob("golden-*/model/cases.json") if '"synth"' in path.read_text()})  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Random checkpoints of every family with made golden data, other ones than those of the data."""
    made = {}
    for shape in SHAPES:
        for quant in ("bf16", "mlx4"):
            made[shape, quant] = tmp_path_factory.mktemp(shape) / quant
            run("synth", "--shape", shape, "--quant", quant, "--seed", 11, "--out", made[shape, quant])
    return made


@pytest.fixture
def model(tiny, tmp_path):
    """One of them, to be damaged."""
    folder = tmp_path / "mine"
    shutil.copytree(tiny["smolvlm2-tiny", "bf16"], folder)
    return folder


def test_what_is_assumed_is_told_once(tiny, tmp_path):
    """The model is loaded a second time, for another instruction set, and golden checkpoints are."""
    folder = tmp_path / "mine"
    shutil.copytree(tiny["moondream2-tiny", "mlx4"], folder)
    config = json.loads((folder / "config.json").read_text())
    del config["config"]["revision"]
    (folder / "config.json").write_text(json.dumps(config))
    assert run("verify", folder).stderr.count("is assumed") == 1


def verify(*args, code=0):
    return json.loads(run("verify", *args, "--json", code=code).stdout)


def verdicts(found):
    return {name: check["verdict"] for name, check in found["checks"].items()}


def pulled(folder):
    """Leaves the manifest of a pull behind."""
    files = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        if path.suffix == ".json":
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            files.append({"name": path.name, "size": len(data), "git": blob})
        else:
            files.append({"name": path.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    (folder / ".ocellus.json").write_text(json.dumps(
        {"hub": "https://hub.example", "repo": "org/mine", "revision": "main", "commit": "c" * 40, "files": files}
    ))  # fmt: skip


@pytest.mark.parametrize("flags", [(), EXACT, ("--engine", "reference")], ids=["cpu", "f32", "reference"])
def test_the_embedded_model(flags):
    found = verify("demo", *flags)
    assert found["verified"] is True and found["failed"] == 0
    assert found["answers"]["tokens"] == found["answers"]["equal"] > 20
    assert found["machine"] and len(found["commit"].split("+")[0]) >= 7
    expected = {"files": "right", "finite": "right", "goldens": "right", "paragraph": "not_compared",
                "repeat": "right", "instructions": "right"}  # fmt: skip
    if "reference" in flags:
        expected["instructions"] = "not_compared"
    told = verdicts(found)
    if told["instructions"] == "not_compared":  # a machine with one instruction set
        expected["instructions"] = "not_compared"
    assert told == expected
    assert {stage["checkpoint"] for stage in found["stages"]} == {"q4"}


@pytest.mark.parametrize("quant", ["bf16", "mlx4"])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_family(tiny, shape, quant):
    for flags in ((), EXACT, ("--engine", "reference")):
        found = verify(tiny[shape, quant], *flags)
        assert found["verified"] is True, found
        told = verdicts(found)
        assert told["goldens"] == told["finite"] == told["repeat"] == "right"
        assert told["files"] == "not_compared"
        # Random weights know nothing, and that is told.
        assert told["paragraph"] == "suspicious"
        assert found["checks"]["paragraph"]["nats"] > 0.7 * found["checks"]["paragraph"]["random"]
        assert {stage["checkpoint"] for stage in found["stages"]} == {"bf16", "q4"}


def test_the_words_for_people(tiny):
    text = run("verify", tiny["smolvlm2-tiny", "bf16"]).stdout
    assert "not compared  files" in text and "suspicious    paragraph" in text
    assert "golden-smolvlm bf16, golden-smolvlm q4" in text and "commit" in text
    assert text.rstrip().endswith("verified: nothing is wrong")
    assert "model.logits_last" not in text  # only where something is wrong there


def test_what_a_pull_has_left_is_compared(model):
    pulled(model)
    assert verdicts(verify(model))["files"] == "right"
    weights = next(model.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    weights.write_bytes(data)
    found = verify(model, code=1)
    assert found["verified"] is False and found["failed"] == 0
    assert found["checks"]["files"]["verdict"] == "wrong"
    assert found["checks"]["files"]["wrong"] == [weights.name]
    text = run("verify", model, code=1).stdout
    assert f"{weights.name} has another content" in text and "`ocellus pull org/mine`" in text
    assert text.rstrip().endswith("not verified: see above what is wrong")


@pytest.mark.parametrize("how", ["cut", "without its tokenizer"])
def test_what_cannot_be_loaded_is_told_by_its_files(model, how):
    pulled(model)
    weights = next(model.glob("*.safetensors"))
    broken = weights if how == "cut" else model / "tokenizer.json"
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        broken.unlink()
    found = verify(model, code=1)
    assert verdicts(found) == {"files": "wrong", "load": "wrong"} and found["verified"] is False
    assert found["checks"]["files"]["wrong"] == [broken.name]
    text = run("verify", model, code=1).stdout
    assert broken.name in text and "`ocellus pull org/mine`" in text
    assert text.rstrip().endswith("not verified: see above what is wrong")


def test_one_value_that_is_no_number(model):
    name = "model.text_model.layers.1.mlp.up_proj.weight"
    for weights in model.glob("*.safetensors"):
        data = bytearray(weights.read_bytes())
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(bytes(data[8 : 8 + length]))
        if name in header:
            break
    begin = 8 + length + header[name]["data_offsets"][0] + 2 * 5
    data[begin : begin + 2] = b"\xc0\x7f"
    weights.write_bytes(data)
    found = verify(model, code=1)
    finite = found["checks"]["finite"]
    assert finite["verdict"] == "wrong" and finite["not_finite"] == 1 and finite["wrong"] == [name]
    assert f"{name} in {weights.name}: 1 of " in finite["text"] and "the first at 5" in finite["text"]
    # The machine is not to blame, and nothing that was computed with it passes for a number.
    assert found["checks"]["goldens"]["verdict"] == "right"
    assert found["checks"]["paragraph"]["verdict"] == found["checks"]["repeat"]["verdict"] == "wrong"


def test_goldens_of_another_family_are_named(model):
    said = failure("verify", model, "--goldens", SETS / "golden-demo")
    assert "of another family: of phi3_v, and the model is smolvlm" in said and "without --goldens" in said
    said = failure("verify", "demo", "--goldens", SETS / "golden-smolvlm")
    assert "of another family: of smolvlm, and the model is phi3_v" in said


@pytest.mark.skipif(not (FAMILIES.is_dir() and GOLDEN.is_dir()), reason="../shared is absent")
def test_goldens_that_others_made_are_told_apart_too(model):
    said = failure("verify", model, "--goldens", FAMILIES / "smolvlm2/golden")
    assert "was made with another checkpoint: its vocabulary has 2176 tokens" in said
    for folder in ("smolvlm2", "moondream2"):
        assert "of another family" in failure("verify", "demo", "--goldens", FAMILIES / folder / "golden")
    assert "of another family" in failure("verify", model, "--goldens", GOLDEN)
    assert "another checkpoint" in failure("verify", "demo", "--goldens", GOLDEN)


def test_without_golden_data_it_says_where_it_looked(tmp_path):
    said = failure("verify", "demo", env={"OCELLUS_GOLDENS": str(tmp_path)})
    assert "there is no golden data of phi3_v" in said and str(tmp_path) in said
    assert "make install" in said and "OCELLUS_GOLDENS" in said


def test_a_build_that_computes_wrong_is_seen(tmp_path):
    """Golden data that says something else is as good as a machine that computes something else."""
    shutil.copytree(SETS / "golden-demo", tmp_path / "golden-demo")

    def change(header):
        # Names of two positions' logits change places.
        a, b = (n for n in sorted(header) if n.endswith(".norm_last") and n[:4] in ("desc", "turn"))
        header[a], header[b] = header[b], header[a]

    rewrite_header(tmp_path / "golden-demo/model/expect.safetensors", change)
    done = run("verify", "demo", *EXACT, code=1, env={"OCELLUS_GOLDENS": str(tmp_path)})
    assert "wrong         goldens" in done.stdout and "computes wrong on this machine" in done.stdout
    assert "q4:\n" in done.stdout and "model.norm_last" in done.stdout
    assert "comparisons with golden data failed" in done.stdout


def test_the_anchor_of_published_weights_never_fails_others(tmp_path):
    """Weights of the published sizes with another origin are a fine-tune until proven otherwise. (That
    the published ones are held to it is tests/runtime/verify/own_answers_test.cpp's.)"""
    golden = tmp_path / "sets/golden-smolvlm"
    shutil.copytree(SETS / "golden-smolvlm", golden)
    folder = tmp_path / "tuned"
    run("synth", "--shape", "smolvlm2-tiny", "--quant", "bf16", "--seed", 3, "--out", folder)
    config = json.loads((folder / "config.json").read_text())["text_config"]
    anchors = json.loads((golden / "anchors.json").read_text())
    one = anchors["anchors"][0]
    asked = json.dumps([{"role": "user", "content": "What is it?"}])
    ids = json.loads(run("tokenize", "--model", folder, "--messages", "-", stdin=asked).stdout)
    one.update(repos=["org/mine"], vocab_size=config["vocab_size"], width=config["hidden_size"],
               question="What is it?", prompt_ids=ids, greedy_ids=[5, 5, 5], logit_ids=[0], logits=[50])  # fmt: skip
    (golden / "anchors.json").write_text(json.dumps(anchors))
    env = {"OCELLUS_GOLDENS": str(tmp_path / "sets")}
    told = json.loads(run("verify", folder, "--json", env=env).stdout)["checks"]
    assert told["anchor"]["verdict"] == "not_compared" and "fine-tune" in told["anchor"]["text"]
    assert told["paragraph"]["verdict"] == "suspicious"
    pulled(folder)
    told = json.loads(run("verify", folder, "--json", env=env, code=1).stdout)["checks"]
    assert told["anchor"]["verdict"] == "wrong" and "paragraph" not in told


def test_demo_folder_of_the_tree_is_compared_like_any(tmp_path):
    shutil.copytree(DEMO, tmp_path / "demo-copy")
    assert verdicts(verify(tmp_path / "demo-copy"))["files"] == "not_compared"
