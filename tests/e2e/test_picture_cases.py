"""Pictures that people have had trouble with, each with what is right for it: tests/data/picture-cases
and, where it lies beside the project, the same folder of the shared material."""

import resource
import subprocess

import openai
import pytest

from conftest import BIN, ROOT, data_uri, text_part, user
from test_faults import redis  # noqa: F401
from test_pictures import with_texts

CASES = ROOT / "tests/data/picture-cases"
SHARED = ROOT.parent / "shared/cases/pictures"
CIRCLE = "Circle."
QUESTION = "What shape is in the picture?"

# The answer, or the status and what the error says; then what the warning says.
RIGHT = {
    "alpha_black_circle_clear_black.png": (CIRCLE, ""),
    "alpha_black_circle_clear_black_lossy.webp": (CIRCLE, ""),
    "alpha_grey_LA.png": (CIRCLE, ""),
    "alpha_half.png": (CIRCLE, ""),
    "alpha_palette_trns.png": (CIRCLE, ""),
    "cam_12bit.jpg": (415, "12 bits a sample"),
    "cam_1_extraneous_byte_before_dqt.jpg": (CIRCLE, ""),
    "cam_608_extraneous_before_marker.jpg": (CIRCLE, ""),
    "cam_bitflip_plain.jpg": (CIRCLE, "1 bit error"),
    "cam_ff00_between_segments.jpg": (CIRCLE, ""),
    "cam_lossless.jpg": (415, "lossless JPEG"),
    "git_lfs_pointer.png": (415, "Git LFS pointer"),
    "icc_swapped_red_green.png": (CIRCLE, ""),
    "ios_cgbi.png": (415, "CgBI"),
    "phone_display_p3.jpg": (CIRCLE, ""),
    "phone_iphone.heic": (CIRCLE, ""),
    "png_window_too_small.png": (CIRCLE, ""),
    "raw_dng.dng": (415, "raw file of a camera"),
    "scan_tiff_lzw.tif": (CIRCLE, ""),
    "shot_apng.png": (CIRCLE, "first frame"),
    "size_201x1.png": (413, "--max-picture-aspect"),
    "video_webm.webm": (415, "WebM"),
    "web_avif_major_mif1.avif": (CIRCLE, ""),
    "web_gif.gif": (CIRCLE, ""),
    "web_gif_animated.gif": (CIRCLE, "first frame"),
    "web_html_page.jpg": (415, "HTML"),
    "web_svg_bom.svg": (415, "SVG"),
    "webp_animated_one_frame.webp": (CIRCLE, "first frame"),
    "webp_trailing.webp": (CIRCLE, ""),
}


def ask(server, data, question=QUESTION):
    picture = {"type": "image_url", "image_url": {"url": data_uri(data)}}
    client = server.client().with_options(max_retries=0)
    return client.chat.completions.create(
        model="", messages=[user(picture, text_part(question))], temperature=0, max_tokens=16)


@pytest.mark.parametrize("name", RIGHT)
def test_each_has_its_right_outcome(server, name):
    data = (CASES / name).read_bytes()
    right, words = RIGHT[name]
    if right == CIRCLE:
        answer = ask(server, data)
        assert answer.choices[0].message.content == CIRCLE
        warning = (answer.model_extra or {}).get("warning") or ""
        assert words in warning if words else not warning, warning
        return
    with pytest.raises(openai.APIStatusError) as refused:
        ask(server, data)
    message = refused.value.body["message"] + " " + (refused.value.body.get("hint") or "")
    assert (refused.value.status_code, words in message) == (right, True), message


def test_a_profile_that_swaps_colours_is_followed(server):
    data = (CASES / "icc_swapped_red_green.png").read_bytes()
    assert ask(server, data, "What color is the circle?").choices[0].message.content == "Red."


# Three servers after one another share what they keep on disk and in Redis.
def test_no_cache_gives_what_was_seen_otherwise(start, redis, tmp_path):  # noqa: F811
    kept = ["--image-cache-dir", str(tmp_path / "pictures"), "--response-cache", redis.url, "--response-cache-mb", "8"]
    colours = ("icc_swapped_red_green.png", "What color is the circle?")
    shape = ("alpha_black_circle_clear_black.png", QUESTION)
    as_stored = ["--background", "drop", "--colour-profiles", "ignore"]

    def answers(server):
        return [ask(server, (CASES / name).read_bytes(), question).choices[0].message.content
                for name, question in (shape, colours)]

    seen, stored = answers(start(*kept)), answers(start(*kept, *as_stored))
    assert seen == [CIRCLE, "Red."] and stored[1] == "Green."
    assert stored[0] != CIRCLE  # all black as it is stored, so that any shape is a guess
    assert answers(start(*kept)) == seen and answers(start(*kept, *as_stored)) == stored


def test_texts_of_many_megabytes_are_stepped_over(tmp_path):
    png = (ROOT / "examples/red-circle.png").read_bytes()
    path = tmp_path / "texts.png"
    path.write_bytes(with_texts(png, 255, 7 << 20))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([BIN, "ask", path, QUESTION], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.strip() == CIRCLE, done.stderr
    # 255 texts of 7 MiB take 8 s to unpack.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4


def test_the_shared_cases_are_these():
    if not SHARED.is_dir():
        pytest.skip("the shared material is not there")
    for path in SHARED.iterdir():
        if path.name in RIGHT:
            assert (CASES / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name for path in SHARED.iterdir()} - set(RIGHT) == {"png_255_ztxt_chunks_of_7mb.png"}
