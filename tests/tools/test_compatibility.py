"""docs/compatibility.md names every key of the original's files, and tests that exist."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.(?:py|cpp))::([\w.]+)`", DOCUMENT)))


def leaves(document, path=""):
    for key, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield path + key


def rows(title):
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", DOCUMENT, re.M | re.S).group(1)
    found = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [row for row in found if not row[0].startswith("---")][1:]  # without the heading


def test_every_key_of_the_originals_files_stands_in_the_table():
    table = [key for row in rows("Configuration files") for key in re.findall(r"`([\w.]+)`", row[0])]
    files = sorted((ROOT / "tests/data/config").glob("*.json"))
    assert len(files) == 4
    keys = {key for file in files for key in leaves(json.loads(file.read_text()))}
    assert sorted(table) == sorted(keys)


@pytest.mark.parametrize(
    "title",
    ["Documented defects of the original, gone", "Port 8080, the model server",
     "Port 8000, the backend", "Configuration files"],
)  # fmt: skip
def test_every_row_names_a_test(title):
    assert rows(title)
    assert not [row for row in rows(title) if "::" not in row[-1]]


@pytest.mark.parametrize(("file", "name"), NAMED, ids=["::".join(each) for each in NAMED])
def test_every_test_that_is_named_exists(file, name):
    path = ROOT / file if "/" in file else ROOT / "tests/e2e" / file
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".cpp":
        suite, test = name.split(".")
        assert re.search(rf"^TEST(?:_F|_P)?\({suite}, {test}\)", text, re.M)
    else:
        assert re.search(rf"^def {name}\(", text, re.M)


def test_no_test_is_named_without_its_file():
    assert not re.findall(r"`(test_\w+)`", DOCUMENT)
