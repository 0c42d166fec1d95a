// Where pictures come from: files that are chosen, dropped or pasted, and pictures of other pages.
import {$} from "./dom.js";
import {say} from "./say.js";

// use(files, anew): what to do with them; anew: they begin a conversation. refuse(sentence).
let use = () => {};
let refuse = () => {};

export function watch(hooks) {
  ({use, refuse} = hooks);
}

for (const id of ["choose", "change"]) $(id).addEventListener("click", () => $("file").click());
$("add").addEventListener("click", () => $("more").click());
$("photograph").addEventListener("click", () => $("photo").click());
for (const [id, anew] of [["file", true], ["more", false], ["photo", false]])
  $(id).addEventListener("change", () => {
    if ($(id).files.length > 0) use([...$(id).files], anew);
    $(id).value = "";  // the same file again is a change, too
  });
$("example").addEventListener("click", async () => {
  try {
    const response = await fetch("shapes.png");
    if (!response.ok) throw new Error();
    use([new File([await response.blob()], "shapes.png", {type: "image/png"})], true);
  } catch {
    refuse(say("The server cannot be reached. Is it still running?"));
  }
});

// The address of the picture that HTML of another page shows; empty: there is none.
function pictureOf(html) {
  const [, quoted, single, bare] = /<img\b[^>]*?\ssrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i.exec(html) ?? [];
  return (quoted ?? single ?? bare ?? "").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

function fileOf(uri) {
  const [, kind, coding, data] = /^data:(image\/[\w.+-]+)[^,]*?(;base64)?,(.*)$/s.exec(uri) ?? [];
  if (!kind) return null;
  const text = coding ? atob(data) : decodeURIComponent(data);
  const bytes = coding ? Uint8Array.from(text, (letter) => letter.charCodeAt(0)) : new TextEncoder().encode(text);
  return new File([bytes], "", {type: kind});
}

// What a drop or a paste carries; true where it was a picture, or should have been one.
function take(data) {
  const pictures = [...data.files].filter((file) => file.type.startsWith("image/"));
  if (pictures.length > 0) {
    use(pictures, false);
    return true;
  }
  const address = pictureOf(data.getData("text/html"));
  if (address === "") return false;
  let file = null;
  try {
    file = fileOf(address);
  } catch {
    // A data: URL that is not one.
  }
  if (file) use([file], false);
  else
    refuse(say("The browser gives this page only the address of that picture, and a page may not fetch from " +
               "elsewhere. Copy the picture itself and paste it here, or save it and choose the file."));
  return true;
}

document.addEventListener("paste", (event) => {
  // Text goes where it always goes, also where it comes with pictures.
  const text = event.clipboardData.getData("text/plain") !== "";
  if (text && event.clipboardData.files.length === 0) return;
  if (take(event.clipboardData)) event.preventDefault();
});

let dragDepth = 0;
const mayBePicture = ({dataTransfer}) => dataTransfer?.types.includes("Files") || dataTransfer?.types.includes("text/html");
function dragged(change) {
  dragDepth = Math.max(0, dragDepth + change);
  document.body.classList.toggle("dragging", dragDepth > 0);
}
document.addEventListener("dragenter", (event) => mayBePicture(event) && dragged(1));
document.addEventListener("dragleave", (event) => mayBePicture(event) && dragged(-1));
document.addEventListener("dragover", (event) => {
  if (mayBePicture(event) && (event.dataTransfer.types.includes("Files") || event.target !== $("question")))
    event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!mayBePicture(event)) return;
  dragged(-dragDepth);
  const {dataTransfer: data} = event;
  if (data.files.length > 0 && ![...data.files].some((file) => file.type.startsWith("image/"))) {
    event.preventDefault();
    use([data.files[0]], false);  // is refused by its kind
  } else if (take(data) || event.target !== $("question")) {
    event.preventDefault();
  }
});
