// A picture of one's own: it is made smaller here, read by this device, and kept nowhere.

import { makeBars } from "./bars.js";
import { emotionName, say } from "./i18n.js";
import { returnWhenLeft } from "./return.js";

const MAX_SIDE_PX = 1600; // of what is sent; faces are found in less
const JPEG_QUALITY = 0.92;
const CROP_SIDE_PX = 64; // what the network sees

const picture = document.getElementById("picture");
const message = document.getElementById("message");
const list = document.getElementById("faces");
let latest = 0; // picture; an older one that is answered late is dropped

function tell(text) {
  message.textContent = text;
}

async function read(file) {
  const mine = ++latest;
  list.replaceChildren();
  picture.hidden = true;
  tell(say("try_reading"));
  try {
    const drawn = await small(file);
    const body = await new Promise((done) => drawn.toBlob(done, "image/jpeg", JPEG_QUALITY));
    const response = await fetch("/api/v1/detect", { method: "POST", body, headers: { "Content-Type": "image/jpeg" } });
    if (response.status === 401) location.reload();
    const found = await response.json();
    if (mine !== latest) return;
    if (response.ok) show(drawn, found);
    else tell(say("try_error", { reason: found.error }));
  } catch (error) {
    if (mine !== latest) return;
    if (error instanceof DOMException) tell(say("try_unreadable"));
    else tell(say("state_offline"));
  }
}

// The picture of `file`, upright, in a canvas of at most MAX_SIDE_PX.
async function small(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

function show(drawn, { faces, colours }) {
  tell(faces.length ? "" : say("try_nobody"));
  picture.width = drawn.width;
  picture.height = drawn.height;
  const pen = picture.getContext("2d");
  pen.drawImage(drawn, 0, 0);
  faces.forEach((face, place) => outline(pen, face, place + 1, colours[face.emotion] ?? colours.uncertain));
  picture.hidden = false;
  list.replaceChildren(...faces.map((face, place) => card(drawn, face, place + 1, colours)));
}

function outline(pen, { box: [x, y, width, height] }, number, colour) {
  const unit = Math.max(Math.min(pen.canvas.width, pen.canvas.height) / 240, 1.5);
  pen.lineWidth = unit * 1.5;
  pen.strokeStyle = colour;
  pen.strokeRect(x, y, width, height);
  pen.font = `700 ${Math.max(unit * 9, width / 6)}px system-ui, sans-serif`;
  const side = Math.max(unit * 12, width / 4.5);
  const top = y >= side ? y - side : y;
  pen.fillStyle = colour;
  pen.fillRect(x - pen.lineWidth / 2, top, side, side);
  pen.fillStyle = "#000000";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(number, x - pen.lineWidth / 2 + side / 2, top + side / 2);
}

function card(drawn, { emotion, confidence, scores, box: [x, y, width, height] }, number, colours) {
  const item = document.createElement("li");
  item.style.setProperty("--colour", colours[emotion] ?? colours.uncertain);
  const title = document.createElement("h2");
  title.textContent = `${number}: ${emotionName(emotion)} (${Math.round(100 * confidence)} %)`;
  const crop = document.createElement("canvas");
  crop.width = crop.height = CROP_SIDE_PX;
  crop.setAttribute("aria-hidden", "true");
  const pen = crop.getContext("2d");
  pen.filter = "grayscale(1)";
  pen.drawImage(drawn, x, y, width, height, 0, 0, CROP_SIDE_PX, CROP_SIDE_PX);
  const bars = makeBars(Object.entries(scores).map(([label, score]) => [label, score, colours[label]]));
  item.append(title, crop, bars);
  return item;
}

for (const input of document.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    if (input.files.length) read(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
}
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) read(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) read(event.clipboardData.files[0]);
});
returnWhenLeft();
