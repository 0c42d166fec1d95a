"""docs/api.md names every field of messages that is accepted without effect. (Those at the top of a
request: tests/api/openai/chat_fields_test.cpp.)"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_field_without_effect_is_named():
    document = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    messages = (ROOT / "src/api/openai/messages.cpp").read_text(encoding="utf-8")
    names = []
    for table in re.findall(r"k\w+Labels =\s+std::to_array.*?;", messages, re.S):
        names += re.findall(r'"(\w+)"', table)
    assert "reasoning_content" in names
    assert not [name for name in names if f"`{name}`" not in document]
