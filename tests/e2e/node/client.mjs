// Asks the server at OPENAI_BASE_URL as a JavaScript program does, and prints what came as one JSON
// object, which tests/e2e/test_node.py looks at. Pictures: data URIs in a JSON list on standard input.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

// By require, which knows NODE_PATH: the packages lie in build/, not beside this file.
const OpenAI = createRequire(import.meta.url)("openai");

const client = new OpenAI({apiKey: "unused", maxRetries: 0, timeout: 300000});
const pictures = JSON.parse(readFileSync(0, "utf8"));
const question = "Describe the picture to a program.";  // which no other test asks: no cache knows it

const picture = (number) => ({type: "image_url", image_url: {url: pictures[number]}});
const user = (...parts) => ({role: "user", content: parts});
const turn = user(picture(0), {type: "text", text: question});

function ask(messages, options = {}) {
  return client.chat.completions.create({model: "", messages, max_tokens: 24, ...options});
}

async function text(messages, options) {
  return (await ask(messages, options)).choices[0].message.content;
}

async function streamed(messages, options) {
  const wanted = {include_usage: true, include_progress: true};  // comments, which are passed over
  const stream = await ask(messages, {...options, stream: true, stream_options: wanted});
  const out = {pieces: 0, text: "", finish: null, usage: null};
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (choice?.delta.content) {
      out.pieces += 1;
      out.text += choice.delta.content;
    }
    out.finish = choice?.finish_reason ?? out.finish;
    out.usage = chunk.usage ?? out.usage;
  }
  return out;
}

// The library's own gathering of a stream.
async function gathered(messages) {
  const stream = client.chat.completions.stream({model: "", messages, max_tokens: 24});
  const events = [];
  stream.on("content", (delta) => events.push(delta));
  return {text: await stream.finalContent(), joined: events.join("")};
}

async function failure(messages, options) {
  try {
    await ask(messages, options);
  } catch (error) {
    const {status, code, param, type, message, requestID} = error;
    return {name: error.constructor.name, status, code, param, type, message, requestID};
  }
  return null;
}

// Breaks off behind the first piece; what a loop that is left does, and what an AbortController does.
async function abandoned(how) {
  const options = {temperature: 2, max_tokens: 3000, logit_bias: {[process.argv[2]]: 100}, draft_tokens: 0};
  const controller = new AbortController();
  const stream = await client.chat.completions.create(
    {model: "", messages: [turn], stream: true, ...options},
    {signal: controller.signal},
  );
  let pieces = 0;
  try {
    for await (const chunk of stream) {
      if (!chunk.choices[0]?.delta.content) continue;
      pieces += 1;
      if (how === "break") break;
      controller.abort();
    }
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof OpenAI.APIUserAbortError)) throw error;
  }
  return pieces;
}

const several = [user(picture(0), picture(1), {type: "text", text: "What differs?"})];
const first = await streamed([turn]);  // in pieces; from a cache it would be one
const whole = await ask([turn]);
const result = {
  models: (await client.models.list()).data.map((model) => model.id),
  plain: await text([{role: "user", content: "What can you see?"}]),
  whole,
  several: await ask(several),
  turns: await text([turn, {role: "assistant", content: "A drawing."}, {role: "user", content: "Of what?"}]),
  streamed: first,
  gathered: await gathered([turn]),
  stopped: await ask([turn], {stop: [whole.choices[0].message.content.slice(3, 6)]}),
  seeds: await Promise.all([7, 7, 8, 9, 10].map((seed) => text([turn], {seed, temperature: 2}))),
  n: await ask([turn], {n: 3, seed: 7, temperature: 2}),
  logprobs: (await ask([turn], {logprobs: true, top_logprobs: 3})).choices[0].logprobs.content,
  errors: {
    parameter: await failure([turn], {temperature: 3}),
    model: await failure([turn], {model: "gpt-4o"}),
    tools: await failure([turn], {
      tools: [{type: "function", function: {name: "f"}}],
      tool_choice: {type: "function", function: {name: "g"}},
    }),
    picture: await failure([user({type: "image_url", image_url: {url: "https://example.com/a.png"}})]),
    stream: await failure([turn], {stream: true, temperature: 3}),
  },
  abandoned: [await abandoned("break"), await abandoned("abort")],
  again: await text([turn]),
};
console.log(JSON.stringify(result));
