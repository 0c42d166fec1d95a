"""docs/under-attack.md names tests; they are there."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = [
    line.split("|")
    for line in (ROOT / "docs/under-attack.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| what is sent"))
]


def test_every_row_has_tests_that_exist():
    assert len(ROWS) >= 15
    for row in ROWS:
        named = re.findall(r"`(\w+)(_test|\.py)`(?: \((\w+))?", row[3])
        assert named, row
        for stem, kind, case in named:
            found = list((ROOT / "tests").rglob(f"{stem}{'_test.cpp' if kind == '_test' else kind}"))
            assert found, f"{stem}{kind}: {row[1]}"
            if re.fullmatch(r"([A-Z][a-z]+){2,}", case):
                assert any(case in file.read_text() for file in found), f"{stem}{kind} has no {case}"
