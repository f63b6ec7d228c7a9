// How the device does, read every few seconds while the page is visible; the doctor's findings, once and when asked.

import { byId, element, fetched } from "./dom.js";
import { say, words } from "./i18n.js";
import { returnWhenLeft } from "./return.js";
import { clock, duration } from "./times.js";

const POLL_INTERVAL_MS = 3000;

function number(value, unit) {
  return value === null ? null : `${value}${unit}`;
}

function show(now, status) {
  byId("message").textContent = "";
  const camera = now.state === "running" ? words.status_running : words[`state_${now.state}`];
  const figures = [
    ["state", camera], ["fps", now.fps], ["temperature", number(now.celsius, " °C")],
    ["disk", number(now.disk_percent, " %")], ["uptime", duration(status.uptime_seconds)], ["version", status.version],
    ["model", now.model], ["source", now.source],
  ];
  byId("figures").replaceChildren(...figures.filter(([, value]) => value !== null).map(([name, value]) =>
    element("div", { class: name }, element("dt", {}, words[`status_${name}`]), element("dd", {}, String(value)))));
  rows("stages", now.stages.map(({ stage, median_ms, p95_ms }) => [stage, median_ms.toFixed(2), p95_ms.toFixed(2)]));
  rows("outputs", now.outputs.map(({ name, failing, last_error }) =>
    [name, failing ? words.status_fails : words.status_works, last_error ?? words.status_none]));
}

function rows(name, found) {
  const numbers = name === "stages" ? { class: "number" } : {};
  byId(name).replaceChildren(...found.map(([first, ...rest]) => element("tr", {},
    element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", numbers, cell)))));
}

async function update() {
  clearTimeout(update.timer);
  if (document.hidden) return;
  try {
    const [now, status] = await Promise.all([fetched("/api/v1/diagnostics"), fetched("/api/v1/status")]);
    show(now, status);
  } catch (error) {
    failed("message", error);
  }
  update.timer = setTimeout(update, POLL_INTERVAL_MS);
}

function failed(name, error) {
  const reason = error instanceof TypeError ? say("state_offline") : error.message;
  byId(name).textContent = say("status_failed", { reason });
}

async function check() {
  byId("again").disabled = true;
  byId("checked").textContent = words.status_checking;
  try {
    const { findings, time } = await fetched("/api/v1/doctor");
    byId("checked").textContent = say("status_checked", { time: clock(undefined).format(1000 * time) });
    const levels = ["failure", "warning", "ok"];
    const sorted = findings.sort((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level));
    byId("findings").replaceChildren(...sorted.map(({ name, level, says, cure }) => element("li", { class: level },
      element("strong", {}, `${name}: ${words[`status_${level}`]}`), element("span", { lang: "en" }, says),
      ...(cure ? [element("code", { lang: "en" }, cure)] : []))));
  } catch (error) {
    failed("checked", error);
  }
  byId("again").disabled = false;
}

document.addEventListener("visibilitychange", update);
byId("again").addEventListener("click", check);
update();
check();
returnWhenLeft();
