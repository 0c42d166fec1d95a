"""Open WebUI through its own backend, asked as its page asks it: webui_page.py OCELLUS ROOT OPEN_WEBUI

OPEN_WEBUI is the command `open-webui` of an environment whose Python runs this script (it has the libraries that are
needed: httpx, python-socketio). Its slim installation does: `pip install -r requirements-slim.txt`, which lies in the
wheel, then `pip install --no-deps open-webui`. It runs twice, with this server as its OpenAI connection and as its
Ollama connection. The bodies are those that the page of 0.12.4 posts.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.metadata
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import httpx
import socketio

from served import ANSWER, QUESTION, served, tried

OCELLUS, ROOT, OPEN_WEBUI = sys.argv[1:]
PICTURE = open(f"{ROOT}/examples/red-circle.png", "rb").read()
URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
MODEL = "ocellus-demo"
SCHEMA = {"type": "object", "properties": {"shape": {"type": "string", "enum": ["circle", "square"]}}, "required": ["shape"],
          "additionalProperties": False}  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@contextlib.contextmanager
def webui(server: str, kind: str):
    """The address of an Open WebUI of its own, without the network, which knows one server by one API."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        settings = {
            "DATA_DIR": folder, "USE_SLIM_DOCKER": "true", "OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "VECTOR_DB": "pgvector",
            "RAG_EMBEDDING_ENGINE": "openai", "WEBUI_SECRET_KEY": uuid.uuid4().hex, "ENABLE_VERSION_UPDATE_CHECK": "false",
            "ENABLE_OPENAI_API": str(kind == "openai"), "ENABLE_OLLAMA_API": str(kind == "ollama"),
            "OPENAI_API_BASE_URL": server + "/v1", "OPENAI_API_KEY": "none", "OLLAMA_BASE_URL": server,
        }  # fmt: skip
        log = open(os.path.join(folder, "log"), "w")
        process = subprocess.Popen([OPEN_WEBUI, "serve", "--host", "127.0.0.1", "--port", str(port)],
                                   cwd=folder, env={**os.environ, **settings}, stdout=log, stderr=log)  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        try:
            while not healthy(url):
                if process.poll() is not None:
                    raise RuntimeError("Open WebUI ended: " + open(log.name).read()[-2000:])
                time.sleep(0.5)
            yield url
        finally:
            process.terminate()
            process.wait()


def healthy(url: str) -> bool:
    try:
        return httpx.get(url + "/health").status_code == 200
    except httpx.TransportError:
        return False


class Page:
    """What the page does: signs up, listens on the socket, posts chats."""

    def __init__(self, url: str):
        self.http = httpx.AsyncClient(base_url=url, timeout=300)
        self.socket = socketio.AsyncClient()
        self.events: list[dict] = []
        self.socket.on("events", self.events.append)

    async def open(self):
        user = {"name": "A", "email": "a@example.com", "password": "a-long-password", "profile_image_url": ""}
        signed = (await self.http.post("/api/v1/auths/signup", json=user)).raise_for_status().json()
        self.http.headers["Authorization"] = "Bearer " + signed["token"]
        await self.socket.connect(str(self.http.base_url), socketio_path="/ws/socket.io", transports=["websocket"], auth={"token": signed["token"]})
        await self.socket.call("user-join", {"auth": {"token": signed["token"]}})

    async def close(self):
        await self.socket.disconnect()
        await self.http.aclose()

    async def get(self, path: str):
        return (await self.http.get(path)).raise_for_status().json()

    async def upload(self) -> dict:
        sent = await self.http.post("/api/v1/files/", params={"process": "false"}, files={"file": ("red.png", PICTURE, "image/png")})
        file = sent.raise_for_status().json()
        return {"type": "image", "file": file, "id": file["id"], "url": file["id"], "name": "red.png", "content_type": "image/png"}

    async def post(self, text: str, *, files=(), params=None, after=None, tasks=None, stream=True) -> dict:
        """A message typed into the page; `after`: (chat, the id of the answer above it)."""
        chat, parent = after or (None, None)
        number, answer = str(uuid.uuid4()), str(uuid.uuid4())
        message = {"id": number, "parentId": parent, "childrenIds": [answer], "role": "user", "content": text,
                   "timestamp": int(time.time()), "models": [MODEL], **({"files": list(files)} if files else {})}  # fmt: skip
        body = {
            "stream": stream, "model": MODEL, "params": {"model_controls": {}, **(params or {})}, "tool_ids": [], "tool_servers": [],
            "features": {"voice": False, "image_generation": False, "code_interpreter": False, "web_search": False, "memory": False},
            "variables": {"{{USER_NAME}}": "A", "{{CURRENT_DATE}}": "2026-01-01"}, "chat_variables": {},
            "model_item": next(one for one in (await self.get("/api/models"))["data"] if one["id"] == MODEL),
            "session_id": self.socket.get_sid(), "id": answer, "parent_id": parent, "user_message": message,
            "background_tasks": tasks or {},
            **({"chat_id": chat} if chat else {}), **({"files": list(files)} if files else {}),
        }  # fmt: skip
        told = (await self.http.post("/api/chat/completions", json=body)).raise_for_status().json()
        return {"chat": told.get("chat_id") or chat, "answer": answer, "task": (told.get("task_ids") or [told.get("task_id")])[0]}

    def told(self, asked: dict, kind: str) -> list:
        """What the socket told of an answer."""
        return [event["data"].get("data") for event in self.events
                if event["chat_id"] == asked["chat"] and event["data"]["type"] == kind]  # fmt: skip

    async def until(self, ready, what: str):
        deadline = time.monotonic() + 240
        while not (got := ready()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what}; last: {self.events[-2:]}")
            await asyncio.sleep(0.1)
        return got

    def ended(self, asked: dict):
        told = self.told(asked, "chat:completion")
        return any(one.get("done") for one in told) or any("error" in one for one in told) or self.told(asked, "chat:message:error")

    async def answered(self, asked: dict) -> dict:
        """The message as the page keeps it, its words and its error."""
        await self.until(lambda: self.ended(asked), "end of the answer")
        await asyncio.sleep(0.5)  # it is stored behind the event
        kept = (await self.get(f"/api/v1/chats/{asked['chat']}"))["chat"]["history"]["messages"][asked["answer"]]
        if kept.get("error"):
            raise RuntimeError(f"the page shows an error: {kept['error']}")
        return kept

    async def ask(self, text: str, **more) -> str:
        return (await self.answered(await self.post(text, **more)))["content"]


def shaped(kind: str, schema: dict) -> dict:
    """The parameter of its settings that holds an answer to a schema."""
    if kind == "ollama":
        return {"format": schema}
    return {"custom_params": {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}}


async def asked(url: str, server: str, kind: str):
    page = Page(url)
    await page.open()
    try:
        yield "models", [one["id"] for one in (await page.get("/api/models"))["data"] if one["id"] == MODEL] == [MODEL]
        tasks = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
        first = await page.post("Hello", tasks=tasks)
        text = (await page.answered(first))["content"]
        yield "text", bool(text)
        pieces = [one.get("delta") for one in page.told(first, "response:completion")]
        yield "stream", len(pieces) > 1 and "".join(filter(None, pieces)) == text
        await page.until(lambda: page.told(first, "chat:title"), "title")
        yield "title", bool((await page.get(f"/api/v1/chats/{first['chat']}"))["title"])
        follow = await page.post("And now?", after=(first["chat"], first["answer"]))
        yield "second turn", bool((await page.answered(follow))["content"])
        yield "picture as data URL", (await page.ask(QUESTION, files=[{"type": "image", "url": URI}])).strip() != ""
        seen = await page.post(QUESTION, files=[await page.upload()], params={"function_calling": "legacy"})
        yield "uploaded picture, tools off", (await page.answered(seen))["content"].strip() == ANSWER
        again = await page.post("Of what colour?", after=(seen["chat"], seen["answer"]), params={"function_calling": "legacy"})
        yield "picture in the history", bool((await page.answered(again))["content"])
        yield "without a stream", bool(await page.ask(QUESTION, stream=False, files=[{"type": "image", "url": URI}]))
        own = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "seed": 7, "max_tokens": 16, "stop": ["\n\n"],
               "frequency_penalty": 0.1, "presence_penalty": 0.1, "repeat_penalty": 1.1, "system": "Be brief."}  # fmt: skip
        if kind == "ollama":
            own |= {"num_ctx": 4096, "num_keep": 4, "num_batch": 512, "repeat_last_n": 64, "mirostat": 0, "keep_alive": "5m"}
        yield "the sliders of its settings", bool(await page.ask("Hello", params=own))
        own = {"function_calling": "legacy", **shaped(kind, SCHEMA)}
        told = await page.ask(QUESTION, files=[{"type": "image", "url": URI}], params=own)
        yield "structured", '"shape"' in told
        count = lambda: httpx.get(server + "/stats").json()["statistics"]
        before = count()["cancelled"]
        long = {"type": "array", "items": {"type": "boolean"}, "minItems": 1500}
        stopped = await page.post(QUESTION, params={"function_calling": "legacy", **shaped(kind, long)})
        await page.until(lambda: page.told(stopped, "response:completion"), "first words")
        (await page.http.post(f"/api/tasks/stop/{stopped['task']}")).raise_for_status()
        await page.until(lambda: count()["cancelled"] > before and count()["running"] == 0, "end of what was stopped")
        yield "abort", (await page.ask(QUESTION, files=[{"type": "image", "url": URI}], params={"function_calling": "legacy"})) == ANSWER
    finally:
        await page.close()


def ask(url: str, server: str, kind: str):
    loop = asyncio.new_event_loop()
    steps = asked(url, server, kind)
    with contextlib.suppress(StopAsyncIteration):
        while True:
            yield loop.run_until_complete(anext(steps))


def main() -> int:
    right = True
    version = importlib.metadata.version("open-webui")
    with served(OCELLUS) as server:
        for kind in ("openai", "ollama"):
            with webui(server, kind) as url:
                right &= tried(f"open-webui {version}, {kind}", lambda: ask(url, server, kind))
    return 0 if right else 1


sys.exit(main())
