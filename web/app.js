// The page: one picture, questions about it, answers as they come. Whatever comes from a model, a file
// or a server goes into the page as text, never as HTML.
import {ApiError, ask, health, model, setKey} from "./api.js";

const $ = (id) => document.getElementById(id);
const kDemo = "ocellus-demo";
const kDemoQuestions = ["How many shapes are there?", "Describe the image.", "Is there a red circle?"];
const kQuestions = ["Describe the image.", "What text is in the picture?", "What stands out?"];

let picture = null;   // {uri, url}
let messages = [];    // what the model is sent: only turns that were answered
let running = null;   // AbortController of the answer under way
let served = null;    // of /v1/models
let needsKey = false;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function announce(text) {
  $("announcer").textContent = text;
}

// ---- Server and model ----------------------------------------------------------------------------

function count(number, unit) {
  return `${number.toLocaleString("en")} ${unit}${number === 1 ? "" : "s"}`;
}

function bytes(size) {
  if (size < 1000) return count(size, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  let i = -1;
  do {
    size /= 1000;
    ++i;
  } while (size >= 999.5 && i + 1 < units.length);
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[i]}`;
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

function askForKey(wanted, wrong = "") {
  if (wanted && !needsKey) announce("This server wants an API key.");
  needsKey = wanted;
  $("key-form").hidden = !wanted;
  $("key-error").textContent = wrong;
  if (wanted && document.activeElement === document.body) $("key").focus();
}

async function refreshModel() {
  try {
    served = await model();
    askForKey(false);
  } catch (failure) {
    served = null;
    if (failure.status !== 401) throw failure;
    if (!needsKey) askForKey(true);
  }
  const demo = served?.id === kDemo;
  $("model-note").hidden = !demo;
  $("model-note").textContent = demo
    ? "This is the small model that is built in: it knows coloured shapes and numbers. Anything else gets a guess."
    : "";
  showSuggestions();
}

// One look at the server; resolves to the seconds until the next.
async function refresh() {
  let now;
  try {
    now = await health();
    if (now.status === "loading") {
      served = null;
      showStatus("loading", "Loading the model…");
      return 1;
    }
    if (!served || (now.model && served.id !== now.model)) await refreshModel();
  } catch (failure) {
    served = null;
    showStatus("offline", failure.status ? "Server error" : "Server not reachable", [["Reason", failure.message]]);
    return 3;
  }
  if (needsKey) {
    showStatus("loading", "API key needed");
    return 15;
  }
  const name = served?.id ?? now.model ?? "Ready";
  showStatus("ready", name, [
    ["Model", name],
    ["Weights", [served?.quantization, served?.weights_bytes ? bytes(served.weights_bytes) : ""]
      .filter(Boolean).join(", ")],
    ["Engine", served?.engine ?? now.engine],
    ["Context", served?.capabilities?.context_length ? count(served.capabilities.context_length, "token") : ""],
    ["Now", `${Number(now.running ?? 0)} running, ${now.queued ?? 0} waiting`],
    ["Answered", now.performance ? `${now.performance.requests}, ${now.performance.avg_time} each` : ""],
    ["Server", now.version ? `ocellus ${now.version}` : ""],
  ]);
  return $("status").open ? 2 : 10;
}

let refreshTimer = 0;
let refreshing = false;
async function watchServer() {
  clearTimeout(refreshTimer);
  if (refreshing || document.hidden) return;  // a hidden tab asks nothing
  refreshing = true;
  const seconds = await refresh();
  refreshing = false;
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(watchServer, seconds * 1000);
}

// ---- Picture -------------------------------------------------------------------------------------

function readAsDataUri(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      // The bytes as they are; the server looks at them, not at the name or type.
      const data = reader.result.slice(reader.result.indexOf(",") + 1);
      resolve(`data:${file.type || "image/jpeg"};base64,${data}`);
    };
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

async function usePicture(file) {
  const error = (text) => {
    $("picture-error").textContent = text;
  };
  error("");
  if (file.type && !file.type.startsWith("image/")) return error("That file is not a picture.");
  if (file.size === 0) return error("That file is empty.");
  let uri;
  try {
    uri = await readAsDataUri(file);
  } catch {
    return error("The file could not be read.");
  }
  stop();
  const hadPicture = picture !== null;
  if (picture) URL.revokeObjectURL(picture.url);
  picture = {uri, url: URL.createObjectURL(file)};
  messages = [];
  $("turns").replaceChildren();
  $("preview-image").hidden = false;
  $("no-preview").hidden = true;
  $("preview-image").src = picture.url;
  $("picture-name").textContent = file.name || "Pasted picture";
  $("picture-size").textContent = bytes(file.size);
  $("choose").hidden = true;
  $("example-line").hidden = true;
  $("preview").hidden = false;
  document.body.classList.add("with-picture");
  $("question").placeholder = "Ask about the picture";
  announce(hadPicture ? "New picture. The conversation begins anew." : "Picture ready.");
  updateForm();
  showSuggestions();
  if (matchMedia("(pointer: fine)").matches) $("question").focus();
  return undefined;
}

$("preview-image").addEventListener("load", () => {
  const image = $("preview-image");
  $("picture-size").textContent += ` · ${image.naturalWidth} × ${image.naturalHeight}`;
});
$("preview-image").addEventListener("error", () => {
  $("preview-image").hidden = true;
  $("no-preview").hidden = false;
});

for (const id of ["choose", "change"]) $(id).addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  if ($("file").files.length > 0) usePicture($("file").files[0]);
  $("file").value = "";  // the same file again is a change, too
});
$("example").addEventListener("click", async () => {
  try {
    const response = await fetch("shapes.png");
    if (!response.ok) throw new Error();
    usePicture(new File([await response.blob()], "shapes.png", {type: "image/png"}));
  } catch {
    $("picture-error").textContent = "The server cannot be reached. Is it still running?";
  }
});

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (!file) return;  // text goes where it always goes
  event.preventDefault();
  usePicture(file);
});

let dragDepth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
function dragged(change) {
  dragDepth = Math.max(0, dragDepth + change);
  document.body.classList.toggle("dragging", dragDepth > 0);
}
document.addEventListener("dragenter", (event) => carriesFiles(event) && dragged(1));
document.addEventListener("dragleave", (event) => carriesFiles(event) && dragged(-1));
document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  dragged(-dragDepth);
  if (event.dataTransfer.files.length > 0) usePicture(event.dataTransfer.files[0]);
});

// ---- Questions and answers -----------------------------------------------------------------------

function updateForm() {
  const busy = running !== null;
  $("send").hidden = busy;
  $("stop").hidden = !busy;
  $("send").disabled = !picture || $("question").value.trim() === "";
  $("empty").hidden = $("turns").childElementCount > 0;
}

function showSuggestions() {
  const questions = served?.id === kDemo ? kDemoQuestions : kQuestions;
  $("suggestions").hidden = !picture || $("turns").childElementCount > 0;
  $("suggestions").replaceChildren(...questions.map((question) => {
    const button = element("button", "chip", question);
    button.type = "button";
    button.addEventListener("click", () => put(question));
    return button;
  }));
}

function fitQuestion() {
  const box = $("question");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
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

function describe(result, seconds) {
  const parts = [];
  if (result.usage) parts.push(count(result.usage.completion_tokens, "token"));
  parts.push(`${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`);
  if (result.finish === "length") parts.push("cut off: no room for more");
  if (result.warning) parts.push(result.warning);
  return parts.join(" · ");
}

function showFailure(answer, failure, again) {
  const box = element("div", "failure");
  box.setAttribute("role", "alert");
  // Without the place in the request, which the page made and its user never sees.
  const message = failure.message.replace(/^"messages[^"]*": ./, (found) => found.at(-1).toUpperCase());
  box.append(element("p", "", failure instanceof ApiError ? message : `Error in the page: ${message}`));
  if (failure.retryAfter > 0)
    box.append(element("p", "meta", `The server asks to wait ${count(failure.retryAfter, "second")}.`));
  const button = element("button", "", "Ask again");
  button.type = "button";
  button.addEventListener("click", again);
  box.append(button);
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
  updateForm();
  showSuggestions();
  toEnd();
  announce("Asked. Looking at the picture.");

  const message = userMessage(question);
  const endWaiting = showWaiting(answer);
  const begin = performance.now();
  let reply = "";
  let failure = null;
  let result = null;
  try {
    result = await ask([...messages, message], controller.signal, (piece) => {
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
    if (failure.status === 401) askForKey(true);
    if (failure.status === 0) watchServer();
  } else {
    if (reply === "" && !stopped) answer.append(element("p", "text none", "(no words)"));
    const meta = stopped ? "stopped" : describe(result, (performance.now() - begin) / 1000);
    answer.append(element("p", "meta", meta));
    announce(stopped ? "Stopped." : `Answer: ${reply || "no words"}`);
    // A turn without an answer is not repeated to the model: it would not know what to make of it.
    if (reply !== "") messages.push(message, {role: "assistant", content: reply});
  }
  updateForm();
  if (follow) toEnd();
}

function stop() {
  running?.abort();
  running = null;
}

$("ask-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (running || !picture || question === "") return;
  $("question").value = "";
  fitQuestion();
  put(question);
});
$("question").addEventListener("input", () => {
  fitQuestion();
  updateForm();
});
$("question").addEventListener("keydown", (event) => {
  // isComposing: Enter that ends a word of an input method
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("ask-form").requestSubmit();
});
$("stop").addEventListener("click", () => {
  running?.abort();
  $("question").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if ($("status").open) {
    $("status").open = false;
    $("status").querySelector("summary").focus();
  } else {
    running?.abort();
  }
});

$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) return askForKey(true, "A key has letters, digits and signs, and no spaces.");
  setKey(key);
  try {
    served = await model();
  } catch (failure) {
    if (failure.status === 401) setKey("");
    return askForKey(true, failure.status === 401 ? "The server does not accept this key." : failure.message);
  }
  $("key").value = "";
  served = null;  // with the notes that depend on it
  askForKey(false);
  announce("The key was accepted.");
  $(picture ? "question" : "choose").focus();
  return watchServer();
});

$("status").addEventListener("toggle", watchServer);
document.addEventListener("click", (event) => {
  if (!$("status").contains(event.target)) $("status").open = false;
});
document.addEventListener("visibilitychange", watchServer);

updateForm();
watchServer();
