// The camera's picture, requested only while the page is visible.

import { Feed } from "./feed.js";
import { say } from "./i18n.js";

const picture = document.getElementById("picture");
const message = document.getElementById("message");
let running = false;

function show(now) {
  const state = now === null ? "offline" : now.state;
  const was = running;
  running = state === "running";
  if (running && !was) picture.src = `/live.mjpg?${Date.now()}`;
  if (!running) picture.removeAttribute("src");
  picture.hidden = !running;
  const text = running ? "" : say(`state_${state}`);
  if (message.textContent !== text) message.textContent = text;
}

document.addEventListener("visibilitychange", () => {
  running = false;
  picture.removeAttribute("src");
});
new Feed("/api/v1/stream", show);
