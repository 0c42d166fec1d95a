// Vercel's AI SDK: ai_sdk.mjs OCELLUS ROOT
import assert from "node:assert";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, streamText, tool } from "ai";
import { z } from "zod";

const [ocellus, root] = process.argv.slice(2);
const server = spawn(ocellus, ["serve", "--model", "demo", "--port", "0", "--backend-port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
try {
  let url;
  for await (const line of createInterface({ input: server.stdout })) {
    if (!line.startsWith("ocellus serving")) continue;
    url = line.split(" ").at(-1);
    break;
  }
  const model = createOpenAICompatible({ name: "ocellus", baseURL: `${url}/v1`, supportsStructuredOutputs: true })("ocellus-demo");
  const image = readFileSync(`${root}/examples/red-circle.png`);
  const messages = [{ role: "user", content: [{ type: "file", mediaType: "image/png", data: image }, { type: "text", text: "What shape is this?" }] }];
  const told = [];
  const shape = z.enum(["circle", "square"]);

  assert.ok((await generateText({ model, prompt: "Hello" })).text);
  told.push("text");
  assert.equal((await generateText({ model, messages })).text, "Circle.");
  told.push("picture");
  let text = "";
  for await (const piece of streamText({ model, messages }).textStream) text += piece;
  assert.equal(text, "Circle.");
  told.push("stream");
  const seen = await generateText({ model, messages, output: Output.object({ schema: z.object({ shape }) }) });
  assert.ok(seen.output.shape);
  told.push("structured");
  const called = await generateText({
    model, messages, toolChoice: "required",
    tools: { report: tool({ description: "Reports a shape", inputSchema: z.object({ shape }) }) } });
  assert.equal(called.toolCalls[0].toolName, "report");
  told.push("forced tool");
  const stop = new AbortController();
  const broken = streamText({ model, messages, abortSignal: stop.signal, onError: () => {} });
  for await (const _ of broken.textStream) stop.abort();
  assert.equal((await generateText({ model, messages })).text, "Circle.");
  told.push("abort");
  const version = JSON.parse(readFileSync("node_modules/ai/package.json", "utf8")).version;
  console.log(`ai ${version}: ${told.join("; ")}`);
} finally {
  server.kill();
}
