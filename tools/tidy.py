#!/usr/bin/env python3
"""Runs clang-tidy with the list of .clang-tidy on C++ files below src/ and apps/.

    tools/tidy.py                   those that differ from the trunk: committed, changed or new
    tools/tidy.py FILE...           these
    tools/tidy.py --all             every one
    tools/tidy.py --at-most N       of those that differ, the N that were written last

Wants clang-tidy, and build/release/compile_commands.json (cmake --preset release). The trunk is
origin/main, or $OC_TRUNK. A header is read where the source beside it, or else one that includes it,
is compiled; what is said about other files is left out. Status 1: it found something; 2: it cannot run.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATABASE = ROOT / "build/release/compile_commands.json"
EVERY_FILE = ROOT / "build/tidy/compile_commands.json"  # the same, files that are compiled together by themselves
VERSIONS = (16, 19, 18, 20, 21, 22, 17)  # in the order of cmake/compiler.cmake


def program() -> str | None:
    names = [*(f"clang-tidy-{version}" for version in VERSIONS), "clang-tidy"]
    return next((name for name in names if shutil.which(name)), None)


def git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.split("\0") if done.returncode == 0 else []


def ours(names: list[str]) -> list[pathlib.Path]:
    """Those that are checked, each once, in their order."""
    paths = dict.fromkeys(pathlib.Path(name) for name in names if name)
    return [path for path in paths
            if path.suffix in {".cpp", ".h"} and path.parts[0] in {"src", "apps"} and (ROOT / path).is_file()]


def all_files() -> list[pathlib.Path]:
    return ours(git("ls-files", "-z", "--cached", "--others", "--exclude-standard"))


def changed_files() -> list[pathlib.Path]:
    """Those that are others than where this branch left the trunk, what was written last first."""
    base = "".join(git("merge-base", "HEAD", os.environ.get("OC_TRUNK", "origin/main"))).strip() or "HEAD"
    return ours(git("ls-files", "-z", "--others", "--exclude-standard")
                + git("diff", "-z", "--name-only", "HEAD")
                + git("log", "-z", "--name-only", "--format=", f"{base}..HEAD"))  # fmt: skip


def source_of(path: pathlib.Path, compiled: set[pathlib.Path]) -> pathlib.Path | None:
    """The source that shows a file to the compiler; None where this build has none."""
    if path.suffix == ".cpp":
        return path if path in compiled else None
    if path.with_suffix(".cpp") in compiled:
        return path.with_suffix(".cpp")
    include = re.compile(rf'#include "{re.escape(str(path.relative_to(path.parts[0])))}"')
    return next((one for one in sorted(compiled) if include.search((ROOT / one).read_text())), None)


def one_by_one(entries: list[dict]) -> list[dict]:
    """The commands of a database, those of files that are compiled together as one each, and without
    precompiled headers: so each file is to include what it uses."""
    out = []
    for entry in entries:
        command = re.sub(r" -Winvalid-pch| -Xclang -include(-pch)? -Xclang \S+", "", entry["command"])
        entry = entry | {"command": command}
        path = pathlib.Path(entry["file"])
        if not (path.name.startswith("unity_") and path.is_file()):
            out.append(entry)
            continue
        for member in re.findall(r'^#include "(.*)"$', path.read_text(), re.MULTILINE):
            command = entry["command"].replace(entry["file"], member)
            out.append({"directory": entry["directory"], "command": command, "file": member})
    return out


def check(name: str, source: pathlib.Path, shown: list[pathlib.Path]) -> str:
    """What clang-tidy says about `shown` when it reads `source`; empty: nothing."""
    lines = json.dumps([{"name": f"{os.sep}{path}"} for path in shown])
    done = subprocess.run(
        [name, "-p", str(EVERY_FILE.parent), "--quiet", f"--line-filter={lines}", str(ROOT / source)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    return done.stdout.replace(f"{ROOT}{os.sep}", "") or done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--at-most", type=int)
    args = parser.parse_args()

    wanted = [path.resolve().relative_to(ROOT) for path in args.files]
    wanted = wanted or (all_files() if args.all else changed_files())
    if not wanted:
        print("clang-tidy: no file differs from the trunk")
        return 0
    name = program()
    if name is None or not DATABASE.exists():
        print("clang-tidy is not here" if name is None else f"{DATABASE} is not here: cmake --preset release")
        return 2
    left_out = 0
    if args.at_most is not None and len(wanted) > args.at_most:
        left_out = len(wanted) - args.at_most
        wanted = wanted[: args.at_most]

    commands = one_by_one(json.loads(DATABASE.read_text()))
    EVERY_FILE.parent.mkdir(parents=True, exist_ok=True)
    EVERY_FILE.write_text(json.dumps(commands))
    compiled = {pathlib.Path(entry["file"]) for entry in commands}
    compiled = {path.relative_to(ROOT) for path in compiled if path.is_relative_to(ROOT) and path.is_file()}
    sources: dict[pathlib.Path, list[pathlib.Path]] = {}
    for path in sorted(wanted):
        if (source := source_of(path, compiled)) is not None:
            sources.setdefault(source, []).append(path)
    found = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(lambda one: check(name, *one), sources.items()):
            if text:
                found += 1
                print(text.strip(), flush=True)
    checked = sum(len(shown) for shown in sources.values())
    print(f"{name}: {checked} files, {found or 'none'} with findings"
          + (f"; {left_out} more differ from the trunk and were left out" if left_out else ""))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
