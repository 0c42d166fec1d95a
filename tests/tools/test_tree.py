"""Rules about the tree as a whole, checked on the files that git would commit."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked():
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts():
    for path in tracked():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_includes_only_go_down():
    done = subprocess.run(
        [sys.executable, "tools/check_layers.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_knows_the_machine_it_was_written_on():
    # In pieces, so that this file does not hold what it looks for.
    folders = ["/wo" + "rk/", "/tmp/" + "oc", "/ro" + "ot/"]
    hosts = ["pyp" + "i.org", "pythonhos" + "ted.org", "deb.deb" + "ian.org", "npm" + "js.org",
             "crat" + "es.io", "proxy.gol" + "ang.org", "maven.apa" + "che.org"]
    found = [
        f"{path}:{text[:match.start()].count(chr(10)) + 1}: {match.group()}"
        for path, text in texts()
        for match in re.finditer("|".join(map(re.escape, folders + hosts)), text)
    ]
    assert not found, "\n".join(found)


def test_no_large_or_built_file_is_committed():
    large = [f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes" for path in tracked()
             if path.stat().st_size > 16 << 20]
    built = [str(path.relative_to(ROOT)) for path in tracked()
             if path.suffix in {".o", ".a", ".so", ".pyc", ".pt", ".log"}]
    assert not large + built


def test_files_are_short_enough_to_read():
    long = [f"{path}: {text.count(chr(10))} lines" for path, text in texts()
            if path.suffix in {".cpp", ".h", ".py", ".sh"} and text.count("\n") > 500]
    assert not long


def test_unit_tests_write_below_a_path_of_their_process():
    # Two checkouts that are tested at once share the folder for temporary files.
    ways = re.compile(r'TempDir\(|temp_directory_path\(|"/tmp\b(?![^"]*XXXXXX")')
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        if str(path).startswith("tests/") and path.suffix in {".cpp", ".h"}
        and str(path) != "tests/scratch_path.h"
        for number, line in enumerate(text.splitlines(), 1) if ways.search(line)
    ]  # fmt: skip
    assert not found, "\n".join(found)


def test_verbs_print_by_terminal_cpp_alone():
    # It spells out what would drive a terminal; whoever writes past it may forget to.
    ways = re.compile(r"std::c(?:out|err|log)\b(?!\.(?:flush|good)\b)|\bf?mt::print\b"
                      r"|\b(?:f|v|d)?printf\b|\bf?put[sc]\b|\bfwrite\b|\bSTD(?:OUT|ERR)_FILENO\b")
    allowed = {
        "apps/ocellus/terminal.cpp": re.compile(""),
        "apps/ocellus/serve.cpp": re.compile("LineWriter standard_output"),
    }
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts() if str(path).startswith("apps/")
        for number, line in enumerate(text.splitlines(), 1)
        if ways.search(line)
        and not (str(path) in allowed and allowed[str(path)].search(line))
    ]  # fmt: skip
    assert not found, "\n".join(found)


def test_json_is_written_by_one_function():
    """Numbers in their usual form: boost::json::serialize() writes 7E-1."""
    # Bytes that are hashed, and descriptions of what is no number.
    others = {"src/models/fingerprint.cpp", "src/text/tokenizer_json.cpp"}
    found = {str(path) for path, text in texts()
             if path.parts[0] in {"src", "apps"} and "json::serialize(" in text}
    assert found == others


# Tests of everything together, which have no one source.
WHOLE = {"families", "parity", "e2e", "fuzz", "tools"}


def misplaced(root):
    """Tests that do not lie where what they test lies: src/image/resize.cpp, tests/image/resize_test.cpp
    (or resize_..._test.cpp)."""
    for path in sorted((root / "tests").rglob("*_test.cpp")):
        name = path.relative_to(root / "tests")
        if name.parts[0] in WHOLE:
            continue
        top = pathlib.Path() if name.parts[0] == "apps" else pathlib.Path("src")
        folder = root / top / name.parent
        stem = name.name.removesuffix("_test.cpp")
        if not folder.is_dir():
            yield f"{name}: there is no {folder.relative_to(root)}"
            continue
        sources = {re.sub(r"(-inl)?\.(h|cpp)$", "", source.name): source.parent
                   for source in (root / top / name.parts[0]).rglob("*.*") if source.parent != folder}
        here = {re.sub(r"(-inl)?\.(h|cpp)$", "", source.name) for source in folder.glob("*.*")}
        # By its name: that of a file which lies elsewhere, or with its folder's in front.
        if stem not in here and stem in sources:
            yield f"{name}: {stem} lies in {sources[stem].relative_to(root)}"
        first, _, rest = stem.partition("_")
        if stem not in here and (first == folder.name and rest in here or rest and (folder / first).is_dir()):
            yield f"{name}: the folder says {first}"
        # By what it includes: a header of its folder, what the folders around it promise, or headers
        # of several folders that are all below it.
        headers = [header for header in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M)
                   if not header.startswith("tests/")]
        homes = [folder if (folder / header).is_file() else (root / "src" / header).parent for header in headers]
        layer = [home for home in homes if home.is_relative_to(root / top / name.parts[0])]
        through = layer and all(folder.is_relative_to(home) for home in layer)
        above = layer and folder == pathlib.Path(os.path.commonpath(layer))
        if homes and folder not in homes and not through and not above:
            yield f"{name}: includes nothing of {folder.relative_to(root)}, but {', '.join(headers)}"


def test_tests_lie_where_what_they_test_lies():
    assert not list(misplaced(ROOT))


@pytest.mark.parametrize(
    "name, includes, said",
    [
        ("engines/cpu_bytes_test.cpp", ["tests/engines/support.h"], "the folder says cpu"),
        ("engines/kv_cache_test.cpp", ["tests/engines/support.h"], "kv_cache lies in src/engines/cpu"),
        ("engines/reference_test.cpp", ["engines/cpu/kv_cache.h"], "includes nothing of src/engines,"),
        ("engines/cpu/cpu_kv_cache_test.cpp", ["engines/cpu/kv_cache.h"], "the folder says cpu"),
        ("engines/cpu/pool_test.cpp", ["base/pool.h"], "includes nothing of src/engines/cpu"),
        ("engines/attic/kv_cache_test.cpp", [], "there is no src/engines/attic"),
        ("base/app_test.cpp", ["engines/registry.h"], "includes nothing of src/base,"),
        ("apps/x/other_test.cpp", ["engines/registry.h"], "includes nothing of apps/x"),
    ],
)
def test_a_test_that_lies_elsewhere_is_named(tmp_path, name, includes, said):
    for file in ("src/engines/cpu/kv_cache.h", "src/engines/mlx/arrays.h", "src/engines/registry.h",
                 "src/base/pool.h", "src/base/app.h", "apps/x/app.h"):  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    def add(test, headers):
        (tmp_path / "tests" / test).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / test).write_text("".join(f'#include "{header}"\n' for header in headers))

    add("engines/cpu/kv_cache_test.cpp", ["engines/cpu/kv_cache.h"])
    add("engines/cpu/kv_cache_forks_test.cpp", ["base/pool.h", "engines/cpu/kv_cache.h"])
    add("engines/all_test.cpp", ["engines/cpu/kv_cache.h", "engines/mlx/arrays.h"])
    add("engines/exact_ops_test.cpp", ["tests/engines/support.h"])
    add("engines/cpu/promises_test.cpp", ["engines/registry.h"])
    add("apps/x/app_test.cpp", ["app.h", "engines/registry.h"])
    add("parity/golden_test.cpp", ["engines/registry.h"])
    assert not list(misplaced(tmp_path))
    add(name, includes)
    assert [line.split(": ")[0] for line in misplaced(tmp_path)] == [name]
    assert said in next(misplaced(tmp_path))
