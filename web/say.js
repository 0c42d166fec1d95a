// Words for people, in English or Chinese. A text may have {names}, whose values go in as they are.
import {chinese} from "./chinese.js";

const kStorage = "ocellus-language";
const kLanguages = ["en", "zh-CN"];

function told() {
  try {
    return localStorage.getItem(kStorage) ?? "";
  } catch {
    return "";  // a browser without storage
  }
}

// What the user has said; empty: what the browser says.
export const chosen = kLanguages.includes(told()) ? told() : "";
export const language = chosen || (navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en");

// The page has to be loaded anew for it.
export function choose(wanted) {
  if (wanted === "") localStorage.removeItem(kStorage);
  else localStorage.setItem(kStorage, wanted);
}

const translated = (text) => language === "zh-CN" ? chinese[text] ?? text : text;

export function say(text, values = {}) {
  return translated(text).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

// The texts that stand in index.html.
export function translatePage() {
  document.documentElement.lang = language;
  if (language === "en") return;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim().replace(/\s+/g, " ");
    if (chinese[text]) texts.currentNode.data = texts.currentNode.data.replace(/\S[^]*\S|\S/, () => chinese[text]);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt"])
    for (const element of document.querySelectorAll(`[${name}]`)) {
      const text = element.getAttribute(name);
      if (chinese[text]) element.setAttribute(name, chinese[text]);
    }
}
