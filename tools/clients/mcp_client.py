"""`ocellus mcp` by the official Python SDK's client: mcp_client.py OCELLUS ROOT"""

import asyncio
import importlib.metadata
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(ocellus: str, root: str) -> None:
    server = stdio_client(StdioServerParameters(command=ocellus, args=["mcp", "--model", "demo", "--root", root + "/examples"]))
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        assert {t.name for t in tools} == {"ask_about_picture", "describe", "read_text"}, tools
        picture = root + "/examples/red-circle.png"
        told = await client.call_tool("ask_about_picture", {"picture": picture, "question": "What shape is this?"})
        assert told.content[0].text == "Circle." and not told.is_error, told
        told = await client.call_tool("describe", {"picture": "/etc/passwd"})
        assert told.is_error and "--root" in told.content[0].text, told
        print(f"mcp {importlib.metadata.version('mcp')}, protocol {client.protocol_version}: tools; picture; refusal")


asyncio.run(main(*sys.argv[1:]))
