"""`ocellus pull` of known models: their short names, the revision that is meant, a borrowed file."""

import json

import pytest

from bad_hub import COMMIT, git_sha1
from pull_home import FILES, NEEDED, home, hub  # noqa: F401 (fixtures)

SMOL = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
MOONDREAM = "vikhyatk/moondream2"
STARMIE = "moondream/starmie-v1", "35192e10a54e36eabe0a7cc57a2c1aab371cafc5"
TOKENIZER = b'{"starmie": true}'


def pulled(home, name, repo):
    home.run("pull", name, "--quiet", "--retries", 1, "--timeout", 2)
    folder = home.path / "models" / repo
    manifest = json.loads((folder / ".ocellus.json").read_text())
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".ocellus.json"}, manifest


def known(home):
    """Short name -> repository, as --help lists them."""
    text = home.run("pull", "--help").stdout.split("Known models:")[1]
    return {line.split()[0]: line.split()[1] for line in text.strip().splitlines()}


def test_every_published_size_has_a_name(home):
    names = known(home)
    for size in ("256m", "500m", "2.2b"):
        for kind in ("", "-mlx"):
            assert f"smolvlm2-{size}{kind}" in names
    for size in ("500m", "2.2b"):
        for bits in (4, 8):
            assert f"smolvlm2-{size}-{bits}bit" in names
    assert len(set(names.values())) == len(names)
    assert names["moondream2"] == MOONDREAM + "@2025-01-09"


@pytest.mark.parametrize("name", ["smolvlm2-500m", SMOL])
def test_a_short_name(home, hub, name):
    hub.repo = SMOL
    files, manifest = pulled(home, name, SMOL)
    assert files == NEEDED
    assert (manifest["repo"], manifest["revision"]) == (SMOL, "main")
    shown = json.loads(home.run("show", "smolvlm2-500m", "--json").stdout)
    assert shown["origin"]["repo"] == SMOL
    home.run("rm", "smolvlm2-500m", "--yes")


@pytest.mark.parametrize("name", ["moondream2", MOONDREAM])
def test_the_revision_that_is_meant(home, hub, name):
    hub.repo, hub.commits = MOONDREAM, {"2025-01-09": COMMIT, COMMIT: COMMIT}
    files, manifest = pulled(home, name, MOONDREAM)
    assert files == NEEDED and manifest["revision"] == "2025-01-09"
    assert "no such revision" in home.fail("pull", "moondream2@main", "--quiet", "--retries", 0)


def test_a_file_that_another_repository_has(home, hub):
    """The tokenizer.json of this revision is that of older ones."""
    hub.repo, hub.commits = MOONDREAM, {"2025-06-21": COMMIT, COMMIT: COMMIT}
    repo, commit = STARMIE
    hub.more[repo] = (commit, {"tokenizer.json": TOKENIZER, "README.md": b"words"})
    done = home.run("pull", MOONDREAM + "@2025-06-21", "--retries", 1, "--timeout", 2)
    assert "starmie-v1" in done.stderr and "not compared" in done.stderr
    folder = home.path / "models" / MOONDREAM
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(found.pop(".ocellus.json"))
    assert found == {**NEEDED, "tokenizer.json": TOKENIZER}
    (entry,) = [file for file in manifest["files"] if file["name"] == "tokenizer.json"]
    assert entry["size"] == len(TOKENIZER) and git_sha1(TOKENIZER) in entry.values()
    asked = [path for _, path, _ in hub.requests]
    assert not any(path.endswith(f"{MOONDREAM}/resolve/{COMMIT}/tokenizer.json") for path in asked)
    sent = hub.sent
    home.run("pull", MOONDREAM + "@2025-06-21", "--quiet")  # all is right: nothing comes again
    assert hub.sent == sent


def test_without_the_borrowed_file_there_is_no_model(home, hub):
    hub.repo, hub.commits = MOONDREAM, {"2025-06-21": COMMIT, COMMIT: COMMIT}
    repo, commit = STARMIE
    hub.more[repo] = (commit, {"README.md": b"words"})
    text = home.fail("pull", MOONDREAM + "@2025-06-21", "--quiet", "--retries", 0)
    assert "moondream/starmie-v1 has no tokenizer.json" in text
    assert not (home.path / "models" / MOONDREAM).exists()
