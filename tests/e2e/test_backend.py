"""The original backend's API on the second port: its routes and field names, and what guards them."""

import datetime
import json
import socket
import subprocess

import httpx
import pytest

from conftest import BIN, ROOT, picture_part, text_part, user
from test_switch import DEMO, TURN, ask, both, free_port, home, switch  # noqa: F401


@pytest.fixture
def running(both):  # noqa: F811
    return both()


def test_root_and_health(running):
    root = httpx.get(running.backend + "/").json()
    assert root["message"] == "Vision Models Unified API"
    assert root["active_model"] == DEMO and root["version"]
    health = httpx.get(running.backend + "/health").json()
    assert (health["status"], health["active_model"]) == ("healthy", DEMO)
    assert health["version"] == root["version"]
    stamp = datetime.datetime.fromisoformat(health["timestamp"].replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - stamp) < datetime.timedelta(minutes=5)


def test_status(running):
    status = httpx.get(running.backend + "/status").json()
    assert status["active_model"] == status["model_id"] == DEMO
    assert {DEMO, "tiny", "org/other"} <= set(status["available_models"])
    assert len(set(status["available_models"])) == len(status["available_models"])
    assert status["config"]["active_model"] == DEMO
    assert {"name", "description", "version"} <= set(status["model_status"])
    assert status["models"][0]["state"] == "ready"


def test_what_pages_read(running):
    config = httpx.get(running.backend + "/config").json()
    assert (config["video_width"], config["video_height"]) == (640, 480)
    assert config["api_base_url"] == running.backend
    assert config["default_instruction"]
    assert config["capture_interval"] in config["capture_intervals"]
    assert config["active_model"] == DEMO and config["model_help"]


def test_patch_switches(running):
    url = running.backend + "/api/v1/config"
    before = httpx.get(url).json()
    assert before["active_model"] == DEMO and before["model_config"]["model_id"] == DEMO
    response = switch(running, "tiny")
    assert response.status_code == 200
    out = response.json()
    assert (out["status"], out["message"]) == ("success", "Configuration updated successfully")
    assert out["config"]["active_model"] == "tiny"
    assert httpx.get(url).json()["active_model"] == "tiny"
    assert httpx.get(running.backend + "/status").json()["active_model"] == "tiny"
    assert httpx.get(running.url + "/health").json()["model"] == "tiny"
    for port in (running.url, running.backend):
        assert ask(port).json()["model"] == "tiny"
    # A client of the original sends back all that it was given.
    response = httpx.patch(url, json={**httpx.get(url).json(), "active_model": DEMO}, timeout=300)
    assert response.status_code == 200, response.text
    assert response.json()["ignored"] == ["model_config"]
    assert ask(running.backend).json()["model"] == DEMO


def test_patch_of_the_pages_settings(running):
    url = running.backend + "/api/v1/config"
    out = httpx.patch(url, json={"frontend": {"video_width": 1280}}).json()
    assert out["config"]["frontend"]["video_width"] == 1280
    assert out["config"]["frontend"]["video_height"] == 480
    assert httpx.get(running.backend + "/config").json()["video_width"] == 1280


@pytest.mark.parametrize(
    "body, param",
    [
        ({"active_model": 7}, "active_model"),
        ({"active_model": ""}, "active_model"),
        ({"active_model": "template"}, "active_model"),
        ({"active_model": "../models_config"}, "active_model"),
        ({"frontend": {"video_width": "wide"}}, "frontend.video_width"),
        ({"frontend": {"video_width": 0}}, "frontend.video_width"),
        ({"frontend": {"videowidth": 1}}, "frontend.videowidth"),
        ({"frontend": {"api_base_url": "javascript:x"}}, "frontend.api_base_url"),
        ({"server": {"port": 99999}}, "server.port"),
        ({"server": {"port": 1234}}, "server"),
        ({"server": []}, "server"),
        ([], None),
    ],
)
def test_patch_refuses(running, body, param):
    url = running.backend + "/api/v1/config"
    before = httpx.get(url).json()
    response = httpx.patch(url, json=body, timeout=60)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
    assert response.json()["detail"] == response.json()["error"]["message"]
    assert httpx.get(url).json() == before


def test_nothing_is_changed_by_half(running):
    body = {"active_model": "tiny", "frontend": {"video_width": -1}}
    assert httpx.patch(running.backend + "/api/v1/config", json=body).status_code == 400
    assert httpx.get(running.backend + "/config").json()["active_model"] == DEMO


def test_chat_completions_of_the_original(running):
    """What its pages send, and what they read."""
    body = {"max_tokens": None, "messages": [user(text_part("What is this?"), picture_part(2))]}
    for port in (running.url, running.backend):
        out = httpx.post(port + "/v1/chat/completions", json=body, timeout=300).json()
        assert out["choices"][0]["message"]["role"] == "assistant"
        assert out["choices"][0]["message"]["content"]
        assert set(out["usage"]) >= {"prompt_tokens", "completion_tokens", "total_tokens"}
        assert out["model"] == DEMO
        assert out["performance"]["processing_time"].endswith("s")
        assert (out["method"], out["optimized"]) == ("CPU", False)


def test_openais_clients_find_the_models(running):
    """They list models before they ask one, at whichever port they were pointed to."""
    for path in ("/v1/models", f"/v1/models/{DEMO}", "/v1/models/default"):
        told = [httpx.get(port + path).json() for port in (running.url, running.backend)]
        assert told[0] == told[1] and DEMO in str(told[0])
    assert httpx.get(running.backend + "/v1/models/none").json()["error"]["code"] == "model_not_found"
    assert "/v1/models" in httpx.get(running.backend + "/openapi.json").json()["paths"]


def test_no_answer_is_empty_after_the_first(running):
    """The original's best known defect: the first request is answered, later ones come back empty."""
    questions = [text_part("What shape is in the picture?"), text_part("What colour is it?")]
    first = {}
    for n in range(12):
        turn = user(picture_part(n % 3), questions[n % 2])
        response = ask((running.url, running.backend)[n // 6], None, turn, max_tokens=12, seed=n)
        content = response.json()["choices"][0]["message"]["content"]
        assert response.status_code == 200 and content.strip(), (n, response.text)
        assert first.setdefault(n % 6, content) == content  # whatever came before


def test_a_follow_up_without_a_picture_knows_the_conversation(running):
    turns = [user(picture_part(1), text_part("What is this?"))]
    alone = ask(running.backend, None, turns[0]).json()
    turns.append({"role": "assistant", "content": alone["choices"][0]["message"]["content"]})
    turns.append({"role": "user", "content": "Why?"})
    body = {"messages": turns, "max_tokens": 4}
    response = httpx.post(running.backend + "/v1/chat/completions", json=body, timeout=300)
    assert response.status_code == 200
    assert response.json()["usage"]["prompt_tokens"] > alone["usage"]["prompt_tokens"]


def test_errors_are_never_a_200(running):
    for body, status in (({"messages": []}, 400), ({"messages": [TURN], "max_tokens": -2}, 400),
                         ({"messages": [TURN], "model": "other"}, 404)):  # fmt: skip
        response = httpx.post(running.backend + "/v1/chat/completions", json=body)
        assert response.status_code == status
        assert "choices" not in response.json()


def test_the_model_servers_fields(running):
    health = httpx.get(running.url + "/health").json()
    assert {"status", "model", "version", "framework", "method", "optimized"} <= set(health)
    assert {"requests", "avg_time", "cache_hits"} <= set(health["performance"])
    stats = httpx.get(running.url + "/stats").json()
    assert {"requests", "total_time", "avg_time", "cache_hits"} <= set(stats["statistics"])
    assert {"mlx_support", "transformers_fallback", "cross_platform"} <= set(stats["features"])
    assert set(stats["optimizations"]) == {
        "single_threaded", "memory_management", "mlx_acceleration", "port_cleanup",
    }  # fmt: skip


def test_the_guards_are_the_same(both):  # noqa: F811
    running = both("--api-key", "secret", "--max-body-mb", "1")
    key = {"authorization": "Bearer secret"}
    assert httpx.get(running.backend + "/health").status_code == 200
    for method, path in (("GET", "/"), ("GET", "/status"), ("GET", "/config"),
                         ("GET", "/api/v1/config"), ("PATCH", "/api/v1/config"),
                         ("POST", "/v1/chat/completions")):  # fmt: skip
        body = {"json": {}} if method != "GET" else {}
        assert httpx.request(method, running.backend + path, **body).status_code == 401, path
        wrong = {"authorization": "Bearer other"}
        assert httpx.request(method, running.backend + path, headers=wrong, **body).status_code == 401
    assert httpx.get(running.backend + "/status", headers=key).status_code == 200
    rebound = {**key, "host": "rebound.example.com"}
    assert httpx.get(running.backend + "/status", headers=rebound).status_code == 403
    foreign = {**key, "origin": "http://example.com"}
    url = running.backend + "/api/v1/config"
    assert httpx.patch(url, headers=foreign, json={"active_model": "tiny"}).status_code == 403
    assert httpx.patch(url, headers=key, content=b"x").status_code == 415
    large = {"messages": [{"role": "user", "content": "x" * (2 << 20)}]}
    response = httpx.post(running.backend + "/v1/chat/completions", headers=key, json=large)
    assert response.status_code == 413
    assert httpx.get(running.backend + "/api/v1/config", headers=key).json()["active_model"] == DEMO


def test_a_taken_port_names_the_flag():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [str(BIN), "serve", "--port", "0", "--backend-port", str(port)],
            capture_output=True, text=True, timeout=60,  # fmt: skip
        )
    assert done.returncode == 1
    assert "address in use" in done.stderr and str(port) in done.stderr
    assert "--backend-port" in done.stderr


def test_loading_is_told_on_both_ports(both):  # noqa: F811
    running = both(wait=False)
    running.wait_for("backend listening")
    while True:
        response = httpx.get(running.backend + "/health", timeout=60)
        if response.status_code == 200:
            break
        assert response.status_code == 503 and response.json()["status"] == "loading"
        status = httpx.get(running.backend + "/status", timeout=60).json()
        assert status["models"][0]["state"] in ("absent", "loading", "warming", "ready")


def test_one_signal_ends_both(both):  # noqa: F811
    running = both()
    running.signal()
    assert running.wait() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.backend + "/health")


def test_a_switch_is_written_to_the_configuration_and_holds_after_a_restart(both, tmp_path):  # noqa: F811
    file = tmp_path / "phi.json"
    file.write_text(json.dumps({"model_name": "First", "limits": {"max_queue": 9}}))
    file.chmod(0o600)
    running = both("--config", str(file))
    assert httpx.get(running.url + "/health").json()["model"] == "First"
    assert switch(running, "tiny").status_code == 200
    kept = json.loads(file.read_text())
    assert kept == {"model_name": "First", "limits": {"max_queue": 9}, "active_model": "tiny"}
    assert file.stat().st_mode & 0o777 == 0o600
    again = both("--config", str(file))
    assert httpx.get(again.url + "/health").json()["model"] == "tiny"
    assert ask(again.url, "First").json()["model"] == "First"


def test_each_model_has_its_own_defaults_from_the_first_request_on(both, tmp_path):  # noqa: F811
    file = tmp_path / "warm.json"
    file.write_text(json.dumps({"generation_config": {"do_sample": True, "temperature": 2.0}}))
    running = both("--config", str(file))

    def drawn(model):
        body = {"model": model, "messages": [TURN], "max_tokens": 4}
        response = httpx.post(running.url + "/v1/chat/completions", json=body, timeout=300)
        assert response.status_code == 200, response.text
        return response.headers["x-ocellus-cache"]

    # Only an answer that is not drawn comes from the cache; "tiny" is not loaded before it is asked.
    assert [drawn("tiny"), drawn("tiny")] == ["miss", "hit"]
    assert [drawn("demo"), drawn("demo")] == ["miss", "miss"]


def test_the_first_model_is_not_what_the_catalogue_names(both):  # noqa: F811
    running = both(env={"OCELLUS_MODEL": "tiny", "OCELLUS_FALLBACK": "full"})
    response = switch(running, "phi3_vision")
    assert response.status_code == 400, response.text
    assert httpx.get(running.url + "/health").json()["model"] == DEMO


def test_a_program_without_its_catalogue_refuses_the_originals_names(both, tmp_path):  # noqa: F811
    running = both(env={"OCELLUS_CONFIGS": str(tmp_path)})
    assert switch(running, "phi3_vision").status_code == 400
    assert ask(running.url).status_code == 200


@pytest.mark.parametrize("key", ["phi3_vision", "phi3_vision_optimized"])
def test_the_originals_files_have_the_originals_keys(both, tmp_path, key):  # noqa: F811
    """active_model is the model_id of the configuration, but in /status, which shows its name."""
    file = tmp_path / f"{key}.json"
    file.write_bytes((ROOT / "tests/data/config" / file.name).read_bytes())
    name = json.loads(file.read_text())["model_name"]
    running = both("--config", str(file))
    for _ in range(2):
        for path in ("/", "/health", "/config", "/api/v1/config"):
            assert httpx.get(running.backend + path).json()["active_model"] == key
        status = httpx.get(running.backend + "/status").json()
        assert (status["active_model"], status["model_id"]) == (name, key)
        assert key in status["available_models"]
        assert status["config"]["active_model"] == key
        answer = ask(running.backend).json()
        assert (answer["model"], answer["optimized"]) == (name, key == "phi3_vision_optimized")
        told = switch(running, key).json()  # to the one that it is already
        assert (told["status"], told["config"]["active_model"]) == ("success", key)
    assert json.loads(file.read_text())["active_model"] == key
