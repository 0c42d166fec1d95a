"""JSON-Schema-Test-Suite: what is drawn validates, what is invalid is not accepted, or it is refused by name."""

import json
from collections import Counter

import pytest

from conftest import ROOT
from schema_tool import run_tool, validator

SUITE = json.loads((ROOT / "tests/data/schemas/json-schema-test-suite.json").read_text())["files"]
CASES = [(name, case) for name, cases in SUITE.items() for case in cases]


def written(value, schema):
    """As the grammar writes it: keys in the schema's order."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        each = list(first) + [schema.get("items", {})] * len(value)
        return "[" + ", ".join(written(one, own) for one, own in zip(value, each)) + "]"
    if isinstance(value, dict):
        named = schema.get("properties", {})
        keys = [key for key in named if key in value] + [key for key in value if key not in named]
        return "{" + ", ".join(f"{json.dumps(key)}: {written(value[key], named.get(key, {}))}" for key in keys) + "}"
    return json.dumps(value, ensure_ascii=False)


@pytest.fixture(scope="module")
def answers():
    return run_tool(
        {
            "schema": case["schema"],
            "draws": 9,
            "longest": 200,
            "accepts": [written(test["data"], case["schema"]) for test in case["tests"]],
        }
        for _, case in CASES
    )


def test_what_is_refused_has_a_name(answers):
    refused = Counter()
    for (file, case), answer in zip(CASES, answers):
        if "error" in answer:
            param = answer["error"]["param"]
            assert param == "schema" or param.startswith("schema."), (file, case["description"])
            refused[param.split(".")[-1]] += 1
    for keyword in ("not", "if", "contains", "dependentRequired", "dependentSchemas", "uniqueItems", "patternProperties"):
        assert refused[keyword] > 0, refused
    assert sum(refused.values()) < len(CASES) / 2


def test_what_is_drawn_validates(answers):
    ended = 0
    for (file, case), answer in zip(CASES, answers):
        for text in answer.get("answers", []):
            if text is not None:
                ended += 1
                assert validator(case["schema"]).is_valid(json.loads(text)), (file, case["description"], text)
    assert ended > 800


def of_another_type(value, schema):
    """Without "type" the other keywords say of which type an answer is."""
    kinds = {
        dict: "properties required minProperties maxProperties propertyNames patternProperties additionalProperties",
        list: "items prefixItems minItems maxItems uniqueItems",
        str: "pattern format minLength maxLength",
        float: "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
    }
    kind = float if isinstance(value, int) and not isinstance(value, bool) else type(value)
    meant = {each for each, words in kinds.items() if set(words.split()) & set(schema)}
    return "type" not in schema and meant and kind not in meant


def may_be_left_out(value, schema):
    """Why a grammar need not write what is valid (docs/grammar.md)."""
    text = json.dumps(value)
    return (
        of_another_type(value, schema)
        or (isinstance(value, dict) and not set(value) <= set(schema.get("properties", {})))
        or (isinstance(value, list) and len(value) > len(schema.get("prefixItems", [])) > 0)
        or ".0" in text  # written as 1
        or ("{" in text and ("const" in schema or "enum" in schema))  # written without spaces
        or "pattern" in schema  # the whole string
        or "format" in schema
        or "anyOf" in schema
        or "allOf" in schema
        or "$ref" in json.dumps(schema)
    )


def test_what_is_accepted(answers):
    accepted = 0
    for (file, case), answer in zip(CASES, answers):
        for test, one in zip(case["tests"], answer.get("accepted", [])):
            accepted += one
            if one:
                assert test["valid"] or file == "format", (file, case["description"], test["data"])
            elif test["valid"]:
                assert may_be_left_out(test["data"], case["schema"]), (file, case, test["data"])
    assert accepted > 200
