// Questions about pictures, and answers as they come. Whatever comes from a model or a server goes into
// the page as text or through markdown.js, never as HTML.
import {ask, find} from "./api.js";
import * as composer from "./composer.js";
import {$, announce} from "./dom.js";
import {better, merge} from "./merge.js";
import {dataUri} from "./picture.js";
import * as pictures from "./pictures.js";
import {say} from "./say.js";
import * as saw from "./saw.js";
import * as server from "./server.js";
import * as settings from "./settings.js";
import * as store from "./store.js";
import * as tabs from "./tabs.js";
import {Turn, atEnd, describe, toEnd} from "./turn.js";

const kTitle = 80;    // letters

// turns: [Turn]. running: {controller, turn} of its answer that is under way, or null. pictures: its records, while
// another one is looked at. known: ids of turns and pictures that the store had when this tab looked last. gone: it was
// deleted.
const newId = () => crypto.getRandomValues(new Uint32Array(3)).join("-");
const fresh = () => ({id: newId(), title: "", turns: [], running: null, pictures: null, known: new Set(), gone: false});

let now = fresh();
const away = new Map();  // by id: those whose answer is under way while another one is looked at
const dropped = new Set();  // ids of turns that others have taken the place of
let changed = () => {};

// As the composer has it.
export const mode = {
  label: say("Ask"),
  keeps: false,
  placeholder: () => {
    if (pictures.count() === 0) return say("Choose a picture first");
    if (composer.task() !== "ask") return say("What to find, e.g. a car");
    return pictures.count() > 1 ? say("Ask about the pictures") : say("Ask about the picture");
  },
  busy: () => now.running !== null,
  ready: () => pictures.count() > 0,
  submit: (question) => put(question, now.turns.length, composer.task()),
  stop: () => now.running?.controller.abort(),
};

// `notify` is called when there is another turn, or another conversation.
export function watch(notify) {
  changed = notify;
}

export const id = () => now.id;
export const hasTurns = () => now.turns.length > 0;

export const isUnderWay = (id) => away.has(id) || (id === now.id && now.running !== null);

// An answer under way goes on, into its own conversation.
function leave() {
  if (now.running && !now.gone) {
    now.pictures = pictures.records();
    away.set(now.id, now);
  }
  composer.write("");
  $("turns").replaceChildren();
}

export function begin() {
  leave();
  now = fresh();
  pictures.clear();
  changed();
}

const kept = ({id, question, pictures: ids, reply, meta, task, json, saw: about, found, failure}) =>
  ({id, question, pictures: ids, reply, meta, task, json, saw: about, found, failure});

// One that the store keeps.
export function open(record) {
  if (record.id !== now.id) {
    leave();
    const going = away.get(record.id);
    away.delete(record.id);
    now = going ?? {...fresh(), id: record.id};
    pictures.load(now.pictures ?? record.pictures, []);
    now.pictures = null;
    const running = now.running?.turn;
    running?.showQuestion();  // its pictures have other addresses now
    now.turns = now.turns.map((turn) => turn === running ? turn : kept(turn));
  }
  follow(record);
  toEnd();
}

// What both have, this tab and the store; an answer that this tab waits for (or has just got) is nobody else's.
function both(conversation, own, record) {
  const known = new Set(conversation.known);
  known.delete(own?.id);
  const choose = (mine, stored) => mine.id === own?.id ? mine : better(mine, stored);
  return {
    pictures: merge(conversation.pictures ?? pictures.records(), record.pictures, known, pictures.removed),
    turns: merge(conversation.turns, record.turns, known, dropped, choose),
  };
}

function know(conversation, record) {
  conversation.title = record.title;
  conversation.known = new Set([...record.turns, ...record.pictures].map(({id}) => id));
}

// The conversation that is looked at, as another tab has left it.
function follow(record) {
  const end = atEnd();
  const {pictures: all, turns} = both(now, now.running?.turn, record);
  know(now, record);
  pictures.follow(all, turns.flatMap((turn) => turn.pictures));
  lay(turns.map((turn) => {
    const elsewhere = tabs.asks(turn.id) && !turn.meta;
    if (turn instanceof Turn && turn.elsewhere === elsewhere) return turn;
    return new Turn({...kept(turn), ...(elsewhere && {failure: undefined}), elsewhere, ended: !elsewhere}, hooks);
  }));
  changed();
  if (end) toEnd();
}

// The turns as they are shown. What stays is not touched: somebody may be reading or editing it.
function lay(turns) {
  now.turns = turns;
  const list = $("turns");
  for (const item of [...list.children]) if (!turns.some((turn) => turn.item === item)) item.remove();
  turns.forEach(({item}, i) => list.children[i] !== item && list.insertBefore(item, list.children[i] ?? null));
  for (const each of turns) each.setLast(each === turns.at(-1));
}

tabs.watch({
  kept: async () => {
    const {id} = now;
    const record = await store.load(id).catch(() => undefined);
    if (record && id === now.id && !now.gone) follow(record);
  },
  // Those that were asked something there are kept no more; one that is just begun here is nobody else's.
  removed: (id) => {
    for (const each of [now, ...away.values()]) {
      if (each.turns.length === 0 || (id && each.id !== id)) continue;
      store.remove(each.id).catch(() => {});  // this tab may have kept it once more meanwhile
      if (each === now) announce(say("This conversation was deleted in another tab."));
      forget(each.id);
    }
  },
});

// It has been deleted: what is under way for it is stopped, and nothing of it is kept again.
export function forget(id) {
  for (const conversation of [now, ...away.values()].filter((each) => each.id === id)) {
    conversation.gone = true;
    conversation.running?.controller.abort();
  }
  away.delete(id);
  if (id === now.id) begin();
}

export function forgetAll() {
  for (const id of [...away.keys(), now.id]) forget(id);
}

// With what was not answered (yet): it can be asked again, and its pictures go with the next question.
// own: the turn that is asked. What other tabs have kept stays.
async function keep(conversation, own) {
  if (conversation.gone) return;
  const mine = {...conversation, pictures: conversation.pictures ?? pictures.records(), turns: conversation.turns.map(kept)};
  try {
    const record = await store.update(mine.id, (stored) => {
      const {pictures: all, turns} = stored ? both(mine, own, stored) : mine;
      return {id: mine.id, title: turns[0].question.slice(0, kTitle), changed: Date.now(), pictures: all, turns};
    });
    if (conversation === now) follow(record);
    else know(conversation, record);
    tabs.kept();
  } catch {
    // This browser keeps nothing; the list of conversations says so.
  }
}

const hooks = {
  // The answers below it belong to the old question: they go.
  ask: (turn, question) => {
    const at = now.turns.indexOf(turn);
    if (!hooks.busy() && at >= 0) put(question, at, turn.task);
  },
  busy: () => now.running !== null || now.turns.some((turn) => turn.elsewhere),
};

// What the model is sent: the turns that were answered. The pictures of one that was not, or that
// only found things, go with the next.
// ids: the pictures of the question.
async function messages(turns, question, ids) {
  const list = [];
  const all = pictures.list();  // of this conversation, whichever is looked at by then
  let waiting = [];
  const user = async (text, shown) => {
    const parts = await pictures.parts(shown, all);
    const words = text === "" ? [] : [{type: "text", text}];
    return {role: "user", content: parts.length > 0 ? [...parts, ...words] : text};
  };
  for (const turn of turns) {
    waiting = [...waiting, ...turn.pictures];
    if (turn.reply === "" || turn.task !== "ask") continue;
    list.push(await user(turn.question, waiting), {role: "assistant", content: turn.reply});
    waiting = [];
  }
  return [...list, await user(question, [...waiting, ...ids])];
}

// What forecast.js wants to know of the next question.
export const forecast = {
  possible: () => pictures.count() > 0 && composer.task() === "ask",
  word: (question) => {
    const ids = pictures.unsent().map((picture) => picture.id);
    if (now.running || !forecast.possible() || !server.current() || question + ids.join("") === "") return "";
    return JSON.stringify([now.id, now.turns.map((turn) => turn.reply.length), ids, question, server.current().id,
                           settings.word()]);
  },
  body: async (question) => {
    const ids = pictures.unsent().map((picture) => picture.id);
    return settings.apply({model: server.requested(), messages: await messages([...now.turns], question, ids)});
  },
};

// Things in the picture that is looked at; all of them at once.
async function look(turn, signal) {
  const {id, blob} = pictures.current();
  const body = {model: server.requested(), image_url: await dataUri(blob), object: turn.question};
  const result = await find(turn.task, body, signal);
  turn.found = {id, places: result.places};
  turn.add(say("{n} found", {n: result.places.length}));
  return result;
}

// Asks; the turns from `at` on are replaced.
async function put(question, at, task) {
  if (now.running || pictures.count() === 0) return;
  const controller = new AbortController();
  for (const turn of now.turns.splice(at)) {
    pictures.setSent(turn.pictures, false);
    dropped.add(turn.id);
    turn.item.remove();
  }
  const conversation = now;
  const ids = pictures.unsent().map((picture) => picture.id);
  pictures.setSent(ids, true);
  const asked = messages([...now.turns], question, ids);
  const json = task === "ask" && settings.wantsJson();
  const turn = new Turn({id: newId(), question, pictures: ids, reply: "", meta: "", task, json}, hooks);
  conversation.running = {controller, turn};
  lay([...now.turns, turn]);
  tabs.begin(turn.id, conversation.id);
  changed();
  toEnd();
  announce(say("Asked. Looking at the picture."));
  keep(conversation, turn);

  turn.wait();
  const begin = performance.now();
  let failure = null;
  let result = null;
  try {
    if (task === "ask") {
      const body = settings.apply({model: server.requested(), messages: await asked});
      result = await ask(body, controller.signal, (piece) => {
        const follow = conversation === now && atEnd();
        turn.add(piece);
        if (follow) toEnd();
      }, (progress) => conversation === now && turn.tell(progress));
    } else {
      result = await look(turn, controller.signal);
    }
  } catch (caught) {
    failure = caught;
  }
  const follow = conversation === now && atEnd();
  const stopped = failure?.name === "AbortError";
  const plans = result?.details?.images ?? [];
  if (result && task === "ask")
    turn.saw = {facts: saw.facts(result), plans, ids: conversation.turns.flatMap((each) => each.pictures).slice(0, plans.length)};
  turn.end(failure && !stopped ? failure : null,
           stopped ? say("stopped") : result && describe(result, (performance.now() - begin) / 1000));
  conversation.running = null;
  keep(conversation, turn).then(() => tabs.end(turn.id));
  away.delete(conversation.id);
  if (failure?.status === 401) server.askForKey(true);
  if (failure?.status === 0) server.watchServer();
  if (conversation !== now) {
    if (result) announce(say("Answered in another conversation: {title}", {title: conversation.title}));
    return;
  }
  if (!failure || stopped)
    announce(stopped ? say("Stopped.") : say("Answer: {text}", {text: turn.reply || say("no words")}));
  changed();
  if (follow) toEnd();
}
