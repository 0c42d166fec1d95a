// Answers by a schema and forced calls, as OpenAI's Node client has them. Reads {url, picture} (a data URI),
// prints what came.
import {createRequire} from "node:module";
import {text} from "node:stream/consumers";

const OpenAI = createRequire(import.meta.url)("openai");

const {url, picture} = JSON.parse(await text(process.stdin));
const {completions} = new OpenAI({baseURL: url + "/v1", apiKey: "unused", maxRetries: 0, timeout: 300000}).chat;
const content = [
  {type: "image_url", image_url: {url: picture}},
  {type: "text", text: "What shape is in the picture?"},
];
const common = {model: "", messages: [{role: "user", content}], max_tokens: 300};
const schema = {
  type: "object",
  properties: {shape: {type: "string", enum: ["circle", "square"]}},
  required: ["shape"],
  additionalProperties: false,
};
const format = {type: "json_schema", json_schema: {name: "shape", schema, strict: true}};
const tools = [{type: "function", function: {name: "note_shape", description: "Notes a shape.", parameters: schema}}];
const call = {tools, tool_choice: {type: "function", function: {name: "note_shape"}}};

const streamed = completions.stream({...common, ...call});
const events = {};
for (const name of ["chunk", "content", "tool_calls.function.arguments.delta", "tool_calls.function.arguments.done", "end"])
  streamed.on(name, () => (events[name] = (events[name] ?? 0) + 1));
console.log(
  JSON.stringify({
    parsed: (await completions.parse({...common, response_format: format})).choices[0],
    parsed_in_stream: JSON.parse(await completions.stream({...common, response_format: format}).finalContent()),
    called: (await completions.create({...common, ...call})).choices[0],
    called_in_stream: await streamed.finalFunctionToolCall(),
    events,
  }),
);
