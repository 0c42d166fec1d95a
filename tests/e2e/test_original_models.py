"""The original's other models by its own keys: SmolVLM2, Moondream2, and those that are not here."""

import json
import re

import httpx
import pytest

from conftest import ROOT
from test_cli import run
from test_switch import DEMO, IMAGE_TURN, ask, both, free_port, home, states, switch  # noqa: F401

SMOL = "smolvlm2_500m_video"
MLX = "mlx-community/SmolVLM2-500M-Video-Instruct-mlx"
FAST = "mlx-community/SmolVLM2-500M-Video-Instruct-mlx-8bit-skip-vision"
HUB = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
MOON = "vikhyatk/moondream2"
ENGINES = re.search(r"^engines +(.*)$", run("--version").stdout, re.M).group(1)


def put(models, repo, seed, shape="smolvlm2-tiny", quant="bf16"):
    folder = models / repo
    folder.parent.mkdir(parents=True, exist_ok=True)
    run("synth", "--shape", shape, "--quant", quant, "--seed", seed, "--out", folder)


@pytest.fixture(scope="module")
def smol(tmp_path_factory):
    """$OCELLUS_HOME with the models of the two configurations, in small, where `pull` puts them."""
    home = tmp_path_factory.mktemp("smol")
    for repo, seed in ((MLX, 1), (FAST, 2), (HUB, 3)):
        put(home / "models", repo, seed)
    put(home / "models", MOON, 4, "moondream2-tiny")
    return home


@pytest.fixture
def running(both, smol):  # noqa: F811
    return both(env={"OCELLUS_HOME": str(smol)})


@pytest.mark.parametrize("key", [SMOL, SMOL + "_optimized", "moondream2", "moondream2_optimized"])
def test_a_key_of_the_original_is_its_model(running, key):
    answer = ask(running.url, key, IMAGE_TURN)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["model"], answer.json()["optimized"]) == (key, key.endswith("optimized"))
    assert "warning" not in answer.json()
    assert states(running)[key]["state"] == "ready"
    told = switch(running, key)
    assert told.status_code == 200, told.text
    assert told.json()["config"]["active_model"] == key and "warning" not in told.json()
    assert ask(running.backend, None, IMAGE_TURN).json()["model"] == key


def test_each_has_its_fallback(both, tmp_path):  # noqa: F811
    put(tmp_path / "models", HUB, 3)
    running = both(env={"OCELLUS_HOME": str(tmp_path)})
    for key in (SMOL, SMOL + "_optimized"):
        assert ask(running.url, key).json()["model"] == key
        assert "mlx-community" in states(running)[key]["fallback_reason"]


@pytest.mark.skipif("mlx" not in ENGINES, reason="this build has no engine on MLX")
def test_moondreams_fallback_is_float32_on_the_cpu(both, tmp_path):  # noqa: F811
    """The optimized one wants keys and values of 8 bits, which MLX has not; its fallback is the same checkpoint."""
    put(tmp_path / "models", MOON, 4, "moondream2-tiny")
    running = both("--engine", "mlx", env={"OCELLUS_HOME": str(tmp_path)})
    optimized = ask(running.url, "moondream2_optimized", IMAGE_TURN)
    assert optimized.status_code == 200, optimized.text
    assert optimized.json()["model"] == "moondream2_optimized"
    state = states(running)["moondream2_optimized"]
    assert state["state"] == "ready" and "mlx has no int8 cache" in state["fallback_reason"]
    told = switch(running, "moondream2_optimized")
    assert told.status_code == 200 and told.json()["config"]["active_model"] == "moondream2_optimized"
    # What float32 on the CPU says.
    exact = both("--engine", "cpu", "--activations", "f32", model=tmp_path / "models" / MOON)
    said = ask(exact.url, None, IMAGE_TURN).json()["choices"][0]["message"]
    assert optimized.json()["choices"][0]["message"] == said


def test_smolvlm_is_its_next_version_and_says_so(running):
    answer = ask(running.url, "smolvlm").json()
    assert answer["model"] == SMOL
    assert '"smolvlm" means SmolVLM2-500M' in answer["warning"]
    assert "warning" not in ask(running.url, SMOL).json()
    told = switch(running, "smolvlm").json()
    assert told["config"]["active_model"] == SMOL and "SmolVLM2-500M" in told["warning"]
    assert "warning" not in ask(running.url).json()
    assert '"smolvlm" means' in ask(running.url, "smolvlm").json()["warning"]


def test_a_model_that_is_really_called_so_is_meant(both, tmp_path):  # noqa: F811
    put(tmp_path / "models", MLX, 1)
    put(tmp_path / "models", "smolvlm", 5)
    put(tmp_path / "models", "yolo8", 6)
    running = both(env={"OCELLUS_HOME": str(tmp_path)})
    for name in (SMOL, "smolvlm", "yolo8"):
        answer = ask(running.url, name).json()
        assert answer["model"] == name and "warning" not in answer


@pytest.mark.parametrize("name", ["llava_mlx", "yolo8"])
def test_models_that_are_not_here_list_those_that_are(running, name):
    answer = ask(running.url, name)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "model" and f'"{name}" was a' in error["message"]
    for there in (DEMO, MLX, FAST, HUB):
        assert f'"{there}"' in error["message"]
    told = switch(running, name)
    assert told.status_code == 400 and told.json()["error"]["param"] == "active_model"
    assert f'"{name}" was a' in told.json()["detail"] and DEMO in told.json()["error"]["message"]
    assert ask(running.url).json()["model"] == DEMO


@pytest.mark.parametrize("key", [SMOL, SMOL + "_optimized", "smolvlm", "moondream2", "moondream2_optimized"])
def test_what_is_not_installed_says_how_to_get_it(both, tmp_path, key):  # noqa: F811
    running = both(env={"OCELLUS_HOME": str(tmp_path)})
    answer = ask(running.url, key)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "model_not_found" and "is not installed" in error["message"]
    known = "moondream2`" if "moondream" in key else "smolvlm2-500m-"
    assert f"`ocellus pull {known}" in error["message"] and DEMO in error["message"]
    assert switch(running, key).status_code == 400


def test_the_catalogue_has_a_configuration_for_each(both, smol):  # noqa: F811
    for key in (SMOL, SMOL + "_optimized", "moondream2", "moondream2_optimized"):
        shown = json.loads(run("config", "show", "--json", "--config", key).stdout)
        assert shown["model_id"]["value"] == key
        assert shown["fallback_config.fallback_model_path"]["value"]
    running = both("--config", SMOL + "_optimized", model=FAST, env={"OCELLUS_HOME": str(smol)})
    listed = httpx.get(running.url + "/v1/models").json()["data"]
    assert {MLX, HUB} <= {model["id"] for model in listed}
    assert httpx.get(running.backend + "/config").json()["active_model"] == SMOL + "_optimized"


def test_knobs_of_a_configuration(both, smol, tmp_path):  # noqa: F811
    from conftest import picture_part, text_part, user

    file = tmp_path / "one-view.json"
    file.write_text(json.dumps({"image_processing": {"knobs": ["longest_edge=56", "num_crops=1"]}}))
    running = both("--config", str(file), model=MLX, env={"OCELLUS_HOME": str(smol)})

    def tokens(turn, **fields):
        answer = ask(running.url, None, turn, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["usage"]["prompt_tokens_details"]["image_tokens"]

    turn = user(picture_part(3), text_part("What?"))
    assert tokens(turn) == 4  # one view
    assert tokens(turn, longest_edge=224) > 4  # a request that says it is kept to
    assert tokens(user(picture_part(3, detail="high"), text_part("What?"))) > 4
    shown = json.loads(run("ask", ROOT / "examples/red-circle.png", "What?", "--config", file, "--model", smol / "models" / MLX,
                           "--json", "--max-tokens", 2).stdout)  # fmt: skip
    assert shown["usage"]["image_tokens"] == 4


@pytest.mark.parametrize("knob", ["crops=1", "num_crops", "num_crops=x", "num_crops=0", "num_crops=65", "=", ""])
def test_a_wrong_knob_is_an_error_of_the_configuration(tmp_path, knob):
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({"image_processing": {"knobs": [knob]}}))
    from test_config import run as checked

    assert "image_processing.knobs" in checked("config", "check", file, code=1).stderr
