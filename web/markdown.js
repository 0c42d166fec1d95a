// Markdown as elements: what an answer may look like, and nothing that acts. markdown-it tells what is there; the
// elements are made here, from a short list. HTML stays text, a link is its words and its address, a picture its words.
import markdownit from "./vendor/markdown-it.esm.min.mjs";
import {element} from "./dom.js";
import {say} from "./say.js";

const parser = markdownit({html: false, linkify: false, breaks: true, typographer: false});

// The page's own headings stand above an answer's.
const kHeadings = {h1: "h2", h2: "h3", h3: "h4", h4: "h5", h5: "h6", h6: "h6"};
const kBlocks = ["p", "ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td"];
const kInline = {em: "em", strong: "strong", s: "del"};

function opened(token) {
  const made = element(kHeadings[token.tag] ?? (kBlocks.includes(token.tag) ? token.tag : "div"));
  const start = Number(token.attrGet("start"));
  if (token.tag === "ol" && start > 1) made.start = start;
  const side = /^text-align:(left|right|center)$/.exec(token.attrGet("style") ?? "");
  if (side) made.classList.add(`to-${side[1]}`);
  return made;
}

function code(text, className = "") {
  const pre = element("pre");
  pre.tabIndex = 0;  // it may scroll
  pre.append(element("code", className, text.replace(/\n$/, "")));
  return pre;
}

// A table may be wider than the page.
function scrolling(table) {
  const box = element("div", "table");
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", say("Table"));
  box.append(table);
  return box;
}

function inline(tokens, into) {
  const open = [into];
  const links = [];
  for (const token of tokens) {
    const here = open.at(-1);
    if (token.type === "text") here.append(token.content);
    else if (token.type === "code_inline") here.append(element("code", "", token.content));
    else if (token.type === "softbreak" || token.type === "hardbreak") here.append(element("br"));
    else if (token.type === "link_open") {
      links.push(token.attrGet("href") ?? "");
      here.append(open[open.length] = element("span", "address"));
    } else if (token.type === "link_close") {
      const address = links.pop();
      const words = open.pop();
      if (words.textContent !== address) words.append(` (${address})`);
    } else if (token.type === "image") {
      here.append(say("[picture: {words}]", {words: `${token.content} ${token.attrGet("src") ?? ""}`.trim()}));
    } else if (token.nesting === 1 && kInline[token.tag]) {
      here.append(open[open.length] = element(kInline[token.tag]));
    } else if (token.nesting === -1 && kInline[token.tag]) {
      open.pop();
    } else {
      here.append(token.content);
    }
  }
}

// A DocumentFragment of what the text says.
export function render(text) {
  const whole = document.createDocumentFragment();
  const open = [whole];
  for (const token of parser.parse(text, {})) {
    const here = open.at(-1);
    if (token.type === "inline") inline(token.children, here);
    else if (token.type === "fence" || token.type === "code_block") here.append(code(token.content));
    else if (token.type === "hr") here.append(element("hr"));
    else if (token.nesting === 1) {
      const made = token.hidden ? element("span") : opened(token);  // hidden: a paragraph of a tight list
      here.append(token.type === "table_open" ? scrolling(made) : made);
      open.push(made);
    } else if (token.nesting === -1) open.pop();
    else here.append(element("p", "", token.content));
  }
  return whole;
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;  // it still grows
  }
}

const kShort = 2000;  // letters

// Shows a text that grows. Long ones are shown less often: what showing took is a tenth of the time at most.
export class Growing {
  // json: the text is JSON, not Markdown.
  constructor(into, json = false) {
    this.into = into;
    this.json = json;
    this.text = "";
    this.next = 0;
    this.timer = 0;
  }
  add(piece) {
    this.text += piece;
    const wait = this.next - performance.now();
    if (wait <= 0 || this.text.length < kShort) this.show();
    else if (!this.timer) this.timer = setTimeout(() => this.show(), wait);
  }
  show() {
    clearTimeout(this.timer);
    this.timer = 0;
    const begin = performance.now();
    this.into.replaceChildren(this.json ? code(indented(this.text)) : render(this.text));
    const end = performance.now();
    this.next = end + 9 * (end - begin);
  }
}
