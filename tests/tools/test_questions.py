"""The ten questions of CONTRIBUTING.md are answered by what is defined where it says, and
docs/request-path.md alone leads to each answer, in its order.

    python3 tests/tools/test_questions.py        prints file and line of each answer
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = (ROOT / "docs/request-path.md").read_text(encoding="utf-8")
SECTION = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Ten questions")[1].split("\n## ")[0]
# | question | step | `file` | `function` |
ROWS = [[cell.strip("` ") for cell in line.strip("| ").split(" | ")]
        for line in SECTION.splitlines() if line.startswith("| ") and "`" in line]  # fmt: skip


def definitions(text, name):
    """Lines on which a function (of a class, at most one level within it) or a constant begins."""
    name = re.escape(name)
    function = (rf"^(?:  )?(?!return\b|else\b|new\b)[A-Za-z_][\w:<>,*& ]*[ *&]{name}\([^;{{}}]*\)"
                r"(?:\s*(?:const|noexcept|override|final)\b)*\s*\{")  # fmt: skip
    constant = rf"^(?:inline |static )*const(?:expr|init)?\b[^;=(]*[ *&]{name}(?:\[[^\]]*\])?\s*[={{]"
    return [text.count("\n", 0, found.start()) + 1
            for found in re.finditer(f"{function}|{constant}", text, re.M)]  # fmt: skip


def test_there_are_ten():
    assert len(ROWS) == 10
    assert all(row[0].endswith("?") for row in ROWS)


def test_each_answer_is_defined_there():
    for question, _, file, name in ROWS:
        path = ROOT / file
        assert path.is_file(), f"{question} {file}"
        assert definitions(path.read_text(encoding="utf-8"), name), f"{question} {file} does not define {name}"


def test_a_definition_is_no_mention():
    text = """#include "x.h"
// find() is told here: void find(int) {
void find(int);
  find(1);
  return find(2);
  if (find(3)) {
  const auto at = find(4);
constexpr int kOther[] = {find(5)};
"""
    assert definitions(text, "find") == []
    assert definitions(text, "kOther") == [8]
    assert definitions("int x;\nint Cache::find(const Key& key,\n  int limit) const {\n", "Cache::find") == [2]
    assert definitions("struct S {\n  Result<int> find(int x) override {\n", "find") == [2]
    assert definitions("  for (int x : kOther) {\n", "kOther") == []


def test_the_path_of_a_request_leads_to_each_in_its_order():
    last = -1
    for question, step, file, name in ROWS:
        at = PATH.find(file)
        assert at >= 0, f"{question} docs/request-path.md does not name {file}"
        heading = [line for line in PATH[:at].splitlines() if line.startswith("##")][-1]
        assert heading.lstrip("# ") == step, f"{question} {file} stands below {heading}"
        assert at >= last, f"{question} stands out of order"
        last = at
        row = PATH[PATH.rfind("\n", 0, at) : PATH.find("\n", at)]
        assert f"`{name.split('::')[-1]}`" in row, f"{question} {file} is named without {name}"


if __name__ == "__main__":
    for question, _, file, name in ROWS:
        lines = definitions((ROOT / file).read_text(encoding="utf-8"), name)
        print(f"{question}\n  {', '.join(f'{file}:{line}' for line in lines)}  {name}")
