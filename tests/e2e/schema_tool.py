"""Runs bench/grammar/schema_tool: what a schema costs, what its grammar writes and accepts."""

import json
import subprocess

import jsonschema
import pytest

from conftest import BIN, ROOT

TOOL = BIN.parent / "schema_tool"
DEMO = ROOT / "models/demo/tokenizer.json"


def run_tool(requests, *options, vocabulary=(DEMO, "<|end|>")):
    if not TOOL.exists():
        version = subprocess.run([BIN, "--version"], capture_output=True, text=True, check=True).stdout
        assert "xgrammar" not in version, "schema_tool is not built: cmake --build --preset release"
        pytest.skip("built without the grammar library")
    requests = list(requests)
    lines = "".join(json.dumps(one) + "\n" for one in requests)
    done = subprocess.run(
        [TOOL, *vocabulary, *options], input=lines, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    assert not [one for one in answers if "died" in one]
    return answers


def plain(schema):
    """As JSON schema has it: OpenAPI's "nullable" is a type."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: value if key in ("const", "enum") else plain(value) for key, value in schema.items()}
    if out.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


def validator(schema):
    old = isinstance(schema, dict) and "draft-07" in schema.get("$schema", "")
    kind = jsonschema.Draft7Validator if old else jsonschema.Draft202012Validator
    return kind(plain(schema), format_checker=kind.FORMAT_CHECKER)
