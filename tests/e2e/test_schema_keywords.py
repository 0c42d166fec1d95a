"""Each keyword of JSON schema 2020-12 is enforced, an annotation, told, or refused by its name."""

import json
import random
import re

import jsonschema
import pytest

from schema_tool import run_tool, validator

OBJECT = {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}}
DICT = {"type": "object", "additionalProperties": {"type": "integer"}}
# A schema with the keyword, a text that it allows, and one that it does not.
ENFORCED = {
    "$ref": ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, "null", "1"),
    "$defs": ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, "null", "1"),
    "type": ({"type": ["null", "boolean"]}, "true", "1"),
    "enum": ({"enum": [1, "a"]}, '"a"', '"b"'),
    "const": ({"const": 2}, "2", "3"),
    "allOf": ({"allOf": [{"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"type": "object"}]}, '{"a": null}', "{}"),
    "anyOf": ({"anyOf": [{"type": "null"}, {"const": 1}]}, "1", "2"),
    "oneOf": ({"oneOf": [{"type": "null"}, {"type": "integer"}]}, "1", '"a"'),
    "properties": (OBJECT, '{"a": null}', '{"a": 1}'),
    "required": ({**OBJECT, "required": ["a"]}, '{"a": null}', "{}"),
    "additionalProperties": (DICT, '{"x": 1}', '{"x": "1"}'),
    "unevaluatedProperties": ({**OBJECT, "unevaluatedProperties": False}, "{}", '{"c": 1}'),
    "patternProperties": ({"type": "object", "patternProperties": {"^[a-z]$": {"type": "null"}}}, '{"x": null}', '{"x": 1}'),
    "propertyNames": ({**DICT, "propertyNames": {"enum": ["a", "b"]}}, '{"b": 1}', '{"c": 1}'),
    "minProperties": ({**DICT, "minProperties": 1}, '{"c": 1}', "{}"),
    "maxProperties": ({**OBJECT, "maxProperties": 1}, '{"b": null}', '{"a": null, "b": null}'),
    "items": ({"items": {"type": "null"}}, "[null]", "[1]"),
    "prefixItems": ({"prefixItems": [{"type": "null"}]}, "[null]", "[1]"),
    "unevaluatedItems": ({"prefixItems": [True], "unevaluatedItems": False}, "[1]", "[1, 2]"),
    "minItems": ({"type": "array", "minItems": 1}, "[1]", "[]"),
    "maxItems": ({"type": "array", "maxItems": 1}, "[1]", "[1, 1]"),
    "minLength": ({"type": "string", "minLength": 2}, '"aa"', '"a"'),
    "maxLength": ({"type": "string", "maxLength": 20}, '"aa"', json.dumps("a" * 21)),
    "pattern": ({"type": "string", "pattern": "^a(bc+)?$"}, '"abcc"', '"ac"'),
    "format": ({"type": "string", "format": "date"}, '"2024-01-31"', '"2024-06-31"'),
    "minimum": ({"type": "integer", "minimum": 2}, "2", "1"),
    "maximum": ({"type": "integer", "maximum": 2}, "2", "3"),
    "exclusiveMinimum": ({"type": "integer", "exclusiveMinimum": 2}, "3", "2"),
    "exclusiveMaximum": ({"type": "integer", "exclusiveMaximum": 2}, "1", "2"),
    "multipleOf": ({"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 20}, "15", "16"),
}  # fmt: skip
ANNOTATIONS = ["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id"]
TOLD = ["contentEncoding", "contentMediaType", "contentSchema"]
REFUSED = {
    "not": {}, "if": {}, "then": {}, "else": {}, "contains": {}, "minContains": 1, "maxContains": 1,
    "dependentRequired": {}, "dependentSchemas": {}, "uniqueItems": True, "$anchor": "a", "$dynamicRef": "#a",
    "$dynamicAnchor": "a", "$vocabulary": {},
}  # fmt: skip


def test_every_keyword_is_here():
    """The meta-schema lists them all."""
    known = {*ENFORCED, *ANNOTATIONS, *TOLD, *REFUSED, "definitions", "dependencies", "$recursiveAnchor", "$recursiveRef"}
    meta = jsonschema.Draft202012Validator.META_SCHEMA
    registry = jsonschema.validators.SPECIFICATIONS
    listed = set(meta["properties"])
    for part in meta["allOf"]:
        listed |= set(registry.resolver(meta["$id"]).lookup(part["$ref"]).contents["properties"])
    assert len(listed) > 50 and listed <= known, listed - known


def test_what_is_enforced():
    requests = [{"schema": schema, "accepts": [good, bad]} for schema, good, bad in ENFORCED.values()]
    for (keyword, (schema, good, bad)), answer in zip(ENFORCED.items(), run_tool(requests)):
        assert answer.get("accepted") == [True, False], (keyword, answer)
        assert validator(schema).is_valid(json.loads(good)) and not validator(schema).is_valid(json.loads(bad))


def test_what_is_told_to_people():
    requests = [{"schema": {"type": "string", key: "x"}, "accepts": ['"any"']} for key in ANNOTATIONS + TOLD]
    for key, answer in zip(ANNOTATIONS + TOLD, run_tool(requests)):
        assert answer["accepted"] == [True], (key, answer)
        assert answer["not_enforced"] == ([f"schema.{key}"] if key in TOLD else [])


def test_what_is_refused():
    requests = [{"schema": {"type": "array", key: value}} for key, value in REFUSED.items()]
    for key, answer in zip(REFUSED, run_tool(requests)):
        assert answer["error"]["param"] == f"schema.{key}", answer


def random_pattern(draw, depth=3):
    kind = draw.randrange(6) if depth else 0
    if kind < 2:
        return draw.choice(["a", "b", "c", "[ab]", "[^a]"])
    if kind == 2:
        return "".join(random_pattern(draw, depth - 1) for _ in range(draw.randrange(1, 4)))
    if kind == 3:
        return "(" + "|".join(random_pattern(draw, depth - 1) for _ in range(2)) + ")"
    end = draw.choice(["?", "*", "+", "{0,1}", "{1,2}", "{2}", "{1,}", "{0,3}"])
    return "(" + random_pattern(draw, depth - 1) + ")" + end


def test_patterns_are_what_python_takes_them_for():
    """The library's own reading of "?" behind a group was another."""
    draw = random.Random(3)
    patterns = ["^" + random_pattern(draw) + "$" for _ in range(300)]
    texts = ["".join(draw.choice("abc") for _ in range(draw.randrange(7))) for _ in range(60)]
    answers = run_tool(
        {"schema": {"type": "string", "pattern": pattern}, "accepts": [json.dumps(text) for text in texts]}
        for pattern in patterns
    )
    matched = 0
    for pattern, answer in zip(patterns, answers):
        for text, accepted in zip(texts, answer["accepted"]):
            assert accepted == bool(re.fullmatch(pattern, text)), (pattern, text)
            matched += accepted
    assert matched > 500


@pytest.mark.parametrize(
    "with_keys",
    [
        lambda pattern: {"type": "object", "patternProperties": {pattern: {"type": "null"}}},
        lambda pattern: {
            "type": "object", "propertyNames": {"pattern": pattern}, "additionalProperties": {"type": "null"}
        },
    ],
    ids=["patternProperties", "propertyNames"],
)  # fmt: skip
def test_patterns_of_keys_are_what_python_takes_them_for(with_keys):
    draw = random.Random(4)
    patterns = ["^(ab*)?$", "^((a|b)c*|a)?b$"] + ["^" + random_pattern(draw) + "$" for _ in range(150)]
    texts = ["".join(draw.choice("abc") for _ in range(draw.randrange(7))) for _ in range(60)]
    answers = run_tool(
        {"schema": with_keys(pattern), "draws": 8, "hurry": 12, "longest": 200,
         "accepts": [json.dumps({text: None}) for text in texts]}
        for pattern in patterns
    )  # fmt: skip
    matched = drawn = 0
    for pattern, answer in zip(patterns, answers):
        for text, accepted in zip(texts, answer["accepted"]):
            assert accepted == bool(re.fullmatch(pattern, text)), (pattern, text)
            matched += accepted
        for text in filter(None, answer["answers"]):
            for key in json.loads(text):
                assert re.fullmatch(pattern, key), (pattern, text)
                drawn += 1
    assert matched > 300 and drawn > 300


KEYS = [
    ({"type": "string"}, {"": True, "any": True}),
    ({"type": ["string", "null"]}, {"any": True}),
    ({"minLength": 1}, {"": False, "a": True}),
    ({"type": "string", "minLength": 2, "maxLength": 30}, {"a": False, "ab": True, "a" * 30: True, "a" * 31: False}),
    ({"pattern": "^[a-z]+$", "maxLength": 3}, {"abc": True, "abcd": False, "A": False}),
    ({"format": "date"}, {"2024-06-30": True, "2024-06-31": False}),
    ({"format": "uuid"}, {"123e4567-e89b-12d3-a456-426614174000": True, "123": False}),
]


@pytest.mark.parametrize("names,keys", KEYS, ids=[json.dumps(names) for names, _ in KEYS])
def test_what_keys_may_be(names, keys):
    schema = {"type": "object", "propertyNames": names, "additionalProperties": {"type": "null"}}
    (answer,) = run_tool([{"schema": schema, "accepts": [json.dumps({key: None}) for key in keys]}])
    assert answer.get("accepted") == list(keys.values()), answer


def test_keys_that_may_be_anything_may_stand_beside_names():
    named = {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}
    answers = run_tool(
        {"schema": {**named, "propertyNames": names}, "accepts": ['{"a": null}']}
        for names in (True, {}, {"type": "string"}, {"type": "string", "minLength": 1}, {"type": "integer"})
    )
    assert [one.get("accepted") or one["error"]["param"] for one in answers] == (
        [[True]] * 3 + ["schema.propertyNames"] * 2
    )


MOST = 2**53 - 1
MULTIPLES = [
    ({"minimum": -MOST, "maximum": MOST}, [-35, 0, 35, 999999999999999]),
    ({"minimum": 0}, [0, 7, 700000000000000]),
    ({"minimum": 0, "maximum": MOST}, [0, 7, 14]),
    ({"exclusiveMinimum": 0, "maximum": MOST}, [7, 14]),
    ({"minimum": 2}, [7, 14]),
]


@pytest.mark.parametrize("bounds,some", MULTIPLES, ids=[json.dumps(bounds) for bounds, _ in MULTIPLES])
@pytest.mark.parametrize("step", [2, 5, 7, 60, 100])
def test_multiples_within_wide_bounds(step, bounds, some):
    schema = {"type": "integer", "multipleOf": step, **bounds}
    values = [value // 7 * step for value in some if abs(value // 7 * step) < 10**15]
    others = [*range(-3 * step, 3 * step + 1), 10**30 * step, *values]
    (answer,) = run_tool(
        [{"schema": schema, "draws": 30, "hurry": 30, "longest": 60, "accepts": [str(one) for one in others]}]
    )
    assert answer.get("accepted") == [validator(schema).is_valid(one) and one < 10**30 for one in others]
    for text in answer["answers"]:
        assert text is not None and validator(schema).is_valid(json.loads(text)), text


def test_multiples_that_are_refused_say_why():
    for bounds, told in (
        ({"minimum": 250}, "at most 1,000 values"),
        ({"maximum": 250}, "at most 1,000 values"),
        ({"multipleOf": 0.5}, "whole numbers from 1 to 100"),
        ({"multipleOf": 101}, "whole numbers from 1 to 100"),
    ):
        (answer,) = run_tool([{"schema": {"type": "integer", "multipleOf": 5, **bounds}}])
        assert answer["error"]["param"] == "schema.multipleOf" and told in answer["error"]["message"], answer


def test_a_pattern_beside_lengths():
    cases = [
        ("^[a-z]+$", 2, 4, {"a": False, "ab": True, "abcd": True, "abcde": False}),
        ("^[A-Z]{3}-\\d{2}$", 1, 10, {"ABC-12": True, "ABC-1": False}),
    ]
    for pattern, least, most, texts in cases:
        schema = {"type": "string", "pattern": pattern, "minLength": least, "maxLength": most}
        (answer,) = run_tool([{"schema": schema, "accepts": [json.dumps(text) for text in texts]}])
        assert answer["accepted"] == list(texts.values()), answer


@pytest.mark.parametrize("least,most", [(0, 20), (3, 20), (20, 20), (18, None), (0, 300)])
def test_lengths_are_kept_to(least, most):
    bounds = {"minLength": least} | ({} if most is None else {"maxLength": most})
    schema = {"type": "array", "items": {"type": "string", **bounds}, "minItems": 2, "maxItems": 2}
    (answer,) = run_tool([{"schema": schema, "draws": 30, "hurry": 60, "longest": 2000}])
    ended = [json.loads(text) for text in answer["answers"] if text is not None]
    assert len(ended) >= 10
    for one in ended:
        validator(schema).validate(one)
