"""Pictures within the terminal: the sequences of kitty and iTerm2 are taken apart and their PNG is decoded."""

import base64
import io
import re

import pytest
from PIL import Image

from conftest import ROOT
from test_cli import failure, run
from test_terminal import at_terminal

PICTURE = ROOT / "examples/shapes.png"
KITTY, ITERM = {"TERM": "xterm-kitty"}, {"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}


def kitty_picture(text):
    parts = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert parts and parts[0][0] == f"a=T,f=100,q=2,m={int(len(parts) > 1)}"
    assert all(len(data) <= 4096 for _, data in parts)
    assert [keys for keys, _ in parts[1:]] == ["m=1"] * (len(parts) - 2) + ["m=0"] * (len(parts) > 1)
    return Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in parts), validate=True)))


def iterm_picture(text):
    size, data = re.search(r"\x1b\]1337;File=inline=1;size=(\d+):([A-Za-z0-9+/=]*)\x07", text).groups()
    png = base64.b64decode(data, validate=True)
    assert len(png) == int(size)
    return Image.open(io.BytesIO(png))


def has_picture(text):
    return "\x1b_G" in text or "]1337;" in text


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moondream") / "tiny"
    run("synth", "--shape", "moondream2-tiny", "--quant", "bf16", "--seed", 7, "--out", folder)
    return folder


@pytest.fixture(autouse=True)
def no_terminal_of_ours(monkeypatch):
    for name in ("TMUX", "STY", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL", "ITERM_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("env, picture_of", [(KITTY, kitty_picture), (ITERM, iterm_picture)])
def test_see_shows_the_views(env, picture_of):
    text = at_terminal("see", PICTURE, env=env, raw=True)
    picture = picture_of(text)
    picture.load()
    assert picture.width <= 640 and picture.height <= 480  # 80 columns
    # The drawing's own ground and colours are there: it is no grey plate.
    assert len(picture.convert("RGB").getcolors(1 << 20)) > 10
    assert "tokens" in re.sub(r"\x1b[_\]].*?(\x1b\\|\x07)", "", text)


def test_only_where_the_terminal_can():
    assert not has_picture(at_terminal("see", PICTURE, env={"TERM": "xterm-256color"}, raw=True))
    assert not has_picture(at_terminal("see", PICTURE, "--inline", "never", env=KITTY, raw=True))
    assert not has_picture(at_terminal("see", PICTURE, "--json", env=KITTY, raw=True))
    assert not has_picture(at_terminal("see", PICTURE, env={**KITTY, "TMUX": "/tmp/tmux,1,0"}, raw=True))
    assert not has_picture(at_terminal("see", PICTURE, env={"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, raw=True))
    assert not has_picture(run("see", PICTURE, env=KITTY).stdout)  # no terminal
    assert has_picture(run("see", PICTURE, "--inline", "always", env=KITTY).stdout)
    within = run("see", PICTURE, "--inline", "always", env={**KITTY, "TMUX": "/tmp/tmux,1,0"}).stdout
    passed = "".join(part.replace("\x1b\x1b", "\x1b") for part in
                     re.findall(r"\x1bPtmux;((?:\x1b\x1b|[^\x1b])*)\x1b\\", within))  # fmt: skip
    assert kitty_picture(passed).width > 100
    assert "must be one of auto, always, never" in failure("see", PICTURE, "--inline", "often", code=2)


def test_what_is_found_is_drawn(tiny, tmp_path):
    words = ["detect", PICTURE, "circle", "--model", tiny, "--max-objects", 2]
    assert not has_picture(at_terminal(*words, env=KITTY, raw=True))
    drawn = tmp_path / "drawn.png"
    shown = kitty_picture(at_terminal(*words, "--draw", drawn, env=KITTY, raw=True)).convert("RGB")
    file = Image.open(drawn).convert("RGB")
    assert abs(shown.width / shown.height - file.width / file.height) < 0.05
    if shown.size == file.size:
        assert shown.tobytes() == file.tobytes()
    point = ["point", PICTURE, "circle", "--model", tiny, "--max-objects", 1]
    assert kitty_picture(run(*point, "--inline", "always", env=KITTY).stdout).width > 100
