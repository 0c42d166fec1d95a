// The page of the API: openapi.json as something to be read. It asks its own server for that document,
// and for nothing else.

const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Follows "#/components/schemas/Name", and keeps what stands beside it.
function resolved(root, schema) {
  const name = schema?.$ref?.split("/").at(-1);
  return name ? { ...root.components.schemas[name], ...schema, $ref: undefined, name } : (schema ?? {});
}

function typeOf(root, schema) {
  const own = resolved(root, schema);
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (own.enum) return own.enum.filter((one) => one !== null).map((one) => JSON.stringify(one)).join(", ");
  if (own.anyOf) return own.anyOf.map((one) => typeOf(root, one)).join(" or ");
  const types = [own.type].flat().filter((one) => one && one !== "null");
  const items = types.includes("array") && own.items ? ` of ${typeOf(root, own.items) || "values"}` : "";
  const name = own.name && types.includes("object") ? ` (${own.name})` : "";
  return types.join(" or ") + items + name;
}

function boundsOf(own) {
  const least = own.minimum ?? own.minLength ?? own.minItems ?? own.minProperties;
  const most = own.maximum ?? own.maxLength ?? own.maxItems ?? own.maxProperties;
  const below = own.exclusiveMaximum;
  if (below !== undefined) return `from ${least ?? "…"}, below ${below}`;
  if (least === undefined && most === undefined) return "";
  return `${least ?? "…"} to ${most ?? "…"}`;
}

// [name, type, meaning, required] of each field, those within others with their path.
function fieldsOf(root, schema, prefix = "", depth = 0) {
  const own = resolved(root, schema);
  const rows = [];
  for (const [key, value] of Object.entries(own.properties ?? {})) {
    const name = prefix + key;
    const field = resolved(root, value);
    const refused = field.enum?.every((one) => !one || one === true || typeof one === "number") && field.enum.includes(null)
      && field.description === "not done";
    const type = [typeOf(root, value), boundsOf(field)].filter(Boolean).join(", ");
    rows.push([name, refused ? "" : type, field.description ?? "", own.required?.includes(key)]);
    if (depth < 3) rows.push(...fieldsOf(root, value, `${name}.`, depth + 1));
    if (depth < 3 && field.items) rows.push(...fieldsOf(root, field.items, `${name}[].`, depth + 1));
  }
  return rows;
}

function table(title, rows) {
  const wide = element("div", "", "wide");
  wide.tabIndex = 0;
  wide.setAttribute("role", "region");
  wide.setAttribute("aria-label", title);
  const made = element("table");
  made.append(element("caption", title));
  const head = element("tr");
  for (const name of ["field", "type", "meaning"]) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  made.append(head);
  for (const [name, type, meaning, required] of rows) {
    const row = element("tr");
    const first = element("td");
    first.append(element("code", name, required ? "required" : ""));
    row.append(first, element("td", type), element("td", meaning));
    made.append(row);
  }
  wide.append(made);
  return wide;
}

function operation(root, path, method, described) {
  const made = element("details");
  const head = element("summary");
  const code = element("code");
  code.append(element("span", method.toUpperCase(), "method"), path);
  head.append(code, element("span", described.summary, "about"));
  const body = element("div");
  if (described.description) body.append(element("p", described.description, "detail"));
  const asked = described.requestBody?.content["application/json"]?.schema;
  if (asked) body.append(table("What is sent (JSON; * must be there)", fieldsOf(root, asked)));
  for (const [type, answer] of Object.entries(described.responses["200"].content ?? {})) {
    const rows = fieldsOf(root, answer.schema ?? {});
    body.append(rows.length > 0 ? table(`What comes back (${type})`, rows) : element("p", `Answered as ${type}.`, "detail"));
  }
  made.append(head, body);
  made.dataset.text = made.textContent.toLowerCase();
  return made;
}

function show(root) {
  byId("version").textContent = root.info.version;
  const groups = new Map();
  for (const [path, methods] of Object.entries(root.paths))
    for (const [method, described] of Object.entries(methods)) {
      const name = described.tags?.[0] ?? "Others";
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(operation(root, path, method, described));
    }
  byId("state").remove();
  for (const [name, operations] of groups) {
    const section = element("section");
    section.append(element("h2", name), ...operations);
    byId("paths").append(section);
  }
}

function filter() {
  const wanted = byId("filter").value.trim().toLowerCase();
  for (const section of document.querySelectorAll("section")) {
    const all = [...section.querySelectorAll("details")];
    for (const one of all) one.hidden = !one.dataset.text.includes(wanted);
    section.hidden = all.every((one) => one.hidden);
  }
}

byId("filter").addEventListener("input", filter);
try {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  show(await answer.json());
} catch (error) {
  byId("state").textContent = `The document could not be loaded: ${error.message}.`;
}
