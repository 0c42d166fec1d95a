// OpenAI's Responses API as its own Node client has it. Reads {url, picture, noEnd} (a data URI; biases under
// which no answer ends), prints what came.
import {createRequire} from "node:module";
import {text} from "node:stream/consumers";

const OpenAI = createRequire(import.meta.url)("openai");

const {url, picture, noEnd} = JSON.parse(await text(process.stdin));
const client = new OpenAI({baseURL: url + "/v1", apiKey: "unused", maxRetries: 0, timeout: 300000});
const input = [
  {
    role: "user",
    content: [
      {type: "input_image", image_url: picture, detail: "auto"},
      {type: "input_text", text: "What shape is in the picture?"},
    ],
  },
];
const ask = (more = {}) => client.responses.create({model: "", max_output_tokens: 60, input, ...more});

const stream = client.responses.stream({model: "", max_output_tokens: 60, input});
const events = [];
for await (const event of stream) events.push(event.type);
const schema = {
  type: "object",
  properties: {shape: {type: "string", enum: ["circle", "square"]}},
  required: ["shape"],
  additionalProperties: false,
};
const tool = {type: "function", name: "note_shape", description: "Notes a shape.", parameters: schema, strict: true};
const forced = await ask({max_output_tokens: 300, tools: [tool], tool_choice: {type: "function", name: "note_shape"}});
const parsed = await client.responses.parse({
  model: "",
  input,
  max_output_tokens: 1000,
  text: {format: {type: "json_schema", name: "shape", schema, strict: true}},
});
let aborted = "not at all";
const abort = new AbortController();
try {
  const long = await client.responses.create(
    {model: "", input, stream: true, max_output_tokens: 3000, logit_bias: noEnd},
    {signal: abort.signal},
  );
  aborted = "no error";
  for await (const event of long) if (event.type === "response.output_text.delta") abort.abort();
} catch (error) {
  aborted = error.constructor.name;
}
// A loop over a stream that is aborted ends; a call is refused.
if (aborted === "no error" && abort.signal.aborted) {
  aborted = await client.responses.create({model: "", input}, {signal: abort.signal}).catch((error) => error.constructor.name);
}
const failure = await ask({temperature: 3}).catch(({status, param}) => ({status, param}));
const whole = await ask();
const continued = await ask({input: "Of what colour?", previous_response_id: whole.id});
const kept = (await client.responses.retrieve(whole.id)).id;
const items = (await client.responses.inputItems.list(whole.id)).data;
await client.responses.delete(whole.id);
const gone = await client.responses.retrieve(whole.id).catch(({status}) => status);
console.log(
  JSON.stringify({
    whole,
    events,
    final: await stream.finalResponse(),
    forced,
    parsed: JSON.parse(parsed.output_text),
    aborted,
    failure,
    continued: continued.output_text,
    kept,
    items,
    gone,
    after: (await ask()).output_text,
  }),
);
