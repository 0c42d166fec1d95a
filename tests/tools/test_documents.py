"""Every document of the tree: links and headings that it names are there, lines can be read, and
nothing is left out of the index."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT, check=True, capture_output=True, text=True,
).stdout.split("\0")  # fmt: skip
DOCUMENTS = sorted(ROOT / name for name in set(NAMES) if name and (ROOT / name).is_file())
LINE = 120  # characters; tables, code and lines that cannot be broken may be longer


def prose(text):
    """Its lines outside of blocks of code, numbered from 1."""
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            code = not code
        elif not code:
            yield number, line


def anchors(path):
    """As GitHub makes them of headings."""
    found = set()
    for _, line in prose(path.read_text(encoding="utf-8")):
        if heading := re.match(r"#+ (.*)", line):
            words = re.sub(r"[^\w\- ]", "", heading[1].lower())
            found.add(words.strip().replace(" ", "-"))
    return found


def links(path):
    text = "\n".join(line for _, line in prose(path.read_text(encoding="utf-8")))
    text = re.sub(r"`[^`]*`", "", text)  # what stands in code is no link
    return re.findall(r"\]\(([^)\s]+)\)", text)


def short(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_no_link_is_dead(path):
    dead = []
    for link in links(path):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_lines_can_be_read(path):
    long = [
        f"{number}: {len(line)} characters"
        for number, line in prose(path.read_text(encoding="utf-8"))
        if len(line) > LINE and not line.startswith("|") and len(line.split()) > 2
    ]
    assert not long


@pytest.mark.parametrize(
    "index, folder", [("docs/README.md", "docs"), ("bench/journal/README.md", "bench/journal")]
)
def test_an_index_names_every_document_of_its_folder(index, folder):
    named = {(ROOT / index).parent / link.partition("#")[0] for link in links(ROOT / index)}
    every = {path for path in (ROOT / folder).rglob("*") if path.suffix in {".md", ".json", ".jsonl"}}
    assert every - named == {ROOT / index}


def test_the_changelog_knows_the_version():
    version = re.search(r"project\(ocellus VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert version in newest
