"""`make lab` is no part of the build (its kernels take minutes to optimise), so nothing else would
see that a change of the kernels broke it: its files are compiled up to where code would be made."""

import json
import pathlib
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATABASE = ROOT / "build/release/compile_commands.json"


def test_the_lab_compiles():
    if not DATABASE.exists():
        pytest.skip("build/release is not configured")
    entries = [entry for entry in json.loads(DATABASE.read_text())
               if (ROOT / "bench/lab") in pathlib.Path(entry["file"]).parents]
    assert entries
    for entry in entries:
        command = shlex.split(entry["command"])
        output = command.index("-o")
        del command[output : output + 2]
        # Without the compiler cache, which would say no more of it.
        command = [word for word in command if pathlib.Path(word).name != "ccache"]
        done = subprocess.run([*command, "-fsyntax-only"], cwd=entry["directory"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
