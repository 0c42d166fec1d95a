"""Third-party files of the page: those that THIRD_PARTY_NOTICES.md lists, byte for byte, with their licences."""

import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "web/vendor"
ROW = re.compile(r"^\| `([^`]+)` \| ([\w-]+) \d[^|]*\|[^|]+\| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_what_is_listed_is_what_is_there():
    listed = {name: digest for name, _, digest in ROW.findall((ROOT / "THIRD_PARTY_NOTICES.md").read_text())}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
             for path in FOLDER.iterdir() if path.suffix != ".LICENSE"}  # fmt: skip
    assert there and listed == there


def test_licences_lie_beside_them():
    packages = {package for _, package, _ in ROW.findall((ROOT / "THIRD_PARTY_NOTICES.md").read_text())}
    assert packages == {path.stem for path in FOLDER.glob("*.LICENSE")}
    for path in FOLDER.glob("*.LICENSE"):
        assert "Copyright" in path.read_text(encoding="utf-8")
