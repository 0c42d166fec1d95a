import fs from "node:fs";
import { z } from "zod";
import { z as z3 } from "zod/v3";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { zodToJsonSchema } from "zod-to-json-schema";
import { generateObject, jsonSchema } from "ai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
const version = (p) => `${p} ${JSON.parse(fs.readFileSync(`node_modules/${p}/package.json`)).version}`;
function schemas(z, four) {
  const s = {};
  s.Animal = z.object({
    name: z.string(),
    species: z.enum(["cat", "dog", "bird"]),
    confidence: z.number().min(0).max(1),
  });
  s.Box = z.object({
    x: z.number().int(),
    y: z.number().int(),
    width: z.number().int().positive(),
    height: z.number().int().nonnegative(),
  });
  s.Detections = z.object({
    detections: z.array(
      z.object({ label: z.string().describe("what it is"), box: s.Box, score: z.number().min(0).max(1) }),
    ),
    caption: z.string(),
  });
  s.Nullable = z.object({
    title: z.string().nullable(),
    year: z.number().int().nullable(),
    tags: z.array(z.string()).nullable(),
  });
  s.Optional = z.object({ title: z.string(), note: z.string().optional(), count: z.number().default(1) });
  s.Mail = z.object({ email: z.string().email(), url: z.string().url(), id: z.string().uuid() });
  s.Times = z.object({ at: z.string().datetime(), day: z.string().date(), time: z.string().time() });
  s.Offsets = z.object({ at: z.string().datetime({ offset: true }) });
  s.Length = z.object({
    short: z.string().min(1).max(60),
    exact: z.string().length(4),
    many: z.array(z.number()).min(1).max(4),
  });
  s.Union = z.object({ what: z.union([z.string(), z.number(), z.boolean()]) });
  s.Discriminated = z.object({
    shape: z.discriminatedUnion("type", [
      z.object({ type: z.literal("circle"), radius: z.number() }),
      z.object({ type: z.literal("square"), side: z.number() }),
    ]),
  });
  s.Intersection = z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }));
  s.Record = z.object({ counts: z.record(z.string(), z.number()) });
  s.RecordOfObjects = z.object({ boxes: z.record(z.string(), s.Box) });
  s.Tuple = z.object({
    point: z.tuple([z.number(), z.number()]),
    named: z.tuple([z.string(), z.number().int()]),
  });
  s.Literal = z.object({
    kind: z.literal("photo"),
    version: z.literal(2),
    ok: z.literal(true),
    none: z.null(),
  });
  s.Regex = z.object({
    code: z.string().regex(/^[A-Z]{2}\d{4}$/),
    hex: z.string().regex(/^#[0-9a-fA-F]{6}$/),
    plate: z.string().regex(/^[A-Z0-9-]{4,10}$/),
  });
  s.StartsWith = z.object({
    path: z.string().startsWith("/"),
    file: z.string().endsWith(".png"),
    word: z.string().includes("x"),
  });
  s.Multiple = z.object({ step: z.number().int().multipleOf(5), percent: z.number().int().min(0).max(100) });
  s.Strict = z.object({ a: z.string() }).strict();
  s.Loose = z.object({ a: z.string() }).passthrough();
  s.Catchall = z.object({ a: z.string() }).catchall(z.number());
  s.Recipe = z.object({
    recipe: z.object({
      name: z.string(),
      ingredients: z.array(z.object({ name: z.string(), amount: z.string() })),
      steps: z.array(z.string()),
    }),
  });
  s.Any = z.object({ data: z.any(), more: z.unknown() });
  s.Reasoning = z.object({
    steps: z.array(z.object({ explanation: z.string(), output: z.string() })),
    final_answer: z.string(),
  });
  s.Ui = (() => {
    const base = { type: z.enum(["div", "button", "header"]), label: z.string() };
    const Ui = z.lazy(() => z.object({ ...base, children: z.array(Ui) }));
    return Ui;
  })();
  s.Numbers = z.object({
    a: z.number().gt(0).lt(10),
    b: z.number().int().safe?.() ?? z.number(),
    c: z.number().negative(),
    d: z.number().finite(),
  });
  s.Invoice = z.object({
    number: z.string(),
    date: z.string(),
    vendor: z.object({ name: z.string(), vat: z.string().nullable() }),
    lines: z.array(z.object({ text: z.string(), quantity: z.number(), price: z.number() })),
    total: z.number(),
    currency: z.enum(["EUR", "USD", "GBP", "CHF"]),
  });
  s.Moderation = z.object({
    flagged: z.boolean(),
    categories: z.array(z.enum(["violence", "adult", "spoof"])),
    reason: z.string().max(200),
  });
  s.Described = z
    .object({
      text: z.string().describe("All text of the picture"),
      language: z.string().length(2).describe("ISO 639-1"),
    })
    .describe("what is read");
  s.Ip = four
    ? z.object({ a: z.ipv4(), b: z.ipv6(), c: z.cidrv4() })
    : z.object({ a: z.string().ip({ version: "v4" }), b: z.string().ip({ version: "v6" }) });
  s.Ids = four
    ? z.object({ a: z.ulid(), b: z.nanoid(), c: z.cuid2(), d: z.jwt() })
    : z.object({ a: z.string().ulid(), b: z.string().nanoid(), c: z.string().cuid2() });
  s.Base64 = z.object({ data: z.string().base64() });
  if (four) {
    s.Int = z.object({ a: z.int(), b: z.int32(), c: z.uint32(), d: z.float32(), e: z.float64() });
    s.PartialRecord = z.object({ counts: z.partialRecord(z.enum(["a", "b", "c"]), z.number()) });
    s.EnumRecord = z.object({ counts: z.record(z.enum(["a", "b", "c"]), z.int()) });
    s.Stringbool = z.object({ on: z.enum(["true", "false"]) });
    s.Iso = z.object({ a: z.iso.date(), b: z.iso.time(), c: z.iso.datetime(), d: z.iso.duration() });
    s.Formats = z.object({
      a: z.email(),
      b: z.url(),
      c: z.uuidv4(),
      d: z.guid(),
      e: z.e164(),
      f: z.emoji(),
      g: z.base64url(),
      h: z.hostname(),
    });
    s.Template = z.object({ size: z.templateLiteral([z.number(), z.enum(["px", "em"])]) });
    const Node = z.object({
      name: z.string(),
      get children() {
        return z.array(Node);
      },
    });
    s.Node = Node;
    s.Meta = z.object({ a: z.string().meta({ title: "A", examples: ["x"], id: "theA" }) });
    s.Prefault = z.object({
      a: z.string().default("x"),
      b: z.number().prefault(3),
      c: z.string().readonly(),
    });
    s.MultiLiteral = z.object({ rotation: z.literal([0, 90, 180, 270]) });
    s.EmailLong = z.object({ mail: z.email().max(100), url: z.url().min(8) });
    s.Set = z.object({ a: z.array(z.string()).nonempty() });
    s.Xor = z.object({ a: z.xor ? z.xor([z.string(), z.number()]) : z.string() });
  }
  return s;
}
const out = [];
const problems = [];
async function add(by, name, make) {
  try {
    const schema = await make();
    if (schema) out.push({ by, name, schema });
    else problems.push([by, name, "none"]);
  } catch (e) {
    problems.push([by, name, String(e).slice(0, 120)]);
  }
}
const four = schemas(z, true),
  three = schemas(z3, false);
let seen = null;
const fetchIt = async (url, init) => {
  seen = JSON.parse(init.body);
  return new Response(JSON.stringify({ error: { message: "enough" } }), {
    status: 400,
    headers: { "content-type": "application/json" },
  });
};
const client = new OpenAI({ apiKey: "x", baseURL: "http://127.0.0.1/v1", maxRetries: 0, fetch: fetchIt });
const messages = [{ role: "user", content: "What is it?" }];
const provider = createOpenAICompatible({
  name: "local",
  baseURL: "http://127.0.0.1/v1",
  supportsStructuredOutputs: true,
  fetch: fetchIt,
});
for (const [name, schema] of Object.entries(four)) {
  await add(version("zod") + " toJSONSchema", name, () => z.toJSONSchema(schema));
  await add(version("zod") + " toJSONSchema input", name, () => z.toJSONSchema(schema, { io: "input" }));
  await add(version("openai") + " (node) zodResponseFormat, zod 4", name, async () => {
    seen = null;
    const rf = zodResponseFormat(schema, "answer");
    try {
      await client.chat.completions.parse({ model: "m", messages, response_format: rf });
    } catch {}
    return seen?.response_format.json_schema.schema;
  });
  await add(version("ai") + " generateObject, zod 4", name, async () => {
    seen = null;
    try {
      await generateObject({ model: provider("m"), schema, prompt: "What?", maxRetries: 0 });
    } catch {}
    return seen?.response_format?.json_schema?.schema;
  });
}
for (const [name, schema] of Object.entries(three)) {
  await add(version("zod-to-json-schema") + ", zod 3", name, () => zodToJsonSchema(schema));
  await add(version("openai") + " (node) zodResponseFormat, zod 3", name, async () => {
    seen = null;
    const rf = zodResponseFormat(schema, "answer");
    try {
      await client.chat.completions.parse({ model: "m", messages, response_format: rf });
    } catch {}
    return seen?.response_format.json_schema.schema;
  });
  await add(version("ai") + " generateObject, zod 3", name, async () => {
    seen = null;
    try {
      await generateObject({ model: provider("m"), schema, prompt: "What?", maxRetries: 0 });
    } catch {}
    return seen?.response_format?.json_schema?.schema;
  });
}
const plain = {
  type: "object",
  properties: {
    city: { type: "string" },
    population: { type: "integer" },
    area: { type: ["number", "null"] },
  },
  required: ["city"],
  additionalProperties: false,
};
await add(version("ai") + " generateObject, jsonSchema", "City", async () => {
  seen = null;
  try {
    await generateObject({ model: provider("m"), schema: jsonSchema(plain), prompt: "What?", maxRetries: 0 });
  } catch {}
  return seen?.response_format?.json_schema?.schema;
});
await add(version("ai") + " generateObject, array", "Array", async () => {
  seen = null;
  try {
    await generateObject({
      model: provider("m"),
      output: "array",
      schema: four.Animal,
      prompt: "What?",
      maxRetries: 0,
    });
  } catch {}
  return seen?.response_format?.json_schema?.schema;
});
await add(version("ai") + " generateObject, enum", "Enum", async () => {
  seen = null;
  try {
    await generateObject({
      model: provider("m"),
      output: "enum",
      enum: ["sunny", "rainy"],
      prompt: "What?",
      maxRetries: 0,
    });
  } catch {}
  return seen?.response_format?.json_schema?.schema;
});
process.stdout.write(JSON.stringify(out));
console.error(out.length, "made;", problems.length, "not:");
for (const p of problems) console.error(...p);
