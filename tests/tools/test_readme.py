"""What the README and the documents tell a reader to do can be done."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "bench/peers/README.md"]


def commands(text):
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.split(" #")[0].strip()
            if line:
                yield line


def test_the_first_two_commands_are_make_run_and_make_test():
    assert [line for line in commands(README) if line.startswith("make")][:2] == ["make run", "make test"]
    assert README.index("make run") < 1500


def test_every_make_target_that_is_named_exists():
    for document in DOCUMENTS:
        for target in set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", document.read_text(), re.M)):
            name = target[0] or target[1]
            done = subprocess.run(["make", "-n", name], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, f"{document.name}: make {name}: {done.stderr}"


def test_every_verb_and_flag_that_is_named_exists():
    program = ROOT / "build/release/ocellus"
    for document in DOCUMENTS:
        for line in commands(document.read_text(encoding="utf-8")):
            for call in re.findall(r"\bocellus ([a-z]+)([^|;&]*)", line):
                verbs = [call[0], *re.findall(r"^ ([a-z]+)", call[1])][: 2 if call[0] in ("config", "eval") else 1]
                help_text = subprocess.run(
                    [program, *verbs, "--help"], capture_output=True, text=True, check=True
                ).stdout
                for flag in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", call[1]):
                    assert re.search(rf"{flag}\b", help_text), f"{document.name}: {line}: no {flag}"


def test_every_file_that_is_named_exists():
    missing = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for name in re.findall(
            r"`((?:src|apps|tests|tools|docs|bench|cmake|models|examples|configs)/[\w./-]+)`", text
        ):
            if not (ROOT / name).exists():
                missing.append(f"{document.name}: {name}")
    assert not missing
