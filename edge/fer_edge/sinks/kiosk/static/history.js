// A day's, a week's or a month's emotions from the log. Fetched every minute while the page is visible and it goes on.

import { Chart } from "./chart.js";
import { byId, element, fetched } from "./dom.js";
import { emotionName, say, words } from "./i18n.js";
import { returnWhenLeft } from "./return.js";
import { clock, dateOf, duration, formatter } from "./times.js";

const POLL_INTERVAL_MS = 60000;
const KINDS = ["day", "week", "month"];
const PRINT_OPTIONS = {
  day: { weekday: "short", day: "numeric", month: "long", year: "numeric" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
};

const percent = new Intl.NumberFormat(words.language, { style: "percent" });
const chart = new Chart(byId("chart"), byId("slider"), byId("reading"));
const query = new URLSearchParams(location.search);
let kind = KINDS.find((name) => query.has(name)) ?? "day";
let date = query.get(kind); // "2026-01-31", of a month "2026-01"; null: today
let today = null; // in the device's time zone, once the log was read
let ghost = { date: null, found: null };
let asked = 0;

function swatch(colour) {
  const made = element("span", { class: "swatch" });
  made.style.background = colour;
  return made;
}

// `text` moved by so many days, weeks or months.
function moved(text, by) {
  const day = new Date(`${text.slice(0, 7)}-${kind === "month" ? "01" : text.slice(8)}T12:00:00Z`);
  if (kind === "month") day.setUTCMonth(day.getUTCMonth() + by);
  else day.setUTCDate(day.getUTCDate() + by * (kind === "week" ? 7 : 1));
  return day.toISOString().slice(0, kind === "month" ? 7 : 10);
}

// Whether the day, week or month ended, at midnight; if not, it ends now.
function isOver({ to, time_zone: zone }) {
  return dateOf(Date.parse(to), zone) !== dateOf(Date.parse(to) - 1, zone);
}

function show(found, before) {
  const seen = found.emotions.reduce((sum, { seconds }) => sum + seconds, 0);
  byId("message").textContent = seen ? "" : say(found.watched_seconds ? "history_empty" : "history_nothing");
  byId("found").hidden = !seen && !found.watched_seconds && !before;
  byId("zone").textContent = say("history_zone", { zone: found.time_zone });
  const time = clock(found.time_zone).format(Date.parse(found.to));
  byId("updated").textContent = isOver(found) ? "" : say("history_updated", { time });
  byId("torn").textContent = found.torn ? say("report_torn", { count: found.torn }) : "";
  const figures = [
    ["faces", found.faces], ["changes", found.changes],
    ["watched", duration(found.watched_seconds)], ["seen", duration(seen)],
  ];
  byId("figures").replaceChildren(...figures.map(([name, value]) =>
    element("div", {}, element("dt", {}, words[`history_${name}`]), element("dd", {}, String(value)))));
  const used = found.emotions.filter(({ seconds }) => seconds > 0);
  const keys = used.map(({ emotion, colour }) => element("li", {}, swatch(colour), emotionName(emotion)));
  keys.push(element("li", {}, element("span", { class: "swatch hatched" }), words.history_unwatched));
  if (before) keys.push(element("li", {}, element("span", { class: "swatch dashed" }), words.history_ghost));
  byId("keys").replaceChildren(...keys);
  chart.show(found, before);
  const most = Math.max(...used.map(({ share }) => share));
  byId("shares").hidden = !seen;
  byId("rows").replaceChildren(...used.sort((a, b) => b.seconds - a.seconds).map(({ emotion, colour, seconds, share }) => {
    const bar = element("div");
    bar.style.width = `${(100 * share) / most}%`;
    bar.style.background = colour;
    return element("tr", {},
      element("th", { scope: "row" }, emotionName(emotion)), element("td", { class: "drawn" }, bar),
      element("td", { class: "number" }, percent.format(share)), element("td", { class: "number" }, duration(seconds)));
  }));
}

// The controls: what is shown, and where one can go from there.
function steer(found) {
  const zone = found.time_zone;
  const begin = Date.parse(found.from);
  today = dateOf(Date.now(), zone);
  const from = dateOf(begin, zone).slice(0, kind === "month" ? 7 : 10);
  const last = Math.max(Date.parse(found.to) - 1, begin);
  const format = formatter(zone, PRINT_OPTIONS[kind]);
  byId("when").textContent = kind === "week" ? format.formatRange(begin, last) : format.format(begin);
  byId("earlier").disabled = !found.log_begin || Date.parse(found.log_begin) >= begin;
  byId("later").disabled = moved(from, 1) > today.slice(0, from.length);
  byId("earlier").onclick = () => go(kind, moved(from, -1));
  byId("later").onclick = () => go(kind, moved(from, 1));
  byId("table").href = `/api/v1/history.csv?${kind}=${from}`;
  for (const name of KINDS) {
    byId(name).setAttribute("aria-pressed", name === kind);
    const day = from === today.slice(0, from.length) || (begin < Date.now() && Date.now() - last < 120000) ? today : `${from}-01`.slice(0, 10);
    byId(name).onclick = () => go(name, name === "month" ? day.slice(0, 7) : day);
  }
  return from;
}

function go(name, day) {
  kind = name;
  date = day;
  chart.chosen = null;
  history.replaceState(null, "", `?${kind}=${date}`);
  update();
}

// The day before, for comparison; read once. Without one, or if the log cannot be read, there is none.
async function dayBefore(found, from) {
  if (kind !== "day" || !found.log_begin || Date.parse(found.log_begin) >= Date.parse(found.from)) return null;
  const wanted = moved(from, -1);
  if (ghost.date !== wanted) ghost = { date: wanted, found: await fetched(`/api/v1/history?day=${wanted}`).catch(() => null) };
  return ghost.found?.emotions.some(({ seconds }) => seconds) ? ghost.found : null;
}

async function update() {
  clearTimeout(update.timer);
  if (document.hidden) return;
  const mine = ++asked;
  update.timer = setTimeout(update, POLL_INTERVAL_MS);
  try {
    // A day that is named stays; without a name it is the day that it is, also after midnight.
    const named = date ?? (kind === "day" && today ? dateOf(Date.now(), chart.found.time_zone) : null);
    const found = await fetched(`/api/v1/history${named ? `?${kind}=${named}` : ""}`);
    if (mine !== asked) return;
    if (isOver(found)) clearTimeout(update.timer);
    const from = steer(found);
    show(found, ghost.date === moved(from, -1) && kind === "day" ? ghost.found : null);
    const before = await dayBefore(found, from);
    if (mine === asked) show(found, before);
  } catch (error) {
    if (mine !== asked) return;
    const reason = error instanceof TypeError ? say("state_offline") : error.message;
    byId("message").textContent = say("history_error", { reason });
  }
}

document.addEventListener("visibilitychange", update);
update();
returnWhenLeft();
