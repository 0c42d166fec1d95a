// The conversations that this browser keeps: opened again, exported, deleted.
import * as conversation from "./conversation.js";
import {$, announce, count, element} from "./dom.js";
import {dataUri} from "./picture.js";
import {say} from "./say.js";
import * as store from "./store.js";
import * as tabs from "./tabs.js";

const when = (ms) => new Date(ms).toLocaleString(document.documentElement.lang, {dateStyle: "medium", timeStyle: "short"});

// What does not work is said in the list.
async function orSay(action) {
  $("history-error").textContent = "";
  try {
    await action();
  } catch (failure) {
    $("history-error").textContent = say("That did not work: {why}", {why: failure.message});
  }
}

// A button that asks once more before it does something.
function careful(button, question, action) {
  const text = button.textContent;
  let sure = false;
  const calm = () => {
    sure = false;
    button.textContent = text;
    button.classList.remove("danger");
  };
  button.addEventListener("click", () => {
    if (sure) {
      calm();
      orSay(action);
      return;
    }
    sure = true;
    button.textContent = question;
    button.classList.add("danger");
    announce(question);
  });
  button.addEventListener("blur", calm);
}

function row(record) {
  const item = element("li");
  const open = element("button", "open");
  open.type = "button";
  const about = conversation.isUnderWay(record.id) || tabs.asksIn(record.id) ? say("answering…") : when(record.changed);
  open.append(element("span", "title", record.title), element("small", "", about));
  if (record.id === conversation.id()) open.setAttribute("aria-current", "true");
  open.addEventListener("click", () => orSay(async () => {
    const there = await store.load(record.id);  // another tab may have gone on with it
    if (!there) {
      await show();
      throw new Error(say("it was deleted in another tab"));
    }
    $("history").close();
    hooks.opening();
    conversation.open(there);
    $("question").focus();
  }));
  const gone = element("button", "quiet", say("Delete"));
  gone.type = "button";
  gone.setAttribute("aria-description", record.title);
  careful(gone, say("Really?"), async () => {
    await store.remove(record.id);
    tabs.removed(record.id);
    conversation.forget(record.id);
    announce(say("Deleted."));
    await show();
    $("history-close").focus();
  });
  item.append(open, gone);
  return item;
}

async function show() {
  let records = [];
  let kept = true;
  try {
    records = await store.all();
  } catch {
    kept = false;
  }
  $("history-about").textContent = kept
    ? say("They are kept in this browser alone, not on the server.")
    : say("This browser keeps nothing here (a private window?): a conversation ends with its page.");
  $("history-none").hidden = records.length > 0 || !kept;
  $("history-list").replaceChildren(...records.map(row));
  for (const id of ["export", "delete-all"]) $(id).hidden = records.length === 0;
}

async function exported(record) {
  const pictures = await Promise.all(record.pictures.map(async ({id, name, blob}) =>
    ({id, name, data: await dataUri(blob)})));
  return {title: record.title, changed: new Date(record.changed).toISOString(), pictures, turns: record.turns};
}

$("export").addEventListener("click", () => orSay(async () => {
  const records = await store.all();
  const conversations = await Promise.all(records.map(exported));
  const text = JSON.stringify({format: "ocellus conversations", version: 1, conversations}, null, 1);
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "ocellus-conversations.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  announce(say("{what} exported.", {what: count(records.length, "conversation")}));
}));
careful($("delete-all"), say("Really delete all?"), async () => {
  await store.clear();
  tabs.removed();
  conversation.forgetAll();
  announce(say("Deleted."));
  await show();
  $("history-close").focus();
});

let hooks = {opening: () => {}};  // opening(): the camera goes
export function watch(given) {
  hooks = given;
}

$("history-open").addEventListener("click", async () => {
  $("history-error").textContent = "";
  await show();
  $("history").showModal();
});
$("history-close").addEventListener("click", () => $("history").close());
// A click beside it.
$("history").addEventListener("click", (event) => {
  if (event.target === $("history")) $("history").close();
});
$("new").addEventListener("click", () => {
  hooks.opening();
  conversation.begin();
  $("choose").focus();
});
