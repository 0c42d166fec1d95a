"""Schemas as the libraries that people use make them (tests/data/schemas/made-by-libraries.json)."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from conftest import ROOT, user
from schema_tool import run_tool, validator
from test_response_format import library  # noqa: F401 (skips where the build has no grammar library)

DATA = json.loads((ROOT / "tests/data/schemas/made-by-libraries.json").read_text())
BED = [(f"{one['by'][0]}: {one['name']}", one["schema"]) for one in DATA]
# What is refused, and by which name.
REFUSED = {"uniqueItems": 5, "multipleOf": 5, "format": 12, "pattern": 3, "oneOf": 1}


@pytest.fixture(scope="module")
def drawn():
    return run_tool([{"schema": schema, "draws": 6, "hurry": 25, "longest": 1500} for _, schema in BED])


def test_there_are_enough_of_them():
    makers = {by.split()[0] for one in DATA for by in one["by"]}
    assert len(BED) >= 400 and makers >= {
        "openai", "pydantic", "instructor", "langchain-openai", "outlines", "pydantic-ai-slim", "zod", "ai"
    }  # fmt: skip


def test_all_but_a_few_are_admitted(drawn):
    refused = {}
    for (name, _), answer in zip(BED, drawn):
        if "error" in answer:
            keyword = answer["error"]["param"].split(".")[-1]
            assert answer["error"]["code"] == "unsupported", (name, answer)
            refused[keyword] = refused.get(keyword, 0) + 1
    assert refused == REFUSED


def test_whatever_is_drawn_validates(drawn):
    ended = 0
    for (name, schema), answer in zip(BED, drawn):
        for text in answer.get("answers", []):
            if text is None:
                continue
            ended += 1
            problems = [
                problem
                for problem in validator(schema).iter_errors(json.loads(text))
                # Where a pattern and a format stand side by side, one is enforced, and the other told.
                if not (problem.validator in ("pattern", "format") and answer["not_enforced"])
            ]
            assert not problems, (name, text, problems[0].message)
    assert ended > 2000


def test_through_the_server(server):
    """Each is answered, or refused by the path of what is refused; what is not enforced is told."""

    def ask(case):
        name, schema = case
        body = {
            "messages": [user({"type": "text", "text": "What is in the picture?"})],
            "max_tokens": 120,
            "temperature": 1.5,
            "seed": 7,
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
        }
        return httpx.post(server.url + "/v1/chat/completions", json=body, timeout=300)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, BED))
    ended = told = 0
    for (name, schema), answer in zip(BED, answers):
        if answer.status_code == 400:
            param = answer.json()["error"]["param"]
            assert param.startswith("response_format.json_schema.schema.") and param.split(".")[-1] in REFUSED
            continue
        assert answer.status_code == 200, (name, answer.text)
        choice = answer.json()["choices"][0]
        warning = answer.json().get("warning", "")
        told += "not enforced" in warning
        if choice["finish_reason"] != "stop":
            continue
        ended += 1
        for problem in validator(schema).iter_errors(json.loads(choice["message"]["content"])):
            assert problem.validator in ("pattern", "format") and "not enforced" in warning, name
    assert ended > 100 and told > 20
