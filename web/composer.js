// The line at the bottom: a question, and the buttons that ask and stop. What they do depends on the
// mode, the conversation or the camera.
import {$, element} from "./dom.js";

// {label, placeholder, keeps, busy(), ready(), submit(question), stop()}; keeps: the question stays.
let mode = null;

export function use(next) {
  mode = next;
  $("send").textContent = mode.label;
  update();
}

export function update() {
  const busy = mode.busy();
  $("send").hidden = busy;
  $("stop").hidden = !busy;
  $("send").disabled = !mode.ready() || $("question").value.trim() === "";
  $("question").placeholder = mode.placeholder();
}

// What the model can do beside answering: "detect", "point". Empty: nothing, and there is no choice.
export function offer(tasks) {
  for (const option of $("task").options)
    option.hidden = option.disabled = option.value !== "ask" && !tasks.includes(option.value);
  if ($("task").selectedOptions[0]?.disabled) $("task").value = "ask";
  $("task").hidden = tasks.length === 0;
  update();
}

export const task = () => $("task").hidden ? "ask" : $("task").value;

export function question() {
  return $("question").value.trim();
}

export function write(text) {
  $("question").value = text;
  fit();
  update();
}

function fit() {
  const box = $("question");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}

// Questions to begin with, as buttons. A configuration's own may be long: its beginning is shown.
export function suggest(questions) {
  $("suggestions").hidden = questions.length === 0;
  $("suggestions").replaceChildren(...questions.map((text) => {
    const button = element("button", "chip", text);
    button.title = text.length > 60 ? text : "";
    button.type = "button";
    button.addEventListener("click", () => {
      if (mode.keeps) write(text);
      mode.submit(text);
    });
    return button;
  }));
}

$("ask-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question();
  if (text === "" || !mode.ready() || (mode.busy() && !mode.keeps)) return;
  if (!mode.keeps) write("");
  mode.submit(text);
});
$("question").addEventListener("input", () => {
  fit();
  update();
});
$("question").addEventListener("keydown", (event) => {
  // isComposing: Enter that ends a word of an input method
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("ask-form").requestSubmit();
});
$("stop").addEventListener("click", () => {
  mode.stop();
  $("question").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) mode.stop();
});
