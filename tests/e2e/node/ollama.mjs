// Ollama's API as its own JavaScript client has it. Reads {url, picture} (base64 PNG), prints what came.
import {createRequire} from "node:module";
import {text} from "node:stream/consumers";

const {Ollama} = createRequire(import.meta.url)("ollama");

const {url, picture} = JSON.parse(await text(process.stdin));
const client = new Ollama({host: url});
const question = "What shape is in the picture?";
const messages = [{role: "user", content: question, images: [picture]}];
const ask = (more = {}) => client.chat({model: "default", messages, ...more});
const told = (error) => ({status: error.status_code, message: error.message});

const whole = await ask();
let streamed = "";
let last;
for await (const part of await ask({stream: true})) {
  streamed += part.message.content;
  last = part;
}
const shape = {type: "object", properties: {shape: {enum: ["circle", "square"]}}, required: ["shape"]};
const structured = (await ask({format: shape})).message.content;
const parameters = {type: "object", properties: {zone: {type: "string"}}, required: ["zone"]};
const tools = [{type: "function", function: {name: "get_time", description: "the time", parameters}}];

let aborted = "not at all";
try {
  const long = await ask({stream: true, format: {type: "array", items: {type: "boolean"}, minItems: 400}});
  for await (const _ of long) client.abort();
} catch (error) {
  aborted = error.name;
}
console.log(
  JSON.stringify({
    words: (await ask({messages: [{role: "user", content: "Hello"}]})).message.content,
    whole,
    generated: (await client.generate({model: "default", prompt: question, images: [Buffer.from(picture, "base64")]}))
      .response,
    streamed,
    last,
    structured,
    tools: await ask({tools}),
    aborted,
    failure: await ask({options: {temperature: 3}}).catch(told),
    missing: await ask({model: "llama3.2"}).catch(told),
    models: (await client.list()).models,
    capabilities: (await client.show({model: "demo"})).capabilities,
    version: (await client.version()).version,
    unloaded: (await client.chat({model: "default", messages: [], keep_alive: 0})).done_reason,
    loaded: (await client.generate({model: "default", prompt: ""})).done_reason,
    after: (await ask()).message.content,
  }),
);
