"""The curl lines of the original's README, and all that docs/migrate.md tells to do, work as they are
written, ports included: curl is told where localhost:8080 and localhost:8000 are."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import BIN, ROOT, drawing
from test_switch import DEMO, both, home  # noqa: F401

HEALTH = "curl http://localhost:8080/health"
ASK = """curl -X POST http://localhost:8080/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -d '{
    "max_tokens": 100,
    "messages": [{
      "role": "user",
      "content": [
        {"type": "text", "text": "What do you see in this image?"},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,..."}}
      ]
    }]
  }'"""
SWITCH = """curl -X PATCH http://localhost:8000/api/v1/config \\
  -H "Content-Type: application/json" \\
  -d '{"active_model": "phi3_vision"}'"""
MIGRATE = (ROOT / "docs/migrate.md").read_text(encoding="utf-8")
SEEDS = ROOT.parent / "shared/seeds"
PHI = "mlx-community/Phi-3.5-vision-instruct-4bit"  # where `ocellus pull` puts it

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")


def jpeg(number):
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(drawing(number))).convert("RGB").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture
def shell(both, home, tmp_path):  # noqa: F811
    """Runs a line of the README in a shell whose curl finds the server."""
    models = tmp_path / "home/models"
    models.mkdir(parents=True)
    shutil.copytree(home / "models/tiny", models / PHI)  # the file's model, in small
    running = both(env={"OCELLUS_HOME": str(models.parent)})
    ports = {8080: running.port, 8000: running.backend.rsplit(":", 1)[1]}
    (tmp_path / ".curlrc").write_text(
        "".join(f'connect-to = "localhost:{a}:127.0.0.1:{b}"\n' for a, b in ports.items())
    )

    def run(line):
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, timeout=300,
            env={**os.environ, "CURL_HOME": str(tmp_path), "no_proxy": "*"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run.ports = ports
    return run


def commands(document):
    """The commands of its sh blocks, each with the lines that belong to it."""
    for block in re.findall(r"^```sh\n(.*?)^```", document, re.M | re.S):
        yield from re.findall(r"^\S.*?(?=^\S|\Z)", block, re.M | re.S)


def test_the_lines_are_those_of_the_readme():
    if not SEEDS.exists():
        pytest.skip("the README is not here")
    texts = [path.read_text(encoding="utf-8") for path in SEEDS.glob("*.txt")]
    for line in (HEALTH, ASK, SWITCH):
        assert any(line in text for text in texts), line


def test_health(shell):
    told = shell(HEALTH)
    assert (told["status"], told["model"]) == ("healthy", DEMO)


def test_the_first_question_and_the_ones_behind_it(shell):
    for number in (3, 3, 1):  # "first request should work"; the original's later ones were empty
        answer = shell(ASK.replace("base64,...", "base64," + jpeg(number)))
        assert answer["choices"][0]["message"]["content"].strip()
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert answer["usage"]["prompt_tokens_details"]["image_tokens"] > 0


def test_a_picture_that_is_three_dots_is_told(shell):
    refused = shell(ASK)
    assert refused["error"]["param"] == "messages[0].content[1].image_url.url"


def test_the_active_model(shell):
    """The demo answers at first; then the model that is installed where `pull` puts Phi-3.5-Vision."""
    assert shell(HEALTH)["model"] == DEMO
    told = shell(SWITCH)
    assert told.get("status") == "success", told
    assert told["config"]["active_model"] == "phi3_vision"
    assert shell(HEALTH)["model"] == "phi3_vision"
    answer = shell(ASK.replace("base64,...", "base64," + jpeg(3)))
    assert answer["model"] == "phi3_vision"


def test_migrate_quotes_the_lines_of_the_readme():
    for line in (HEALTH, ASK, SWITCH):
        assert f"```sh\n{line}\n```" in MIGRATE, line


def test_every_curl_line_of_migrate(shell):
    lines = [line for line in commands(MIGRATE) if line.startswith("curl")]
    assert len(lines) == MIGRATE.count("\ncurl ") == 8
    for line in lines:
        told = shell(line.replace("base64,...", "base64," + jpeg(3)))
        if "/api/v1/state" in line:
            assert told["error"]["code"] == "not_implemented" and told["detail"]
        else:
            assert "error" not in told, (line, told)
        if "user_query" in line:
            assert told == {"status": "logged", "query_id": "query-1"}


def test_the_python_of_migrate(shell):
    (code,) = re.findall(r"^```python\n(.*?)^```", MIGRATE, re.M | re.S)
    assert code.count(":8080/") == 1
    done = subprocess.run(
        [sys.executable, "-c", code.replace(":8080/", f":{shell.ports[8080]}/")],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "Circle."), done.stderr


def test_the_old_file_as_migrate_tells(tmp_path):
    """Its other lines: what they say of the original's own file. `serve` is the other tests' affair."""
    folder = tmp_path / "src/config/model_configs"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "tests/data/config/phi3_vision.json", folder)
    lines = [line.strip() for line in commands(MIGRATE) if line.startswith("ocellus config")]
    assert len(lines) == 2
    for line in lines:
        done = subprocess.run(
            [str(BIN), *line.split()[1:]], capture_output=True, text=True, cwd=tmp_path, timeout=60
        )
        assert done.returncode == 0, done.stderr
