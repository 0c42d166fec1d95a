"""PATCH of a configuration that lies in a file: what it changes there, what it refuses, and who may."""

import json
import os
import socket
import stat

import httpx
import pytest

from test_cli import run
from test_switch import DEMO, TURN, ask, both, free_port, home, switch  # noqa: F401

# As a person wrote it: numbers, arrays in a line, spaces of its own.
TEXT = """{
    "model_name": "First",
    "generation_config": {"temperature": 0.70, "top_p": 9e-1},
    "image_processing": { "size": [ 1024, 768 ] },
    "server": {
        "port": 0,
        "host": "127.0.0.1"
    }
}
"""


@pytest.fixture
def with_file(both, tmp_path):  # noqa: F811
    """Starts a server with a file of its own; `file` is its path."""

    def begin(text=TEXT, *args, **options):
        file = tmp_path / "phi.json"
        if text is not None:
            file.write_bytes(text.encode())
        running = both("--config", str(file), *args, **options)
        running.file = file
        return running

    return begin


def patch(running, body, key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.patch(running.backend + "/api/v1/config", json=body, headers=headers, timeout=300)


def test_only_what_changes_changes_in_the_file(with_file):
    running = with_file(TEXT.replace("\n", "\r\n"))
    assert patch(running, {"frontend": {"video_width": 1280}}).status_code == 200
    assert patch(running, {"active_model": "tiny"}).status_code == 200
    assert patch(running, {"active_model": "tiny"}).status_code == 200
    expected = TEXT.replace("    }\n}\n", '    },\n    "frontend": {\n        "video_width": 1280\n    },\n'
                            '    "active_model": "tiny"\n}\n')  # fmt: skip
    assert running.file.read_bytes().decode() == expected.replace("\n", "\r\n")


@pytest.mark.parametrize("host", ["x", "example.com", "192.0.2.1", "127.0.0.1:80", " ", "${HOST}", "h" * 2000])
def test_a_host_that_cannot_be_listened_on_is_refused(with_file, host):
    running = with_file()
    response = patch(running, {"active_model": "tiny", "server": {"host": host}})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == "server.host"
    assert running.file.read_text() == TEXT
    assert httpx.get(running.backend + "/config").json()["active_model"] == "First"


def test_what_the_next_start_would_stumble_over_is_refused(with_file):
    running = with_file()
    backend = int(running.backend.rsplit(":", 1)[1])
    open_to_all = patch(running, {"server": {"host": "0.0.0.0"}})
    assert open_to_all.status_code == 400 and "OCELLUS_API_KEY" in open_to_all.json()["detail"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port, why in ((taken.getsockname()[1], "taken"), (backend, "backend")):
            response = patch(running, {"server": {"port": port}})
            assert response.status_code == 400, (port, response.text)
            assert response.json()["error"]["param"] == "server.port"
            assert why in response.json()["detail"]
    assert running.file.read_text() == TEXT
    # And what it would take is taken.
    port = free_port()
    response = patch(running, {"server": {"port": port, "host": "localhost"}})
    assert response.status_code == 200 and response.json()["restart_required"]
    assert json.loads(running.file.read_text())["server"] == {"port": port, "host": "localhost"}
    run("config", "check", running.file)


def test_with_a_key_the_host_may_be_another(with_file):
    running = with_file(TEXT, env={"OCELLUS_API_KEY": "secret"})
    assert patch(running, {"server": {"host": "0.0.0.0"}}, "secret").status_code == 200
    assert json.loads(running.file.read_text())["server"]["host"] == "0.0.0.0"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(with_file):
    running = with_file()
    running.file.chmod(0o444)
    response = patch(running, {"active_model": "tiny", "frontend": {"video_width": 1}})
    assert response.status_code == 500, response.text
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "configuration_not_written")
    assert "nothing was changed" in error["message"] and "read-only" in error["message"]
    assert str(running.file.parent) not in response.text
    config = httpx.get(running.backend + "/config").json()
    assert (config["active_model"], config["video_width"]) == ("First", 640)
    assert os.listdir(running.file.parent) == ["phi.json"] and running.file.read_text() == TEXT
    running.file.chmod(0o640)
    assert patch(running, {"active_model": "tiny"}).status_code == 200
    assert stat.S_IMODE(running.file.stat().st_mode) == 0o640


def test_a_folder_that_has_gone_and_a_file_broken_by_hand(with_file):
    running = with_file()
    running.file.write_text('{"server": ')
    response = patch(running, {"active_model": "tiny"})
    assert response.status_code == 500 and "phi.json" in response.json()["detail"]
    running.file.write_text('{"server": {"port": "8080"}}')  # JSON, but no configuration
    response = patch(running, {"active_model": "tiny"})
    assert response.status_code == 500 and "server.port" in response.json()["detail"]
    running.file.unlink()
    assert patch(running, {"active_model": "tiny"}).status_code == 500
    assert httpx.get(running.backend + "/config").json()["active_model"] == "First"


def test_where_an_admin_key_is_set_only_it_changes_the_server(with_file):
    running = with_file(TEXT, env={"OCELLUS_ADMIN_KEY": "root", "OCELLUS_API_KEY": "api"})

    def chat(model, key):
        body = {"messages": [TURN], "max_tokens": 1, "temperature": 0, "model": model}
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.post(running.url + "/v1/chat/completions", json=body, headers=headers, timeout=300)

    change = {"active_model": "tiny"}
    for key, status, code in ((None, 401, "missing_api_key"), ("roo", 401, "invalid_api_key"),
                              ("api", 403, "admin_key_required")):  # fmt: skip
        response = patch(running, change, key)
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert "admin" in response.json()["error"]["message"]
    # Whoever may ask may not load; the active model answers.
    assert chat("First", "api").status_code == 200
    for name in ("tiny", "none"):
        refused = chat(name, "api")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admin_key_required")
    assert chat("none", "root").json()["error"]["code"] == "model_not_found"
    assert chat("tiny", "root").json()["model"] == "tiny"
    assert chat("tiny", "api").json()["model"] == "tiny"  # now it is loaded
    assert running.file.read_text() == TEXT
    assert patch(running, change, "root").status_code == 200
    # No key shows anywhere.
    for url in (running.backend + "/api/v1/config", running.backend + "/status", running.url + "/stats"):
        shown = httpx.get(url, headers={"Authorization": "Bearer root"})
        assert shown.status_code == 200 and "root" not in shown.text
    assert not [line for line in running.settled_log() if "root" in line.replace("/root", "")]
    shown = run("config", "show", "--json", "--admin-key", "root", "--admin-key", "two").stdout
    assert json.loads(shown)["server.admin_keys"]["count"] == 2 and '"root"' not in shown


def test_an_admin_key_alone_leaves_asking_open(with_file):
    running = with_file(TEXT, "--admin-key", "root")
    assert ask(running.url).status_code == 200
    assert ask(running.url, "tiny").status_code == 403
    assert switch(running, "tiny").status_code == 401
    assert patch(running, {"active_model": "tiny"}, "root").status_code == 200


def numbers(text):
    """Every number of a JSON text, as it is written."""
    found = []
    json.loads(text, parse_float=found.append, parse_int=found.append)
    return found


def test_numbers_have_their_usual_form_everywhere(with_file):
    running = with_file()
    body = {"messages": [TURN], "max_tokens": 3, "logprobs": True, "top_logprobs": 3}
    answer = httpx.post(running.url + "/v1/chat/completions", json=body, timeout=300).text
    streamed = httpx.post(running.url + "/v1/chat/completions", json={**body, "stream": True}, timeout=300)
    texts = [answer, httpx.get(running.url + "/stats").text, httpx.get(running.backend + "/status").text,
             run("ask", "--json", "Hello", "--max-tokens", "2").stdout,
             run("plan", "--json").stdout, run("config", "show", "--json").stdout,
             *(line[6:] for line in streamed.text.splitlines() if line.startswith("data: {"))]  # fmt: skip
    seen = [number for text in texts for number in numbers(text)]
    assert sum("." in number for number in seen) > 20
    # Beyond a millionth an exponent is the usual form.
    assert not [n for n in seen if "E" in n or ("e" in n and abs(float(n)) >= 1e-6)]
    assert '"value":0.5' in run("config", "show", "--json").stdout  # cache_settings.prefix_cache_share
