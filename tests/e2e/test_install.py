"""`cmake --install`: what it puts where is whole, needs no source tree, and may be moved."""

import json
import os
import shutil
import subprocess

import pytest

from conftest import BIN, ROOT, Server

BUILD = BIN.parent
CIRCLE = ROOT / "examples/red-circle.png"

pytestmark = pytest.mark.skipif(
    not (BUILD / "cmake_install.cmake").exists(), reason="OCELLUS_BIN is not in a build folder"
)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    place = tmp_path_factory.mktemp("install")
    subprocess.run(
        ["cmake", "--install", str(BUILD), "--prefix", str(place / "first")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (place / "first").rename(place / "moved")
    return place / "moved"


@pytest.fixture
def run(prefix, tmp_path):
    """Runs the installed program elsewhere, with nothing in its environment to lead it back."""

    def begin(*args, code=0):
        done = subprocess.run(
            [str(prefix / "bin/ocellus"), *map(str, args)], cwd=tmp_path, capture_output=True,
            text=True, timeout=300, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return begin


def test_what_is_installed(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    catalogue = {f"share/ocellus/configs/models/{path.name}" for path in (ROOT / "configs/models").glob("*")}
    goldens = {f"share/ocellus/goldens/{path.relative_to(ROOT / 'tests/data')}"
               for path in (ROOT / "tests/data").glob("golden-*/**/*") if path.is_file()}  # fmt: skip
    completions = {"share/bash-completion/completions/ocellus", "share/zsh/site-functions/_ocellus",
                   "share/fish/vendor_completions.d/ocellus.fish"}  # fmt: skip
    pages = {name for name in files if name.startswith("share/man/man1/ocellus")}
    assert {"share/man/man1/ocellus.1", "share/man/man1/ocellus-config-show.1"} <= pages
    assert files == {"bin/ocellus", "share/doc/ocellus/LICENSE", "share/doc/ocellus/THIRD_PARTY_NOTICES.md",
                     *catalogue, *goldens, *completions, *pages}  # fmt: skip


def test_completions_and_manual_are_the_program_s_own(run, prefix):
    assert (prefix / "share/bash-completion/completions/ocellus").read_text() == run("completion", "bash").stdout
    assert (prefix / "share/man/man1/ocellus-ask.1").read_text() == run("man", "ask").stdout


def test_the_golden_data_is_small_and_found(run, prefix, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "goldens"), "gztar", prefix / "share/ocellus/goldens")
    assert os.path.getsize(packed) <= 4_000_000  # of all families
    assert "golden-demo q4: all of " in run("verify", "demo").stdout


def test_the_catalogue_is_found(run, prefix):
    for name in ("demo", "phi3_vision", "phi3_vision_optimized"):
        values = json.loads(run("config", "show", "--json", "--config", name).stdout)
        assert values["model_id"]["value"] == name
        assert values["model_id"]["source"] == "file"
        assert run("config", "check", name).stdout.endswith("is valid\n")
    # It is the installed one: without its file the name is unknown.
    file = prefix / "share/ocellus/configs/models/phi3_vision.json"
    file.rename(file.with_suffix(".away"))
    try:
        assert "phi3_vision_optimized" in run("config", "check", "phi3_vision", code=1).stderr
    finally:
        file.with_suffix(".away").rename(file)


def test_the_embedded_model_answers(run, prefix):
    assert "demo" in run("list").stdout
    assert run("ask", CIRCLE, "What shape is in the picture?").stdout == "Circle.\n"
    assert run("ask", "--config", "demo", CIRCLE, "What shape is in the picture?").stdout == "Circle.\n"


def test_a_copy_of_the_program_alone_answers(tmp_path):
    """The embedded model is in the program: every verb that reads a model reads it there."""
    shutil.copy(BIN, tmp_path / "oc")
    goldens = tmp_path / "goldens"
    shutil.copytree(ROOT / "tests/data/golden-demo", goldens)
    picture = shutil.copy(CIRCLE, tmp_path)

    def run(*args, code=0):
        done = subprocess.run(
            ["./oc", *map(str, args)], cwd=tmp_path, capture_output=True, text=True, timeout=300,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    assert run("ask", picture, "What shape is in the picture?").stdout == "Circle.\n"
    assert "built in" in run("list").stdout
    shown = json.loads(run("show", "demo", "--json").stdout)
    on_disk = [p for p in (ROOT / "models/demo").iterdir() if p.name != "README.md"]
    assert shown["folder"] is None and shown["problem"] is None
    assert shown["bytes"] == sum(p.stat().st_size for p in on_disk)
    assert "part of the program" in run("show", "demo").stdout
    assert run("inspect", "demo").stdout.rstrip().endswith("complete")
    assert "tokens" in run("plan").stdout
    assert run("tokenize", "circle").stdout
    run("see", picture, "--out", tmp_path / "tiles")
    verified = run("verify", "demo", "--goldens", goldens).stdout
    assert "verified: every stage within its limit" in verified
    assert f"files: {len(on_disk)}, " in verified  # the very files of models/demo
    assert "quantised already" in run("quantize", "demo", tmp_path / "q", "--bits", "4", code=1).stderr
    assert "share/ocellus/goldens" in run("verify", "demo", code=1).stderr  # which it lacks
    # No other folder is taken for it, and a variable still names another.
    assert "/nowhere" in subprocess.run(
        ["./oc", "ask", "Hello"], cwd=tmp_path, capture_output=True, text=True,
        env={"HOME": str(tmp_path), "OCELLUS_DEMO_MODEL": "/nowhere"},
    ).stderr  # fmt: skip


def test_it_serves(prefix, tmp_path, monkeypatch):
    import conftest

    monkeypatch.setattr(conftest, "BIN", prefix / "bin/ocellus")
    running = Server("--config", "demo", env={"HOME": str(tmp_path)})
    try:
        answer = running.client().chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "What can you see?"}], max_tokens=8
        )
        assert answer.choices[0].message.content.strip()
    finally:
        running.stop()


@pytest.mark.parametrize("given", ["~/.local", "~", "some/where", "some/where//", "{home}/x y", "{home}/x y/"])
def test_make_install_takes_the_prefix_as_people_write_it(tmp_path, given):
    """Not every shell expands the ~ behind PREFIX=, and CMake takes neither it nor a relative folder."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir(), here.mkdir()
    given = given.format(home=home)
    expected = {"~": home, "~/.local": home / ".local", "some/where": here / "some/where"}.get(given.rstrip("/"), home / "x y")
    done = subprocess.run(
        [ROOT / "tools/install.sh", given, BUILD], cwd=here, capture_output=True, text=True, timeout=120,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (expected / "bin/ocellus").is_file()
    assert f"{expected}/bin is not in PATH" in done.stdout
    assert not list(here.glob("~*"))
    # And that is what make calls.
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "tools/install.sh" in line)
    assert line.strip() == '@tools/install.sh "$(PREFIX)"'


def test_a_prefix_of_somebody_else_is_refused(tmp_path):
    done = subprocess.run([ROOT / "tools/install.sh", "~nobody/x", BUILD], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "~nobody/x" in done.stderr and not list(tmp_path.iterdir())
