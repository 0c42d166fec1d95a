"""LLM Vision's providers, unmodified, against the embedded model: llm_vision.py OCELLUS ROOT CHECKOUT

CHECKOUT is a clone of valentinfrlch/ha-llmvision. What its files import of Home Assistant is stood in for here. The
provider Anthropic has its maker's address in the code; what it sends there, the session here takes to the server.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import logging
import sys
import types

import aiohttp

from served import QUESTION, jpeg, served, tried

OCELLUS, ROOT, CHECKOUT = sys.argv[1:]
PICTURE = base64.b64encode(jpeg(ROOT)).decode()
STRUCTURE = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "A title of the event", "maxLength": 40},
        "shape": {"type": "string", "enum": ["circle", "square"]},
        "people": {"type": "integer", "minimum": 0, "maximum": 9},
        "car": {"type": "boolean"},
    },
    "required": ["title", "shape", "people", "car"],
}


def module(name: str, **names) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__path__ = [f"{CHECKOUT}/custom_components/llmvision"] if name == "llmvision" else []
    vars(made).update(names)
    sys.modules[name] = made
    return made


class Refused(Exception):
    pass


for name in ("llmvision", "boto3", "homeassistant", "homeassistant.helpers"):
    module(name)
module("homeassistant.exceptions", ServiceValidationError=Refused)
module("homeassistant.core", HomeAssistant=object)
module("homeassistant.helpers.aiohttp_client", async_get_clientsession=lambda hass: hass.session)
const = importlib.import_module("llmvision.const")
providers = importlib.import_module("llmvision.providers")
memory = importlib.import_module("llmvision.memory")


class Session:
    """Home Assistant's session of aiohttp, with one maker's address led to the server."""

    def __init__(self, session, url):
        self.session, self.url = session, url
        self.get = session.get

    async def post(self, url, **more):
        return await self.session.post(url.replace("https://api.anthropic.com", self.url), **more)


def house(session, configuration):
    """The part of Home Assistant that the providers ask."""
    entries = [types.SimpleNamespace(data=each) for each in configuration.values()]
    return types.SimpleNamespace(session=session, data={const.DOMAIN: configuration},
                                 config_entries=types.SimpleNamespace(async_entries=lambda domain: entries))  # fmt: skip


def call(hass, **more):
    """The fields of ServiceCallData that providers read, with its defaults."""
    fields = {"provider": "entry", "model": None, "message": QUESTION, "max_tokens": 3000, "response_format": "text",
              "structure": None, "title_field": "", "generate_title": False, "use_memory": False,
              "memory": memory.Memory(hass), "model_is_glimpse": lambda: False} | more  # fmt: skip
    return types.SimpleNamespace(**fields)


async def asked(url, configuration, **more):
    settings = {const.CONF_PROVIDER: "Settings", const.CONF_REQUEST_TIMEOUT: 300,
                const.CONF_MEMORY_IMAGES_ENCODED: [PICTURE], const.CONF_MEMORY_STRINGS: ["A circle"]}  # fmt: skip
    async with aiohttp.ClientSession() as session:
        hass = house(Session(session, url), {"entry": configuration, "settings": settings})
        frames = more.pop("frames", 1)
        made = providers.ProviderFactory.create(hass, configuration[const.CONF_PROVIDER], configuration, "ocellus-demo")
        if more.pop("validate", False):
            return await made.validate()
        one = call(hass, **more)
        request = providers.Request(hass, one.message, one.max_tokens, 0.5)
        for number in range(frames):
            request.add_frame(PICTURE, f"frame {number}" if number else "")
        return await request.call(one)


def said(told):
    return told["response_text"].strip() not in ("", "Couldn't generate content. Check logs for details.")


def ask(url, configuration):
    heard = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: heard.append(record.getMessage())
    logging.getLogger("llmvision").addHandler(handler)
    run = lambda **more: asyncio.run(asked(url, configuration, **more))
    run(validate=True)
    yield "set up", True
    yield "picture", said(run())
    told = run(frames=3, generate_title=True)
    yield "3 frames and a title", said(told) and "title" in told
    yield "memory", said(run(use_memory=True))
    told = run(response_format="json", structure=json.dumps(STRUCTURE), title_field="title")
    seen = told.get("structured_response") or {}
    yield "structured", seen.get("shape") in ("circle", "square") and set(seen) == set(STRUCTURE["required"])
    yield "; ".join(["no error", *heard]), not heard
    logging.getLogger("llmvision").removeHandler(handler)


def main() -> int:
    manifest = json.load(open(f"{CHECKOUT}/custom_components/llmvision/manifest.json"))
    right = True
    with served(OCELLUS) as url:
        host, port = url.removeprefix("http://").split(":")
        here = {const.CONF_IP_ADDRESS: host, const.CONF_PORT: port, const.CONF_HTTPS: False}
        own = {const.CONF_API_KEY: "none", const.CONF_DEFAULT_MODEL: "ocellus-demo", const.CONF_TEMPERATURE: 0.0}
        for name, more in (
            ("Custom OpenAI", {const.CONF_CUSTOM_OPENAI_ENDPOINT: f"{url}/v1/chat/completions"}),
            ("Custom OpenAI", {const.CONF_CUSTOM_OPENAI_ENDPOINT: f"{url}/v1"}),
            ("Open WebUI", {const.CONF_CUSTOM_OPENAI_ENDPOINT: f"{url}/v1/chat/completions"}),
            ("LocalAI", here),
            ("Ollama", here),
            ("Anthropic", {}),
        ):
            right &= tried(f"llmvision {manifest['version']}, {name}", lambda: ask(url, {const.CONF_PROVIDER: name, **own, **more}))
    return 0 if right else 1


sys.exit(main())
