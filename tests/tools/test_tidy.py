"""tools/tidy.py looks at the files that differ from the trunk, and finds what .clang-tidy is for."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import tidy  # noqa: E402

FAULT = "#include <string>\nint size_of(const std::string& text) { return text.size() == 0 ? 0 : 1; }\nint* none() { return 0; }\n"
RIGHT = "#include <string>\nint size_of(const std::string& text) { return text.empty() ? 0 : 1; }\n"


@pytest.fixture
def tree(tmp_path):
    """A clone whose trunk has src/base/old.cpp with a fault in it."""
    if tidy.program() is None:
        pytest.skip("clang-tidy is not here")
    for folder in ("tools", "src/base", "build/release"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools/tidy.py", tmp_path / "tools")
    shutil.copy(ROOT / ".clang-tidy", tmp_path)
    (tmp_path / ".gitignore").write_text("/build/\n")
    (tmp_path / "src/base/old.cpp").write_text(FAULT)
    commands = [{"directory": str(tmp_path), "file": str(tmp_path / name),
                 "command": f"c++ -std=c++20 -I{tmp_path}/src -c {tmp_path / name}"}
                for name in ("src/base/old.cpp", "src/base/new.cpp")]  # fmt: skip
    (tmp_path / "build/release/compile_commands.json").write_text(json.dumps(commands))
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD")
    return tmp_path


def git(root, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "more")


def run(root, *arguments):
    return subprocess.run(
        [sys.executable, "tools/tidy.py", *arguments], cwd=root, capture_output=True, text=True
    )


def test_what_the_trunk_has_is_no_change(tree):
    done = run(tree)
    assert done.returncode == 0 and "no file differs" in done.stdout
    assert run(tree, "--all").returncode == 1
    done = run(tree, "src/base/old.cpp")
    assert done.returncode == 1 and "src/base/old.cpp:2" in done.stdout


def test_files_that_are_compiled_together_are_read_one_by_one(tree):
    joined = tree / "build/release/unity_0_cxx.cxx"
    joined.write_text(f'#include "{tree}/src/base/old.cpp"\n\n#include "{tree}/src/base/new.cpp"\n')
    (tree / "src/base/new.cpp").write_text(RIGHT.replace("size_of", "other"))
    commands = [{"directory": str(tree), "file": str(joined), "command": f"c++ -std=c++20 -I{tree}/src -c {joined}"}]
    (tree / "build/release/compile_commands.json").write_text(json.dumps(commands))
    done = run(tree, "--all")
    assert done.returncode == 1 and "2 files, 1 with findings" in done.stdout
    assert "src/base/old.cpp:2" in done.stdout and "new.cpp" not in done.stdout


def test_what_is_precompiled_is_to_be_included(tree):
    (tree / "src/base/old.cpp").write_text(RIGHT.replace("#include <string>\n", ""))
    database = tree / "build/release/compile_commands.json"
    commands = json.loads(database.read_text())
    (tree / "all.h").write_text("#include <string>\n")
    for command in commands:
        command["command"] = command["command"].replace("-c ", f"-Xclang -include -Xclang {tree}/all.h -c ")
    database.write_text(json.dumps(commands))
    done = run(tree, "src/base/old.cpp")
    assert done.returncode == 1 and "src/base/old.cpp:1" in done.stdout, done.stdout + done.stderr


def test_a_change_is_found_new_and_committed(tree):
    new = tree / "src/base/new.cpp"
    new.write_text(FAULT)
    for committed in (False, True):
        if committed:
            commit(tree)
        done = run(tree)
        assert done.returncode == 1
        assert "src/base/new.cpp:2" in done.stdout and "old.cpp" not in done.stdout
        assert "modernize-use-nullptr" in done.stdout
        assert "readability-container-size-empty" in done.stdout
    new.write_text(RIGHT)
    done = run(tree)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_header_is_read_where_it_is_compiled(tree):
    (tree / "src/base/new.h").write_text("#pragma once\nenum class Colour { red };\n")
    (tree / "src/base/old.cpp").write_text('#include "base/new.h"\n' + RIGHT)
    done = run(tree)
    assert done.returncode == 1
    assert "src/base/new.h:2" in done.stdout and "readability-identifier-naming" in done.stdout


def test_what_is_left_out_is_said(tree):
    (tree / "src/base/new.cpp").write_text(RIGHT)
    commit(tree)
    (tree / "src/base/old.cpp").write_text(RIGHT)
    done = run(tree, "--at-most", "1")
    assert done.returncode == 0 and "1 files" in done.stdout and "1 more differ" in done.stdout
