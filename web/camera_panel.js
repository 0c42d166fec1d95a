// The camera's side of the page: its view, how often it is asked about, and each frame with its answer.
import * as camera from "./camera.js";
import * as composer from "./composer.js";
import {$, announce, element} from "./dom.js";
import {render} from "./markdown.js";
import {say} from "./say.js";
import * as server from "./server.js";
import {describe, showFailure} from "./turn.js";
import {Watch} from "./watch.js";

const kIntervals = [1000, 2000, 5000, 10000, 15000];  // ms, where the configuration has none
const kInterval = 5000;
const kMostFrames = 50;  // of which pictures are kept

let watching = null;     // a Watch
let chosen = null;       // how often, once the user has said it
let last = "";           // the newest answer
let counts = {answered: 0, passedOver: 0};
let hooks = {};          // {opened(), changed(), closed(), take(blob, name)}

export const isOpen = () => !$("camera").hidden;
export const hasBegun = () => watching !== null || $("frames").childElementCount > 0;

export const mode = {
  label: say("Start"),
  keeps: true,
  placeholder: () => say("What to ask about each picture"),
  busy: () => watching !== null,
  ready: () => camera.isOpen(),
  submit: start,
  stop,
};

export function watch(given) {
  hooks = given;
}

// ---- How often -----------------------------------------------------------------------------------

function intervalName(value) {
  if (value === "often") return say("as often as possible");
  if (value === "change") return say("when something changes");
  if (value === "once") return say("once");
  return value === 1000 ? say("every second") : say("every {n} seconds", {n: value / 1000});
}

const every = () => Number($("interval").value) || $("interval").value;

// What the configuration says, which may come late and change.
export function configure() {
  const {capture_intervals: told, default_interval: first} = server.configured();
  const times = new Set(told?.length ? told : kIntervals);
  const wanted = chosen ?? first ?? (times.has(kInterval) ? kInterval : [...times][0]);
  if (typeof wanted === "number") times.add(wanted);
  const values = [...[...times].sort((a, b) => a - b), "often", "change", "once"];
  const menu = $("interval");
  if (values.join() !== [...menu.options].map((option) => option.value).join())
    menu.replaceChildren(...values.map((value) => new Option(intervalName(value), value)));
  menu.value = wanted;
}

$("interval").addEventListener("change", () => {
  chosen = every();
  if (watching) start(watching.question);
});

// ---- Open and close ------------------------------------------------------------------------------

async function open() {
  $("camera-error").textContent = "";
  $("camera-open").disabled = true;
  const {video_width: width, video_height: height} = server.configured();
  try {
    $("camera").hidden = false;  // a view that is not shown does not play everywhere
    if (!await camera.open(width && height ? {width, height} : null, close)) return;
  } catch (failure) {
    $("camera").hidden = true;
    $("camera-error").textContent = failure.message;
    return;
  } finally {
    $("camera-open").disabled = false;
  }
  configure();
  hooks.opened();
  if (composer.question() === "") composer.write(server.configured().default_instruction ?? "");
  showState();
  announce(say("The camera is on."));
  if (matchMedia("(pointer: fine)").matches) $("question").focus();
  $("camera-turn").hidden = !await camera.hasOther();
}

// sentence: why, where it was not the user.
export function close(sentence = "") {
  if (!isOpen()) return;
  stop();
  camera.close();
  $("camera").hidden = true;
  for (const image of $("frames").querySelectorAll("img")) URL.revokeObjectURL(image.src);
  $("frames").replaceChildren();
  $("camera-error").textContent = sentence;
  composer.write("");
  hooks.closed();
}

$("camera-open").addEventListener("click", open);
$("camera-close").addEventListener("click", () => {
  close();
  $("camera-open").focus();
});
$("camera-turn").addEventListener("click", async () => {
  try {
    await camera.turn();
  } catch (failure) {
    close(failure.message);
  }
});
$("camera-take").addEventListener("click", async () => {
  try {
    take(await camera.frame(), new Date());
  } catch {
    // The camera was closed before it had a picture.
  }
});

const clock = (at) => at.toLocaleTimeString(document.documentElement.lang);

function take(blob, at) {
  hooks.take(blob, say("Camera, {time}", {time: clock(at)}));
}

// ---- Questions and answers -----------------------------------------------------------------------

function start(question) {
  const keep = watching?.question === question ? counts : {answered: 0, passedOver: 0};
  watching?.stop();
  counts = keep;
  watching = new Watch({
    question,
    every: every(),
    model: server.requested,
    on: {frame: showFrame, answer: showAnswer, end: showEnd, stopped: ended},
  });
  announce(say("Asking {how}.", {how: intervalName(every())}));
  showState();
  hooks.changed();
}

function stop() {
  watching?.stop();
}

function ended() {
  watching = null;
  showState();
  if (isOpen()) hooks.changed();
}

function showState() {
  const parts = [];
  if (watching && document.hidden) parts.push(say("paused: the page is hidden"));
  else if (watching) parts.push(say("asking {how}", {how: intervalName(watching.every)}));
  if (counts.answered > 0) parts.push(say("{n} answered", {n: counts.answered}));
  if (counts.passedOver > 0) parts.push(say("{n} passed over", {n: counts.passedOver}));
  $("camera").dataset.watching = watching !== null && !document.hidden;
  $("watch-state").textContent = parts.join(" · ");
}
document.addEventListener("visibilitychange", showState);

// The newest frame on top, with its answer beside it.
function showFrame(entry) {
  const item = element("li", "frame");
  const image = element("img");
  image.src = URL.createObjectURL(entry.blob);
  image.alt = say("What the camera saw at {time}", {time: clock(entry.at)});
  entry.words = element("div", "text waiting", say("Looking at the picture"));
  const side = element("div");
  side.append(entry.words);
  item.append(image, side);
  entry.item = item;
  entry.side = side;
  const first = !hasBegun() || $("frames").childElementCount === 0;
  $("frames").prepend(item);
  while ($("frames").childElementCount > kMostFrames) remove($("frames").lastElementChild);
  if (first) hooks.changed();
}

function remove(item) {
  URL.revokeObjectURL(item.querySelector("img").src);
  item.remove();
}

function showAnswer(entry) {
  entry.words.classList.remove("waiting");
  entry.words.replaceChildren(render(entry.text));
}

function showEnd(entry) {
  if (!entry.item) return;
  if (entry.passedOver) counts.passedOver += 1;
  if ((entry.passedOver || entry.stopped) && entry.text === "") {
    remove(entry.item);
  } else if (entry.failure) {
    if (entry.text === "") entry.words.remove();
    // While a server is gone its frames say so once.
    const before = entry.item.nextElementSibling;
    if (before?.querySelector(".failure")) remove(before);
    showFailure(entry.side, entry.failure);
    if (entry.failure.status === 401) server.askForKey(true);
    if (entry.failure.status === 0) server.watchServer();
  } else {
    if (entry.result) counts.answered += 1;
    showAnswer(entry);
    if (entry.text === "") entry.words.replaceWith(element("p", "text none", say("(no words)")));
    // Each second the same words again would be too much to listen to.
    if (entry.text !== last) announce(say("Answer: {text}", {text: entry.text || say("no words")}));
    last = entry.text;
    const about = entry.result ? describe(entry.result, entry.seconds) : say("stopped");
    entry.side.append(element("p", "meta", `${clock(entry.at)} · ${about}`), more(entry));
  }
  showState();
}

function more(entry) {
  const button = element("button", "link", say("Ask more about it"));
  button.type = "button";
  button.addEventListener("click", () => take(entry.blob, entry.at));
  return button;
}
