// The camera's picture, requested only while the page is visible.

import { Feed } from "./feed.js";
import { say, words } from "./i18n.js";

const picture = document.getElementById("picture");
const message = document.getElementById("message");
const ignored = document.getElementById("ignored");
const legend = document.getElementById("legend");
let running = false;
let connection; // that the picture was requested over

// The areas in which nothing is looked for, over the picture: `size` is its width and height, `areas` are shares of it.
function drawIgnored(size, areas) {
  ignored.hidden = legend.hidden = !running || !size || !areas.length;
  if (ignored.hidden) return;
  ignored.style.setProperty("--ratio", size[0] / size[1]);
  const boxes = areas.map((area) => {
    const box = document.createElement("div");
    box.className = "hatched";
    ["left", "top", "width", "height"].forEach((side, place) => (box.style[side] = `${100 * area[place]}%`));
    box.append(document.createElement("span"));
    box.firstChild.textContent = words.live_ignored_label;
    return box;
  });
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
  drawIgnored(now?.size, now?.ignored);
  const text = running ? "" : say(`state_${state}`);
  if (message.textContent !== text) message.textContent = text;
}

document.addEventListener("visibilitychange", () => {
  running = false;
  picture.removeAttribute("src");
});
const feed = new Feed("/api/v1/stream", show);
