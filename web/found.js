// What a model has found in a picture, drawn on it: boxes and points, numbered.
import {element} from "./dom.js";
import {say} from "./say.js";

const kLongSide = 1400;  // of the drawing, in its own pixels
const kColour = "#ffb000", kEdge = "#1f2428";

// The places are shares of the picture's sides; a box may reach beyond it.
function mark(context, place, number, size) {
  const {width, height} = context.canvas;
  const at = place.x === undefined
    ? {x: place.x_min * width, y: place.y_min * height}
    : {x: place.x * width, y: place.y * height};
  for (const [style, thick] of [[kEdge, 3 * size], [kColour, 1.5 * size]]) {
    context.strokeStyle = style;
    context.lineWidth = thick;
    context.beginPath();
    if (place.x === undefined)
      context.rect(at.x, at.y, (place.x_max - place.x_min) * width, (place.y_max - place.y_min) * height);
    else context.arc(at.x, at.y, 5 * size, 0, 2 * Math.PI);
    context.stroke();
  }
  context.font = `600 ${9 * size}px system-ui, sans-serif`;
  const wide = context.measureText(number).width + 5 * size;
  const x = Math.min(Math.max(at.x, 0), width - wide), y = Math.min(Math.max(at.y, 0), height - 12 * size);
  context.fillStyle = kColour;
  context.fillRect(x, y, wide, 12 * size);
  context.fillStyle = kEdge;
  context.fillText(number, x + 2.5 * size, y + 9.2 * size);
}

// places: [{x_min, y_min, x_max, y_max}] or [{x, y}]. A figure.
export function drawn(url, name, places) {
  const figure = element("figure", "found");
  const canvas = element("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", say("{name} with {n} marked", {name, n: places.length}));
  figure.append(canvas);
  const image = new Image();
  image.src = url;
  image.decode().then(() => {
    const scale = Math.min(1, kLongSide / Math.max(image.naturalWidth, image.naturalHeight));
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    places.forEach((place, i) => mark(context, place, String(i + 1), Math.max(canvas.width, canvas.height) / 400));
  }, () => figure.remove());  // one that this browser cannot show
  return figure;
}
