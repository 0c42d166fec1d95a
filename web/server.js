// Which models the server has, which one is asked, and how both are.
import {health, models, setKey, uiConfig} from "./api.js";
import {$, announce, bytes, count, element} from "./dom.js";
import {say} from "./say.js";

// What a model's state means to somebody who wants to ask it.
const kStates = {
  ready: say("Ready"),
  absent: say("Loads when asked"),
  loading: say("Loading…"),
  warming: say("Warming up…"),
  draining: say("Finishing"),
  failed: say("Could not be loaded"),
};
const kDots = {ready: "ready", absent: "idle", draining: "idle", failed: "offline"};

let known = [];       // of /v1/models, the active one first
let chosen = "";      // whom the user wants to ask; empty: whoever is active
let texts = null;     // of /ui/config
let textsOf = "";     // which model was active then
let needsKey = false;
let changed = () => {};

// `notify` is called when the model that is asked, or the texts, may have changed.
export function watch(notify) {
  changed = notify;
  watchServer();
}

// The model that is asked: an entry of /v1/models, or null while there is none.
export function current() {
  return known.find((model) => model.id === chosen) ?? known[0] ?? null;
}

// The `model` of a request: empty, the active one, unless the user has chosen.
export function requested() {
  return chosen;
}

// What the configuration has for the page: {default_instruction, capture_intervals, …}.
export function configured() {
  return texts ?? {};
}

// All of them, the active one first.
export const all = () => known;

// Questions go to this one from now on.
export function choose(id) {
  chosen = id;
  announce(say("Questions go to {model} now.", {model: id}));
  showChoice();
  changed();
  watchServer();
}

// How much of its load is done, from 0 to 1; null where that is not known.
export function shareOf({loading}) {
  return loading?.total_bytes > 0 ? loading.done_bytes / loading.total_bytes : null;
}

// What a model's state means, with how far its load is.
export function stateOf(model) {
  const share = shareOf(model);
  const words = {quantizing: say("Quantizing…"), reading: say("Reading its files…")}[model.loading?.phase];
  return [
    words ?? kStates[model.state] ?? model.state,
    share !== null && `${Math.floor(share * 100)} %`,
    model.loading?.seconds >= 1 && `${Math.round(model.loading.seconds)} s`,
  ].filter(Boolean).join(" ");
}

function showStatus(state, text, details = []) {
  $("status").dataset.state = state;
  if ($("status-text").textContent !== text) $("status-text").textContent = text;
  $("status-details").replaceChildren(...details.filter(([, value]) => value || value === 0).map(([name, value]) => {
    const row = element("div");
    row.append(element("dt", "", name), element("dd", "", String(value)));
    return row;
  }));
}

export function askForKey(wanted, wrong = "") {
  if (wanted && !needsKey) announce(say("This server wants an API key."));
  needsKey = wanted;
  $("key-form").hidden = !wanted;
  $("key-error").textContent = wrong;
  if (wanted && document.activeElement === document.body) $("key").focus();
}

// One model needs no choice. The list is only touched when something in it is new: a menu that is
// open would close.
function showChoice() {
  const shown = known.map(({id, state}) => ({
    value: id,
    text: state === "ready" ? id : `${id} · ${(kStates[state] ?? state).toLowerCase()}`,
  }));
  const menu = $("model");
  const now = [...menu.options].map(({value, text}) => ({value, text}));
  if (JSON.stringify(now) !== JSON.stringify(shown))
    menu.replaceChildren(...shown.map(({value, text}) => new Option(text, value)));
  menu.value = current()?.id ?? "";
  $("model-choice").hidden = known.length < 2;
}

function forget() {
  known = [];
  showChoice();
}

async function refreshModels() {
  try {
    known = await models();
    if (!known.some((model) => model.id === chosen)) chosen = "";
    const active = known[0]?.id ?? "";
    if (!texts || textsOf !== active) texts = await uiConfig();
    textsOf = active;
    askForKey(false);
  } catch (failure) {
    known = [];
    if (failure.status !== 401) throw failure;
    if (!needsKey) askForKey(true);
  }
  $("description").textContent = texts?.description ?? "";
  $("description").hidden = !texts?.description;
  showChoice();
  changed();
}

// One look at the server; resolves to the seconds until the next.
async function refresh() {
  let now;
  try {
    now = await health();
    if (now.status === "loading") {
      forget();
      const far = now.loading ? stateOf({state: "loading", ...now}) : "";
      showStatus("loading", far === "" ? say("Loading the model…") : far, [[say("Model"), now.model]]);
      return 1;
    }
    await refreshModels();
  } catch (failure) {
    forget();
    showStatus("offline", failure.status ? say("Server error") : say("Server not reachable"),
               [[say("Reason"), failure.message]]);
    return 3;
  }
  if (needsKey) {
    showStatus("loading", say("API key needed"));
    return 15;
  }
  const model = current();
  const name = model?.id ?? now.model ?? say("Ready");
  const state = model?.state ?? "ready";
  const single = known.length < 2 && state === "ready";
  showStatus(kDots[state] ?? "loading", single ? name : model ? stateOf(model) : kStates[state] ?? state, [
    [say("Model"), name],
    [say("State"), single ? "" : kStates[state] ?? state],
    [say("Reason"), model?.why ?? model?.fallback_reason],
    [say("Weights"), [model?.quantization, model?.weights_bytes ? bytes(model.weights_bytes) : ""]
      .filter(Boolean).join(", ")],
    [say("Engine"), model?.engine],
    [say("Context"), model?.capabilities?.context_length ? count(model.capabilities.context_length, "token") : ""],
    [say("Now"), say("{running} running, {queued} waiting", {running: now.running ?? 0, queued: now.queued ?? 0})],
    [say("Answered"), now.performance
      ? say("{n}, {time} each", {n: now.performance.requests, time: now.performance.avg_time}) : ""],
    [say("Server"), now.version ? `ocellus ${now.version}` : ""],
  ]);
  if (state === "loading" || state === "warming") return 1;
  return $("status").open ? 2 : 10;
}

let refreshTimer = 0;
let refreshing = null;  // a promise, while the server is asked
export function watchServer() {
  clearTimeout(refreshTimer);
  if (document.hidden) return Promise.resolve();  // a hidden tab asks nothing
  refreshing ??= refresh().then((seconds) => {
    refreshing = null;
    clearTimeout(refreshTimer);
    refreshTimer = setTimeout(watchServer, seconds * 1000);
  });
  return refreshing;
}

// Resolves when the server has been asked anew.
export async function look() {
  await refreshing;
  await watchServer();
}

$("model").addEventListener("change", () => choose($("model").value));

$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) return askForKey(true, say("A key has letters, digits and signs, and no spaces."));
  setKey(key);
  try {
    await models();
  } catch (failure) {
    if (failure.status === 401) setKey("");
    return askForKey(true, failure.status === 401 ? say("The server does not accept this key.") : failure.message);
  }
  $("key").value = "";
  askForKey(false);
  announce(say("The key was accepted."));
  $($("choose").checkVisibility() ? "choose" : "question").focus();
  return watchServer();
});

$("status").addEventListener("toggle", watchServer);
document.addEventListener("click", (event) => {
  if (!$("status").contains(event.target)) $("status").open = false;
});
// In front of all other listeners: Escape closes this and stops nothing.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !$("status").open) return;
  event.preventDefault();
  $("status").open = false;
  $("status").querySelector("summary").focus();
}, true);
document.addEventListener("visibilitychange", watchServer);
