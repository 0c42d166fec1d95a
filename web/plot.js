// How busy the server is, while somebody looks: tokens a second and requests that wait, of the last two
// minutes.
import {stats} from "./api.js";
import {$} from "./dom.js";
import {language, say} from "./say.js";

const kEveryMs = 2000;
const kSamples = 60;
const kWide = 240, kHigh = 48;

let samples = [];   // {tokens a second, running, queued}; undefined tokens: not known yet
let before = null;  // {at, tokens}
let timer = 0;

const number = (value) => value.toLocaleString(language, {maximumFractionDigits: value < 10 ? 1 : 0});

// The points of a line, the newest at the right edge.
function line(values, most) {
  return values.map((value, i) => {
    const x = kWide - (values.length - 1 - i) * kWide / (kSamples - 1);
    return `${x.toFixed(1)},${(kHigh - 1 - (kHigh - 4) * value / most).toFixed(1)}`;
  }).join(" ");
}

function show() {
  const rates = samples.map((sample) => sample.rate);
  const queues = samples.map((sample) => sample.queued);
  const fastest = Math.max(0, ...rates), longest = Math.max(0, ...queues);
  $("plot-rate").setAttribute("points", line(rates, Math.max(1, fastest)));
  $("plot-queue").setAttribute("points", line(queues, Math.max(4, longest)));
  const now = samples.at(-1);
  $("plot-now").textContent = now
    ? say("{rate} tokens a second, {running} running, {queued} waiting",
          {rate: number(now.rate), running: now.running, queued: now.queued})
    : say("Measuring…");
  $("plot-image").setAttribute("aria-label", now
    ? say("The last two minutes: at most {rate} tokens a second, at most {queued} requests waiting",
          {rate: number(fastest), queued: longest})
    : say("Measuring…"));
}

async function look() {
  clearTimeout(timer);
  if (!$("status").open || document.hidden) return;
  try {
    const {statistics} = await stats();
    const at = performance.now(), tokens = statistics.generated_tokens;
    if (before && tokens >= before.tokens)
      samples.push({rate: (tokens - before.tokens) / (at - before.at) * 1000, running: statistics.running,
                    queued: statistics.queued});
    before = {at, tokens};
    samples = samples.slice(-kSamples);
    $("plot").hidden = false;
    show();
  } catch {
    $("plot").hidden = true;  // the status says why
  }
  timer = setTimeout(look, kEveryMs);
}

// What was not looked at is not known: the line begins anew.
$("status").addEventListener("toggle", () => {
  samples = [];
  before = null;
  look();
});
document.addEventListener("visibilitychange", look);
