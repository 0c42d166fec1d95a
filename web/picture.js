// What is shown is what is sent. A still JPEG, PNG or WebP goes as it is: the server sees it as a
// browser does. Anything else that this browser can show (GIF and other animations, BMP, AVIF, SVG,
// HEIC in Safari) is drawn, and the drawing is both shown and sent.

const kMaxDrawnPixels = 16e6;  // no model looks at more
const kMaxPixels = 48e6;       // of a PNG or WebP that goes as it is: the server reads no more than 50 million
const kMaxBytes = 24e6;        // of a file that goes as it is: two of them fit into a request
const kSvgSide = 1024;         // of a drawing that has no size of its own

const ascii = (view, at, length) => String.fromCharCode(...new Uint8Array(view.buffer, at, length));

// The names of a PNG's chunks in front of its pixels.
function pngChunks(view) {
  const names = [];
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const name = ascii(view, at + 4, 4);
    if (name === "IDAT") break;
    names.push(name);
  }
  return names;
}

// Of a file's head: whether it is one of the kinds that go as they are, moves, has transparent parts.
function look(view) {
  const kind = {known: false, jpeg: false, animated: false, transparent: true};
  if (view.byteLength < 26) return kind;
  if (view.getUint16(0) === 0xffd8) return {...kind, known: true, jpeg: true, transparent: false};
  if (view.getUint32(0) === 0x89504e47) {
    const chunks = pngChunks(view), kAlpha = 4;
    return {...kind, known: true, animated: chunks.includes("acTL"),
            transparent: (view.getUint8(25) & kAlpha) !== 0 || chunks.includes("tRNS")};
  }
  if (ascii(view, 0, 4) === "RIFF" && ascii(view, 8, 4) === "WEBP") {
    const kAnimation = 2, kAlpha = 16, name = ascii(view, 12, 4);
    const flags = name === "VP8X" ? view.getUint8(20) : name === "VP8L" ? kAlpha : 0;
    return {...kind, known: true, animated: (flags & kAnimation) !== 0, transparent: (flags & kAlpha) !== 0};
  }
  return kind;
}

async function shown(file, look) {
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    return await look(image);
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Whether the server would read it as it is. JPEGs of any size are: large ones at a half or a quarter.
async function fits(file, jpeg) {
  if (file.size > kMaxBytes) return false;
  if (jpeg) return true;
  try {
    return await shown(file, (image) => image.naturalWidth * image.naturalHeight <= kMaxPixels);
  } catch {
    return true;  // the server says what is wrong with it
  }
}

const encoded = (canvas, type, quality) => new Promise((resolve) => canvas.toBlob(resolve, type, quality));

function drawn(file) {
  return shown(file, async (image) => {
    let width = image.naturalWidth || kSvgSide, height = image.naturalHeight || kSvgSide;
    const scale = Math.min(1, Math.sqrt(kMaxDrawnPixels / (width * height)));
    width = Math.max(1, Math.round(width * scale));
    height = Math.max(1, Math.round(height * scale));
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, width, height);
    const png = await encoded(canvas, "image/png");
    if (png.size <= kMaxBytes) return {blob: png, transparent: true, converted: "PNG"};
    context.globalCompositeOperation = "destination-over";  // as the server has what shows through
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    return {blob: await encoded(canvas, "image/jpeg", 0.92), transparent: false, converted: "JPEG"};
  });
}

// {blob, transparent, converted}: the picture to show and to send, and what it was made ("PNG", "JPEG";
// empty: it is the file). A file that this browser cannot show stays as it is: the server may be able to
// read it, and else says what it is. Rejects where it cannot be read.
export async function pictureToSend(file) {
  const kind = look(new DataView(await file.arrayBuffer()));
  const asItIs = {blob: file, transparent: kind.transparent, converted: ""};
  if (kind.known && !kind.animated && await fits(file, kind.jpeg)) return asItIs;
  try {
    return await drawn(file);
  } catch {
    return asItIs;
  }
}

// The bytes as they are; the server looks at them, not at the name or type.
export function dataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const data = reader.result.slice(reader.result.indexOf(",") + 1);
      resolve(`data:${blob.type || "image/jpeg"};base64,${data}`);
    };
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
