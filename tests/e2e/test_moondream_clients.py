"""Moondream's API as its own clients see it, unmodified: the Python client in build/venv, the Node client in
build/node (node/moondream.mjs asks); and the verbs that ask the same on the command line. The model is a
random checkpoint of a few hundred KB: what is looked at is that the right things come, not their sense."""

import io
import json
import os
import subprocess
import urllib.error

import httpx
import moondream
import PIL.Image
import pytest

from conftest import data_uri, drawing
from test_cli import EXAMPLES, failure, run
from test_node import FOLDER, PACKAGES, node

PICTURE = EXAMPLES / "red-circle.png"  # 218 x 242
KEY = "key-of-a-friend"
QUESTION = "What is it?"
SHORT = {"max_tokens": 12}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moondream") / "tiny"
    run("synth", "--shape", "moondream2-tiny", "--quant", "bf16", "--seed", 7, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def serving(tiny):
    from conftest import Server

    running = Server("--api-key", KEY, "--max-answer", "24", model=tiny)
    yield running
    running.end()


@pytest.fixture(scope="module")
def client(serving):
    return moondream.vl(endpoint=serving.url + "/v1", api_key=KEY)


@pytest.fixture(scope="module")
def picture():
    return PIL.Image.open(PICTURE)


def post(serving, route, body, key=KEY, **headers):
    headers = {**({"X-Moondream-Auth": key} if key is not None else {}), **headers}
    return httpx.post(f"{serving.url}/v1/{route}", json=body, headers=headers)


def boxes_of(objects):
    for box in objects:
        assert set(box) == {"x_min", "y_min", "x_max", "y_max"}
        assert box["x_min"] <= box["x_max"] and box["y_min"] <= box["y_max"]
    return objects


def points_of(points):
    for point in points:
        assert set(point) == {"x", "y"} and 0 <= point["x"] <= 1 and 0 <= point["y"] <= 1
    return points


def test_python_asks_and_streams(client, picture):
    answer = client.query(picture, QUESTION, settings=SHORT)["answer"]
    assert answer
    pieces = list(client.query(picture, QUESTION, stream=True, settings=SHORT)["answer"])
    assert "".join(pieces) == answer
    for length in ("short", "normal"):
        whole = client.caption(picture, length=length, settings=SHORT)["caption"]
        streamed = list(client.caption(picture, length=length, stream=True, settings=SHORT)["caption"])
        assert "".join(streamed) == whole and whole
    other = client.query(picture, QUESTION, settings={"temperature": 2, "top_p": 1.0, "max_tokens": 12})
    assert isinstance(other["answer"], str) and "reasoning" not in other


def test_python_finds(client, picture):
    objects = boxes_of(client.detect(picture, "circle")["objects"])
    assert objects, "a random model ends nowhere"
    assert client.detect(picture, "circle", settings={"max_objects": 2})["objects"] == objects[:2]
    points = points_of(client.point(picture, "circle")["points"])
    assert points and client.point(picture, "circle", settings={"max_objects": 1})["points"] == points[:1]


def test_python_encodes_once(client, picture):
    """A picture that the client has encoded itself."""
    encoded = client.encode_image(picture)
    assert client.query(encoded, QUESTION, settings=SHORT) == client.query(picture, QUESTION, settings=SHORT)


def test_python_is_told_what_is_wrong(serving, client, picture):
    def error(ask):
        with pytest.raises(urllib.error.HTTPError) as raised:
            ask()
        return raised.value.code, json.loads(raised.value.read())["error"]

    status, told = error(lambda: client.detect(picture, ""))
    assert status == 400 and told["param"] == "object"
    status, told = error(lambda: client.query(None, QUESTION))
    assert status == 400 and told["param"] == "image_url"
    status, told = error(lambda: client.query(picture, QUESTION, reasoning=True))
    assert status == 400 and told["param"] == "reasoning" and told["code"] == "unsupported_parameter"
    status, told = error(lambda: client.point(picture, "circle", spatial_refs=[[0.5, 0.5]]))
    assert status == 400 and told["param"] == "spatial_refs"
    stream = client.query(picture, "", stream=True)["answer"]
    status, told = error(lambda: list(stream))
    assert status == 400 and told["param"] == "question"
    for key in (None, "wrong"):
        stranger = moondream.vl(endpoint=serving.url + "/v1", api_key=key)
        status, told = error(lambda: stranger.query(picture, QUESTION))
        assert status == 401 and told["type"] == "authentication_error"
    other = moondream.vl(endpoint=serving.url + "/v1", api_key=KEY, model="no-such-model")
    assert error(lambda: other.caption(picture))[0] == 404


def test_node_sees_the_same(serving, client):
    assert os.path.exists(os.path.join(PACKAGES, "moondream/package.json")), (
        f"moondream's Node client is not in {PACKAGES}; tools/test.sh installs it"
    )
    done = subprocess.run(
        [node(), str(FOLDER / "moondream.mjs"), str(PICTURE)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "NODE_PATH": PACKAGES, "OCELLUS_URL": serving.url, "OCELLUS_KEY": KEY},
    )
    assert done.returncode == 0, done.stderr
    came = json.loads(done.stdout)
    assert came["answer"] and "".join(came["streamed"]) == came["answer"] and len(came["streamed"]) > 2
    assert "".join(came["caption_streamed"]) == came["captions"]["short"]
    assert came["captions"]["normal"]
    assert boxes_of(came["objects"]) and points_of(came["points"])
    assert came["errors"] == {
        "object": "HTTP error! status: 400",
        "variant": "HTTP error! status: 400",
        "key": "HTTP error! status: 401",
        "no_key": "HTTP error! status: 401",
    }


def test_the_wire(serving):
    image = data_uri(drawing(3))
    reply = post(serving, "detect", {"image_url": image, "object": "circle"})
    assert reply.status_code == 200 and reply.headers["x-request-id"]
    found = reply.json()
    assert set(found) == {"request_id", "objects", "finish_reason", "stop_cause", "usage"}
    assert found["request_id"].startswith("detect-")
    assert found["usage"]["image_tokens"] > 0 and found["usage"]["completion_tokens"] > 0
    pointed = post(serving, "point", {"image_url": image, "object": "circle"}).json()
    assert pointed["count"] == len(pointed["points"])
    # The server's 24 tokens are eight boxes, and a random model would go on for ever.
    for settings, count, cause in (({}, 8, "max_tokens"), ({"max_objects": 2}, 2, "max_objects")):
        cut = post(serving, "detect", {"image_url": image, "object": "circle", "settings": settings}).json()
        assert (len(cut["objects"]), cut["finish_reason"], cut["stop_cause"]) == (count, "length", cause)
    told = post(serving, "caption", {"image_url": image, "settings": {"max_objects": 3, "max_tokens": 2}}).json()
    assert "settings.max_objects" in told["warning"] and told["finish_reason"] == "length"
    stream = post(serving, "query", {"image_url": image, "question": QUESTION, "stream": True, "settings": SHORT})
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in stream.text.split("\n\n") if line.startswith("data: ")]
    assert [event["completed"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["chunk"] == "" and events[-1]["usage"]["completion_tokens"] == 12
    again = post(serving, "detect", {"image_url": image, "object": "circle"})
    assert again.json()["objects"] == found["objects"]
    # Either header, and a wrong method in the same words.
    asked = {"image_url": image, "question": QUESTION, "settings": SHORT}
    assert post(serving, "query", asked, key=None, authorization=f"Bearer {KEY}").status_code == 200
    assert post(serving, "query", asked, key="").status_code == 401
    wrong = httpx.get(serving.url + "/v1/query", headers={"X-Moondream-Auth": KEY})
    assert wrong.status_code == 405 and wrong.json()["error"]["code"] == "method_not_allowed"
    assert post(serving, "caption", {"image_url": "https://example.com/a.png"}).json()["error"]["param"] == "image_url"


@pytest.mark.parametrize("route, name", [("detect", "temperature"), ("point", "top_p"), ("caption", "max_objects"),
                                         ("query", "max_objects")])  # fmt: skip
def test_settings_without_effect_are_checked(serving, route, name):
    body = {"image_url": data_uri(drawing(3)), "object": "circle", "question": QUESTION}
    body = {key: value for key, value in body.items() if key != ("question" if route in ("detect", "point") else "object")}
    if route == "caption":
        body = {"image_url": body["image_url"]}
    for wrong in ("x", -1, 1e30, True, []):
        reply = post(serving, route, {**body, "settings": {name: wrong}})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, f"settings.{name}"), wrong
    told = post(serving, route, {**body, "settings": {name: 1, "max_tokens": 2}}).json()
    assert told["warning"] == f"without effect here: settings.{name}"


def test_the_key_is_good_for_chats_too(serving):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    assert post(serving, "chat/completions", body).status_code in (200, 400)  # a model may want a picture
    assert post(serving, "chat/completions", body, key="wrong").status_code == 401


def test_another_model_says_who_it_is_not(server):
    """The model of the other tests has conversations only."""
    for route, more in (("query", {"question": "What?"}), ("caption", {}), ("detect", {"object": "x"}),
                        ("point", {"object": "x"})):  # fmt: skip
        reply = httpx.post(f"{server.url}/v1/{route}", json={"image_url": data_uri(drawing(1)), **more})
        assert reply.status_code == 400
        told = reply.json()["error"]
        assert told["code"] == "unsupported_parameter" and route in told["message"]
        assert "none of the models that are loaded here does it" in told["message"]


def pixels(file):
    with PIL.Image.open(io.BytesIO(file.read_bytes())) as image:
        data = image.convert("RGB").tobytes()
        return image.size, [tuple(data[i : i + 3]) for i in range(0, len(data), 3)]


KEYED = {"X-Moondream-Auth": KEY}


def test_models_tell_what_they_do(serving):
    """And what is too long is told by the field that it came in."""
    has = httpx.get(serving.url + "/v1/models", headers=KEYED).json()["data"][0]["capabilities"]
    assert has["tasks"] == ["query", "caption", "detect", "point"] and "gif" in has["image_formats"]
    for route, field in (("query", "question"), ("detect", "object")):
        body = {"image_url": data_uri(drawing(1)), field: "w0rd " * 800}
        error = httpx.post(f"{serving.url}/v1/{route}", json=body, headers=KEYED, timeout=60).json()["error"]
        assert error["param"] == field and "shorten the text" in error["message"] + str(error), error


def test_the_verbs_find_and_draw(tiny, tmp_path):
    found = json.loads(run("detect", PICTURE, "circle", "--model", tiny, "--json", "--max-objects", 3).stdout)
    assert boxes_of(found["objects"]) and len(found["objects"]) <= 3
    assert found["text"] == "" and found["usage"]["image_tokens"] > 0
    drawn, plain = tmp_path / "a.png", tmp_path / "plain.png"
    lines = run("detect", PICTURE, "circle", "--model", tiny, "--max-objects", 3, "--draw", drawn).stdout.splitlines()
    assert lines == [
        " ".join(str(round(box[name] * side + 1e-9)) for name, side in
                 (("x_min", 218), ("y_min", 242), ("x_max", 218), ("y_max", 242)))
        for box in found["objects"]
    ]  # fmt: skip
    run("see", PICTURE, "--picture", plain)
    (size, before), (drawn_size, after) = pixels(plain), pixels(drawn)
    assert size == drawn_size == (218, 242)
    changed = [new for old, new in zip(before, after) if old != new]
    inside = [box for box in found["objects"] if 0 < box["x_max"] and box["x_min"] < 1 and 0 < box["y_max"]
              and box["y_min"] < 1 and box["x_min"] < box["x_max"] and box["y_min"] < box["y_max"]]  # fmt: skip
    assert bool(changed) == bool(inside) and set(changed) <= {(255, 210, 0), (20, 20, 20)}
    points = run("point", PICTURE, "circle", "--model", tiny, "--max-objects", 2, "--draw", tmp_path / "b.JPEG")
    x, y = map(int, points.stdout.splitlines()[0].split())
    with PIL.Image.open(tmp_path / "b.JPEG") as image:
        assert image.format == "JPEG" and image.size == (218, 242)
        red, green, blue = image.getpixel((min(x, 217), min(y, 241)))
        assert red > 220 and 180 < green < 240 and blue < 60


def test_the_verbs_caption(tiny):
    whole = run("caption", PICTURE, "--model", tiny, "--max-tokens", 8).stdout
    told = json.loads(run("caption", PICTURE, "--model", tiny, "--max-tokens", 8, "--json").stdout)
    assert whole == told["text"] + "\n" and len(told["token_ids"]) == 8
    assert run("caption", PICTURE, "--model", tiny, "--max-tokens", 8, "--length", "short").stdout


def test_the_verbs_say_what_is_wrong(tiny, tmp_path):
    error = failure("detect", PICTURE, "x", "--model", tiny, "--draw", tmp_path / "a.gif", code=2)
    assert "a.gif" in error and ".png, .jpg or .jpeg" in error
    error = failure("point", PICTURE, "x", "--model", tiny, "--draw", tmp_path / "no/a.png")
    assert "cannot write" in error and "there is no folder" in error
    (tmp_path / "folder.png").mkdir()
    error = failure("point", PICTURE, "x", "--model", tiny, "--draw", tmp_path / "folder.png")
    assert "it is a folder" in error
    own = tmp_path / "own.png"
    own.write_bytes(PICTURE.read_bytes())
    error = failure("point", own, "x", "--model", tiny, "--draw", tmp_path / "." / "own.png", code=2)
    assert "would replace the picture" in error and own.read_bytes() == PICTURE.read_bytes()
    cut = run("detect", PICTURE, "x", "--model", tiny, "--max-tokens", 2)
    assert cut.stdout == "" and "cut by --max-tokens" in cut.stderr
    cut = run("detect", PICTURE, "x", "--model", tiny, "--max-objects", 2)
    assert len(cut.stdout.splitlines()) == 2 and "cut by --max-objects 2; there may be more" in cut.stderr
    assert "what is to be found is empty" in failure("detect", PICTURE, "  ", "--model", tiny, code=2)
    failure("detect", PICTURE, "x", "--model", tiny, "--max-objects", 0, code=2)
    assert "short, normal" in failure("caption", PICTURE, "--model", tiny, "--length", "long")
    failure("detect", PICTURE, "x", "--model", tiny, "--temperature", 1, code=2)
    error = failure("detect", PICTURE, "x", "--model", "demo")
    assert "does not do detect" in error and "Moondream2" in error
    assert "no such file" in failure("caption", tmp_path / "none.png", "--model", tiny)
