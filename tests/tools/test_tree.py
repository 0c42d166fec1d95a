"""Rules about the tree as a whole, checked on the files that git would commit."""

import pathlib
import re
import subprocess
import sys

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


def test_verbs_print_by_terminal_cpp_alone():
    # It spells out what would drive a terminal; whoever writes past it may forget to.
    ways = re.compile(r"std::c(?:out|err|log)\b(?!\.(?:flush|good)\b)|\bf?mt::print\b"
                      r"|\b(?:f|v|d)?printf\b|\bf?put[sc]\b|\bfwrite\b|\bSTD(?:OUT|ERR)_FILENO\b")
    allowed = {
        "apps/ocellus/terminal.cpp": re.compile(""),
        "apps/ocellus/progress.cpp": re.compile("TIOCGWINSZ"),
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
