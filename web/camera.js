// The camera: its live view, and frames of it. No questions in here.
import {$} from "./dom.js";
import {say} from "./say.js";

const kLongSide = 1024;             // of a frame that is sent; no camera model here looks at more
const kGrey = {width: 32, height: 24};
const kFrameMs = 30;                // how often it is seen whether there is a picture
const kDefaultSize = {width: 1280, height: 720};

const kLate = Symbol("closed meanwhile");

let stream = null;
let ended = () => {};
let turnNumber = 0;  // counts up when a camera is asked for, and when it is closed: what comes late is stopped

export const isOpen = () => stream !== null;

function refusal(failure) {
  switch (failure.name) {
    case "NotAllowedError":
    case "SecurityError":
      return say("The browser does not let this page use the camera. Allow it in the page's settings, beside " +
                 "its address, and try again.");
    case "NotFoundError":
    case "OverconstrainedError":
      return say("No camera was found.");
    case "NotReadableError":
    case "AbortError":
      return say("The camera cannot be read. Maybe another program uses it.");
    default:
      return say("The camera cannot be used: {why}", {why: failure.message});
  }
}

// Throws kLate where the camera was closed, or another one asked for, while the user or the device was waited for.
async function begin(video) {
  const mine = ++turnNumber;
  const asked = await navigator.mediaDevices.getUserMedia({audio: false, video}).catch((failure) => {
    throw mine === turnNumber ? failure : kLate;
  });
  if (mine !== turnNumber) {
    for (const track of asked.getTracks()) track.stop();
    throw kLate;
  }
  stream = asked;
  for (const track of stream.getVideoTracks())
    track.addEventListener("ended", () => {
      close();
      ended(say("The camera was switched off."));
    });
  const view = $("camera-view");
  view.srcObject = stream;
  await view.play().catch((failure) => {
    throw mine === turnNumber ? failure : kLate;
  });
  if (mine !== turnNumber) throw kLate;
}

const sized = ({width, height}) => ({width: {ideal: width}, height: {ideal: height}});
let size = kDefaultSize;

// Where there are two cameras the one that looks away from the user. size: {width, height} in pixels, or
// null; onEnd(sentence) is called when the camera goes away by itself. False: it was closed meanwhile. Throws an
// Error with a sentence.
export async function open(wanted, onEnd) {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia)
    throw new Error(say("Browsers show the camera only to pages that come by https, or from the machine itself " +
                        "(localhost). Pictures can be chosen as files here, too."));
  size = wanted ?? kDefaultSize;
  ended = onEnd;
  try {
    await begin({...sized(size), facingMode: {ideal: "environment"}});
  } catch (failure) {
    if (failure === kLate) return false;
    close();
    throw new Error(refusal(failure));
  }
  return true;
}

export function close() {
  ++turnNumber;
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  $("camera-view").srcObject = null;
}

async function cameras() {
  return (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
}

export async function hasOther() {
  return (await cameras()).length > 1;
}

// From the back to the front camera and back; among several others, the next one.
export async function turn() {
  const now = stream.getVideoTracks()[0].getSettings();
  const mine = turnNumber;
  const all = await cameras();
  if (mine !== turnNumber) return;
  const next = all[(all.findIndex((device) => device.deviceId === now.deviceId) + 1) % all.length];
  const other = {environment: "user", user: "environment"}[now.facingMode];
  close();  // phones open one at a time
  try {
    await begin({...sized(size), ...(other ? {facingMode: {exact: other}} : {deviceId: {exact: next.deviceId}})});
  } catch (failure) {
    if (failure !== kLate) await open(size, ended);
  }
}

function drawn(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage($("camera-view"), 0, 0, width, height);
  return {canvas, context};
}

// Whether there is a picture yet.
export function hasFrame() {
  return stream !== null && $("camera-view").videoWidth > 0 && $("camera-view").readyState >= 2;
}

// What the camera sees now, as a JPEG; it is waited for where there is no picture yet. Throws an Error with a sentence
// where the camera is closed meanwhile.
export async function frame() {
  const mine = turnNumber;
  while (!hasFrame() && mine === turnNumber) await new Promise((resolve) => setTimeout(resolve, kFrameMs));
  if (mine !== turnNumber || !hasFrame()) throw new Error(say("The camera was switched off."));
  const {videoWidth, videoHeight} = $("camera-view");
  const scale = Math.min(1, kLongSide / Math.max(videoWidth, videoHeight));
  const {canvas} = drawn(Math.max(1, Math.round(videoWidth * scale)), Math.max(1, Math.round(videoHeight * scale)));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

// The same small and grey: a byte for each of 32 × 24 places.
export function grey() {
  const {context} = drawn(kGrey.width, kGrey.height);
  const {data} = context.getImageData(0, 0, kGrey.width, kGrey.height);
  return Uint8Array.from({length: data.length / 4}, (_, i) =>
    0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
}

// The mean difference of two of them, of 255.
export function difference(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; ++i) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}
