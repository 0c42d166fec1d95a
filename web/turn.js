// A question and its answer, as they are shown.
import {ApiError} from "./api.js";
import {$, announce, copy, count, element} from "./dom.js";
import {drawn} from "./found.js";
import {Growing} from "./markdown.js";
import * as pictures from "./pictures.js";
import {details} from "./saw.js";
import {say} from "./say.js";

// ms between two announcements of a wait, in another phase and in the same one.
const kQuiet = 3000, kRepeat = 15000;

// On a wide screen the conversation scrolls, on a narrow one the whole page.
function scroller() {
  const own = $("scroll");
  return getComputedStyle(own).overflowY === "auto" ? own : document.scrollingElement;
}
export function atEnd() {
  const box = scroller();
  return box.scrollHeight - box.scrollTop - box.clientHeight < 60;
}
export function toEnd() {
  const box = scroller();
  box.scrollTop = box.scrollHeight;
}

function button(text, action, className = "quiet") {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

export function describe(result, seconds) {
  const parts = [];
  if (result.usage) parts.push(count(result.usage.completion_tokens, "token"));
  parts.push(`${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`);
  if (result.finish === "length") parts.push(say("cut off: no room for more"));
  if (result.warning) parts.push(result.warning);
  return parts.join(" · ");
}

export function showFailure(answer, failure, again) {
  const box = element("div", "failure");
  box.setAttribute("role", "alert");
  // Without the place in the request, which the page made and its user never sees.
  const message = failure.message.replace(/^"messages[^"]*": ./, (found) => found.at(-1).toUpperCase());
  box.append(element("p", "", failure instanceof ApiError ? message : say("Error in the page: {message}", {message})));
  if (failure.retryAfter > 0)
    box.append(element("p", "meta", say("The server asks to wait {time}.", {time: count(failure.retryAfter, "second")})));
  if (again) box.append(button(say("Ask again"), again, ""));
  answer.append(box);
}

// How far an answer is, for people: of the API's progress.
function phase({phase: name, done = 0, total = 0, ahead = 0}) {
  const at = {i: Math.min(done + 1, total), n: total};
  if (name === "decoding") return say("Reading picture {i} of {n}", at);
  if (name === "preparing") return say("Cutting picture {i} of {n}", at);
  if (name === "queued") return say("Waiting, {n} before it", {n: ahead});
  if (name === "encoding") return say("Looking at view {i} of {n}", at);
  if (name === "prefill") return say("Reading: {done} of {n} tokens", {done, n: total});
  return say("Answering");
}

// "Looking…" with the seconds, as a large picture can take a while. Returns {tell(progress), end()}.
function showWaiting(answer) {
  const waiting = element("p", "waiting");
  const words = element("span", "", say("Looking at the picture"));
  const seconds = element("span", "seconds");
  seconds.setAttribute("aria-hidden", "true");
  waiting.append(words, seconds);
  answer.append(waiting);
  let heard = "";    // the phase that a screen reader was told
  let heardAt = performance.now();
  const begin = performance.now();
  const timer = setInterval(() => {
    seconds.textContent = `${Math.round((performance.now() - begin) / 1000)} s`;
  }, 1000);
  return {
    tell: (progress) => {
      words.textContent = phase(progress);
      const quiet = performance.now() - heardAt;
      if (quiet < (progress.phase === heard ? kRepeat : kQuiet)) return;
      heard = progress.phase;
      heardAt = performance.now();
      announce(words.textContent);
    },
    end: () => {
      clearInterval(timer);
      waiting.remove();
    },
  };
}

export class Turn {
  // As the store keeps it: {id, question, pictures: [id], reply, meta, task ("ask", "detect", "point"), json
  // (a schema was set), saw (see showDetails), found ({id, places}, see found.js), failure (why there is no reply)};
  // ended: no answer is under way for it. elsewhere: one is, in another tab. hooks: {ask(turn, question), busy()}.
  constructor(kept, hooks) {
    Object.assign(this, {task: "ask", elsewhere: false, ...kept});
    this.hooks = hooks;
    this.item = element("li", "turn");
    this.asked = element("div", "question");
    this.answer = element("div", "answer");
    this.answer.append(element("span", "hidden", say("Answer:") + " "));
    this.tools = element("div", "tools");
    this.item.append(this.asked, this.answer);
    this.waiting = null;
    this.showQuestion();
    if (this.reply !== "") {
      const text = this.reply;
      this.reply = "";
      this.add(text);
      this.end(null, this.meta);
    } else if (this.elsewhere) {
      this.answer.append(element("p", "waiting", say("It is being answered in another tab.")));
    } else if (this.ended) {
      const lost = this.meta === "" && new ApiError(this.failure ?? say("This was not answered: the page was left."));
      this.end(lost, this.meta);
    }
  }

  showQuestion() {
    const words = element("p", "", this.question);
    const parts = [element("span", "hidden", say("You:") + " ")];
    if (pictures.count() > 1 && this.pictures.length > 0) parts.push(this.thumbs());
    const edit = button(say("Edit"), () => this.edit());
    edit.setAttribute("aria-label", say("Edit the question: {question}", {question: this.question.slice(0, 60)}));
    this.asked.replaceChildren(...parts, words, edit);
  }

  thumbs() {
    const row = element("span", "sent");
    for (const picture of this.pictures.map(pictures.find).filter(Boolean)) {
      const image = element("img");
      image.src = picture.url;
      image.alt = picture.name;
      row.append(image);
    }
    return row;
  }

  edit() {
    if (this.hooks.busy()) return;
    const form = element("form", "edit");
    const box = element("textarea");
    box.value = this.question;
    box.rows = Math.min(8, this.question.split("\n").length + 1);
    box.setAttribute("aria-label", say("Your question"));
    const send = element("button", "primary", say("Ask"));
    const row = element("div", "row");
    const back = () => {
      this.showQuestion();
      this.asked.querySelector("button").focus();
    };
    row.append(button(say("Cancel"), back, ""), send);
    form.append(box, row);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (box.value.trim() === "") return;
      this.hooks.ask(this, box.value.trim());
      $("question").focus();
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.preventDefault();
        back();
      } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    this.asked.replaceChildren(form);
    box.focus();
  }

  wait() {
    this.waiting = showWaiting(this.answer);
  }

  // How far its answer is, until the first word comes.
  tell(progress) {
    this.waiting?.tell(progress);
  }

  endWaiting() {
    this.waiting?.end();
    this.waiting = null;
  }

  add(piece) {
    if (this.reply === "") {
      this.endWaiting();
      this.words = element("div", "text");
      this.growing = new Growing(this.words, this.json);
      this.answer.append(this.words);
    }
    this.reply += piece;
    this.growing.add(piece);
  }

  // meta: what is said below the answer. A turn that failed has no reply: the model is not told of it.
  end(failure, meta) {
    this.endWaiting();
    this.growing?.show();
    if (failure) {
      this.reply = "";
      this.failure = failure.message;
      showFailure(this.answer, failure, () => {
        this.hooks.ask(this, this.question);
        $("question").focus();
      });
      return;
    }
    if (this.reply === "" && meta !== say("stopped")) this.answer.append(element("p", "text none", say("(no words)")));
    this.meta = meta;
    const on = this.found && pictures.find(this.found.id);
    if (on) this.answer.append(drawn(on.url, on.name, this.found.places));
    const copied = button(say("Copy"), async () => {
      const done = await copy(this.reply);
      copied.textContent = done ? say("Copied") : say("Not copied");
      announce(copied.textContent);
      setTimeout(() => (copied.textContent = say("Copy")), 2000);
    });
    this.again = button(say("Ask again"), () => this.hooks.ask(this, this.question));
    this.tools.append(element("p", "meta", meta));
    if (this.reply !== "") this.tools.append(copied);
    this.tools.append(this.again);
    this.answer.append(this.tools);
    this.showDetails();
  }

  // saw: {facts: [[name, value]], plans: [of the API], ids: [of the pictures]}.
  showDetails() {
    const shown = this.saw?.ids.map(pictures.find) ?? [];
    if (this.saw && shown.length === this.saw.plans.length && shown.every(Boolean))
      this.answer.append(details(this.saw.facts, this.saw.plans, shown));
  }

  // Only the last question is asked again: those below it hang on the answer.
  setLast(last) {
    if (this.again) this.again.hidden = !last;
    this.last = last;
  }
}
