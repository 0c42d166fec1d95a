// The pictures of a conversation: the one that is looked at, the others small below it. What is not yet
// sent goes with the next question.
import {$, bytes, element} from "./dom.js";
import {dataUri, pictureToSend} from "./picture.js";
import {say} from "./say.js";

let all = [];      // {id, name, blob, transparent, converted, url, sent}
let shown = -1;    // which one is looked at
export const removed = new Set();  // ids of those that were taken back
let changed = () => {};

export function watch(notify) {
  changed = notify;
}

export const current = () => all[shown];
export const count = () => all.length;
export const unsent = () => all.filter((picture) => !picture.sent);
export const find = (id) => all.find((picture) => picture.id === id);

export function setSent(ids, sent) {
  for (const picture of all) if (ids.includes(picture.id)) picture.sent = sent;
  show();
}

// As the store keeps them, and back.
export const records = () => all.map(({id, name, blob, transparent, converted}) =>
  ({id, name, blob, transparent, converted}));
// sent: the ids of those that were asked about; the others go with the next question.
export function load(given, sent) {
  clear();
  all = given.map((record) =>
    ({...record, url: URL.createObjectURL(record.blob), sent: sent.includes(record.id)}));
  shown = all.length - 1;
  show();
}

// As they are now that another tab has added some or taken some away. The one that is looked at stays.
export function follow(given, sent) {
  const looked = all[shown]?.id;
  const had = new Map(all.map((picture) => [picture.id, picture]));
  all = given.map((record) => had.get(record.id) ?? {...record, url: URL.createObjectURL(record.blob)});
  for (const picture of all) picture.sent = sent.includes(picture.id);
  for (const picture of had.values()) if (!find(picture.id)) URL.revokeObjectURL(picture.url);
  shown = all.findIndex((picture) => picture.id === looked);
  if (shown < 0) shown = all.length - 1;
  show();
}

export function clear() {
  for (const picture of all) URL.revokeObjectURL(picture.url);
  all = [];
  shown = -1;
  show();
}

// The picture of a file, or an Error with a sentence.
export async function read(file) {
  if (file.type && !file.type.startsWith("image/")) throw new Error(say("That file is not a picture."));
  if (file.size === 0) throw new Error(say("That file is empty."));
  let sent;
  try {
    sent = await pictureToSend(file);
  } catch {
    throw new Error(say("The file could not be read."));
  }
  return {id: crypto.getRandomValues(new Uint32Array(2)).join("-"), name: file.name || say("Pasted picture"), ...sent};
}

export function add(read) {
  for (const picture of read) all.push({...picture, url: URL.createObjectURL(picture.blob), sent: false});
  shown = all.length - 1;
  show();
}

export const list = () => [...all];

// among: the list that they are in.
export async function parts(ids, among) {
  const uris = await Promise.all(ids.map(async (id) => {
    const picture = among.find((each) => each.id === id);
    return picture && (picture.uri ??= await dataUri(picture.blob));
  }));
  return uris.filter(Boolean).map((url) => ({type: "image_url", image_url: {url}}));
}

function about(picture) {
  const parts = [bytes(picture.blob.size)];
  if (picture.converted) parts.push(say("sent as {kind}", {kind: picture.converted}));
  return parts.join(" · ");
}

function small(picture, i) {
  const button = element("button");
  const image = element("img");
  button.type = "button";
  image.src = picture.url;
  image.alt = say("Picture {i}: {name}", {i: i + 1, name: picture.name});
  button.setAttribute("aria-pressed", i === shown);
  button.append(image, element("span", "number", String(i + 1)));
  button.addEventListener("click", () => {
    shown = i;
    show();
    $("thumbs").children[i].firstElementChild.focus();
  });
  const item = element("li");
  item.append(button);
  return item;
}

function show() {
  const picture = all[shown];
  if (picture && $("preview-image").dataset.id !== picture.id) {
    $("preview-image").dataset.id = picture.id;
    $("preview-image").hidden = false;
    $("no-preview").hidden = true;
    $("preview-image").classList.toggle("transparent", picture.transparent);
    $("preview-image").src = picture.url;
    $("picture-name").textContent = picture.name;
    $("picture-size").textContent = about(picture);
  }
  $("preview-image").alt = all.length > 1
    ? say("Picture {i} of {n}", {i: shown + 1, n: all.length})
    : say("The picture that you ask about");
  $("remove").hidden = all.length < 2 || picture.sent;
  $("thumbs").hidden = all.length < 2;
  $("thumbs").replaceChildren(...(all.length < 2 ? [] : all.map(small)));
  changed();
}

$("preview-image").addEventListener("load", () => {
  const image = $("preview-image");
  if (all[shown]) $("picture-size").textContent = `${about(all[shown])} · ${image.naturalWidth} × ${image.naturalHeight}`;
});
$("preview-image").addEventListener("error", () => {
  $("preview-image").hidden = true;
  $("no-preview").hidden = false;
});
$("remove").addEventListener("click", () => {
  URL.revokeObjectURL(all[shown].url);
  removed.add(all[shown].id);
  all.splice(shown, 1);
  shown = Math.min(shown, all.length - 1);
  show();
  $("add").focus();
});
