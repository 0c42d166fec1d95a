// How questions are asked: temperature, length, system text, JSON schema, detail. Kept in this browser; what
// is not set is the server's choice.
import {$, announce} from "./dom.js";
import {choose, chosen, say} from "./say.js";

const kStorage = "ocellus-settings";
const kNumbers = {temperature: [0, 2], max_tokens: [1, 1e6]};

let changed = () => {};
let now = {};  // {temperature, max_tokens, system, schema (text), detail}; what is not there is not set
let lasting = true;  // the browser keeps them
look();

// What another tab may have set meanwhile.
function look() {
  try {
    if (lasting) now = JSON.parse(localStorage.getItem(kStorage)) ?? {};
  } catch {
    // A browser without storage, or somebody else's words: as it was.
  }
}

// `notify` is called when they have changed, and once at first.
export function watch(notify) {
  changed = notify;
  changed();
}

export const word = () => JSON.stringify(now);  // another one when something is set otherwise
export const detail = () => now.detail ?? "";

export function setDetail(value) {
  look();
  const {detail: old, ...others} = now;
  now = value ? {...others, detail: value} : others;
  keep();
}

function keep() {
  try {
    if (Object.keys(now).length > 0) localStorage.setItem(kStorage, JSON.stringify(now));
    else localStorage.removeItem(kStorage);
  } catch {
    lasting = false;  // they last until the page is left
  }
  show();
}

function show() {
  $("settings-open").classList.toggle("set", Object.keys(now).length > 0);
  changed();
}

export const wantsJson = () => now.schema !== undefined;

// A request's body as the settings have it. messages: of the API.
export function apply(body) {
  const {temperature, max_tokens, system, schema, detail} = now;
  let messages = body.messages;
  if (detail)
    messages = messages.map((message) => !Array.isArray(message.content) ? message : {
      ...message,
      content: message.content.map((part) =>
        part.type === "image_url" ? {...part, image_url: {...part.image_url, detail}} : part),
    });
  if (system) messages = [{role: "system", content: system}, ...messages];
  const more = {temperature, max_tokens};
  if (schema) more.response_format = {type: "json_schema", json_schema: {name: "answer", schema: JSON.parse(schema)}};
  return {...body, ...more, messages};  // JSON leaves out what is undefined
}

const field = (name) => $(`set-${name}`);

// What the form says, or the sentence that says what is wrong with it.
function read() {
  const wanted = {};
  for (const [name, [least, most]] of Object.entries(kNumbers)) {
    const text = field(name).value.trim();
    if (text === "" && !field(name).validity.badInput) continue;
    const value = Number(text);
    if (field(name).validity.badInput || !(value >= least && value <= most) ||
        (name === "max_tokens" && !Number.isInteger(value)))
      return {wrong: name, why: say("A number from {least} to {most}, or nothing.", {least, most})};
    wanted[name] = value;
  }
  if (field("system").value.trim() !== "") wanted.system = field("system").value.trim();
  if (field("detail").value !== "") wanted.detail = field("detail").value;
  const schema = field("schema").value.trim();
  if (schema !== "") {
    try {
      const parsed = JSON.parse(schema);
      if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error(say("not an object"));
    } catch (failure) {
      return {wrong: "schema", why: say("This is no JSON schema: {why}", {why: failure.message})};
    }
    wanted.schema = schema;
  }
  return {wanted};
}

let shown = {};  // what the form was filled with
function fill() {
  shown = now;
  for (const name of ["temperature", "max_tokens", "system", "schema", "detail"]) {
    field(name).value = now[name] ?? "";
    field(name).removeAttribute("aria-invalid");
  }
  field("language").value = chosen;
  $("settings-error").textContent = "";
}

$("settings-open").addEventListener("click", () => {
  look();
  fill();
  $("settings").showModal();
});
$("settings-cancel").addEventListener("click", () => $("settings").close());
$("settings-reset").addEventListener("click", () => {
  now = {};
  keep();
  fill();
  announce(say("The server's choice in all."));
});
$("settings-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const {wanted, wrong, why} = read();
  for (const box of $("settings-form").querySelectorAll("[aria-invalid]")) box.removeAttribute("aria-invalid");
  $("settings-error").textContent = why ?? "";
  if (!wanted) {
    field(wrong).setAttribute("aria-invalid", "true");
    field(wrong).focus();
    return;
  }
  look();  // what another tab has set since stays, unless it was set here too
  for (const name of new Set([...Object.keys(shown), ...Object.keys(wanted)]))
    if (wanted[name] !== shown[name]) now = {...now, [name]: wanted[name]};
  now = JSON.parse(JSON.stringify(now));  // without what is undefined
  keep();
  $("settings").close();
  announce(say("Kept for the next questions."));
  if (field("language").value !== chosen) {
    choose(field("language").value);
    location.reload();
  }
});
addEventListener("storage", ({key}) => {
  if (key !== kStorage && key !== null) return;
  look();
  show();
});
keep();
