"""Frameworks that speak more than Chat Completions, unmodified: dialects.py OCELLUS ROOT

Each in words, with a picture, in a stream, held to a schema, with a forced tool and broken off, as far as it has them.
"""

from __future__ import annotations

import base64
import importlib.metadata
import os
import sys
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from served import ANSWER, QUESTION, served, tried

OCELLUS, ROOT = sys.argv[1:3]
ONLY = sys.argv[3:]
FILE = f"{ROOT}/examples/red-circle.png"
BYTES = open(FILE, "rb").read()
PICTURE = base64.b64encode(BYTES).decode()
URI = f"data:image/png;base64,{PICTURE}"
MODEL = "ocellus-demo"


class Seen(BaseModel):
    """What is seen"""

    shape: Literal["circle", "square", "triangle"]
    count: Annotated[int, Field(ge=0, le=9)]


TURN = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URI}}, {"type": "text", "text": QUESTION}]}]
HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "report", "description": "Reports a shape", "parameters": {
    "type": "object", "properties": {"shape": {"type": "string", "enum": ["circle", "square"]}}, "required": ["shape"],
    "additionalProperties": False}}}  # fmt: skip
FORCED = {"type": "function", "function": {"name": "report"}}


def litellm(prefix, base):
    import litellm

    litellm.suppress_debug_info = True
    common = {"model": f"{prefix}/{MODEL}", "api_base": base, "api_key": "none", "max_tokens": 64}
    said = lambda messages, **more: litellm.completion(messages=messages, **common, **more).choices[0].message
    yield "text", bool(said(HELLO).content)
    yield "picture", said(TURN).content.strip() == ANSWER
    pieces = litellm.completion(messages=TURN, stream=True, **common)
    yield "stream", "".join(piece.choices[0].delta.content or "" for piece in pieces).strip() == ANSWER
    yield "structured", isinstance(Seen.model_validate_json(said(TURN, response_format=Seen).content), Seen)
    if not prefix.startswith("ollama"):  # whose API forces none
        yield "forced tool", said(TURN, tools=[TOOL], tool_choice=FORCED).tool_calls[0].function.name == "report"
    next(iter(litellm.completion(messages=TURN, stream=True, **common)))
    yield "abort", said(TURN).content.strip() == ANSWER


def langchain(chat, method, forced=True):
    from langchain_core.messages import HumanMessage

    turn = [HumanMessage(content=TURN[0]["content"])]
    yield "text", bool(chat.invoke("Hello").text)
    yield "picture", chat.invoke(turn).text.strip() == ANSWER
    yield "stream", "".join(piece.text for piece in chat.stream(turn)).strip() == ANSWER
    yield "structured", isinstance(chat.with_structured_output(Seen, method=method).invoke(turn), Seen)
    if forced:
        yield "forced tool", chat.bind_tools([TOOL], tool_choice="report").invoke(turn).tool_calls[0]["name"] == "report"
    stream = chat.stream(turn)
    next(stream), stream.close()
    yield "abort", chat.invoke(turn).text.strip() == ANSWER


def langchain_responses(url):
    from langchain_openai import ChatOpenAI

    return langchain(ChatOpenAI(base_url=url + "/v1", api_key="none", model=MODEL, max_tokens=64, use_responses_api=True), "json_schema")


def langchain_completions(url):
    from langchain_openai import OpenAI

    make = lambda **more: OpenAI(base_url=url + "/v1", api_key="none", model=MODEL, max_tokens=12, **more)
    prompts = [f"{number}. The picture shows" for number in range(23)]  # it sends 20 at a time
    alone = [make(temperature=0).invoke(prompt) for prompt in prompts]
    yield "text", all(alone)
    yield "stream", "".join(make(temperature=0).stream(prompts[0])) == alone[0]
    yield "many prompts", [told[0].text for told in make(temperature=0).generate(prompts).generations] == alone
    several = make(temperature=1, seed=5, n=2, best_of=2).generate(prompts[:3]).generations
    yield "many answers", [len(told) for told in several] == [2, 2, 2]


def langchain_anthropic(url):
    from langchain_anthropic import ChatAnthropic

    return langchain(ChatAnthropic(base_url=url, api_key="none", model=MODEL, max_tokens=64), "json_schema")


def langchain_ollama(url):
    from langchain_ollama import ChatOllama

    return langchain(ChatOllama(base_url=url, model=MODEL, num_predict=64), "json_schema", forced=False)


def llama_index(llm):
    from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock

    turn = [ChatMessage(role="user", blocks=[ImageBlock(image=BYTES, image_mimetype="image/png"), TextBlock(text=QUESTION)])]
    yield "text", bool(llm.complete("Hello").text)
    yield "picture", llm.chat(turn).message.content.strip() == ANSWER
    *_, last = llm.stream_chat(turn)
    yield "stream", last.message.content.strip() == ANSWER
    yield "structured", isinstance(llm.as_structured_llm(Seen).chat(turn).raw, Seen)
    next(iter(llm.stream_chat(turn)))
    yield "abort", llm.chat(turn).message.content.strip() == ANSWER


def llama_index_openai_like(url):
    from llama_index.llms.openai_like import OpenAILike

    return llama_index(OpenAILike(model=MODEL, api_base=url + "/v1", api_key="none", is_chat_model=True, is_function_calling_model=True, max_tokens=64))


def llama_index_ollama(url):
    from llama_index.llms.ollama import Ollama

    return llama_index(Ollama(model=MODEL, base_url=url, request_timeout=300, context_window=4096))


def llm_ollama(url):
    os.environ["OLLAMA_HOST"] = url
    import llm as package
    import llm_ollama as plugin

    models = []
    plugin.register_models(lambda model, asynchronous=None, aliases=(): models.append(model))
    model = next(model for model in models if MODEL in model.model_id)
    picture = package.Attachment(type="image/png", content=BYTES)
    yield "text", bool(model.prompt("Hello", stream=False).text())
    yield "picture", model.prompt(QUESTION, attachments=[picture], stream=False).text().strip() == ANSWER
    yield "stream", "".join(model.prompt(QUESTION, attachments=[picture], stream=True)).strip() == ANSWER
    yield "structured", isinstance(Seen.model_validate_json(model.prompt(QUESTION, attachments=[picture], schema=Seen, stream=False).text()), Seen)


def smolagents(url):
    from PIL import Image
    from smolagents import OpenAIServerModel

    model = OpenAIServerModel(MODEL, api_base=url + "/v1", api_key="none", max_tokens=64)
    text = lambda text: {"type": "text", "text": text}
    turn = [{"role": "user", "content": [{"type": "image", "image": Image.open(FILE)}, text(QUESTION)]}]
    yield "text", bool(model.generate([{"role": "user", "content": [text("Hello")]}]).content)
    yield "picture", model.generate(turn).content.strip() == ANSWER
    yield "stream", "".join(piece.content or "" for piece in model.generate_stream(turn)).strip() == ANSWER
    shape = {"type": "json_schema", "json_schema": {"name": "seen", "schema": Seen.model_json_schema(), "strict": True}}
    yield "structured", isinstance(Seen.model_validate_json(model.generate(turn, response_format=shape).content), Seen)


def haystack(url):
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage, ImageContent
    from haystack.utils import Secret

    pieces = []
    make = lambda **more: OpenAIChatGenerator(Secret.from_token("none"), model=MODEL, api_base_url=url + "/v1", **more)
    turn = [ChatMessage.from_user(content_parts=[ImageContent.from_file_path(FILE), QUESTION])]
    yield "text", bool(make().run([ChatMessage.from_user("Hello")])["replies"][0].text)
    yield "picture", make().run(turn)["replies"][0].text.strip() == ANSWER
    streamed = make(streaming_callback=lambda piece: pieces.append(piece.content)).run(turn)["replies"][0].text
    yield "stream", streamed.strip() == "".join(pieces).strip() == ANSWER
    told = make(generation_kwargs={"response_format": Seen, "max_completion_tokens": 64}).run(turn)["replies"][0].text
    yield "structured", isinstance(Seen.model_validate_json(told), Seen)


def dspy(url):
    import dspy as package

    lm = package.LM(f"openai/{MODEL}", api_base=url + "/v1", api_key="none", max_tokens=64, cache=False)
    yield "text", bool(lm("Hello")[0])
    yield "picture", lm(messages=TURN)[0].strip() == ANSWER


CLIENTS = {
    "litellm, anthropic": lambda url: litellm("anthropic", url),
    "litellm, ollama_chat": lambda url: litellm("ollama_chat", url),
    "litellm, openai/responses": lambda url: litellm("openai/responses", url + "/v1"),
    "langchain-openai, responses": langchain_responses,
    "langchain-openai, completions": langchain_completions,
    "langchain-anthropic": langchain_anthropic,
    "langchain-ollama": langchain_ollama,
    "llama-index-llms-openai-like": llama_index_openai_like,
    "llama-index-llms-ollama": llama_index_ollama,
    "llm-ollama": llm_ollama,
    "smolagents": smolagents,
    "haystack-ai": haystack,
    "dspy": dspy,
}


def main() -> int:
    os.environ |= {"HAYSTACK_TELEMETRY_ENABLED": "False", "LLM_USER_PATH": os.environ.get("TMPDIR", "/tmp")}
    failed = 0
    with served(OCELLUS) as url:
        for name, ask in CLIENTS.items():
            package, _, how = name.partition(", ")
            if ONLY and package not in ONLY:
                continue
            version = importlib.metadata.version(package)
            failed += not tried(f"{package} {version}" + (f", {how}" if how else ""), lambda: ask(url))
    return 1 if failed else 0


sys.exit(main())
