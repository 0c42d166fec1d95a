"""The configuration: the original system's files, the catalogue, layers, and what is wrong."""

import io
import json
import os
import subprocess

import httpx
import pytest

from conftest import BIN, ROOT, START_SECONDS, data_uri, drawing, picture_part, text_part, user

ORIGINALS = ROOT / "tests/data/config"
STANDARD, OPTIMIZED = ORIGINALS / "phi3_vision.json", ORIGINALS / "phi3_vision_optimized.json"
# With the keys of the original's files for these models, and other words.
OTHERS = [ORIGINALS / "smolvlm2_500m_video.json", ORIGINALS / "moondream2.json"]
OLD_CLIENT = {  # as the original's README has it
    "max_tokens": 100,
    "messages": [user(text_part("How many shapes are there?"), picture_part(3))],
}


def run(*args, code=0, env=None):
    done = subprocess.run(
        [str(BIN), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def shown(*args, **options):
    return json.loads(run("config", "show", "--json", *args, **options).stdout)


def post(server, body, **headers):
    return httpx.post(server.url + "/v1/chat/completions", json=body, headers=headers, timeout=300)


def large_picture(width=1200, height=900):
    from PIL import Image

    picture = Image.open(io.BytesIO(drawing(3))).resize((width, height))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return {"type": "image_url", "image_url": {"url": data_uri(out.getvalue()), "num_crops": 4}}


@pytest.mark.parametrize("path", [STANDARD, OPTIMIZED, *OTHERS], ids=lambda path: path.stem)
def test_the_original_files_are_valid(path):
    done = run("config", "check", path)
    assert done.stderr == ""
    assert done.stdout.endswith(f"{path.name} is valid\n")
    assert "quality" in done.stdout


@pytest.mark.parametrize("path", [STANDARD, OPTIMIZED, *OTHERS], ids=lambda path: path.stem)
def test_the_original_files_serve(start, path):
    running = start("--config", str(path))
    wanted = json.loads(path.read_text())
    assert httpx.get(running.url + "/health").json()["model"] == wanted["model_name"]
    # Both of its names reach the model.
    for name in (wanted["model_name"], wanted["model_id"], ""):
        answer = post(running, {**OLD_CLIENT, "model": name})
        assert answer.status_code == 200
        assert answer.json()["choices"][0]["message"]["content"].strip()
        assert answer.json()["model"] == wanted["model_name"]
    # Each key without effect is told once, with a reason.
    log = running.settled_log()
    told = [line for line in log if "without_effect=" in line]
    keys = ("server.framework", "image_processing.quality", "special_tokens.user_prefix",
            "model_config.trust_remote_code", "server.host")  # fmt: skip
    if path in OTHERS:
        keys = ("server.type", "inference.batch_size", "memory.required_gb")
    for key in keys:
        assert sum(key in line for line in told) == 1, key
    assert all("reason=" in line for line in told)
    assert not [line for line in log if "unknown key" in line]


def test_host_of_a_file_without_a_key_is_this_machine(start):
    running = start("--config", str(STANDARD))
    assert running.logged("address=http://127.0.0.1:")
    open_one = start("--config", str(STANDARD), "--insecure", wait=False)
    assert open_one.logged("address=http://0.0.0.0:")
    done = run("serve", "--config", STANDARD, "--host", "0.0.0.0", "--port", 0, code=2)
    assert "without an API key" in done.stderr


def test_limits_and_defaults_of_the_file_hold(start):
    running = start("--config", str(OPTIMIZED), "--set", "limits.max_tokens_cap=2")
    long = user(text_part("Describe the image."), picture_part(7))
    for more in ({}, {"max_tokens": 300}):
        answer = post(running, {"messages": [long], **more}).json()
        assert answer["usage"]["completion_tokens"] <= 2
        assert answer["choices"][0]["finish_reason"] == "length"
    too_long = post(running, {"messages": [user(text_part("one " * 3000))]})
    assert too_long.status_code == 400
    error = too_long.json()["error"]
    assert error["code"] == "context_length_exceeded"


def test_max_sequence_length_names_the_servers_limit(start):
    running = start("--set", "limits.max_sequence_length=64")
    model = httpx.get(running.url + "/v1/models").json()["data"][0]
    assert model["capabilities"]["context_length"] == 64
    refused = post(running, {"messages": [user(text_part("one " * 80))]})
    assert refused.status_code == 400
    assert "this server allows 64" in refused.json()["error"]["message"]


def test_timeout_of_the_file_holds(start):
    running = start("--set", "limits.timeout_seconds=0.01", "--engine", "reference", "--no-warm-up")
    late = post(running, OLD_CLIENT)
    assert late.status_code >= 500 or late.status_code == 408, late.text
    assert "time" in late.json()["error"]["message"]


def test_pictures_are_made_to_fit(start):
    """A shrunk picture takes the same tokens and gives the same answer as one that comes so."""
    question = text_part("Describe the image.")
    body = {"messages": [user(large_picture(), question)]}
    whole = post(start(), body).json()
    small = start("--image-size", "120,120")
    shrunk = post(small, body).json()
    from PIL import Image

    picture = Image.open(io.BytesIO(drawing(3))).resize((1200, 900))
    out = io.BytesIO()
    picture.convert("RGB").resize((120, 90), Image.Resampling.LANCZOS).save(out, "PNG")
    by_pillow = {"type": "image_url", "image_url": {"url": data_uri(out.getvalue()), "num_crops": 4}}
    same = post(small, {"messages": [user(by_pillow, question)]})
    # The pixels are Pillow's to the bit, so the cache knows the answer.
    assert same.headers["x-ocellus-cache"] == "hit"
    assert same.json()["choices"] == shrunk["choices"]
    assert shrunk["usage"]["prompt_tokens"] <= whole["usage"]["prompt_tokens"]
    # Never enlarged: a picture that fits is the same with and without the box.
    fits = {"messages": [user(by_pillow, question)]}
    assert post(start("--image-size", "500,500"), fits).json()["choices"] == same.json()["choices"]


def test_response_cache_is_bounded_in_number(start):
    running = start("--set", "cache_settings.response_cache_size=1")

    def ask(number):
        body = {"messages": [user(text_part(f"Is there a red circle? {number}"))], "max_tokens": 4}
        return post(running, body).headers["x-ocellus-cache"]

    assert [ask(1), ask(1), ask(2), ask(2), ask(1)] == ["miss", "hit", "miss", "hit", "miss"]
    off = start("--set", "cache_settings.response_cache_size=0")
    body = {"messages": [user(text_part("Hello"))], "max_tokens": 4}
    assert [post(off, body).headers["x-ocellus-cache"] for _ in range(2)] == ["miss", "miss"]


def test_requests_win_over_generation_config(start):
    running = start("--temperature", "1.5", "--set", "generation_config.max_new_tokens=3")
    body = {"messages": [user(text_part("Describe the image."), picture_part(7))]}
    # Drawn answers are not kept, the likeliest is.
    for more, kept in (({}, False), ({"temperature": 0}, True)):
        answers = [post(running, {**body, **more}) for _ in range(2)]
        assert all(a.json()["usage"]["completion_tokens"] <= 3 for a in answers)
        assert (answers[1].headers["x-ocellus-cache"] == "hit") == kept


def preflight(server, origin, path="/v1/chat/completions", method="POST"):
    return httpx.options(
        server.url + path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
        },
    )


def test_cors_is_off_by_default(start):
    running = start()
    assert "access-control-allow-origin" not in preflight(running, "http://localhost:5500").headers
    refused = post(running, OLD_CLIENT, Origin="http://localhost:5500")
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_cors_of_the_original_file_is_for_this_machines_pages(start):
    running = start("--config", str(STANDARD), env={"OCELLUS_API_KEY": "k"})
    origin = "http://localhost:5500"
    allowed = preflight(running, origin)  # without a key, as browsers ask
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == origin
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "x-stainless-os" in allowed.headers["access-control-allow-headers"]
    answer = post(running, OLD_CLIENT, Origin=origin, Authorization="Bearer k")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "Origin" in answer.headers["vary"]
    # Errors and streams can be read, too.
    no_key = post(running, OLD_CLIENT, Origin=origin)
    assert (no_key.status_code, no_key.headers["access-control-allow-origin"]) == (401, origin)
    stream = post(running, {**OLD_CLIENT, "stream": True}, Origin=origin, Authorization="Bearer k")
    assert stream.headers["access-control-allow-origin"] == origin
    for other in ("http://example.org", "http://localhost.example.org", "null", "http://127.0.0.1@x"):
        assert "access-control-allow-origin" not in preflight(running, other).headers
        assert post(running, OLD_CLIENT, Origin=other, Authorization="Bearer k").status_code == 403


def test_cors_for_named_origins(start):
    running = start("--cors-origin", "https://example.org")
    assert preflight(running, "https://example.org").status_code == 204
    assert post(running, OLD_CLIENT, Origin="https://example.org").status_code == 200
    assert post(running, OLD_CLIENT, Origin="http://localhost:5500").status_code == 403
    anyone = start("--cors-origin", "*")
    assert post(anyone, OLD_CLIENT, Origin="null").headers["access-control-allow-origin"] == "null"


def test_ui_config_is_what_the_file_says(start):
    running = start("--config", str(STANDARD))
    told = httpx.get(running.url + "/ui/config").json()
    wanted = json.loads(STANDARD.read_text())
    assert told["title"] == wanted["model_name"]
    for key, value in wanted["ui"].items():
        assert told[key] == value


@pytest.mark.parametrize("name", ["demo", "phi3_vision", "phi3_vision_optimized"])
def test_the_catalogue_is_valid_and_does_not_shrink_pictures(name):
    assert run("config", "check", name).stderr == ""
    values = shown("--config", name)
    for key in ("image_processing.size", "image_processing.max_size", "limits.max_image_size"):
        assert values[key]["value"] is None
    assert values["model_id"]["value"] == name
    assert values["server.host"]["value"] == "127.0.0.1"


def test_a_name_of_the_catalogue_serves(start):
    running = start("--config", "demo")
    assert post(running, {**OLD_CLIENT, "model": "demo"}).status_code == 200


def test_where_each_value_came_from():
    values = shown("--config", STANDARD, "--port", 9001, "--set", "max_tokens=7",
                   env={"OCELLUS_HOST": "127.0.0.2", "OCELLUS_PORT": "9000"})
    assert (values["server.port"]["value"], values["server.port"]["source"],
            values["server.port"]["name"]) == (9001, "flag", "--port")
    assert (values["server.host"]["value"], values["server.host"]["source"],
            values["server.host"]["name"]) == ("127.0.0.2", "environment", "OCELLUS_HOST")
    assert (values["max_tokens"]["value"], values["max_tokens"]["name"]) == (7, "--set")
    assert values["timeout"]["name"] == "phi3_vision.json"
    assert values["limits.max_queue"]["source"] == "default"
    text = run("config", "show", "--port", 9001, "--api-key", "sk-secret").stdout
    assert "flag --port" in text and "sk-secret" not in text


def test_everything_that_is_wrong_is_told(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({
        "server": {"port": "8080", "cors_enabled": "yes", "prot": 1},
        "image_processing": {"size": [512]},
        "timeot": 5,
    }))
    done = run("config", "check", path, code=1)
    for text in (
        'error: mine.json: "server.port" must be an integer from 0 to 65535, found "8080"',
        'error: mine.json: "server.cors_enabled" must be true or false, found "yes"',
        'warning: mine.json: unknown key "server.prot" is ignored; the nearest known is "server.port"',
        'error: mine.json: "image_processing.size" must be a list of 2 integers',
        'warning: mine.json: unknown key "timeot" is ignored; the nearest known is "timeout"',
        "error: mine.json is not valid",
    ):
        assert text in done.stderr
    done = run("serve", "--config", path, code=2)
    assert '"server.port"' in done.stderr and '"image_processing.size"' in done.stderr
    path.write_text("{")
    assert "mine.json" in run("config", "check", path, code=1).stderr
    missing = run("serve", "--config", "phi4_vision", code=1).stderr
    assert "phi3_vision_optimized" in missing


def test_unknown_keys_do_not_stop_the_server(start, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"server": {"prot": 1}}')
    running = start("--config", str(path))
    assert running.logged("unknown key.*server.port")
    assert post(running, OLD_CLIENT).status_code == 200


@pytest.mark.parametrize("flags, most", [(["--max-n", "2"], 2), (["--set", "limits.max_n=3"], 3),
                                         (["--max-n", "9", "--max-running", "1"], 1)])  # fmt: skip
def test_the_limit_of_n(start, flags, most):
    running = start(*flags)

    def ask(n):
        return httpx.post(
            running.url + "/v1/chat/completions",
            json={"messages": [{"role": "user", "content": "Hello"}], "n": n, "max_tokens": 1},
            timeout=300,
        )

    assert len(ask(most).json()["choices"]) == most
    refused = ask(most + 1)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "n"
    assert f"at most {most} answer" in refused.json()["error"]["message"]
