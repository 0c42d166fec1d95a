"""Frigate's GenAI providers, unmodified, against the embedded model: frigate_genai.py OCELLUS ROOT CHECKOUT

CHECKOUT is a clone of blakeblackshear/frigate. What its provider files import of the rest of Frigate, and what needs
cameras and a database, is stood in for here; the providers, their prompts, their schema and their tools are Frigate's.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import logging
import re
import sys
import types

from served import ANSWER, QUESTION, jpeg, served, tried

OCELLUS, ROOT, CHECKOUT = sys.argv[1:]
JPEG = jpeg(ROOT)


def module(name: str, **names) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__path__ = [f"{CHECKOUT}/{name.replace('.', '/')}"]
    vars(made).update(names)
    sys.modules[name] = made
    return made


for package in ("frigate", "frigate.config.camera", "frigate.data_processing", "frigate.data_processing.post"):
    module(package)
config = module("frigate.config", CameraConfig=object, FrigateConfig=object)
settings = importlib.import_module("frigate.config.camera.genai")
vars(config).update(GenAIConfig=settings.GenAIConfig, GenAIProviderEnum=settings.GenAIProviderEnum)
module("frigate.config.classification", ObjectClassificationType=object)
module("frigate.config.ui", UnitSystemEnum=object)
module("frigate.const", CLIPS_DIR="")
module("frigate.models", Event=object)
module("playhouse")
module("playhouse.shortcuts", model_to_dict=vars)
genai = importlib.import_module("frigate.genai")
prompts = importlib.import_module("frigate.genai.prompts")
utils = importlib.import_module("frigate.genai.utils")
for plugin in ("openai", "ollama", "llama_cpp"):
    importlib.import_module(f"frigate.genai.plugins.{plugin}")

REVIEW = {"id": "1", "camera": "Front door", "start": "Monday, 09:00 AM", "duration": 12, "zones": ["Porch"],
          "unified_objects": ["person", "car"]}  # fmt: skip
TOOLS = prompts.get_tool_definitions(semantic_search_enabled=True)
# Calls without words of the model's own: a small one writes without end.
BOUNDED = [tool for tool in TOOLS if not tool["function"]["parameters"]["properties"]]
PARTS = [{"type": "text", "text": QUESTION},
         {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()}}]  # fmt: skip
# What Frigate's chat keeps of a call that a model made, and the frame that the tool gave.
CALL = utils.build_assistant_message_for_conversation(None, [{"id": "call_0", "name": "get_live_context", "arguments": {"camera": "door"}}])
HISTORY = [
    {"role": "system", "content": "You are a helpful assistant for Frigate."},
    {"role": "user", "content": "What is at the door?"},
    CALL,
    {"role": "tool", "tool_call_id": "call_0", "content": json.dumps({"camera": "door", "detections": []})},
    {"role": "user", "content": PARTS},
]


class Warnings(logging.Handler):
    """The providers tell what a server refused them in the log, and go on with nothing."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.told = []

    def emit(self, record):
        self.told.append(record.getMessage())


def ask(provider, url, **options):
    heard = Warnings()
    logging.getLogger("frigate").addHandler(heard)
    config = settings.GenAIConfig(provider=provider, base_url=url, model="ocellus-demo", api_key="none", **options)
    client = genai.PROVIDERS[config.provider](config)
    camera = types.SimpleNamespace(objects=types.SimpleNamespace(genai=types.SimpleNamespace(
        prompt="What shape is the {label}?", object_prompts={})))  # fmt: skip
    yield "models", "ocellus-demo" in client.list_models()
    yield "context", client.get_context_size() > 0
    yield "tokens of a picture", client.estimate_image_tokens(640, 480) > 0
    described = client.generate_object_description(camera, [JPEG] * 3, types.SimpleNamespace(label="person"))
    yield "object in 3 frames", bool(described)
    yield "picture", client._send(QUESTION, [JPEG]) == ANSWER
    told = client.generate_review_description(REVIEW, [JPEG] * 4, ["a stranger"], "English", False, "People walk by.")
    yield "review by its schema", bool(told) and set(told.model_dump()) >= {"title", "scene", "potential_threat_level"}
    events = [{"title": "A person", "scene": "A person walks.", "camera": "door", "context": []}]
    yield "summary", bool(client.generate_review_summary(0.0, 3600.0, events, None, False))
    whole = client.chat_with_tools(HISTORY, TOOLS)
    yield "chat with tools", whole["finish_reason"] == "stop" and bool(whole["content"])
    if provider != "ollama":  # whose provider has no way to ask for it
        forced = client.chat_with_tools(HISTORY, BOUNDED, "required")
        yield "forced tool", forced["tool_calls"][0]["name"] in [tool["function"]["name"] for tool in BOUNDED]

    async def stream(tools):
        return [piece async for piece in client.chat_with_tools_stream(HISTORY, tools)]

    for what, tools in (("stream", None), ("stream with tools", TOOLS)):
        pieces = asyncio.run(stream(tools))
        said = "".join(text for kind, text in pieces if kind == "content_delta").strip()
        kind, message = pieces[-1]
        yield what, kind == "message" and message["content"] == said != "" and any(kind == "stats" for kind, _ in pieces)
    logging.getLogger("frigate").removeHandler(heard)
    yield "; ".join(["no warning", *heard.told]), not heard.told


def main() -> int:
    version = re.search(r"^VERSION = (\S+)", open(f"{CHECKOUT}/Makefile").read(), re.M)[1]
    right = True
    with served(OCELLUS) as url:
        for provider, base in (("openai", url + "/v1"), ("ollama", url), ("llamacpp", url)):
            right &= tried(f"frigate {version}, {provider}", lambda: ask(provider, base))
    return 0 if right else 1


sys.exit(main())
