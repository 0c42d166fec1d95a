// The other tabs of this browser that show the page: what they keep and delete, and which questions they ask.
const kName = "ocellus";

const channel = "BroadcastChannel" in window ? new BroadcastChannel(kName) : null;
const me = crypto.getRandomValues(new Uint32Array(2)).join("-");
const asking = new Map();   // of this tab: the id of a turn → that of its conversation
const theirs = new Map();   // by tab: such a map
let hooks = {kept: () => {}, removed: () => {}};

// kept(): a conversation, or who asks, has changed. removed(id): it was deleted; undefined: all were.
export function watch(given) {
  hooks = given;
  channel?.postMessage({kind: "hello"});
}

const tellAsking = () => channel?.postMessage({kind: "asking", tab: me, turns: [...asking]});

export function begin(turn, conversation) {
  asking.set(turn, conversation);
  tellAsking();
}
export function end(turn) {
  asking.delete(turn);
  tellAsking();
}
export const kept = () => channel?.postMessage({kind: "kept"});
export const removed = (id) => channel?.postMessage({kind: "removed", id});

// In another tab.
export const asks = (turn) => [...theirs.values()].some((turns) => turns.has(turn));
export const asksIn = (conversation) => [...theirs.values()].some((turns) => [...turns.values()].includes(conversation));

channel?.addEventListener("message", ({data}) => {
  if (data.kind === "hello") {
    if (asking.size > 0) tellAsking();
    return;
  }
  if (data.kind === "removed") {
    hooks.removed(data.id);
    return;
  }
  if (data.kind === "asking") theirs.set(data.tab, new Map(data.turns));
  hooks.kept();
});
addEventListener("pagehide", () => channel?.postMessage({kind: "asking", tab: me, turns: []}));
// It may have slept, and heard nothing.
addEventListener("pageshow", ({persisted}) => {
  if (!persisted) return;
  tellAsking();
  hooks.kept();
});
