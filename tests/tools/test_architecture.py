"""docs/architecture.svg is what tools/draw_layers.py makes of the layers as they are now."""

import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURE = "docs/architecture.svg"


@pytest.fixture
def copy(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "docs").mkdir()
    for name in ("tools/draw_layers.py", "tools/check_layers.py", PICTURE):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def draw(root, *arguments):
    return subprocess.run(
        [sys.executable, "tools/draw_layers.py", *arguments], cwd=root, capture_output=True, text=True
    )


def change(root, old, new):
    tables = root / "tools/check_layers.py"
    text = tables.read_text()
    assert text.count(old) == 1
    tables.write_text(text.replace(old, new))


def test_the_committed_picture_is_what_is_drawn_now(copy):
    done = draw(copy, "--check")
    assert done.returncode == 0, done.stderr
    assert xml.etree.ElementTree.parse(copy / PICTURE).getroot().tag.endswith("svg")


def test_a_new_room_wants_words_and_a_new_picture(copy):
    change(copy, 'ROOMS = {\n', 'ROOMS = {\n    "io": [["attic"]],\n')
    done = draw(copy, "--check")
    assert done.returncode == 1 and "io/attic" in done.stderr
    change(copy, 'WORDS = {\n', 'WORDS = {\n    "io/attic": "old letters",\n')
    done = draw(copy, "--check")
    assert done.returncode == 1 and "run tools/draw_layers.py" in done.stderr
    assert draw(copy).returncode == 0
    assert "old letters" in (copy / PICTURE).read_text()
    assert draw(copy, "--check").returncode == 0


def test_words_that_find_no_place_are_refused(copy):
    change(copy, '"exact"', '"every operation written out as plain loops"')
    done = draw(copy)
    assert done.returncode == 1 and "engines/reference" in done.stderr
