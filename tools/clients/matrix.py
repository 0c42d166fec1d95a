"""Clients of OpenAI's API beside the openai package, unmodified: matrix.py OCELLUS ROOT

Starts `ocellus serve` with the embedded model and lets each client ask in words, with a picture, in a stream,
for JSON by a schema, for a forced tool call, and break off. A line a client; status 1 where one fails.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import os
import sys
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from served import ANSWER, QUESTION, served, tried

OCELLUS, ROOT = sys.argv[1:]
PICTURE = base64.b64encode(open(f"{ROOT}/examples/red-circle.png", "rb").read()).decode()
URI = f"data:image/png;base64,{PICTURE}"


class Seen(BaseModel):
    shape: Literal["circle", "square", "triangle"]
    count: Annotated[int, Field(ge=0, le=9)]  # a small model writes digits without end


TOOL = {"type": "function", "function": {"name": "report", "description": "Reports a shape", "parameters": {
    "type": "object", "properties": {"shape": {"type": "string", "enum": ["circle", "square"]}}, "required": ["shape"],
    "additionalProperties": False}}}  # fmt: skip
PARTS = [{"type": "image_url", "image_url": {"url": URI}}, {"type": "text", "text": QUESTION}]
TURN = [{"role": "user", "content": PARTS}]


def langchain(url):
    from langchain_core.messages import HumanMessage
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(base_url=url, api_key="none", model="ocellus-demo", max_tokens=32, temperature=0)
    yield "text", bool(chat.invoke("Hello").content)
    turn = [HumanMessage(content=PARTS)]
    yield "picture", chat.invoke(turn).content == ANSWER
    yield "stream", "".join(piece.content for piece in chat.stream(turn)) == ANSWER
    yield "structured", isinstance(chat.with_structured_output(Seen, method="json_schema").invoke(turn), Seen)
    called = chat.bind_tools([TOOL], tool_choice="report").invoke(turn)
    yield "forced tool", called.tool_calls[0]["name"] == "report" and "shape" in called.tool_calls[0]["args"]
    stream = chat.stream(turn)
    next(stream), stream.close()
    yield "abort", chat.invoke(turn).content == ANSWER


def litellm(url):
    import litellm

    litellm.suppress_debug_info = True
    common = {"model": "openai/ocellus-demo", "api_base": url, "api_key": "none", "max_tokens": 32}
    yield "text", bool(litellm.completion(messages=[{"role": "user", "content": "Hello"}], **common).choices[0].message.content)
    yield "picture", litellm.completion(messages=TURN, **common).choices[0].message.content == ANSWER
    pieces = litellm.completion(messages=TURN, stream=True, **common)
    yield "stream", "".join(piece.choices[0].delta.content or "" for piece in pieces) == ANSWER
    told = litellm.completion(messages=TURN, response_format=Seen, **common).choices[0].message.content
    yield "structured", isinstance(Seen.model_validate_json(told), Seen)
    called = litellm.completion(messages=TURN, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "report"}}, **common)
    yield "forced tool", called.choices[0].message.tool_calls[0].function.name == "report"
    pieces = litellm.completion(messages=TURN, stream=True, **common)
    next(iter(pieces))
    del pieces
    yield "abort", litellm.completion(messages=TURN, **common).choices[0].message.content == ANSWER


def instructor(url):
    import instructor
    import openai

    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
        client = instructor.from_openai(openai.OpenAI(base_url=url, api_key="none"), mode=mode)
        seen = client.chat.completions.create(model="ocellus-demo", response_model=Seen, messages=TURN, max_tokens=64, max_retries=0)
        yield f"structured, {mode.name}", isinstance(seen, Seen)


def pydantic_ai(url):
    from pydantic_ai import Agent, BinaryContent, NativeOutput, ToolOutput
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("ocellus-demo", provider=OpenAIProvider(base_url=url, api_key="none"))
    picture = BinaryContent(data=base64.b64decode(PICTURE), media_type="image/png")
    settings = {"max_tokens": 64, "temperature": 0.0}
    yield "text", bool(Agent(model, model_settings=settings).run_sync("Hello").output)
    yield "picture", Agent(model, model_settings=settings).run_sync([picture, QUESTION]).output == ANSWER

    async def streamed():
        async with Agent(model, model_settings=settings).run_stream([picture, QUESTION]) as told:
            return await told.get_output()

    yield "stream", asyncio.run(streamed()) == ANSWER
    for kind in (NativeOutput, ToolOutput):
        told = Agent(model, output_type=kind(Seen), model_settings=settings).run_sync([picture, QUESTION]).output
        yield ("structured" if kind is NativeOutput else "forced tool"), isinstance(told, Seen)


def llm(url):
    import llm as package
    from llm.default_plugins.openai_models import Chat

    model = Chat("ocellus-demo", model_name="ocellus-demo", api_base=url, vision=True, supports_schema=True)
    model.key = "none"
    yield "text", bool(model.prompt("Hello", stream=False).text())
    picture = package.Attachment(type="image/png", content=base64.b64decode(PICTURE))
    yield "picture", model.prompt(QUESTION, attachments=[picture], stream=False).text() == ANSWER
    yield "stream", "".join(model.prompt(QUESTION, attachments=[picture], stream=True)) == ANSWER
    told = model.prompt(QUESTION, attachments=[picture], schema=Seen, stream=False).text()
    yield "structured", isinstance(Seen.model_validate_json(told), Seen)


CLIENTS = {"langchain-openai": langchain, "litellm": litellm, "instructor": instructor, "pydantic-ai-slim": pydantic_ai, "llm": llm}


def main() -> int:
    failed = 0
    os.environ["LLM_USER_PATH"] = os.environ.get("TMPDIR", "/tmp")
    with served(OCELLUS) as url:
        for name, ask in CLIENTS.items():
            failed += not tried(f"{name} {importlib.metadata.version(name)}", lambda: ask(url + "/v1"))
    return 1 if failed else 0


sys.exit(main())
