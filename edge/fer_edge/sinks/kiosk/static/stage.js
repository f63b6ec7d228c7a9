// The first page: a drawn face for each person, or one for the state of the camera.

import { Face } from "./face.js";
import { Feed } from "./feed.js";
import { emotionName, say } from "./i18n.js";
import { allowReturn } from "./return.js";
import { Screen } from "./screen.js";

const SETTLE_TIME_MS = 1200; // a text must stay for so long before it is spoken
const SPEECH_INTERVAL_MS = 6000; // between two spoken texts
const LEAVE_TIME_MS = 350; // as in stage.css
const MIN_NAME_EM = 3.6; // a name that is shorter is no larger than one so wide

const figures = document.getElementById("figures");
const more = document.getElementById("more");
const notice = document.querySelector(".notice span");
const invented = document.getElementById("invented");
const spoken = document.getElementById("spoken");
const button = document.getElementById("pause");
const pen = document.createElement("canvas").getContext("2d");
pen.font = `750 100px ${getComputedStyle(document.body).fontFamily}`; // as .name in stage.css
const screen = new Screen(Number(document.body.dataset.dim));
const shown = new Map(); // id of a face, or name of a state -> Figure
const SWAP_DISTANCE = 0.12; // of the picture's width by which one must have passed the other before they change places
let order = []; // ids of the faces, from left to right
let paused = false;

class Figure {
  constructor() {
    this.box = document.createElement("div");
    this.box.className = "figure";
    this.face = new Face();
    this.name = document.createElement("p");
    this.name.className = "name";
    this.detail = document.createElement("p");
    this.detail.className = "detail";
    this.bar = document.createElement("div");
    this.bar.className = "bar";
    this.level = document.createElement("i");
    this.bar.append(this.level);
    this.box.append(this.face.svg, this.name, this.bar, this.detail);
  }

  emotion({ emotion, pose, certain, confidence, colour }) {
    this.box.classList.toggle("dim", !certain);
    this.box.style.setProperty("--colour", certain ? colour : "");
    this.face.pose(pose);
    this.text(emotionName(emotion), "");
    this.bar.hidden = false;
    this.level.style.transform = `scaleX(${confidence})`;
  }

  state(name, hint) {
    this.box.classList.add("dim", "state");
    this.face.pose(name);
    this.text(say(`state_${name}`), hint);
    this.bar.hidden = true;
  }

  text(name, detail) {
    if (this.name.textContent !== name) {
      this.name.textContent = name;
      this.name.style.setProperty("--em", Math.max(pen.measureText(name).width / 100, MIN_NAME_EM));
    }
    if (this.detail.textContent !== detail) this.detail.textContent = detail;
    this.detail.hidden = !detail;
  }

  leave() {
    this.box.classList.add("leaving");
    setTimeout(() => {
      this.face.remove();
      this.box.remove();
    }, LEAVE_TIME_MS);
  }
}

function show(now) {
  const state = now === null ? "offline" : now.state === "running" ? (now.faces.length ? "" : "nobody") : now.state;
  const faces = state ? [] : now.faces;
  const minutes = state === "paused" ? now.resumes_in : null;
  const hint = minutes ? say("hint_resumes", { minutes }) : state && say(`hint_${state}`);
  const keys = state ? [state] : faces.map((face) => face.id);
  for (const [key, figure] of shown) {
    if (!keys.includes(key)) {
      figure.leave();
      shown.delete(key);
    }
  }
  keys.forEach((key, place) => {
    const known = shown.get(key);
    const figure = known ?? new Figure();
    if (state) figure.state(state, hint);
    else figure.emotion(faces[place]);
    if (!known) {
      shown.set(key, figure);
      figures.append(figure.box);
    }
  });
  order = arrange(order, faces);
  order.forEach((id, place) => {
    const { box } = shown.get(id);
    box.style.order = place;
    box.dataset.place = place;
  });
  for (const { id, near } of faces) shown.get(id).box.style.setProperty("--near", near);
  screen.show(faces.length > 0);
  figures.dataset.count = keys.length;
  document.body.dataset.state = state || "running";
  const one = faces.length === 1 && faces[0].certain ? faces[0].colour : "";
  document.body.style.setProperty("--glow", one);
  more.textContent = now?.more ? say("more", { count: now.more }) : "";
  more.hidden = !now?.more;
  if (now !== null) press(now.paused);
  button.disabled = now === null;
  invented.hidden = !now?.invented;
  if (now !== null) notice.textContent = now.saved ? say("notice_crops", { label: now.saved }) : say("notice");
  const sorted = order.map((id) => faces.find((face) => face.id === id));
  speak(state ? `${say(`state_${state}`)}. ${hint}` : sentence(sorted));
}

// The ids of `faces` from left to right as people stand, as in a mirror. Who is known changes places only with somebody
// who was surely passed.
function arrange(known, faces) {
  const x = new Map(faces.map((face) => [face.id, face.x]));
  const ids = known.filter((id) => x.has(id));
  for (const id of x.keys()) {
    if (ids.includes(id)) continue;
    const right = ids.findIndex((other) => x.get(other) > x.get(id));
    ids.splice(right < 0 ? ids.length : right, 0, id);
  }
  for (let end = ids.length - 1; end > 0; end--) {
    for (let place = 0; place < end; place++) {
      const [left, right] = [ids[place], ids[place + 1]];
      if (x.get(left) - x.get(right) >= SWAP_DISTANCE) [ids[place], ids[place + 1]] = [right, left];
    }
  }
  return ids;
}

function sentence(faces) {
  const names = faces.map((face) => emotionName(face.emotion));
  return names.length === 1 ? names[0] : say("people", { count: names.length, list: names.join(", ") });
}

let next = "";
let spokenAt = -SPEECH_INTERVAL_MS;
let settling;

// For screen readers: only what stays, and not too often.
function speak(text) {
  if (text === next) return;
  next = text;
  clearTimeout(settling);
  settling = setTimeout(() => {
    spokenAt = performance.now();
    if (spoken.textContent !== next) spoken.textContent = next;
  }, Math.max(SETTLE_TIME_MS, spokenAt + SPEECH_INTERVAL_MS - performance.now()));
}

function press(wanted) {
  paused = wanted;
  button.classList.toggle("paused", paused);
  const word = paused ? say("resume") : say("pause");
  const label = button.querySelector("span");
  if (label.textContent !== word) label.textContent = word;
}

button.addEventListener("click", async () => {
  try {
    const response = await fetch(paused ? "/api/v1/resume" : "/api/v1/pause", { method: "POST" });
    if (response.ok) press((await response.json()).paused);
    else if (response.status === 401) location.reload();
  } catch {
    show(null); // the feed will report the next state
  }
});

allowReturn();
new Feed("/api/v1/stream", show);
