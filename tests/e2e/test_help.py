"""Help, manual pages and completions: made of the parser, so of every verb and flag it has."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import BIN, ROOT
from test_cli import failure, run

COLUMNS = 100
GROUPS = {"Options", "Pictures", "Answer", "Output", "Model", "Several models", "Server", "Machine",
          "A running server", "Limits", "Caches"}  # fmt: skip


def verbs_in(text):
    """The words below "Verbs:"."""
    found = re.search(r"^Verbs:\n((?:  .*\n)+)", text, re.M)
    return re.findall(r"^  (\w+)  ", found[1], re.M) if found else []


@pytest.fixture(scope="module")
def helps():
    """"config show" -> what its --help prints; "" is the program."""
    found, waiting = {}, [[]]
    while waiting:
        path = waiting.pop()
        text = run(*path, "--help").stdout
        found[" ".join(path)] = text
        waiting += [[*path, verb] for verb in verbs_in(text)]
    assert {"", "ask", "config show", "eval vqa", "completion", "man"} <= found.keys()
    return found


def flags_in(text):
    """Names of flags, where a line begins with them."""
    labels = re.findall(r"^  (-[\w-]+(?:, -[\w-]+)*)", text, re.M)
    return {flag for label in labels for flag in label.split(", ")}


def test_help_can_be_read(helps):
    for verb, text in helps.items():
        long = [line for line in text.splitlines() if len(line) > COLUMNS]
        assert not long, f"{verb}: {long}"
        assert f"Usage: {' '.join(['ocellus', *verb.split()])} " in text
        heads = re.findall(r"^([A-Z][\w ]*):$", text, re.M)
        assert set(heads) <= GROUPS | {"Arguments", "Verbs", "Examples", "Known models"}, verb
        assert len(heads) == len(set(heads))
        assert "-h, --help" in text
        # A sentence for each flag; and every verb that does something has a line to copy.
        assert not re.search(r"^  --?[a-z][^ ]*\n(?!   )", text, re.M), verb
        if "Verbs" not in heads:
            examples = text.split("\nExamples:\n")[1].split("\n\n")[0].splitlines()
            assert examples and all(line.startswith(f"  ocellus {verb} ") or line == f"  ocellus {verb}"
                                    for line in examples), verb  # fmt: skip


def test_examples_of_help_name_what_there_is(helps):
    for verb, text in helps.items():
        for line in re.findall(rf"^  ocellus {verb}(.*)$", text, re.M) if verb else []:
            for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", line):
                assert flag in flags_in(text), f"{verb}: {line}"


def test_ask_is_grouped(helps):
    heads = re.findall(r"^([A-Z]\w*):$", helps["ask"], re.M)
    assert heads == ["Arguments", "Options", "Pictures", "Answer", "Output", "Model", "Machine", "Examples"]
    assert "--engine auto|cpu|mlx|reference" in helps["ask"]


def test_help_says_what_is_so(helps):
    texts = {verb: " ".join(text.split()) for verb, text in helps.items()}
    for verb in ("ask", "chat", "batch", "eval vqa", "compare"):
        detail = re.search(r"--detail (.*?) --", texts[verb] + " --")[1]
        low, high = re.search(r"--detail low\|auto\|high (.*?) --(?!num|longest|max-crops)", texts[verb])[1].split("high: ")
        for flag, least, most in (("num-crops", 1, 16), ("longest-edge", 512, 2048), ("max-crops", 1, 12)):
            assert f"--{flag} {least}" in low and f"--{flag} {most}" in high, (verb, detail)
    assert "(JPEG, PNG, WebP)" not in texts["chat"]  # it reads eight formats
    # Sampling changes no memory; a line of serve's can be copied all the same.
    assert "--temperature" not in texts["plan"] and "--kv-memory" in texts["plan"]
    assert run("plan", "--model", "demo", "--temperature", 0.5, "--port", 9).stdout == run("plan", "--model", "demo").stdout
    for verb, fallback in (("ask", "what the context holds"), ("chat", "what the context holds"),
                           ("batch", "the configuration's, else 4096"), ("eval vqa", "32"), ("compare", "32")):  # fmt: skip
        assert re.search(r"--max-tokens N Most [^()]*\(default: ([^()]*)\)", texts[verb])[1].endswith(fallback), verb
    assert "positions of the search" in texts["detect"] and "tokens of an answer" in texts["caption"]


def test_what_is_missing_is_named():
    told = failure("batch", code=2)
    assert told.startswith("error: INPUT... is missing: pictures, folders,")
    assert "hint: see ocellus batch --help; e.g. ocellus batch photos/" in told
    assert "--out DIR is missing: folder to write" in failure("synth", code=2)
    assert "what is to be done? ocellus config and one of: show, check" in failure("config", code=2)
    assert "--draft must be 0 to 15, found many" in failure("ask", "x", "--draft", "many", code=2)
    assert "--max-tokens stands without its value" in failure("ask", "x", "--max-tokens", code=2)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man") / "man1"
    run("man", "--out", folder)
    return folder


def plain(roff):
    return roff.replace("\\-", "-").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")


def test_every_verb_and_flag_has_its_manual_page(helps, pages):
    version = run("--version").stdout.split()[1]
    assert {page.name for page in pages.iterdir()} == {
        "-".join(["ocellus", *verb.split()]) + ".1" for verb in helps}  # fmt: skip
    for verb, text in helps.items():
        page = (pages / ("-".join(["ocellus", *verb.split()]) + ".1")).read_text()
        assert page == run("man", *verb.split()).stdout and f"ocellus {version}" in page
        for flag in flags_in(text):
            assert re.search(rf"^(.*, )?{flag}( |,|$)", plain(page), re.M), f"{verb}: {flag}"
        for name in verbs_in(text):
            assert "-".join(["ocellus", *verb.split(), name]) + "(1)" in plain(page)
    assert 'ocellus has no verb "nothing"' in failure("man", "nothing", code=2)


@pytest.mark.skipif(not shutil.which("man"), reason="man is not here")
def test_man_shows_them(pages):
    done = subprocess.run(["man", "--warnings", "-l", pages / "ocellus-ask.1"], capture_output=True, text=True,
                          env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    assert "--max-tokens N" in done.stdout and "What is in the picture?" in done.stdout


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not here")
def test_mandoc_finds_no_fault(pages):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", *pages.iterdir()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# --- completions


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("bash") / "ocellus.bash"
    path.write_text(run("completion", "bash").stdout)
    return path


def completed(*words, script, tmp_path, env=None):
    """What bash offers for the last word."""
    line = " ".join(words)
    ask = f"""source {script}
        COMP_WORDS=({' '.join(f'"{word}"' for word in words)}); COMP_CWORD={len(words) - 1}
        COMP_LINE="{line}"; COMP_POINT={len(line)}
        _ocellus ocellus; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path,
                          env={**os.environ, "PATH": f"{BIN.parent}:{os.environ['PATH']}", **(env or {})})  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes(script, tmp_path, helps):
    def offered(*words, **kwargs):
        return completed("ocellus", *words, script=script, tmp_path=tmp_path, **kwargs)

    assert offered("de") == ["detect"]
    assert set(offered("")) == set(verbs_in(helps[""]))
    assert offered("config", "s") == ["show"]
    assert offered("ask", "--eng") == ["--engine"]
    assert offered("ask", "--engine", "c") == ["cpu"]
    assert offered("ask", "--engine", "=", "m") == ["mlx"]
    assert offered("serve", "--log-level", "") == ["debug", "info", "warning", "error", "off"]
    assert offered("ask", "--config", "x") == []  # files, by bash itself
    assert offered("list", "--engine", "c") == []
    for verb, text in helps.items():
        assert set(offered(*verb.split(), "-")) == flags_in(text), verb
    (tmp_path / "home/models/mine").mkdir(parents=True)
    shutil.copy(ROOT / "models/demo/config.json", tmp_path / "home/models/mine")
    env = {"OCELLUS_HOME": str(tmp_path / "home")}
    assert offered("ask", "--model", "mi", env=env) == ["mine"]
    # What it can remove, and nothing else.
    (tmp_path / "home/models/.half.pull").mkdir()
    assert set(offered("rm", "", env=env)) == {"mine", "half"}
    assert {"ocellus-demo", "mine"} <= set(offered("show", "", env=env))
    assert set(offered("man", "")) == set(verbs_in(helps[""]))
    assert set(offered("man", "config", "")) == set(verbs_in(helps["config"]))
    assert offered("completion", "") == ["bash", "zsh", "fish"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not here")
def test_zsh_takes_its_script(tmp_path, helps):
    (tmp_path / "_ocellus").write_text(run("completion", "zsh").stdout)
    done = subprocess.run(
        ["zsh", "-f", "-c", "autoload -Uz compinit; compinit -u -d $PWD/dump; print $_comps[ocellus];"
         " autoload +X _ocellus; _arguments() { print -r -- \"$@\" }; _describe() { :; };"
         " source ./_ocellus; print -r -- $functions[_ocellus]; words=(ask); CURRENT=2; _ocellus_ask"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "FPATH": ""} | {
            "FPATH": f"{tmp_path}:" + subprocess.run(["zsh", "-f", "-c", "print $FPATH"], capture_output=True,
                                                     text=True).stdout.strip()})  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.splitlines()[0] == "_ocellus"
    assert "'detect:Find objects in a picture" in done.stdout
    assert "_ocellus_man_config" in (tmp_path / "_ocellus").read_text()
    for flag in flags_in(helps["ask"]):
        assert f"*{flag}" in done.stdout, flag


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not here")
def test_fish_completes(tmp_path, helps):
    script = tmp_path / "ocellus.fish"
    script.write_text(run("completion", "fish").stdout)

    def offered(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"],
                              capture_output=True, text=True, cwd=tmp_path,
                              env={**os.environ, "HOME": str(tmp_path)})  # fmt: skip
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return {line.split("\t")[0] for line in done.stdout.splitlines()}

    assert offered("ocellus de") == {"detect"}
    assert offered("ocellus config s") == {"show"}
    assert {"cpu", "mlx"} <= offered("ocellus ask --engine ")
    assert offered("ocellus man de") == {"detect"} and offered("ocellus man config s") == {"show"}
    assert {"bash", "zsh", "fish"} <= offered("ocellus completion ")
    assert offered("ocellus ask --") == {flag for flag in flags_in(helps["ask"]) if flag.startswith("--")}
    assert "--names" not in offered("ocellus ask --") and "--names" in offered("ocellus list --")


def test_another_shell_is_refused():
    assert "must be one of bash, zsh, fish, found tcsh" in failure("completion", "tcsh", code=2)
