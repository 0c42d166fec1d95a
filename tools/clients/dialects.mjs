// JavaScript frameworks that speak more than Chat Completions, unmodified: dialects.mjs OCELLUS ROOT
import assert from "node:assert";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { constructLlmApi } from "@continuedev/openai-adapters";
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage } from "@langchain/core/messages";
import { ChatOllama } from "@langchain/ollama";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, Output, streamText, tool } from "ai";
import { createOllama } from "ollama-ai-provider-v2";
import { z } from "zod";

const [ocellus, root] = process.argv.slice(2);
const image = readFileSync(`${root}/examples/red-circle.png`);
const question = "What shape is this?";
const answer = "Circle.";
const shape = z.object({ shape: z.enum(["circle", "square"]) });

async function aiSdk(told, model, forced = true) {
  const messages = [{ role: "user", content: [{ type: "file", mediaType: "image/png", data: image.toString("base64") }, { type: "text", text: question }] }];
  assert.ok((await generateText({ model, prompt: "Hello" })).text);
  told.push("text");
  assert.equal((await generateText({ model, messages })).text.trim(), answer);
  told.push("picture");
  let text = "";
  for await (const piece of streamText({ model, messages }).textStream) text += piece;
  assert.equal(text.trim(), answer);
  told.push("stream");
  assert.ok((await generateText({ model, messages, output: Output.object({ schema: shape }) })).output.shape);
  told.push("structured");
  if (forced) {
    const tools = { report: tool({ description: "Reports a shape", inputSchema: shape }) };
    assert.equal((await generateText({ model, messages, toolChoice: "required", tools })).toolCalls[0].toolName, "report");
    told.push("forced tool");
  }
  const stop = new AbortController();
  for await (const _ of streamText({ model, messages, abortSignal: stop.signal, onError: () => {} }).textStream) stop.abort();
  assert.equal((await generateText({ model, messages })).text.trim(), answer);
  told.push("abort");
}

async function langchain(told, chat, { forced = true, method = "jsonSchema" } = {}) {
  const url = `data:image/png;base64,${image.toString("base64")}`;
  const turn = [new HumanMessage({ content: [{ type: "image_url", image_url: { url } }, { type: "text", text: question }] })];
  assert.ok((await chat.invoke("Hello")).text);
  told.push("text");
  assert.equal((await chat.invoke(turn)).text.trim(), answer);
  told.push("picture");
  let text = "";
  for await (const piece of await chat.stream(turn)) text += piece.text;
  assert.equal(text.trim(), answer);
  told.push("stream");
  assert.ok((await chat.withStructuredOutput(shape, { method }).invoke(turn)).shape);
  told.push("structured");
  if (forced) {
    const tools = [{ type: "function", function: { name: "report", description: "Reports", parameters: z.toJSONSchema(shape) } }];
    const called = await chat.bindTools(tools, { tool_choice: "report" }).invoke(turn);
    assert.equal(called.tool_calls[0].name, "report");
    told.push("forced tool");
  }
  const stop = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of await chat.stream(turn, { signal: stop.signal })) stop.abort();
    throw new Error("ended before"); // a short answer may
  });
  assert.equal((await chat.invoke(turn)).text.trim(), answer);
  told.push("abort");
}

// What Continue speaks to a provider with; the editor offers its tools with every question.
async function continued(told, provider, apiBase) {
  const api = constructLlmApi({ provider, apiBase, apiKey: "none" });
  const { signal } = new AbortController();
  const url = `data:image/png;base64,${image.toString("base64")}`;
  const content = [{ type: "text", text: question }, { type: "image_url", image_url: { url } }];
  const tools = [{ type: "function", function: { name: "report", description: "Reports", parameters: z.toJSONSchema(shape) } }];
  const body = { model: "ocellus-demo", max_tokens: 64, messages: [{ role: "user", content }], tools };
  const whole = { ...body, stream: false };
  const hello = { ...whole, messages: [{ role: "user", content: "Hello" }] };
  assert.ok((await api.chatCompletionNonStream(hello, signal)).choices[0].message.content);
  told.push("text");
  assert.equal((await api.chatCompletionNonStream(whole, signal)).choices[0].message.content.trim(), answer);
  told.push("picture");
  let text = "";
  for await (const piece of api.chatCompletionStream({ ...body, stream: true }, signal)) text += piece.choices?.[0]?.delta?.content ?? "";
  assert.equal(text.trim(), answer);
  told.push("stream"); // aborted, it ends the whole of Node: an error event of its own that nobody hears
}

const server = spawn(ocellus, ["serve", "--model", "demo", "--port", "0", "--backend-port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
try {
  let url;
  for await (const line of createInterface({ input: server.stdout })) {
    if (!line.startsWith("ocellus serving")) continue;
    url = line.split(" ").at(-1);
    break;
  }
  const name = "ocellus-demo";
  const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
  const configuration = { baseURL: `${url}/v1` };
  const clients = {
    "@ai-sdk/openai": (told) => aiSdk(told, openai(name)),
    "@ai-sdk/openai chat": (told) => aiSdk(told, openai.chat(name)),
    "@ai-sdk/anthropic": (told) => aiSdk(told, createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" })(name)),
    "ollama-ai-provider-v2": (told) => aiSdk(told, createOllama({ baseURL: `${url}/api` })(name), false),
    "@langchain/openai": (told) => langchain(told, new ChatOpenAI({ model: name, apiKey: "none", configuration })),
    "@langchain/openai responses": (told) =>
      langchain(told, new ChatOpenAI({ model: name, apiKey: "none", configuration, useResponsesApi: true })),
    // Its jsonSchema turns an enum into words of the description.
    "@langchain/anthropic": (told) =>
      langchain(told, new ChatAnthropic({ model: name, apiKey: "none", anthropicApiUrl: url, maxTokens: 64 }), { method: "functionCalling" }),
    "@continuedev/openai-adapters openai": (told) => continued(told, "openai", `${url}/v1`),
    "@continuedev/openai-adapters anthropic": (told) => continued(told, "anthropic", `${url}/v1`),
    "@continuedev/openai-adapters ollama": (told) => continued(told, "ollama", url),
    "@continuedev/openai-adapters lmstudio": (told) => continued(told, "lmstudio", `${url}/v1`),
    "@continuedev/openai-adapters llama.cpp": (told) => continued(told, "llama.cpp", url),
    "@continuedev/openai-adapters vllm": (told) => continued(told, "vllm", `${url}/v1`),
    "@langchain/ollama": (told) => langchain(told, new ChatOllama({ model: name, baseUrl: url }), { forced: false }),
  };
  for (const [client, ask] of Object.entries(clients)) {
    const told = [];
    try {
      await ask(told);
    } catch (error) {
      told.push(`FAILED: ${String(error.stack).split("\n").slice(0, 4).join(" | ")} ${error.responseBody ?? ""}`);
      process.exitCode = 1;
    }
    const { version } = JSON.parse(readFileSync(`node_modules/${client.split(" ")[0]}/package.json`, "utf8"));
    console.log(`${client.replace(" ", ` ${version}, `)}${client.includes(" ") ? "" : ` ${version}`}: ${told.join("; ")}`);
  }
} finally {
  server.kill();
}
