// Today's emotions, drawn from the log: columns over the day, and shares. Fetched every minute while the page is visible.

import { emotionName, say, words } from "./i18n.js";

const POLL_INTERVAL_MS = 60000;
const WIDTH = 1000; // of the chart; its margins:
const HEIGHT = 260;
const LEFT = 66;
const BOTTOM = 26;
const TOP = 12;
const STEPS_S = [1, 2, 5, 10, 15, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

const byId = (name) => document.getElementById(name);
const clock = new Intl.DateTimeFormat(words.language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const percent = new Intl.NumberFormat(words.language, { style: "percent" });

function duration(seconds) {
  if (seconds < 59.5) return `${Math.round(seconds)} ${words.seconds}`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} ${words.minutes}`;
  const rest = String(minutes % 60).padStart(2, "0");
  return minutes % 60 ? `${Math.floor(minutes / 60)} ${words.hours} ${rest} ${words.minutes}` : `${minutes / 60} ${words.hours}`;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function chart(found) {
  const begin = Date.parse(found.from);
  const first = Math.min(...found.columns.map((column) => Date.parse(column.time)));
  const step = found.column_seconds * 1000;
  const hour = 3600000;
  // From the hour of the first face to now, but not less than six hours.
  const end = Date.parse(found.to);
  const start = Math.max(begin, Math.min(Math.floor(first / hour) * hour, end - 6 * hour));
  const total = (column) => Object.values(column.seconds).reduce((sum, seconds) => sum + seconds, 0);
  const most = Math.max(...found.columns.map(total), 1);
  const line = STEPS_S.find((seconds) => 4 * seconds >= most) ?? most / 4;
  const top = Math.ceil(most / line) * line;
  const x = (time) => LEFT + ((time - start) / (end - start)) * (WIDTH - LEFT);
  const y = (seconds) => TOP + (1 - seconds / top) * (HEIGHT - TOP - BOTTOM);
  const busiest = found.columns.reduce((best, column) => (total(column) > total(best) ? column : best));
  const list = Object.entries(busiest.seconds).sort((a, b) => b[1] - a[1])
    .map(([emotion, seconds]) => `${emotionName(emotion)} ${duration(seconds)}`).join(", ");
  const svg = drawn("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": say("history_chart", { minutes: found.column_seconds / 60, time: clock.format(Date.parse(busiest.time)), list }),
  });
  for (let seconds = 0; seconds <= top; seconds += line) {
    svg.append(drawn("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(seconds), y2: y(seconds) }));
    svg.append(drawn("text", { x: LEFT - 8, y: y(seconds) + 5, "text-anchor": "end" }, seconds ? duration(seconds) : "0"));
  }
  const apart = [1, 2, 3, 4, 6, 12, 24].find((hours) => (end - start) / hour / hours <= 12) ?? 48;
  for (let time = start; time <= end; time += hour) {
    const date = new Date(time);
    if (date.getHours() % apart === 0 && x(time) < WIDTH - 25) {
      svg.append(drawn("text", { x: x(time), y: HEIGHT - 6, "text-anchor": "middle" }, clock.format(date)));
    }
  }
  const width = Math.max(((WIDTH - LEFT) * step) / (end - start) - 1.5, 1);
  for (const column of found.columns) {
    const time = Date.parse(column.time);
    let base = 0;
    const group = drawn("g", {});
    const parts = found.emotions.filter(({ emotion }) => column.seconds[emotion]);
    for (const { emotion, colour } of parts) {
      const seconds = column.seconds[emotion];
      group.append(drawn("rect", {
        x: x(time), width: Math.min(width, WIDTH - x(time)), fill: colour,
        y: y(base + seconds), height: Math.max(y(base) - y(base + seconds), 0.5),
      }));
      base += seconds;
    }
    if (!parts.length) continue;
    const said = parts.map(({ emotion }) => `${emotionName(emotion)} ${duration(column.seconds[emotion])}`).join(", ");
    group.prepend(drawn("title", {}, `${clock.format(time)}: ${said}`));
    svg.append(group);
  }
  return svg;
}

function swatch(colour) {
  const made = element("span", { class: "swatch" });
  made.style.background = colour;
  return made;
}

function show(found) {
  const seen = found.emotions.reduce((sum, { seconds }) => sum + seconds, 0);
  byId("message").textContent = seen ? "" : say("history_empty");
  byId("found").hidden = !seen;
  byId("updated").textContent = say("history_updated", { time: clock.format(Date.parse(found.to)) });
  if (!seen) return;
  const figures = [
    ["faces", found.faces], ["changes", found.changes],
    ["watched", duration(found.watched_seconds)], ["seen", duration(seen)],
  ];
  byId("figures").replaceChildren(...figures.map(([name, value]) =>
    element("div", {}, element("dt", {}, words[`history_${name}`]), element("dd", {}, String(value)))));
  const used = found.emotions.filter(({ seconds }) => seconds > 0);
  const keys = element("ul", { class: "keys" }, ...used.map(({ emotion, colour }) =>
    element("li", {}, swatch(colour), emotionName(emotion))));
  byId("chart").replaceChildren(chart(found), keys);
  const most = Math.max(...used.map(({ share }) => share));
  byId("rows").replaceChildren(...used.sort((a, b) => b.seconds - a.seconds).map(({ emotion, colour, seconds, share }) => {
    const bar = element("div");
    bar.style.width = `${(100 * share) / most}%`;
    bar.style.background = colour;
    return element("tr", {},
      element("th", { scope: "row" }, emotionName(emotion)), element("td", { class: "drawn" }, bar),
      element("td", { class: "number" }, percent.format(share)), element("td", { class: "number" }, duration(seconds)));
  }));
}

async function update() {
  clearTimeout(update.timer);
  if (document.hidden) return;
  update.timer = setTimeout(update, POLL_INTERVAL_MS);
  try {
    const response = await fetch("/api/v1/history");
    if (response.status === 401) location.reload();
    const found = await response.json();
    if (response.ok) show(found);
    else byId("message").textContent = say("history_error", { reason: found.error });
  } catch (error) {
    byId("message").textContent = say("history_error", { reason: say("state_offline") });
  }
}

document.addEventListener("visibilitychange", update);
update();
