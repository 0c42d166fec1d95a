// The page: a picture or the camera on one side, questions and answers on the other.
import * as camera from "./camera_panel.js";
import * as composer from "./composer.js";
import * as conversation from "./conversation.js";
import {$, announce, bytes} from "./dom.js";
import {dataUri, pictureToSend} from "./picture.js";
import {say} from "./say.js";
import * as server from "./server.js";

const kDemo = "ocellus-demo";
const kDemoQuestions = ["How many shapes are there?", "Describe the image.", "Is there a red circle?"];
const kQuestions = ["Describe the image.", "What text is in the picture?", "What stands out?"];

// ---- What is shown -------------------------------------------------------------------------------

// What depends on the model: the note on the built-in one, and the questions to begin with. A
// configuration's own question comes first.
function show() {
  const demo = server.current()?.id === kDemo;
  $("model-note").hidden = !demo;
  $("model-note").textContent = demo
    ? say("This is the small model that is built in: it knows coloured shapes and numbers. Anything else gets a guess.")
    : "";
  const filming = camera.isOpen();
  const begun = filming ? camera.hasBegun() : conversation.hasTurns();
  $("frames").hidden = !filming;
  $("turns").hidden = filming;
  $("empty").hidden = begun;
  $("choose").hidden = filming || conversation.hasPicture();
  $("preview").hidden = filming || !conversation.hasPicture();
  $("example-line").hidden = filming || conversation.hasPicture();
  $("ways").hidden = filming;
  document.body.classList.toggle("with-picture", filming || conversation.hasPicture());
  const own = server.configured().default_instruction;
  const questions = [...(own ? [own] : []), ...(demo ? kDemoQuestions : kQuestions)];
  composer.suggest(!begun && (filming || conversation.hasPicture()) ? questions : []);
  composer.update();
}

server.watch(() => {
  camera.configure();
  show();
});
conversation.watch(show);
camera.watch({
  opened: () => {
    conversation.mode.stop();
    composer.use(camera.mode);
    show();
  },
  changed: show,
  closed: () => {
    composer.use(conversation.mode);
    show();
  },
  take: (blob, name) => usePicture(new File([blob], name, {type: blob.type})),
});

// ---- Picture -------------------------------------------------------------------------------------

async function usePicture(file) {
  const error = (text) => {
    $("picture-error").textContent = text;
  };
  error("");
  if (file.type && !file.type.startsWith("image/")) return error(say("That file is not a picture."));
  if (file.size === 0) return error(say("That file is empty."));
  let sent, uri;
  try {
    sent = await pictureToSend(file);
    uri = await dataUri(sent.blob);
  } catch {
    return error(say("The file could not be read."));
  }
  camera.close();
  announce(conversation.hasPicture() ? say("New picture. The conversation begins anew.") : say("Picture ready."));
  const url = URL.createObjectURL(sent.blob);
  $("preview-image").hidden = false;
  $("no-preview").hidden = true;
  $("preview-image").classList.toggle("transparent", sent.transparent);
  $("preview-image").src = url;
  $("picture-name").textContent = file.name || say("Pasted picture");
  $("picture-size").textContent = bytes(sent.blob.size) + (sent.blob === file ? "" : ` · ${say("sent as PNG")}`);
  conversation.begin({uri, url});
  if (matchMedia("(pointer: fine)").matches) $("question").focus();
  return undefined;
}

$("preview-image").addEventListener("load", () => {
  const image = $("preview-image");
  $("picture-size").textContent += ` · ${image.naturalWidth} × ${image.naturalHeight}`;
});
$("preview-image").addEventListener("error", () => {
  $("preview-image").hidden = true;
  $("no-preview").hidden = false;
});

for (const id of ["choose", "change"]) $(id).addEventListener("click", () => $("file").click());
$("photograph").addEventListener("click", () => $("photo").click());
for (const id of ["file", "photo"])
  $(id).addEventListener("change", () => {
    if ($(id).files.length > 0) usePicture($(id).files[0]);
    $(id).value = "";  // the same file again is a change, too
  });
$("example").addEventListener("click", async () => {
  try {
    const response = await fetch("shapes.png");
    if (!response.ok) throw new Error();
    usePicture(new File([await response.blob()], "shapes.png", {type: "image/png"}));
  } catch {
    $("picture-error").textContent = "The server cannot be reached. Is it still running?";
  }
});

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (!file) return;  // text goes where it always goes
  event.preventDefault();
  usePicture(file);
});

let dragDepth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
function dragged(change) {
  dragDepth = Math.max(0, dragDepth + change);
  document.body.classList.toggle("dragging", dragDepth > 0);
}
document.addEventListener("dragenter", (event) => carriesFiles(event) && dragged(1));
document.addEventListener("dragleave", (event) => carriesFiles(event) && dragged(-1));
document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  dragged(-dragDepth);
  if (event.dataTransfer.files.length > 0) usePicture(event.dataTransfer.files[0]);
});

composer.use(conversation.mode);
show();
