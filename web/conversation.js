// Questions about one picture, and answers as they come. Whatever comes from a model or a server goes
// into the page as text, never as HTML.
import {ApiError, ask} from "./api.js";
import * as composer from "./composer.js";
import {$, announce, count, element} from "./dom.js";
import {say} from "./say.js";
import * as server from "./server.js";

let picture = null;   // {uri, url}
let messages = [];    // what the model is sent: only turns that were answered
let running = null;   // AbortController of the answer under way
let changed = () => {};

// As the composer has it.
export const mode = {
  label: say("Ask"),
  keeps: false,
  placeholder: () => picture ? say("Ask about the picture") : say("Choose a picture first"),
  busy: () => running !== null,
  ready: () => picture !== null,
  submit: put,
  stop: () => running?.abort(),
};

// `notify` is called when there is another picture, or another turn.
export function watch(notify) {
  changed = notify;
}

export const hasPicture = () => picture !== null;
export const hasTurns = () => $("turns").childElementCount > 0;

// A conversation about this picture: {uri, url}.
export function begin(next) {
  running?.abort();
  running = null;
  if (picture) URL.revokeObjectURL(picture.url);
  picture = next;
  messages = [];
  $("turns").replaceChildren();
  changed();
}

// On a wide screen the conversation scrolls, on a narrow one the whole page.
function scroller() {
  const own = $("scroll");
  return getComputedStyle(own).overflowY === "auto" ? own : document.scrollingElement;
}
function atEnd() {
  const box = scroller();
  return box.scrollHeight - box.scrollTop - box.clientHeight < 60;
}
function toEnd() {
  const box = scroller();
  box.scrollTop = box.scrollHeight;
}

function userMessage(question) {
  if (messages.length > 0) return {role: "user", content: question};
  return {
    role: "user",
    content: [{type: "image_url", image_url: {url: picture.uri}}, {type: "text", text: question}],
  };
}

// "Looking…" with the seconds, as a large picture can take a while. Returns what ends it.
function showWaiting(answer) {
  const waiting = element("p", "waiting");
  const label = element("span", "", "Looking at the picture");
  const seconds = element("span", "seconds");
  seconds.setAttribute("aria-hidden", "true");
  waiting.append(label, seconds);
  answer.append(waiting);
  const begin = performance.now();
  const timer = setInterval(() => {
    seconds.textContent = `${Math.round((performance.now() - begin) / 1000)} s`;
  }, 1000);
  return () => {
    clearInterval(timer);
    waiting.remove();
  };
}

export function describe(result, seconds) {
  const parts = [];
  if (result.usage) parts.push(count(result.usage.completion_tokens, "token"));
  parts.push(`${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`);
  if (result.finish === "length") parts.push("cut off: no room for more");
  if (result.warning) parts.push(result.warning);
  return parts.join(" · ");
}

export function showFailure(answer, failure, again) {
  const box = element("div", "failure");
  box.setAttribute("role", "alert");
  // Without the place in the request, which the page made and its user never sees.
  const message = failure.message.replace(/^"messages[^"]*": ./, (found) => found.at(-1).toUpperCase());
  box.append(element("p", "", failure instanceof ApiError ? message : `Error in the page: ${message}`));
  if (failure.retryAfter > 0)
    box.append(element("p", "meta", `The server asks to wait ${count(failure.retryAfter, "second")}.`));
  if (again) {
    const button = element("button", "", say("Ask again"));
    button.type = "button";
    button.addEventListener("click", again);
    box.append(button);
  }
  answer.append(box);
}

async function put(question) {
  if (running || !picture) return;
  const controller = new AbortController();
  running = controller;
  const turn = element("li", "turn");
  const asked = element("div", "question");
  asked.append(element("span", "hidden", "You: "), element("p", "", question));
  const answer = element("div", "answer");
  answer.append(element("span", "hidden", "Answer: "));
  const text = element("p", "text");
  turn.append(asked, answer);
  $("turns").append(turn);
  changed();
  toEnd();
  announce("Asked. Looking at the picture.");

  const message = userMessage(question);
  const endWaiting = showWaiting(answer);
  const begin = performance.now();
  let reply = "";
  let failure = null;
  let result = null;
  try {
    result = await ask({model: server.requested(), messages: [...messages, message]}, controller.signal, (piece) => {
      const follow = atEnd();
      if (reply === "") {
        endWaiting();
        answer.append(text);
      }
      reply += piece;
      text.append(piece);
      if (follow) toEnd();
    });
  } catch (caught) {
    failure = caught;
  }
  endWaiting();
  if (!turn.isConnected) return;  // another picture has been chosen

  running = null;
  const follow = atEnd();
  const stopped = failure?.name === "AbortError";
  if (failure && !stopped) {
    showFailure(answer, failure, () => {
      if (running) return;
      turn.remove();
      put(question);
      $("question").focus();
    });
    if (failure.status === 401) server.askForKey(true);
    if (failure.status === 0) server.watchServer();
  } else {
    if (reply === "" && !stopped) answer.append(element("p", "text none", "(no words)"));
    const meta = stopped ? "stopped" : describe(result, (performance.now() - begin) / 1000);
    answer.append(element("p", "meta", meta));
    announce(stopped ? "Stopped." : `Answer: ${reply || "no words"}`);
    // A turn without an answer is not repeated to the model: it would not know what to make of it.
    if (reply !== "") messages.push(message, {role: "assistant", content: reply});
  }
  changed();
  if (follow) toEnd();
}
