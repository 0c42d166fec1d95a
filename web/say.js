// Words for people. A text may have {names}, whose values go in as they are.

export function say(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
