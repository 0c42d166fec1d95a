// Small things that every part of the page needs.
import {language, say} from "./say.js";

export const $ = (id) => document.getElementById(id);

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function announce(text) {
  $("announcer").textContent = text;
}

// Into the clipboard; resolves to whether it got there. Without https only the old way is left.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = element("textarea", "hidden");
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}

export function count(number, unit) {
  return say(`{n} ${unit}${number === 1 ? "" : "s"}`, {n: number.toLocaleString(language)});
}

export function bytes(size) {
  if (size < 1000) return count(size, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  let i = -1;
  do {
    size /= 1000;
    ++i;
  } while (size >= 999.5 && i + 1 < units.length);
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[i]}`;
}
