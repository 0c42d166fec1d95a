// Below the question, what it will take: tokens, crops, seconds. The server says it (v1/images/plan) and runs
// nothing for it.
import {plan} from "./api.js";
import {question} from "./composer.js";
import {$, count} from "./dom.js";
import {grid} from "./saw.js";
import {say} from "./say.js";
import * as server from "./server.js";
import * as settings from "./settings.js";

const kPause = 500;  // ms without a change before the server is asked
const kTold = [400, 413, 415];  // what the question itself would be refused for

// {possible(): whether questions are asked about pictures now, word(question): what the next one depends on, empty
// when there is none, body(question): of /v1/chat/completions}.
let next = {possible: () => false, word: () => "", body: null};
let shown = "";      // the word that the line tells of, or will
let timer = 0;
let asking = null;   // AbortController

export function use(source) {
  next = source;
}

function soon(seconds) {
  if (seconds < 0.15) return say("first word at once");
  return say("first word in about {n} s", {n: seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)});
}

// For people, of the API's answer.
export function words({images, usage, expected, cached, requests_ahead: ahead}) {
  const parts = [count(usage.prompt_tokens, "token")];
  const crops = images.map(grid).map(({rows, columns}) => rows * columns).filter((n) => n > 1);
  if (crops.length > 0) parts.push(count(crops.reduce((sum, n) => sum + n), "crop"));
  else if (images.length > 0) parts.push(images.length > 1 ? say("one view each") : say("one view"));
  if (cached) parts.push(say("kept from before"));
  if (expected.first_token_seconds !== null) parts.push(soon(expected.first_token_seconds));
  if (ahead > 0) parts.push(say("{n} before it", {n: ahead}));
  return parts.join(" · ");
}

function tell(text, refused = false) {
  $("forecast-text").textContent = text;
  $("forecast-text").classList.toggle("error-text", refused);
}

async function look(word) {
  asking = new AbortController();
  try {
    const planned = await plan(await next.body(question()), asking.signal);
    if (word === shown) tell(words(planned));
  } catch (failure) {
    if (word !== shown || failure.name === "AbortError") return;
    // Without the place in the request, which the page made and its user never sees.
    const message = failure.message.replace(/^"messages[^"]*": ./, (found) => found.at(-1).toUpperCase());
    tell(kTold.includes(failure.status) ? message : "", true);
  }
}

// Called when anything has changed that it may depend on.
export function update() {
  $("forecast").hidden = !next.possible();
  const loaded = (server.current()?.state ?? "ready") === "ready";  // a plan loads none
  const word = loaded ? next.word(question()) : "";
  if (word === shown) return;
  shown = word;
  clearTimeout(timer);
  asking?.abort();
  if (word === "") tell("");
  else timer = setTimeout(look, kPause, word);
}

$("question").addEventListener("input", update);
$("detail").addEventListener("change", () => settings.setDetail($("detail").value));
settings.watch(() => {
  $("detail").value = settings.detail();
  update();
});
