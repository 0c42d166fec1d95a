// The page: one picture, questions about it, answers as they come. Whatever comes from a model, a file
// or a server goes into the page as text, never as HTML.
import {ApiError, ask} from "./api.js";
import {$, announce, bytes, count, element} from "./dom.js";
import {dataUri, pictureToSend} from "./picture.js";
import * as server from "./server.js";

const kDemo = "ocellus-demo";
const kDemoQuestions = ["How many shapes are there?", "Describe the image.", "Is there a red circle?"];
const kQuestions = ["Describe the image.", "What text is in the picture?", "What stands out?"];

let picture = null;   // {uri, url}
let messages = [];    // what the model is sent: only turns that were answered
let running = null;   // AbortController of the answer under way

// ---- Picture -------------------------------------------------------------------------------------

async function usePicture(file) {
  const error = (text) => {
    $("picture-error").textContent = text;
  };
  error("");
  if (file.type && !file.type.startsWith("image/")) return error("That file is not a picture.");
  if (file.size === 0) return error("That file is empty.");
  let sent, uri;
  try {
    sent = await pictureToSend(file);
    uri = await dataUri(sent.blob);
  } catch {
    return error("The file could not be read.");
  }
  stop();
  const hadPicture = picture !== null;
  if (picture) URL.revokeObjectURL(picture.url);
  picture = {uri, url: URL.createObjectURL(sent.blob)};
  messages = [];
  $("turns").replaceChildren();
  $("preview-image").hidden = false;
  $("no-preview").hidden = true;
  $("preview-image").classList.toggle("transparent", sent.transparent);
  $("preview-image").src = picture.url;
  $("picture-name").textContent = file.name || "Pasted picture";
  $("picture-size").textContent = bytes(sent.blob.size) + (sent.blob === file ? "" : " · sent as PNG");
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

// What depends on the model: the note on the built-in one, and the questions to begin with. A
// configuration's own question comes first; it may be long, so the button shows its beginning.
function showModel() {
  const demo = server.current()?.id === kDemo;
  $("model-note").hidden = !demo;
  $("model-note").textContent = demo
    ? "This is the small model that is built in: it knows coloured shapes and numbers. Anything else gets a guess."
    : "";
  showSuggestions();
}

function showSuggestions() {
  const own = server.defaultInstruction();
  const questions = [...(own ? [own] : []), ...(server.current()?.id === kDemo ? kDemoQuestions : kQuestions)];
  $("suggestions").hidden = !picture || $("turns").childElementCount > 0;
  $("suggestions").replaceChildren(...questions.map((question) => {
    const button = element("button", "chip", question);
    button.title = question.length > 60 ? question : "";
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
    result = await ask(server.requested(), [...messages, message], controller.signal, (piece) => {
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

updateForm();
server.watch(showModel);
