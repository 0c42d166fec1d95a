"""Frames of a video: over the API with OpenAI's client, and from the command line."""

import json
import os
import shutil

import httpx
import openai
import pytest

from conftest import data_uri, drawing, text_part, user
from test_cli import EXAMPLES, ROOT, failure, run
from test_smolvlm import tiny  # noqa: F401 (a fixture)

GOLDEN = ROOT.parent / "shared/families/smolvlm2/golden"
VIEW = 4  # tokens of a frame: one view of the tiny checkpoint


def frames(*numbers, **more):
    return {"type": "video_frames", "frames": [data_uri(drawing(n)) for n in numbers], **more}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the frames drawing(1) to drawing(11), as a video tool names them, and a hidden file."""
    folder = tmp_path_factory.mktemp("frames")
    for n in range(1, 12):
        (folder / f"f{n}.png").write_bytes(drawing(n))
    (folder / ".hidden").write_text("no picture")
    return folder


def ask(server, *parts, **options):
    client = server.client()
    return client.chat.completions.create(
        model="", messages=[user(*parts)], max_tokens=6, temperature=0, **options
    )


def text(answer):
    return answer.choices[0].message.content


def test_the_models_own_words_stand_around_frames(tiny, start):  # noqa: F811
    server = start(model=tiny)
    answer = ask(server, frames(1, 2, 3, fps=2), text_part("What happens?"))
    assert answer.usage.prompt_tokens_details.image_tokens == 3 * VIEW
    assert [(i["tiles"], i["tokens"]) for i in answer.ocellus["images"]] == [([0, 0], VIEW)] * 3
    # The same prompt by hand: pictures of one view among the words that the reference has.
    picture = lambda n: {"type": "image_url", "image_url": {"url": data_uri(drawing(n)), "longest_edge": 56}}
    words = "You are provided the following series of three frames from a 0:00:01 [H:MM:SS] video.\n"
    by_hand = [text_part(words + "\nFrame from 00:00:"), picture(1), text_part("\nFrame from 00:00:"), picture(2),
               text_part("\nFrame from 00:01:"), picture(3), text_part("\n\nWhat happens?")]  # fmt: skip
    same = ask(server, *by_hand, extra_body={"keep_order": True})
    assert same.usage.prompt_tokens == answer.usage.prompt_tokens
    assert text(same) == text(answer)
    # How pictures are shown does not change frames; nor does their place in the turn.
    assert text(ask(server, text_part("What happens?"), frames(1, 2, 3, fps=2),
                    extra_body={"longest_edge": 224})) == text(answer)  # fmt: skip
    # 1 a second where it is not said.
    assert text(ask(server, frames(1, 2, 3), text_part("?"))) == text(ask(server, frames(1, 2, 3, fps=1), text_part("?")))


def test_caches_tell_videos_apart(tiny, start):  # noqa: F811
    server = start(model=tiny)

    def asked(*parts):
        body = {"messages": [user(*parts)], "max_tokens": 6, "temperature": 0}
        reply = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)
        assert reply.status_code == 200, reply.text
        return reply.headers["x-ocellus-cache"], reply.json()

    def question(*parts):
        return [*parts, text_part("What happens?")]

    kinds = [question(frames(1, 2)), question(frames(1, 2, fps=2)), question(frames(2, 1)),
             question(frames(1), frames(2)), question(frames(1), frames(2, fps=3))]  # fmt: skip
    first = [asked(*kind) for kind in kinds]
    assert [hit for hit, _ in first] == ["miss"] * len(kinds)
    alone = start("--response-cache", "0", "--prefix-cache", "0", "--image-cache", "0", model=tiny)
    for kind, (_, answer) in zip(kinds, first):
        hit, again = asked(*kind)
        assert hit == "hit" and again["choices"] == answer["choices"]
        body = {"messages": [user(*kind)], "max_tokens": 6, "temperature": 0}
        bare = httpx.post(alone.url + "/v1/chat/completions", json=body, timeout=300).json()
        assert bare["choices"][0]["message"] == answer["choices"][0]["message"]
        assert bare["usage"]["prompt_tokens"] == answer["usage"]["prompt_tokens"]


def test_a_second_question_about_a_video_computes_only_its_own_words(tiny, start):  # noqa: F811
    server = start(model=tiny)
    video = frames(1, 2, 3, 4, 5, 6, 7, 8)
    first = ask(server, video, text_part("What happens?"))
    second = ask(server, video, text_part("Who is there?"))
    assert second.usage.prompt_tokens_details.cached_tokens > first.usage.prompt_tokens // 2


def refused(server, part, **options):
    with pytest.raises(openai.BadRequestError) as error:
        ask(server, part, text_part("What?"), **options)
    return error.value


def test_bounds(tiny, start):  # noqa: F811
    server = start("--max-images", "1", model=tiny)
    url = data_uri(drawing(1))
    at = "messages[0].content[0]"
    for fps in (0, -1, 0.0001, 1001, "1"):
        assert refused(server, frames(1, fps=fps)).param == at + ".fps"
    assert refused(server, {"type": "video_frames", "frames": []}).param == at + ".frames"
    assert refused(server, {"type": "video_frames"}).param == at + ".frames"
    assert refused(server, {"type": "video_frames", "frames": [url, "http://a/b.png"]}).param == at + ".frames[1]"
    with pytest.raises(openai.APIStatusError) as no_picture:
        ask(server, {"type": "video_frames", "frames": [url, "data:image/png;base64,AAAA"]}, text_part("What?"))
    assert (no_picture.value.status_code, no_picture.value.param) == (415, at + ".frames[1]")
    assert refused(server, frames(1, detail="low")).param == at + ".detail"
    many = refused(server, {"type": "video_frames", "frames": [url] * 65})
    assert many.param == at + ".frames" and "64 frames" in many.message
    # Frames are no pictures: --max-images does not count them, --max-frames does.
    assert ask(server, {"type": "video_frames", "frames": [url] * 64}, text_part("What?")).usage.prompt_tokens > 64 * VIEW
    more = start("--max-frames", "100", model=tiny)
    over = refused(more, {"type": "video_frames", "frames": [url] * 65})
    assert (over.param, over.code) == ("messages", "invalid_value")
    assert "SmolVLM2 is shown at most 64" in over.message and "fps of 0.5" in over.message


def test_a_model_without_videos_refuses_them_by_name(server):
    error = refused(server, frames(1, 2))
    assert (error.status_code, error.code, error.param) == (400, "unsupported_parameter", "messages")
    assert "video_frames: Phi-3.5-Vision knows pictures, no videos" in error.message
    assert "SmolVLM2" in error.message
    told = failure("ask", "What?", "--frames", EXAMPLES / "red-circle.png")
    assert "Phi-3.5-Vision knows pictures, no videos" in told and "SmolVLM2" in told


def test_models_tell_whether_they_know_videos(tiny, start, server):  # noqa: F811
    def capabilities(running):
        return httpx.get(running.url + "/v1/models").json()["data"][0]["capabilities"]

    assert capabilities(start(model=tiny))["max_frames"] == 64
    assert "video_frames" in capabilities(start(model=tiny))["input"]
    assert "video_frames" not in capabilities(server)["input"]


def asked_here(model, *args):
    return json.loads(run("ask", "--model", model, "--json", "--max-tokens", 6, *args).stdout)


def test_ask_takes_files_and_folders(tiny, start, folder):  # noqa: F811
    question = "What happens?"
    by_name = [folder / f"f{n}.png" for n in range(1, 12)]
    of_folder = asked_here(tiny, question, "--frames", folder, "--fps", 2)
    assert [image["file"] for image in of_folder["images"]] == [str(path) for path in by_name]
    assert of_folder["usage"]["image_tokens"] == 11 * VIEW
    assert asked_here(tiny, question, "--fps", 2, "--frames", *by_name)["text"] == of_folder["text"]
    # The question may stand behind the frames, and pictures before them.
    assert asked_here(tiny, "--fps", 2, "--frames", folder, question)["text"] == of_folder["text"]
    both = asked_here(tiny, EXAMPLES / "red-circle.png", question, "--frames", folder)
    assert [image["tokens"] for image in both["images"]] == [68] + [VIEW] * 11
    # What the API makes of the same.
    server = start(model=tiny)
    answer = ask(server, frames(*range(1, 12), fps=2), text_part(question))
    assert answer.usage.prompt_tokens == of_folder["usage"]["prompt_tokens"]
    assert text(answer) == of_folder["text"]


def test_ask_says_what_is_wrong(tiny, folder, tmp_path):  # noqa: F811
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "the folder is empty" in failure("ask", "What?", "--model", tiny, "--frames", empty)
    (empty / "notes.txt").write_text("words")
    none = failure("ask", "What?", "--model", tiny, "--frames", empty)
    assert "there is no picture in the folder: notes.txt" in none
    named = failure("ask", "What?", "--model", tiny, "--frames", empty / "notes.txt")
    assert "notes.txt: this is a text" in named and "hint: name a picture" in named
    assert "no such file" in failure("ask", "What?", "--model", tiny, "--frames", tmp_path / "absent.png")
    assert "there is no question" in failure("ask", "--model", tiny, "--frames", folder, code=2)
    assert "--fps" in failure("ask", "What?", "--model", tiny, "--frames", folder, "--fps", 0, code=2)
    assert "--frames" in failure("ask", "What?", "--model", tiny, "--fps", 2, code=2)


def test_what_lies_beside_the_frames_is_left_out(tiny, folder, tmp_path):  # noqa: F811
    beside = tmp_path / "frames"
    shutil.copytree(folder, beside)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "notes.TXT", "video.mp4"):
        (beside / name).write_bytes(b"no picture")
    (beside / "smaller").mkdir()
    done = run("ask", "What happens?", "--model", tiny, "--json", "--max-tokens", 6, "--frames", beside)
    told = json.loads(done.stdout)
    assert [os.path.basename(image["file"]) for image in told["images"]] == [f"f{n}.png" for n in range(1, 12)]
    assert told["text"] == asked_here(tiny, "What happens?", "--frames", folder)["text"]
    note = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    hidden = len([path for path in folder.iterdir() if path.name.startswith(".")])
    assert len(note) == 1 and "left out, by name no pictures: .DS_Store, " in note[0]
    assert note[0].endswith(f" and {3 + hidden} more")


@pytest.mark.parametrize("name, said", [("f3.png", "damaged or cut off"), ("f12.jxl", "a JPEG XL picture"),
                                        ("f12", "not a picture"), ("f12.png.part", "not a picture"),
                                        ("f12.png", "a link to what is not there")])  # fmt: skip
def test_a_frame_that_cannot_be_read_is_named(tiny, folder, tmp_path, name, said):  # noqa: F811
    """A video with a frame less would be another one."""
    broken = tmp_path / "frames"
    shutil.copytree(folder, broken, ignore=shutil.ignore_patterns(".*"))
    path = broken / name
    if name == "f3.png":
        path.write_bytes(path.read_bytes()[:60])
    elif "link" in said:
        path.symlink_to(tmp_path / "nowhere.png")
    else:
        path.write_bytes(b"\xff\x0a" + bytes(40) if "JPEG" in said else b"half a file\n")
    error = failure("ask", "What?", "--model", tiny, "--frames", broken)
    assert f"{path}: " in error and said in error and "hint: " in error


@pytest.mark.skipif(not GOLDEN.exists(), reason="../shared is not here")
@pytest.mark.parametrize("cases", ["text", "model"])
def test_prompts_of_the_golden_videos(tmp_path, cases):
    """The reference's ids, from frames alone: its words are ours."""
    if cases == "text":
        lines = (GOLDEN / "text/cases.jsonl").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if "Frame from" in line and "prompt" in line]
        sizes = [case["images"] for case in found]
    else:
        found = json.loads((GOLDEN / "model/cases.json").read_text(encoding="utf-8"))["cases"]
        found = [case for case in found if "Frame from" in case["prompt"]]
        sizes = [[[320, 180]] * len(case["images"]) for case in found]
    assert found
    for case, size in zip(found, sizes):
        (message,) = case["messages"]
        question = message["content"].rsplit("|>\n\n", 1)[1]
        part = {"type": "video_frames", "sizes": size, "fps": 1}
        file = tmp_path / "messages.json"
        file.write_text(json.dumps([{"role": "user", "content": [part, {"type": "text", "text": question}]}]))
        ids = run("tokenize", "--model", GOLDEN / "model/tiny-bf16", "--messages", file).stdout
        assert json.loads(ids) == case["ids"]
