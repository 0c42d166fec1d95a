// The page: pictures or the camera on one side, questions and answers on the other.
import * as camera from "./camera_panel.js";
import * as composer from "./composer.js";
import * as conversation from "./conversation.js";
import * as forecast from "./forecast.js";
import {$, announce} from "./dom.js";
import * as history from "./history.js";
import * as intake from "./intake.js";
import * as pictures from "./pictures.js";
import {say, translatePage} from "./say.js";
import "./models.js";
import "./plot.js";
import * as server from "./server.js";

const kDemo = "ocellus-demo";
const kDemoQuestions = ["How many shapes are there?", "Describe the image.", "Is there a red circle?"];
const kQuestions = [say("Describe the image."), say("What text is in the picture?"), say("What stands out?")];

// What depends on the model: the note on the built-in one, and the questions to begin with. A
// configuration's own question comes first.
function show() {
  const demo = server.current()?.id === kDemo;
  $("model-note").hidden = !demo;
  $("model-note").textContent = demo
    ? say("This is the small model that is built in: it knows coloured shapes, numbers and short words. Anything else gets a guess.")
    : "";
  const filming = camera.isOpen();
  const begun = filming ? camera.hasBegun() : conversation.hasTurns();
  const pictured = pictures.count() > 0;
  $("frames").hidden = !filming;
  $("turns").hidden = filming;
  $("empty").hidden = begun;
  $("choose").hidden = filming || pictured;
  $("preview").hidden = filming || !pictured;
  $("example-line").hidden = filming || pictured;
  $("ways").hidden = filming;
  $("new").hidden = !pictured;
  document.body.classList.toggle("with-picture", filming || pictured);
  const own = server.configured().default_instruction;
  const questions = [...(own ? [own] : []), ...(demo ? kDemoQuestions : kQuestions)];
  const tasks = server.current()?.capabilities?.tasks ?? [];
  composer.offer(filming ? [] : ["detect", "point"].filter((task) => tasks.includes(task)));
  composer.suggest(!begun && (filming || pictured) && composer.task() === "ask" ? questions : []);
  forecast.update();
}

function refuse(sentence) {
  $("picture-error").textContent = sentence;
}

// anew: they begin a conversation; else they go with its next question.
async function use(files, anew) {
  refuse("");
  let read;
  try {
    read = await Promise.all(files.map(pictures.read));
  } catch (failure) {
    refuse(failure.message);
    return;
  }
  camera.close();
  const had = pictures.count() > 0;
  if (anew) conversation.begin();
  pictures.add(read);
  if (!had) announce(read.length > 1 ? say("Pictures ready.") : say("Picture ready."));
  else announce(anew ? say("New picture. The conversation begins anew.") : say("Added to the next question."));
  if (matchMedia("(pointer: fine)").matches) $("question").focus();
}

server.watch(() => {
  camera.configure();
  show();
});
$("task").addEventListener("change", show);
conversation.watch(show);
pictures.watch(show);
intake.watch({use, refuse});
history.watch({opening: () => camera.close()});
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
  take: (blob, name) => use([new File([blob], name, {type: blob.type})], true),
});
translatePage();
composer.use(conversation.mode);
forecast.use({
  ...conversation.forecast,
  possible: () => !camera.isOpen() && conversation.forecast.possible(),
  word: (question) => camera.isOpen() ? "" : conversation.forecast.word(question),
});
show();
