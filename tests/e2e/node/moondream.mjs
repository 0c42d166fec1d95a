// Asks the server at OCELLUS_URL as a JavaScript program does with Moondream's client, and prints what
// came as one JSON object, which tests/e2e/test_moondream.py looks at. The picture: a file.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

// By require, which knows NODE_PATH: the packages lie in build/, not beside this file.
const {vl} = createRequire(import.meta.url)("moondream");

const image = readFileSync(process.argv[2]);
const endpoint = process.env.OCELLUS_URL + "/v1";
const client = new vl({endpoint, apiKey: process.env.OCELLUS_KEY});
const question = "What might it be?";  // which no other test asks: no cache knows it

async function gathered(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

async function failure(ask) {
  try {
    await ask();
  } catch (error) {
    return error.message;
  }
  return null;
}

// In pieces; from a cache it would be one.
const streamed = await gathered((await client.query({image, question, stream: true})).answer);
const result = {
  streamed,
  answer: (await client.query({image, question})).answer,
  captions: {},
  caption_streamed: await gathered((await client.caption({image, length: "short", stream: true})).caption),
  objects: (await client.detect({image, object: "circle"})).objects,
  points: (await client.point({image, object: "circle"})).points,
  errors: {
    object: await failure(() => client.detect({image, object: ""})),
    variant: await failure(() => client.point({image, object: "circle", variant: "x"})),
    key: await failure(() => new vl({endpoint, apiKey: "wrong"}).query({image, question})),
    no_key: await failure(() => new vl({endpoint}).query({image, question})),
  },
};
for (const length of ["short", "normal"])
  result.captions[length] = (await client.caption({image, length})).caption;
console.log(JSON.stringify(result));
