"""The verbs about models and machines: inspect, synth, verify, bench."""

import hashlib
import json
import shutil
import struct

import pytest

from test_cli import DEMO, GOLDEN, ROOT, failure, png, run

OWN_GOLDEN = ROOT / "tests/data/golden-demo"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random checkpoint of a few MB."""
    folder = tmp_path_factory.mktemp("synth") / "tiny"
    run("synth", "--shape", "tiny", "--quant", "mlx4", "--seed", 3, "--out", folder)
    return folder


def rewrite_header(path, change):
    """Applies `change` to the header of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def test_inspect_shows_the_embedded_model():
    text = run("inspect", "demo").stdout
    assert "decoder" in text and "vision" in text and text.rstrip().endswith("complete")
    sizes = json.loads(run("inspect", "demo", "--json").stdout)
    config = json.loads((DEMO / "config.json").read_text())
    for key, value in [("hidden_size", "hidden_size"), ("layers", "num_hidden_layers"),
                       ("heads", "num_attention_heads"), ("vocab_size", "vocab_size")]:  # fmt: skip
        assert sizes[key] == config[value]
    assert sizes["missing"] == sizes["wrong"] == sizes["unexpected"] == []
    assert sum(t["bytes"] for t in sizes["tensors"]) <= sizes["weights_bytes"]
    every = json.loads(run("inspect", "demo", "--json", "--tensors").stdout)["tensors"]
    assert sum(t["count"] for t in sizes["tensors"]) == len(every)


def test_inspect_names_what_is_missing_and_wrong(tiny, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    gone, bent = "model.norm.weight", "model.layers.0.self_attn.o_proj.weight"

    def change(header):
        header["strange"] = header.pop(gone)
        rows, cols = header[bent]["shape"]
        header[bent]["shape"] = [rows // 2, cols * 2]

    rewrite_header(folder / "model.safetensors", change)
    done = run("inspect", folder, "--json", code=1)
    found = json.loads(done.stdout)
    assert [line for line in found["missing"] if gone in line]
    assert [line for line in found["wrong"] if "o_proj" in line]
    assert found["unexpected"] == ["strange"]
    error = failure("ask", "Hello", "--model", folder)
    assert gone in error or "o_proj" in error


@pytest.mark.parametrize("quant", ["mlx4", "mlx8", "bf16"])
def test_synth_makes_models_that_run(tmp_path, quant):
    first, again, other = (tmp_path / name for name in ("a", "b", "c"))
    for folder, seed in ((first, 1), (again, 1), (other, 2)):
        run("synth", "--shape", "tiny", "--quant", quant, "--seed", seed, "--out", folder)
    files = sorted(p.name for p in first.iterdir())
    assert "config.json" in files and "tokenizer.json" in files
    assert all((first / n).read_bytes() == (again / n).read_bytes() for n in files)
    assert any((first / n).read_bytes() != (other / n).read_bytes() for n in files)
    assert run("inspect", first).stdout.rstrip().endswith("complete")
    picture = tmp_path / "picture.png"
    picture.write_bytes(png(64, 48))
    answer = json.loads(
        run("ask", picture, "Hello", "--json", "--model", first, "--max-tokens", 5,
            "--num-crops", 1).stdout  # fmt: skip
    )
    assert len(answer["token_ids"]) == 5
    assert answer["finish_reason"] == "length"


def test_synth_refuses(tmp_path):
    assert "shape" in failure("synth", "--shape", "huge", "--out", tmp_path / "x")
    assert "quant" in failure("synth", "--quant", "mlx3", "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_verify_passes_on_the_own_goldens():
    for flags in ([], ["--activations", "f32"], ["--engine", "reference"]):
        report = json.loads(run("verify", "demo", "--goldens", OWN_GOLDEN, "--json", *flags).stdout)
        stages = report["stages"]
        assert stages and all(stage["failed"] == 0 for stage in stages), flags
    assert "verified: every stage within its limit" in run("verify", "demo", "--goldens", OWN_GOLDEN).stdout


def test_verify_certifies_files_engine_and_answers():
    found = json.loads(
        run("verify", "demo", "--goldens", OWN_GOLDEN, "--json", "--activations", "f32").stdout
    )
    assert found["verified"] is True and found["model"] == "demo"
    assert found["engine"].startswith("cpu: ") and "f32 activations" in found["engine"]
    assert found["answers"]["tokens"] == found["answers"]["equal"] > 0
    sums = {file["name"]: file["sha256"] for file in found["files"]}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DEMO.iterdir()
        if path.name != "README.md"  # its card is not in the program
    }
    listing = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    assert found["files_sha256"] == hashlib.sha256(listing.encode()).hexdigest()


def test_verify_fails_on_other_weights(tmp_path):
    folder = tmp_path / "bent"
    shutil.copytree(DEMO, folder)
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(bytes(data[8 : 8 + length]))
    begin, end = header["model.layers.0.self_attn.o_proj.weight"]["data_offsets"]
    for i in range(8 + length + begin, 8 + length + end):
        data[i] ^= 0x11
    path.write_bytes(data)
    done = run("verify", folder, "--goldens", OWN_GOLDEN, "--activations", "f32", code=1)
    assert "comparisons with golden data failed" in done.stdout


def test_verify_names_the_golden_case_that_is_wrong(tmp_path):
    for part, file, field, named in (
        ("model", "cases.json", '"clip_token_step"', "describe_n1"),
        ("model", "cases.json", '"cases"', "all cases"),
        ("image", "cases.json", '"rgb_mean"', "crowd.jpg"),
        ("text", "cases.jsonl", '"ids"', "line 1"),
    ):
        bent = tmp_path / part / field.strip('"')
        shutil.copytree(OWN_GOLDEN, bent)
        path = bent / part / file
        path.write_text(path.read_text().replace(field, '"no_such_field"'))
        said = failure("verify", "demo", "--goldens", bent)
        assert str(path) in said and named in said and "add-a-model.md" in said, said


def test_verify_wants_golden_data(tmp_path):
    assert "no golden data" in failure("verify", "demo", "--goldens", tmp_path)
    assert "is not a folder" in failure("verify", "demo", "--goldens", tmp_path / "none")


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is absent")
@pytest.mark.parametrize("checkpoint", ["tiny-bf16", "tiny-4bit-mlx"])
def test_inspect_knows_the_golden_checkpoints(checkpoint):
    found = json.loads(run("inspect", GOLDEN / "model" / checkpoint, "--json").stdout)
    assert found["missing"] == found["wrong"] == found["unexpected"] == []


def test_bench_measures_everything_it_names(tiny, tmp_path):
    files = []
    for name in ("a.json", "b.json"):
        report = json.loads(run("bench", "--model", tiny, "--quick", "--json").stdout)
        assert report["machine"]["read_gbs"] > 0
        assert report["machine"]["int8_tops"] > 0
        assert report["machine"]["f32_gflops"] > 0
        assert report["machine"]["isa"] in [one["isa"] for one in report["machine"]["isas"]]
        assert {r["name"] for r in report["results"]} == {
            "load", "encode", "prefill", "decode", "first_token", "answer",
        }  # fmt: skip
        assert all(r["value"] > 0 and r["unit"] in ("ms", "tok/s") for r in report["results"])
        assert all(r["share_of_limit"] > 0 for r in report["results"]
                   if r["name"] in ("encode", "prefill", "decode"))  # fmt: skip
        assert len(report["logits_hash"]) == 64
        files.append(tmp_path / name)
        files[-1].write_text(json.dumps(report))
    text = run("bench", "--compare", *files).stdout
    assert "decode, 0 context, 1 at once" in text
    assert "the last logits are equal" in text  # the same computation, whatever the machine does
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    assert "no report of a benchmark" in failure("bench", "--compare", files[0], broken)


def test_bench_prints_a_table(tiny):
    text = run("bench", "--model", tiny, "--quick").stdout
    assert "GB/s" in text and "TOPS" in text and "of limit" in text


def test_the_isa_can_be_forced():
    report = json.loads(run("bench", "--quick", "--json", "--isa", "scalar").stdout)
    assert report["machine"]["isa"] == "scalar"
    assert "scalar" in report["engine"]
    assert "this machine has" in failure("bench", "--quick", "--isa", "mmx")


def test_the_isa_comes_from_the_environment():
    def engine(*args, **more):
        answer = run("ask", "--json", "--max-tokens", 1, *args, "Hello", **more)
        return json.loads(answer.stdout)["engine"]

    portable = {"OCELLUS_ISA": "scalar"}
    assert "scalar" in engine(env=portable)
    assert engine("--isa", "auto", env=portable) == engine(env={"OCELLUS_ISA": ""})
    assert "scalar" not in engine(env={"OCELLUS_ISA": "auto"})


def test_a_wrong_isa_in_the_environment_is_named():
    wrong = {"OCELLUS_ISA": "mmx"}
    for verb in (["ask", "Hello"], ["bench"], ["chat"]):
        error = failure(*verb, env=wrong)
        assert "OCELLUS_ISA" in error and '"mmx"' in error
        assert "auto" in error and "scalar" in error and "this machine has" in error
    run("ask", "--isa", "scalar", "--max-tokens", 1, "Hello", env=wrong)  # the flag wins
