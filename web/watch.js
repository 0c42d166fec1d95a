// Questions about what the camera sees, again and again. A frame that still waits in the server when a
// newer one comes is passed over: the server's own policy, latest_wins.
import {ask} from "./api.js";
import * as camera from "./camera.js";
import {dataUri} from "./picture.js";
import * as settings from "./settings.js";

const kLookMs = 100;        // how often it is seen whether a frame is due
const kChange = 6;          // of 255, mean difference: above a still camera's noise, below a hand that moves
const kMostUnderWay = 3;    // one that is computed, one that waits, one that takes its place
const kPauseMs = 3000;      // behind a failure
const kLasting = [400, 401, 403, 404, 413, 415, 422];  // the next frame would fare no better

const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

// every: milliseconds, or "often", "change", "once". model() names whom to ask. on: {frame(entry), answer(entry),
// end(entry), stopped()} are told of each frame: {blob, at, text, result, seconds, failure, passedOver,
// stopped}.
export class Watch {
  constructor({question, every, model, on}) {
    Object.assign(this, {question, every, model, on});
    this.underWay = new Set();
    this.due = 0;          // performance.now()
    this.seen = null;      // the small grey picture of the last frame that was asked about
    this.timer = setInterval(() => this.look(), kLookMs);
    this.ended = false;
    this.look();
  }

  stop() {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.timer);
    for (const controller of this.underWay) controller.abort();
    this.on.stopped();
  }

  isDue(now) {
    if (now < this.due || this.underWay.size >= kMostUnderWay) return false;
    if (typeof this.every === "number") return true;
    if (this.underWay.size > 0) return false;
    if (this.every !== "change") return true;
    return this.seen === null || camera.difference(this.seen, camera.grey()) > kChange;
  }

  look() {
    // A hidden tab asks nothing; what is under way comes to its end.
    if (this.ended || document.hidden || !camera.hasFrame()) return;
    const now = performance.now();
    if (!this.isDue(now)) return;
    this.due = typeof this.every === "number" ? now + this.every : 0;
    const before = this.seen;
    if (this.every === "change") this.seen = camera.grey();
    if (this.every === "once") clearInterval(this.timer);
    this.ask(before);
  }

  // before: `seen` as it was, and is again where this frame is not answered.
  async ask(before) {
    const controller = new AbortController();
    this.underWay.add(controller);
    const entry = {at: new Date(), text: "", result: null, seconds: 0, failure: null, passedOver: false,
                   stopped: false};
    const begin = performance.now();
    try {
      entry.blob = await camera.frame();
      this.on.frame(entry);
      const image = {type: "image_url", image_url: {url: await dataUri(entry.blob)}};
      const content = [image, {type: "text", text: this.question}];
      const body = {model: this.model(), messages: [{role: "user", content}], stream_key: key, policy: "latest_wins"};
      // The tab was hidden while the frame was taken.
      if (document.hidden && this.every !== "once") throw new DOMException("", "AbortError");
      entry.result = await ask(settings.apply(body), controller.signal, (piece) => {
        entry.text += piece;
        this.on.answer(entry);
      });
    } catch (failure) {
      entry.stopped = failure.name === "AbortError";
      entry.passedOver = failure.code === "superseded";
      entry.failure = entry.stopped || entry.passedOver ? null : failure;
    }
    entry.seconds = (performance.now() - begin) / 1000;
    this.underWay.delete(controller);
    if (entry.result === null) this.seen = before;
    if (entry.failure) this.due = performance.now() + Math.max(kPauseMs, 1000 * (entry.failure.retryAfter ?? 0));
    this.on.end(entry);
    if (kLasting.includes(entry.failure?.status) || this.every === "once") this.stop();
    else this.look();
  }
}
