"""A hub with the embedded model, and a home to pull it into: fixtures of the tests of `ocellus pull`."""

import json
import os

import pytest

from bad_hub import COMMIT, Hub
from test_cli import DEMO, failure, run

FILES = {p.name: p.read_bytes() for p in sorted(DEMO.iterdir())}
NEEDED = {name: data for name, data in FILES.items() if name != "README.md"}
WEIGHTS = "model.safetensors"
NAME = "tester/demo"


@pytest.fixture
def hub():
    running = Hub(FILES)
    yield running
    running.close()


class Home:
    def __init__(self, path, hub):
        self.path, self.hub = path, hub
        self.folder = path / "models" / NAME
        self.staging = path / "models/tester/.demo.pull"
        self.env = {"OCELLUS_HOME": str(path), "OCELLUS_HUB": hub.url, "HF_TOKEN": "",
                    "http_proxy": "", "no_proxy": "*"}  # fmt: skip

    def run(self, *args, **kwargs):
        return run(*args, env=self.env, **kwargs)

    def fail(self, *args, **kwargs):
        return failure(*args, env=self.env, **kwargs)

    def pull(self, name=NAME, *flags, retries=4):
        return self.run("pull", name, "--retries", retries, "--timeout", 2, *flags)

    def pull_fails(self, name=NAME, *flags, retries=1, code=1):
        """The error; there is no model afterwards, under any name."""
        text = self.fail("pull", name, "--quiet", "--retries", retries, "--timeout", 2, *flags,
                         code=code)  # fmt: skip
        assert "hint: " in text or "error: " in text
        assert "\x1b" not in text
        self.has_no_model()
        # What has come is kept; folders without anything are not.
        assert not [path for path in self.path.rglob("*") if path.is_dir() and not any(path.iterdir())]
        return text

    def has_no_model(self):
        assert not self.folder.exists()
        assert [m["name"] for m in self.list()["models"]] == ["ocellus-demo"]
        assert "no model" in self.fail("ask", "Hello", "--model", NAME)
        # Nor by the path of what has come so far (which may be all, and killed before its rename).
        if self.staging.exists() and not (self.staging / WEIGHTS).exists():
            assert self.run("show", self.staging, code=1).stdout.count("broken") == 1
            self.fail("ask", "Hello", "--model", self.staging)

    def list(self):
        return json.loads(self.run("list", "--json").stdout)

    def is_whole(self, files=NEEDED):
        found = {p.name: p.read_bytes() for p in self.folder.iterdir()}
        manifest = json.loads(found.pop(".ocellus.json"))
        assert found == files
        assert manifest["commit"] == COMMIT and manifest["repo"] == NAME
        assert sorted(os.listdir(self.folder.parent)) == ["demo"]  # no staging, no lock
        return True


@pytest.fixture
def home(tmp_path, hub):
    return Home(tmp_path, hub)


def on(name, *faults):
    """The first requests for a file go wrong, one after the other."""
    return lambda n, count: faults[count - 1] if n == name and count <= len(faults) else None


def always(name, fault):
    return lambda n, count: fault if n == name else None
