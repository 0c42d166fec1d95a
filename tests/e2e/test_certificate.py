"""The certificate of `ocellus verify` in `/v1/models`: of the very files that are served, or none."""

import json
import os
import shutil

import httpx
import pytest

from conftest import ROOT
from test_cli import DEMO, run

OWN_GOLDEN = ROOT / "tests/data/golden-demo"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home/models/mine"
    shutil.copytree(DEMO, folder)
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555)  # as on a read-only disk
    yield tmp_path / "home"
    folder.chmod(0o755)


def verify(home, *flags, code=0):
    done = run("verify", "mine", "--goldens", OWN_GOLDEN, "--json", *flags, code=code,
               env={"OCELLUS_HOME": str(home)})  # fmt: skip
    assert done.stderr == ""
    return json.loads(done.stdout)


def shown(server):
    (model,) = [m for m in httpx.get(server.url + "/v1/models").json()["data"] if m.get("active")]
    alone = httpx.get(f"{server.url}/v1/models/{model['id']}").json()
    assert alone.get("certificate") == model.get("certificate")
    return model.get("certificate")


def test_of_the_very_files(home, start):
    env = {"OCELLUS_HOME": str(home)}
    server = start(model="mine", env=env)
    assert shown(server) is None
    whole = verify(home, "--threads", 1)
    assert sorted(os.listdir(home)) == ["certificates", "models"]
    found = shown(server)
    assert found["verified"] is True and found["failed"] == 0
    for key in ("ocellus", "commit", "machine", "engine", "files_sha256", "answers"):
        assert found[key] == whole[key]
    assert found["largest"] == pytest.approx({s["stage"]: s["largest"] for s in whole["stages"]})
    assert len(found["date"]) == len("2026-01-31T12:00:00Z")
    assert str(home) not in json.dumps(found) and "files" not in found
    # Another precision is another computation.
    exact = start("--activations", "f32", model="mine", env=env)
    assert shown(exact) is None
    verify(home, "--activations", "f32")
    assert "f32 activations" in shown(exact)["engine"]
    assert "int8 activations" in shown(server)["engine"]


def test_of_the_checks_of_its_own_weights(home, start):
    env = {"OCELLUS_HOME": str(home)}
    whole = json.loads(run("verify", "mine", "--json", env=env).stdout)
    found = shown(start(model="mine", env=env))
    assert found["verified"] is True
    assert found["checks"] == {name: check["verdict"] for name, check in whole["checks"].items()}
    assert found["largest"]["q4.model.ids"] == 0


def test_never_a_stale_one(home, start):
    verify(home)
    folder = home / "models/mine"
    weights = folder / "model.safetensors"
    stat = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(data)
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # same size, same time
    server = start(model="mine", env={"OCELLUS_HOME": str(home)})
    assert shown(server) is None
    # A copy elsewhere has not been verified either.
    shutil.copytree(DEMO, home / "models/copy")
    other = start(model="copy", env={"OCELLUS_HOME": str(home)})
    assert shown(other) is None


def test_no_home_is_a_warning():
    env = {"OCELLUS_HOME": str(DEMO / "config.json")}
    done = run("verify", "demo", "--goldens", OWN_GOLDEN, "--json", env=env)
    assert json.loads(done.stdout)["verified"] is True
    assert "warning: the certificate is not kept" in done.stderr
