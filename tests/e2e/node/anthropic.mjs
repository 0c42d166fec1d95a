// Anthropic's Messages API as its own Node client has it. Reads {url, key, picture} (base64 PNG), prints
// what came.
import {createRequire} from "node:module";
import {text} from "node:stream/consumers";

const Anthropic = createRequire(import.meta.url)("@anthropic-ai/sdk");

const {url, picture} = JSON.parse(await text(process.stdin));
const client = new Anthropic({baseURL: url, apiKey: "none", maxRetries: 0});
const turn = {
  role: "user",
  content: [
    {type: "image", source: {type: "base64", media_type: "image/png", data: picture}},
    {type: "text", text: "What shape is in the picture?"},
  ],
};
const ask = (more = {}) => client.messages.create({model: "", max_tokens: 50, messages: [turn], ...more});

const stream = client.messages.stream({model: "", max_tokens: 50, messages: [turn]});
const events = [];
for await (const event of stream) events.push(event.type);
const tools = [
  {
    name: "note_shape",
    description: "Notes a shape.",
    input_schema: {type: "object", properties: {shape: {enum: ["circle", "square"]}}, required: ["shape"]},
  },
];
const forced = await ask({max_tokens: 300, tools, tool_choice: {type: "tool", name: "note_shape"}});
const format = {
  type: "json_schema",
  schema: {
    type: "object",
    properties: {shape: {type: "string", enum: ["circle", "square"]}},
    required: ["shape"],
    additionalProperties: false,
  },
};
const structured = await ask({max_tokens: 300, output_config: {format}});
const abort = new AbortController();
let aborted = "not at all";
try {
  const long = client.messages.stream({model: "", max_tokens: 2000, messages: [turn], temperature: 1}, {signal: abort.signal});
  for await (const event of long) if (event.type === "content_block_start") abort.abort();
} catch (error) {
  aborted = error.name;
}
const failure = await ask({max_tokens: -2}).catch((error) => ({status: error.status, type: error.error?.error?.type}));
console.log(
  JSON.stringify({
    words: (await ask({messages: [{role: "user", content: "Hello"}]})).content[0].text,
    structured: structured.content[0].text,
    whole: await ask(),
    events,
    final: await stream.finalMessage(),
    forced,
    aborted,
    failure,
    count: await client.messages.countTokens({model: "", messages: [turn]}),
    after: (await ask()).content[0].text,
  }),
);
