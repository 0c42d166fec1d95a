// What the model saw of the pictures of a question, and what the answer took: of the answer's `ocellus`.
import {element} from "./dom.js";
import {say} from "./say.js";

const kSide = 420;  // of the drawing, in pixels of the page

// Rows and columns of the crops: each family says them in its own words.
export function grid(plan) {
  if (plan.tiles) return {rows: plan.tiles[0], columns: plan.tiles[1]};
  if (plan.num_crops) return {rows: plan.crops[1], columns: plan.crops[0]};
  if (plan.crops) return {rows: plan.crops[0], columns: plan.crops[1]};
  return {rows: 0, columns: 0};
}

function sentence(plan) {
  const {rows, columns} = grid(plan);
  const parts = [rows * columns > 1
    ? say("{columns} × {rows} crops and the whole picture once more, smaller", {columns, rows})
    : say("one view")];
  if (plan.effective_size) parts.push(say("brought to {w} × {h}", {w: plan.effective_size[0], h: plan.effective_size[1]}));
  parts.push(say("{n} tokens", {n: plan.tokens}));
  return parts.join(" · ");
}

// The picture as it is laid out, cut where the crops are. What it does not fill stays hatched.
async function draw(canvas, url, plan) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const rows = Math.max(1, grid(plan).rows), columns = Math.max(1, grid(plan).columns);
  const [width, height] = plan.effective_size ?? [plan.width, plan.height];
  const unit = plan.num_crops ? Math.max(width / columns, height / rows) : 0;
  const whole = unit > 0 ? {w: columns * unit, h: rows * unit} : {w: width, h: height};
  const scale = kSide / Math.max(whole.w, whole.h) * (window.devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(whole.w * scale));
  canvas.height = Math.max(1, Math.round(whole.h * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#8888";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const w = width * scale, h = height * scale;
  context.drawImage(image, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  for (const [style, thick] of [["#fffc", 4], ["#0f6f6a", 2]]) {
    context.strokeStyle = style;
    context.lineWidth = thick;
    context.beginPath();
    for (let i = 0; i <= columns; ++i) {
      context.moveTo(i * canvas.width / columns, 0);
      context.lineTo(i * canvas.width / columns, canvas.height);
    }
    for (let i = 0; i <= rows; ++i) {
      context.moveTo(0, i * canvas.height / rows);
      context.lineTo(canvas.width, i * canvas.height / rows);
    }
    context.stroke();
  }
}

// Of ask()'s result, as short as it can be kept: [name, value] for people.
export function facts({usage, details}) {
  const times = details?.timings;
  const list = [];
  const known = times && times.total_ms > 0 && times.prefill_ms === 0 && times.decode_ms === 0;
  if (known) list.push([say("Answer"), say("kept from before, not computed again")]);
  if (times?.decode_tokens_per_second > 0)
    list.push([say("Speed"), say("{n} tokens a second", {n: times.decode_tokens_per_second.toFixed(1)})]);
  if (!known && times?.ttft_ms > 0) list.push([say("First word"), say("after {n} s", {n: (times.ttft_ms / 1000).toFixed(2)})]);
  if (usage) {
    const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
    const n = usage.prompt_tokens;
    const text = cached > 0 ? say("{n} tokens, {cached} of them cached", {n, cached})
                            : say("{n} tokens, none of them cached", {n});
    list.push([say("Prompt"), known ? say("{n} tokens", {n}) : text]);
  }
  return list;
}

// plans: of the answer's `ocellus.images`; shown: {url, name} for each of them. A <details>.
export function details(list, plans, shown) {
  const box = element("details", "saw");
  box.append(element("summary", "", say("What the model saw")));
  const filled = () => {
    box.removeEventListener("toggle", filled);
    plans.forEach((plan, i) => {
      const figure = element("figure");
      const canvas = element("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${shown[i].name}: ${sentence(plan)}`);
      figure.append(canvas, element("figcaption", "", sentence(plan)));
      box.append(figure);
      draw(canvas, shown[i].url, plan).catch(() => canvas.remove());  // one that this browser cannot show
    });
    const rows = element("dl");
    for (const [name, value] of list) {
      const row = element("div");
      row.append(element("dt", "", name), element("dd", "", value));
      rows.append(row);
    }
    box.append(rows);
  };
  box.addEventListener("toggle", filled);
  return box;
}
