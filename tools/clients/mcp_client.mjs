// `ocellus mcp` by the official TypeScript SDK's client: mcp_client.mjs OCELLUS ROOT
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [ocellus, root] = process.argv.slice(2);
const client = new Client({ name: "clients", version: "1" });
await client.connect(
  new StdioClientTransport({ command: ocellus, args: ["mcp", "--model", "demo", "--root", `${root}/examples`] }));
const tools = (await client.listTools()).tools.map((tool) => tool.name);
assert.deepEqual(tools, ["ask_about_picture", "describe", "read_text"]);
const picture = `${root}/examples/red-circle.png`;
const told = await client.callTool({ name: "ask_about_picture", arguments: { picture, question: "What shape is this?" } });
assert.equal(told.content[0].text, "Circle.");
const refused = await client.callTool({ name: "describe", arguments: { picture: "/etc/passwd" } });
assert.ok(refused.isError && refused.content[0].text.includes("--root"));
const version = JSON.parse(readFileSync("node_modules/@modelcontextprotocol/sdk/package.json", "utf8")).version;
console.log(`@modelcontextprotocol/sdk ${version}: tools; picture; refusal`);
await client.close();
