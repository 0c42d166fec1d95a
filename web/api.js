// The server's API as the page uses it. No DOM in here.
import {say} from "./say.js";

export class ApiError extends Error {
  // status: of HTTP; 0 where there was no answer. code: the server's word for it, e.g. "superseded".
  // retryAfter: seconds, 0 when nothing was said.
  constructor(message, {status = 0, code = "", retryAfter = 0} = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

const kStorage = "ocellus-api-key";
let apiKey = "";
try {
  apiKey = sessionStorage.getItem(kStorage) ?? "";
} catch {
  // A browser without storage: the key lasts until the page is left.
}

export function setKey(key) {
  apiKey = key;
  try {
    if (key) sessionStorage.setItem(kStorage, key);
    else sessionStorage.removeItem(kStorage);
  } catch {
    // As above.
  }
}

async function call(path, options = {}) {
  const headers = {...options.headers};
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  try {
    return await fetch(path, {cache: "no-store", ...options, headers});
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(say("The server cannot be reached. Is it still running?"));
  }
}

async function refusal(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  let message = say("The server answered with status {status}.", {status: response.status});
  let code = "";
  try {
    const {error} = await response.json();
    message = error.message || message;
    code = error.code ?? "";
  } catch {
    // Not from ocellus, maybe a proxy's page: the status has to do.
  }
  return new ApiError(message, {status: response.status, code, retryAfter});
}

// What /health says, a server that is still loading included.
export async function health() {
  const response = await call("health");
  const body = await response.json().catch(() => null);
  if (!body?.status) throw new ApiError(say("The server answered with status {status}.", {status: response.status}));
  return body;
}

async function json(path) {
  const response = await call(path);
  if (!response.ok) throw await refusal(response);
  return response.json();
}

// Of /v1/models, each once and the active one first.
export async function models() {
  return (await json("v1/models")).data.filter((model) => !model.alias_of);
}

// The texts of the configuration: {title, description, default_instruction, …}.
export async function uiConfig() {
  return json("ui/config");
}

// What is found of `object` in a picture; task: "detect" or "point". body: of that route. Resolves to {places, usage,
// warning}; rejects as ask().
export async function find(task, body, signal) {
  const response = await call(`v1/${task}`, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  const {objects, points, usage, warning, finish_reason: finish} = await response.json();
  return {places: objects ?? points, usage, warning, finish: finish === "length" ? finish : "", details: null};
}

// What a question would take: of v1/images/plan, which runs nothing. body: as ask()'s.
export async function plan(body, signal) {
  const response = await call("v1/images/plan", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

// The data of each event of a text/event-stream. onComment gets its comments.
export async function* events(stream, onComment = () => {}) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let data = [];
  try {
    while (true) {
      const {value, done} = await reader.read();
      if (done) return;
      text += decoder.decode(value, {stream: true});
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines.map((line) => line.replace(/\r$/, ""))) {
        if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        } else if (line.startsWith(": ")) {
          onComment(line.slice(2));
        } else if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// One answer. body: of /v1/chat/completions, but for what makes it a stream; an empty `model` is the active
// one. onText gets each piece; onProgress, if any, how far the answer is: {phase, done, total, ahead}. Resolves to
// {finish, usage, warning, details}, the last of the answer's `ocellus`; rejects with an ApiError, or an AbortError
// when the signal says so.
export async function ask(body, signal, onText, onProgress) {
  const options = {include_usage: true, include_progress: onProgress ? true : undefined};
  const response = await call("v1/chat/completions", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({...body, stream: true, stream_options: options}),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  const result = {finish: "", usage: null, warning: "", details: null};
  try {
    for await (const data of events(response.body, (comment) => {
      if (comment.startsWith("progress ")) onProgress?.(JSON.parse(comment.slice(9)));
    })) {
      if (data === "[DONE]") return result;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(chunk.error.message, {code: chunk.error.code ?? ""});
      const choice = chunk.choices?.[0];
      if (choice?.delta?.content) onText(choice.delta.content);
      if (choice?.finish_reason) result.finish = choice.finish_reason;
      if (chunk.usage) result.usage = chunk.usage;
      if (chunk.warning) result.warning = chunk.warning;
      if (chunk.ocellus) result.details = chunk.ocellus;
    }
  } catch (failure) {
    if (failure.name === "AbortError" || failure instanceof ApiError) throw failure;
  }
  throw new ApiError(say("The connection ended before the answer was complete."));
}

// What the server has done, and does: {statistics: {completion_tokens, queued, running, …}, …}.
export const stats = () => json("stats");

// What could be pulled, and what is here: {allowed, data, installed, under_way, …}.
export const catalogue = () => json("v1/models/pull");

async function post(path, body, signal) {
  const response = await call(path, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  return response;
}

// The model is ready when this resolves.
export const load = (model) => post("v1/models/load", {model});

// onEvent gets a pull's events; this resolves to the last one. Rejects as ask(); the signal stops
// the pull.
export async function pull(model, signal, onEvent) {
  const response = await post("v1/models/pull", {model}, signal);
  let last = null;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]" && last?.phase === "done") return last;
      last = JSON.parse(data);
      if (last.error) throw new ApiError(last.error.message, {code: last.error.code ?? ""});
      if (last.phase !== "done") onEvent(last);
    }
  } catch (failure) {
    if (failure.name === "AbortError" || failure instanceof ApiError) throw failure;
  }
  throw new ApiError(say("The connection ended before the model was here. What has come is kept."));
}

// Whoever has begun it.
export async function stopPull() {
  const response = await call("v1/models/pull", {method: "DELETE"});
  if (!response.ok && response.status !== 404) throw await refusal(response);
}
