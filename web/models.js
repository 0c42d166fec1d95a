// The models' panel: which are here, which one is asked, and others from the hub.
import {ApiError, catalogue, load, pull, stopPull} from "./api.js";
import {$, announce, bytes, element} from "./dom.js";
import {say} from "./say.js";
import * as server from "./server.js";

const kFamilies = {phi3_v: "Phi-3.5-Vision", smolvlm: "SmolVLM2", moondream1: "Moondream2"};
const kLookMs = 1000;  // while something is under way

let told = null;       // of the catalogue: {allowed, data, installed, under_way}
let pulling = null;    // ours: {model, controller, event, note}
let loading = "";      // the model that is to be used and not ready yet
let timer = 0;

const busy = () => pulling !== null || (told?.under_way ?? null) !== null;
const family = (arch) => kFamilies[arch] ?? arch;
const joined = (parts) => parts.filter(Boolean).join(" · ");

function fail(failure) {
  if (failure.status === 401) {
    $("models").close();
    server.askForKey(true);
    return;
  }
  $("models-error").textContent = failure instanceof ApiError
    ? failure.message : say("Error in the page: {message}", {message: failure.message});
}

function button(text, about, action, className = "") {
  const made = element("button", className, text);
  made.type = "button";
  made.setAttribute("aria-label", `${text}: ${about}`);
  made.addEventListener("click", action);
  return made;
}

// What a row is, but for figures that change: fill() compares it.
function mark(item, id, ...kind) {
  item.dataset.id = id;
  item.dataset.kind = JSON.stringify([id, ...kind]);
}

// ---- Those that are here -------------------------------------------------------------------------

// What the server knows of its models, with what is on the disk of those that were never loaded.
function here() {
  const onDisk = new Map((told?.installed ?? []).map((model) => [model.id, model]));
  const models = server.all().map((model) => ({...onDisk.get(model.id), ...model}));
  for (const [id, model] of onDisk)
    if (!models.some((other) => other.id === id)) models.push({...model, state: "absent"});
  return models;
}

function row(model) {
  const item = element("li");
  const words = element("div", "about-model");
  const chosen = server.current()?.id === model.id;
  const small = element("small", "", joined([
    model.arch && family(model.arch), model.quantization,
    (model.bytes || model.weights_bytes) && bytes(model.bytes ?? model.weights_bytes),
    model.whole === false ? say("not whole") : server.stateOf(model),
    model.active && say("answers where no model is named")]));
  words.append(element("span", "title", model.id), small);
  item.append(words);
  const share = server.shareOf(model);
  if (model.state === "loading" || model.state === "warming") {
    const bar = element("progress");
    bar.setAttribute("aria-label", say("Loading {model}", {model: model.id}));
    if (share !== null) bar.value = share;
    words.append(bar);
  }
  mark(item, model.id, chosen, loading !== "", words.lastChild.tagName);
  if (chosen) {
    item.setAttribute("aria-current", "true");
    item.append(element("span", "chosen", say("in use")));
  } else if (model.whole !== false) {
    const use = button(say("Use"), model.id, () => choose(model.id));
    use.disabled = loading !== "";
    item.append(use);
  }
  return item;
}

// Questions go to it from now on; it is loaded before the first one.
async function choose(id) {
  $("models-error").textContent = "";
  const ready = here().find((model) => model.id === id)?.state === "ready";
  if (ready) return use(id);
  loading = id;
  announce(say("Loading {model}", {model: id}));
  again();
  try {
    await load(id);
    await use(id);
  } catch (failure) {
    fail(failure);
  }
  loading = "";
  await refresh();
}

async function use(id) {
  await server.look();
  server.choose(id);
  show();
  $("models-here").querySelector("[aria-current] .title")?.scrollIntoView({block: "nearest"});
}

// ---- Those of the hub ----------------------------------------------------------------------------

function offer(model) {
  const item = element("li");
  const words = element("div", "about-model");
  words.append(element("span", "title", model.id),
               element("small", "", joined([family(model.arch), bytes(model.bytes), model.repo])));
  item.append(words);
  mark(item, model.id, model.installed, busy());
  if (model.installed) item.append(element("span", "chosen", say("here")));
  else if (told.allowed) {
    const get = button(say("Pull"), model.id, () => begin(model.id));
    get.disabled = busy();
    item.append(get);
  }
  return item;
}

async function begin(model) {
  if (pulling) return;
  $("models-error").textContent = "";
  pulling = {model, controller: new AbortController(), event: null, note: ""};
  announce(say("Pulling {model}.", {model}));
  show();
  $("pull-stop").focus();
  try {
    const end = await pull(model, pulling.controller.signal, (event) => {
      pulling.note = event.note ?? (event.phase === pulling.event?.phase ? pulling.note : "");
      if (!event.note) pulling.event = event;
      showPull();
    });
    announce(say("{model} is here.", {model: end.id}));
  } catch (failure) {
    if (failure.name === "AbortError" || failure.code === "cancelled")
      announce(say("Stopped. The next pull of it goes on from here."));
    else fail(failure);
  }
  pulling = null;
  await refresh();
  if ($("models").open) $("models-close").focus();
}

async function stop() {
  if (pulling) return pulling.controller.abort();
  try {
    await stopPull();
  } catch (failure) {
    fail(failure);
  }
  return refresh();
}

// Whether the event's total is that of the whole model: the small files come first, and say which others there are.
const isWhole = (event) => event !== null && event.total_bytes > 0 && (event.file?.name ?? "").endsWith(".safetensors");

const left = (event) => event.bytes_per_s > 0 && (event.total_bytes - event.done_bytes) / event.bytes_per_s;

function time(seconds) {
  if (seconds < 90) return say("{n} s left", {n: Math.max(1, Math.round(seconds))});
  return say("{n} min left", {n: Math.round(seconds / 60)});
}

function showPull() {
  const event = pulling?.event ?? told?.under_way ?? null;
  $("pull").hidden = !pulling && !event;
  if ($("pull").hidden) return;
  $("pull-name").textContent = pulling?.model ?? event.model;
  const bar = $("pull-bar");
  const share = isWhole(event) ? event.done_bytes / event.total_bytes : null;
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  $("pull-state").textContent = share === null ? say("Asking the hub…") : joined([
    `${Math.floor(share * 100)} %`,
    say("{done} of {total}", {done: bytes(event.done_bytes), total: bytes(event.total_bytes)}),
    event.phase === "checking" ? say("checking")
      : event.bytes_per_s > 0 && say("{rate} a second", {rate: bytes(event.bytes_per_s)}),
    event.phase === "loading" && left(event) && time(left(event)),
  ]);
  const file = event?.file;
  $("pull-file").textContent = joined([
    file && say("{file}: {done} of {total}",
                {file: file.name, done: bytes(file.done_bytes), total: bytes(file.total_bytes)}),
    pulling?.note]);
  $("pull-note").textContent = pulling ? say("It stops when this page is closed, and goes on with the next pull.")
    : say("Somebody else has begun it.");
  $("pull-stop").hidden = !pulling && !told?.allowed;
}

// ---- The panel -----------------------------------------------------------------------------------

// A list whose rows are the same but for figures keeps them: what is pressed or read would go.
function fill(list, made) {
  const before = [...list.children];
  if (before.length === made.length && made.every((item, i) => item.dataset.kind === before[i].dataset.kind)) {
    made.forEach((item, i) => {
      const [small, next] = [before[i], item].map((each) => each.querySelector("small"));
      if (small.textContent !== next.textContent) small.textContent = next.textContent;
      const [bar, moved] = [before[i], item].map((each) => each.querySelector("progress"));
      if (moved?.hasAttribute("value")) bar.value = moved.value;
    });
    return;
  }
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li").dataset.id : null;
  list.replaceChildren(...made);
  if (focused === null) return;
  (made.find((item) => item.dataset.id === focused)?.querySelector("button:enabled") ?? $("models-close")).focus();
}

function show() {
  if (!$("models").open) return;
  fill($("models-here"), here().map(row));
  fill($("models-there"), (told?.data ?? []).map(offer));
  $("pull-how").hidden = told === null || told.allowed;
  $("pull-form").hidden = !told?.allowed;
  $("pull-form").querySelector("button").disabled = busy();
  showPull();
}

async function refresh() {
  try {
    [told] = await Promise.all([catalogue(), server.look()]);
  } catch (failure) {
    fail(failure);
  }
  show();
}

// As long as something changes by itself.
function again() {
  clearTimeout(timer);
  if (!$("models").open) return;
  timer = setTimeout(async () => {
    if (!document.hidden) {
      if (told?.under_way && !pulling) await refresh();
      else await server.look();
      show();
    }
    again();
  }, kLookMs);
}

async function open() {
  $("status").open = false;
  $("models-error").textContent = "";
  told = null;
  $("models").showModal();
  show();
  await refresh();
  again();
}

$("models-open").addEventListener("click", open);
$("models-close").addEventListener("click", () => $("models").close());
$("models").addEventListener("click", (event) => {
  if (event.target === $("models")) $("models").close();  // beside it
});
$("models").addEventListener("close", () => {
  clearTimeout(timer);
  $("status").querySelector("summary").focus();
});
$("pull-stop").addEventListener("click", stop);
$("pull-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("pull-model").value.trim();
  if (name !== "") begin(name);
});
