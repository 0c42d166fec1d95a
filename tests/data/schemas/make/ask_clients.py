"""Asks one library's client for each of the models: ask_clients.py LIBRARY > FILE.json."""

import json, sys, importlib.metadata as md, warnings

warnings.filterwarnings("ignore")
which = sys.argv[1]
from capture import take, URL
import models

out = []
v = lambda p: f"{p} {md.version(p)}"


def add(by, name, schema):
    if schema is None or "!" in schema:
        print("none", by, name, schema, file=sys.stderr)
        return
    out.append({"by": by, "name": name, "schema": schema})


msg = [{"role": "user", "content": "What is it?"}]
import openai

c = openai.OpenAI(base_url=URL, api_key="x", max_retries=0)
if which == "openai":
    for m in models.MODELS:
        add(
            f"{v('openai')} parse",
            m.__name__,
            take(
                lambda: (
                    c.beta.chat.completions.parse(model="m", messages=msg, response_format=m)
                    if not hasattr(c.chat.completions, "parse")
                    else c.chat.completions.parse(model="m", messages=msg, response_format=m)
                )
            ),
        )
elif which == "pydantic":
    for m in models.MODELS:
        add(v("pydantic"), m.__name__, m.model_json_schema())
elif which == "instructor":
    import instructor

    for mode in ("JSON_SCHEMA", "TOOLS", "TOOLS_STRICT"):
        for m in models.MODELS:
            if not hasattr(instructor.Mode, mode):
                continue
            k = instructor.from_openai(c, mode=getattr(instructor.Mode, mode))
            add(
                f"{v('instructor')} {mode}",
                m.__name__,
                take(
                    lambda: k.chat.completions.create(
                        model="m", messages=msg, response_model=m, max_retries=0
                    )
                ),
            )
elif which == "langchain":
    from langchain_openai import ChatOpenAI

    for method in ("json_schema", "function_calling"):
        for m in models.MODELS:
            l = ChatOpenAI(model="m", base_url=URL, api_key="x", max_retries=0)
            add(
                f"{v('langchain-openai')} {method}",
                m.__name__,
                take(lambda: l.with_structured_output(m, method=method).invoke("What?")),
            )
elif which == "outlines":
    import outlines

    for m in models.MODELS:
        k = outlines.from_openai(c, "m")
        add(v("outlines"), m.__name__, take(lambda: k("What?", m)))
elif which == "pydantic-ai":
    from pydantic_ai import Agent, NativeOutput, ToolOutput
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    om = OpenAIChatModel("m", provider=OpenAIProvider(base_url=URL, api_key="x"))
    for how in (NativeOutput, ToolOutput):
        for m in models.MODELS:
            add(
                f"{v('pydantic-ai-slim')} {how.__name__}",
                m.__name__,
                take(lambda: Agent(om, output_type=how(m)).run_sync("What?")),
            )
json.dump(out, sys.stdout)
