// The camera's picture, requested only while the page is visible.

import { Feed } from "./feed.js";
import { say, words } from "./i18n.js";

const picture = document.getElementById("picture");
const message = document.getElementById("message");
const ignored = document.getElementById("ignored");
const legend = document.getElementById("legend");
const zoneLegend = document.getElementById("zone-legend");
let running = false;
let connection; // that the picture was requested over

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
  ignored.hidden = legend.hidden && zoneLegend.hidden;
  if (ignored.hidden) return;
  ignored.style.setProperty("--ratio", size[0] / size[1]);
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

function show(now) {
  const state = now === null ? "offline" : now.state;
  const was = running;
  running = state === "running";
  // After new settings the server is another one, which the picture has to be requested from again.
  if (running && (!was || connection !== feed.source)) picture.src = `/live.mjpg?${Date.now()}`;
  connection = feed.source;
  if (!running) picture.removeAttribute("src");
  picture.hidden = !running;
  drawAreas(now?.size, now?.ignored, now?.zone);
  const text = running ? "" : say(`state_${state}`);
  if (message.textContent !== text) message.textContent = text;
}

document.addEventListener("visibilitychange", () => {
  running = false;
  picture.removeAttribute("src");
});
const feed = new Feed("/api/v1/stream", show);
