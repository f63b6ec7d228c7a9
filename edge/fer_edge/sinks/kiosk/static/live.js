// The camera's picture with what is read in it; both are requested only while the page is visible.

import { makeBars } from "./bars.js";
import { fetched } from "./dom.js";
import { Feed } from "./feed.js";
import { emotionName, say, words } from "./i18n.js";

const FIGURES_INTERVAL_MS = 2000;
const RETRY_DELAY_MS = 1000;
const MAX_LEFT = 0.6; // share of the picture's width from which a box has its label at its right side

const [picture, over, boxes, message, ignored, legend, zoneLegend, list, figures] = [
  "picture", "over", "boxes", "message", "ignored", "legend", "zone-legend", "faces", "figures",
].map((name) => document.getElementById(name));
const pen = picture.getContext("2d", { alpha: false });
const shown = new Map(); // id of a face -> its box over the picture and its bars beside it
let running = false;
let connection; // of the feed, that the pictures were requested over
let reading; // aborts the request of the pictures

// `element` over an area of the picture: left, top, width and height as shares of it.
function put(element, area) {
  ["left", "top", "width", "height"].forEach((side, place) => (element.style[side] = `${100 * area[place]}%`));
  return element;
}

// The areas in which nothing is looked for, and the one in which alone faces are, over the picture: `size` is its width
// and height, `areas` and `zone` are shares of it.
function drawAreas(size, areas, zone) {
  const shown = running && size;
  legend.hidden = !shown || !areas.length;
  zoneLegend.hidden = !shown || !zone;
  if (!shown) return;
  over.style.setProperty("--ratio", size[0] / size[1]);
  const boxes = areas.map((area) => {
    const box = document.createElement("div");
    box.className = "hatched";
    box.append(document.createElement("span"));
    box.firstChild.textContent = words.live_ignored_label;
    return put(box, area);
  });
  if (zone) {
    const box = document.createElement("div");
    box.className = "zone";
    boxes.unshift(put(box, zone));
  }
  ignored.replaceChildren(...boxes);
}

// The parts of the stream, see live.py: what is read, and the picture.
async function* parts(body) {
  const source = body.getReader();
  let held = new Uint8Array(0);
  const take = async (count) => {
    while (held.length < count) {
      const { done, value } = await source.read();
      if (done) return null;
      const both = new Uint8Array(held.length + value.length);
      both.set(held);
      both.set(value, held.length);
      held = both;
    }
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    return taken;
  };
  for (;;) {
    const head = await take(8);
    if (!head) return;
    const view = new DataView(head.buffer, head.byteOffset, 8);
    const [text, jpeg] = [await take(view.getUint32(0)), await take(view.getUint32(4))];
    if (!jpeg) return;
    yield [JSON.parse(new TextDecoder().decode(text)), new Blob([jpeg], { type: "image/jpeg" })];
  }
}

// Black or white, whichever is easier to read on `colour`, "#rrggbb".
function ink(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 ? "#ffffff" : "#000000";
}

async function watch() {
  reading?.abort();
  const mine = (reading = new AbortController());
  try {
    const response = await fetch("/live.stream", { signal: mine.signal });
    if (response.status === 401) location.reload();
    for await (const [seen, blob] of parts(response.body)) {
      const bitmap = await createImageBitmap(blob);
      if (mine.signal.aborted) return;
      draw(seen, bitmap);
      bitmap.close();
    }
  } catch {
    // It ended; the feed knows why.
  }
  if (!mine.signal.aborted) setTimeout(() => running && mine === reading && watch(), RETRY_DELAY_MS);
}

function draw({ width, height, faces }, bitmap) {
  if (picture.width !== bitmap.width || picture.height !== bitmap.height) {
    picture.width = bitmap.width;
    picture.height = bitmap.height;
    over.style.setProperty("--ratio", width / height);
  }
  pen.drawImage(bitmap, 0, 0);
  for (const [id, face] of shown) {
    if (faces.some((one) => one.id === id)) continue;
    face.box.remove();
    face.card.remove();
    shown.delete(id);
  }
  faces.forEach((face, place) => {
    const one = shown.get(face.id) ?? added(face);
    const [x, y, w, h] = face.box;
    put(one.box, [x / width, y / height, w / width, h / height]);
    for (const element of [one.box, one.card]) element.style.setProperty("--colour", face.colour);
    one.label.style.color = ink(face.colour);
    one.box.classList.toggle("low", y < 0.09 * height);
    // At the side that leaves it within the picture, also if the box is not.
    const right = x > MAX_LEFT * width;
    const beyond = Math.max(right ? x + w - width : -x, 0) / w;
    one.label.style[right ? "right" : "left"] = beyond ? `${100 * beyond}%` : "-3px";
    one.label.style[right ? "left" : "right"] = "auto";
    const text = `${emotionName(face.emotion)} ${Math.round(100 * face.confidence)} %`;
    for (const element of [one.label, one.title]) if (element.textContent !== text) element.textContent = text;
    one.bars.update(face.scores);
    if (list.children[place] !== one.card) list.insertBefore(one.card, list.children[place] ?? null);
  });
  list.hidden = !faces.length;
}

function added({ id, scores }) {
  const [box, label, card, title] = ["div", "span", "div", "h2"].map((kind) => document.createElement(kind));
  const bars = makeBars(scores);
  box.append(label);
  card.append(title, bars);
  boxes.append(box);
  shown.set(id, { box, label, card, title, bars });
  return shown.get(id);
}

function clear() {
  reading?.abort();
  for (const { box, card } of shown.values()) {
    box.remove();
    card.remove();
  }
  shown.clear();
  list.hidden = true;
}

function show(now) {
  const state = now === null ? "offline" : now.state;
  const was = running;
  running = state === "running";
  // After new settings the server is another one, which the pictures have to be requested from again.
  if (running && (!was || connection !== feed.source)) watch();
  connection = feed.source;
  if (!running) clear();
  picture.hidden = over.hidden = !running;
  drawAreas(now?.size, now?.ignored, now?.zone);
  const text = running ? "" : say(`state_${state}`);
  if (message.textContent !== text) message.textContent = text;
}

// Speed and temperature, in a line below the picture.
async function tell() {
  clearTimeout(tell.timer);
  if (document.hidden) return;
  try {
    const { fps, celsius, model, stages } = await fetched("/api/v1/diagnostics");
    const times = stages.filter(({ stage }) => stage !== "source").map(({ stage, median_ms }) => `${stage} ${median_ms.toFixed(1)} ms`);
    const parts = [fps === null ? "" : `${fps} ${words.status_fps}`, ...times, celsius === null ? "" : `${celsius} °C`, model ?? ""];
    figures.textContent = parts.filter(Boolean).join(", ");
  } catch {
    figures.textContent = "";
  }
  tell.timer = setTimeout(tell, FIGURES_INTERVAL_MS);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    running = false;
    clear();
  }
  tell();
});
const feed = new Feed("/api/v1/stream", show);
tell();
