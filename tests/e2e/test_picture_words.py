"""Words where a picture's file is expected: each is read as a person means it, or named with what to do."""

import subprocess

import pytest

from conftest import BIN, ROOT, data_uri

CIRCLE = ROOT / "examples/red-circle.png"
QUESTION = "What shape is in the picture?"


def see(*words, data=None):
    return subprocess.run([BIN, "see", *words], input=data, capture_output=True, timeout=60)


def error_of(*words, data=None):
    done = see(*words, data=data)
    assert done.returncode == 1 and done.stdout == b"", done
    return done.stderr.decode()


@pytest.mark.parametrize("word", [
    str(CIRCLE), f"file:{CIRCLE}", f"file://{CIRCLE}", f"FILE://LOCALHOST{CIRCLE}",
    "file://" + str(CIRCLE).replace("red", "%72ed"), data_uri(CIRCLE.read_bytes()), "-",
])  # fmt: skip
def test_each_way_to_name_a_picture(word):
    done = see(word, data=CIRCLE.read_bytes() if word == "-" else None)
    assert done.returncode == 0 and b"PNG" in done.stdout, done.stderr


def test_a_pipe_is_read():
    ask = f"{BIN} ask <(cat {CIRCLE}) '{QUESTION}'"
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "Circle.", done.stderr


@pytest.mark.parametrize("word, says, advises", [
    (str(ROOT / "examples"), "this is a folder", "*.jpg"),
    ("https://example.com/a.png", "not fetched from the network", "curl"),
    ("http://", "not fetched from the network", "curl"),
    ("ftp://example.com/a.png", "not fetched from the network", "fetch it yourself"),
    ("file://elsewhere/a.png", "of another machine", "copy it here"),
    ("file:", "names no file", "file:///"),
    ("nowhere.png", "there is no such file", "quotes"),
])  # fmt: skip
def test_others_are_named_with_what_to_do(word, says, advises):
    told = error_of(word)
    assert says in told and advises in told.partition("hint: ")[2], told


def test_a_ring_of_links_is_named(tmp_path):
    (tmp_path / "ring.png").symlink_to(tmp_path / "ring.png")
    assert "symbolic links" in error_of(tmp_path / "ring.png")


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_too_many_bytes_name_their_setting_once(tmp_path, way):
    (tmp_path / "large.jpg").write_bytes(bytes(2 << 20))
    word = tmp_path / "large.jpg" if way == "file" else "-"
    told = error_of(word, "--max-picture-mb", "1", data=bytes(2 << 20) if way == "stdin" else None)
    assert "--max-picture-mb" in told and told.count("large.jpg") == (way == "file"), told


def test_no_setting_is_named_that_would_not_help(tmp_path):
    def with_size(width, height):
        png = bytearray((ROOT / "examples/small.png").read_bytes())
        png[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        path = tmp_path / "claims.png"
        path.write_bytes(png)
        return error_of(path)

    assert "--max-picture-megapixels" in with_size(10_000, 10_000)
    assert "--max-picture-megapixels" not in with_size(22_000, 10_000)
