"""What a build of commit 257ff1c has kept, whose keys held how a picture was cut in another form: it is missed,
never misread, and does not stay for ever (tests/data/stores-257ff1c)."""

import shutil

import pytest

from conftest import ROOT, eventually
from test_faults import ask, body, connected, metric, redis, text_of  # noqa: F401
from test_picture_folder import disk, pictures

OLD = ROOT / "tests/data/stores-257ff1c"
(OLD_PICTURE,) = OLD.glob("*.ocimage")
OLD_KEY, OLD_VALUE = (OLD / "answer.key").read_bytes(), (OLD / "answer.value").read_bytes()
REQUEST = body(1)  # what they were made with


@pytest.fixture(scope="module")
def right(server):
    """The answer without any of it."""
    return text_of(ask(server, REQUEST))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "pictures"
    made.mkdir(mode=0o700)
    return made


def discarded(running):
    return metric(running, "ocellus_image_disk_discarded_total")


def test_an_old_picture_is_missed(start, folder, right):
    shutil.copy(OLD_PICTURE, folder)
    running = start("--image-cache-dir", str(folder))
    assert text_of(ask(running, REQUEST)) == right
    eventually(lambda: len(pictures(folder)) == 2)
    assert (disk(running, "hits"), disk(running, "misses"), discarded(running)) == (0, 1, 0)
    assert (folder / OLD_PICTURE.name).read_bytes() == OLD_PICTURE.read_bytes(), "nobody's business"
    running.stop()
    again = start("--image-cache-dir", str(folder))
    assert text_of(ask(again, REQUEST)) == right
    assert disk(again, "hits") == 1, "the new one"


def test_an_old_picture_under_a_new_name_is_not_taken(start, folder, right):
    first = start("--image-cache-dir", str(folder))
    assert text_of(ask(first, REQUEST)) == right
    eventually(lambda: len(pictures(folder)) == 1)
    first.stop()
    (name,) = pictures(folder)
    new = name.read_bytes()
    assert len(new) == OLD_PICTURE.stat().st_size, "the same picture, as many rows"
    shutil.copyfile(OLD_PICTURE, name)
    second = start("--image-cache-dir", str(folder))
    assert text_of(ask(second, REQUEST)) == right
    assert (disk(second, "hits"), discarded(second)) == (0, 1)
    eventually(lambda: name.exists() and name.read_bytes() == new)


def test_old_pictures_do_not_stay_for_ever(start, folder, right):
    old = {f"{i:064x}.ocimage" for i in range(30)}
    for name in old:
        shutil.copy(OLD_PICTURE, folder / name)
    assert sum(path.stat().st_size for path in pictures(folder)) > 1 << 20
    flags = ["--image-cache-dir", str(folder), "--image-cache-dir-mb", "1"]
    running = start(*flags)
    wanted = [text_of(ask(running, body(i))) for i in range(1, 9)]
    assert wanted[0] == right
    eventually(lambda: len({path.name for path in pictures(folder)} - old) == 8)
    assert sum(path.stat().st_size for path in pictures(folder)) <= 1 << 20
    running.stop()
    again = start(*flags)
    assert [text_of(ask(again, body(i))) for i in range(1, 9)] == wanted
    assert disk(again, "hits") == 8


def test_an_old_answer_is_missed(start, redis, right):  # noqa: F811
    redis.command("SET", OLD_KEY, OLD_VALUE)
    flags = ["--response-cache", redis.url, "--response-cache-mb", "0"]
    running = start(*flags)
    eventually(lambda: connected(running))
    reply = ask(running, REQUEST)
    assert text_of(reply) == right and reply.headers["x-ocellus-cache"] != "hit"
    eventually(lambda: len(redis.keys()) == 2)
    (new,) = set(redis.keys()) - {OLD_KEY}
    # And were it to stand under the new name, it would not be read.
    redis.command("SET", new, OLD_VALUE)
    reply = ask(running, REQUEST)
    assert text_of(reply) == right and reply.headers["x-ocellus-cache"] != "hit"
    assert metric(running, "ocellus_shared_cache_discarded_total") == 1
