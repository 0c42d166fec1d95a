"""The ten questions of CONTRIBUTING.md are answered by what is there, and docs/request-path.md alone
leads to each answer, in its order."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = (ROOT / "docs/request-path.md").read_text(encoding="utf-8")
SECTION = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Ten questions")[1].split("\n## ")[0]
# | question | step | `file` | `symbol` |
ROWS = [[cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in SECTION.splitlines() if line.startswith("| ") and "`" in line]  # fmt: skip


def test_there_are_ten():
    assert len(ROWS) == 10
    assert all(row[0].endswith("?") for row in ROWS)


def test_each_answer_is_there():
    for question, _, file, symbol in ROWS:
        path = ROOT / file.strip("`")
        assert path.is_file(), f"{question} {file}"
        text = path.read_text(encoding="utf-8")
        name = re.escape(symbol.strip("`"))
        assert re.search(rf"\b{name}\b", text), f"{question} {file} has no {symbol}"


def test_the_path_of_a_request_leads_to_each_in_its_order():
    last = -1
    for question, step, file, _ in ROWS:
        at = PATH.find(file)
        assert at >= 0, f"{question} docs/request-path.md does not name {file}"
        heading = [line for line in PATH[:at].splitlines() if line.startswith("##")][-1]
        assert heading.lstrip("# ") == step, f"{question} {file} stands below {heading}"
        assert at >= last, f"{question} stands out of order"
        last = at
