// Columns over a span of time, as wide as their container: how long faces showed each emotion, and when nobody watched.

import { emotionName, say, words } from "./i18n.js";
import { clock, dateOf, duration, formatter } from "./times.js";

const HEIGHT = 260; // pixels, of which these are its margins:
const LABEL_GAP = 8; // between the axis's labels, which are as wide as they are, and what is drawn
const RIGHT = 6;
const BOTTOM = 26;
const TOP = 12;
const GRID_S = [1, 2, 5, 10, 15, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 345600];
const HOURS_APART = [1, 2, 3, 4, 6, 12, 24];
const LABEL_PX = 62; // that one below the columns needs
const LABEL_FONT_PX = 13; // as in history.css
const MIN_HOURS = 6; // of today that are drawn
const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;

function drawn(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const total = (column) => Object.values(column?.seconds ?? {}).reduce((sum, seconds) => sum + seconds, 0);

// The columns of a history at their places: undefined where there is none.
function placed(found, begin, step) {
  const columns = [];
  for (const column of found.columns) columns[Math.round((Date.parse(column.time) - begin) / step)] = column;
  return Array.from(columns);
}

// The columns of the day before at the places of the same time of day, also if the clocks changed between them.
function placedByClock(before, begin, end, step, zone) {
  const columns = [];
  if (!before) return columns;
  const name = clock(zone);
  const places = new Map();
  for (let place = 0; begin + place * step < end; place++) {
    const time = name.format(begin + place * step);
    if (!places.has(time)) places.set(time, place);
  }
  for (const column of before.columns) {
    const place = places.get(name.format(Date.parse(column.time)));
    if (place !== undefined) columns[place] ??= column;
  }
  return Array.from(columns);
}

// When the local day that begins at `begin` ends; it may have 23 or 25 hours.
function dayEnd(begin, step, zone) {
  const day = dateOf(begin, zone);
  let end = begin + DAY_MS - 2 * HOUR_MS;
  while (dateOf(end, zone) === day) end += step;
  return end;
}

export class Chart {
  // `box` gets the drawing; `slider` lies over it, and `reading` says what the column that was chosen with it has.
  constructor(box, slider, reading) {
    Object.assign(this, { box, slider, reading, chosen: null });
    new ResizeObserver(() => this.draw()).observe(box);
    slider.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["pointerdown", "pointermove"]) slider.addEventListener(kind, (event) => this.point(event));
  }

  // `before`: the history of the day before, or null; with it a day is drawn to its end, although it is not over.
  show(found, before) {
    Object.assign(this, { found, before });
    this.draw();
  }

  measure() {
    const { found, before } = this;
    this.step = found.column_seconds * 1000;
    const begin = Date.parse(found.from);
    this.now = Date.parse(found.to);
    const day = this.step < HOUR_MS;
    this.columns = placed(found, begin, this.step);
    const zone = found.time_zone;
    const midnight = day ? dayEnd(begin, this.step, zone) : begin;
    this.ghosts = placedByClock(before, begin, midnight, this.step, zone);
    let start = begin;
    let end = this.now;
    if (day) {
      const whole = (time) => begin + Math.floor((time - begin) / HOUR_MS) * HOUR_MS;
      const watched = [...this.columns.keys()].filter((place) => this.columns[place]?.watched_seconds);
      const first = Math.min(...watched, ...[...this.ghosts.keys()].filter((place) => total(this.ghosts[place])));
      if (this.ghosts.some(total)) end = Math.max(end, midnight);
      const from = Math.min(Number.isFinite(first) ? begin + first * this.step : end, end - MIN_HOURS * HOUR_MS);
      start = Math.max(begin, whole(from));
    }
    this.begin = begin;
    this.first = Math.round((start - begin) / this.step);
    // Days are counted by the calendar: a month with a change of the clocks is an hour longer or shorter.
    const last = Date.parse(dateOf(Math.max(end - 1, start), zone));
    const days = Math.round((last - Date.parse(dateOf(start, zone))) / DAY_MS) + 1;
    this.count = this.step >= DAY_MS ? days : Math.max(Math.ceil((end - start) / this.step), 1);
    this.start = start;
    this.end = Math.max(end, start + this.step);
    this.width = Math.max(this.box.clientWidth, 200);
    const most = Math.max(...this.columns.map(total), ...this.ghosts.map(total), 1);
    this.line = GRID_S.find((seconds) => 4 * seconds >= most) ?? most / 4;
    this.top = Math.ceil(most / this.line) * this.line;
    this.labels = [];
    for (let seconds = 0; seconds <= this.top; seconds += this.line) this.labels.push(seconds ? duration(seconds) : "0");
    const pen = document.createElement("canvas").getContext("2d");
    const { fontFamily } = getComputedStyle(this.box);
    pen.font = `${LABEL_FONT_PX}px ${fontFamily}`;
    this.left = Math.ceil(Math.max(...this.labels.map((text) => pen.measureText(text).width))) + LABEL_GAP + 2;
  }

  x(time) {
    return this.left + ((time - this.start) / (this.end - this.start)) * (this.width - this.left - RIGHT);
  }

  y(seconds) {
    return TOP + (1 - seconds / this.top) * (HEIGHT - TOP - BOTTOM);
  }

  draw() {
    if (!this.found) return;
    this.measure();
    const svg = drawn("svg", { width: this.width, height: HEIGHT, role: "img", "aria-label": this.summary() });
    svg.append(hatching());
    this.grid(svg);
    this.unwatched(svg);
    for (let place = this.first; place < this.first + this.count; place++) this.column(svg, place);
    this.ghost(svg);
    this.mark = svg.appendChild(drawn("rect", { class: "mark", y: TOP, height: HEIGHT - TOP - BOTTOM }));
    this.box.replaceChildren(svg);
    Object.assign(this.slider.style, {
      left: `${this.left}px`, right: `${RIGHT}px`, top: `${TOP}px`, height: `${HEIGHT - TOP - BOTTOM}px`,
    });
    this.slider.setAttribute("aria-valuemin", this.first);
    this.slider.setAttribute("aria-valuemax", this.first + this.count - 1);
    this.choose(this.chosen);
  }

  summary() {
    const busiest = this.columns.reduce((best, column) => (total(column) > total(best) ? column : best), undefined);
    if (!busiest) return say("history_empty");
    const minutes = this.found.column_seconds / 60;
    return say("history_chart", { minutes, time: this.time(Date.parse(busiest.time)), list: list(busiest) });
  }

  // When a column begins, in words: the hour of a day, the day and the hour of a week, the day of a month.
  time(moment) {
    const zone = this.found.time_zone;
    if (this.step >= DAY_MS) {
      const noon = moment + DAY_MS / 2; // of the same day, whether or not the clocks changed before it
      return formatter(zone, { weekday: "short", day: "numeric", month: "long" }).format(noon);
    }
    const hour = clock(zone).format(moment);
    return this.step < HOUR_MS ? hour : `${formatter(zone, { weekday: "short" }).format(moment)} ${hour}`;
  }

  grid(svg) {
    this.labels.forEach((text, number) => {
      const y = this.y(number * this.line);
      svg.append(drawn("line", { class: "grid", x1: this.left, x2: this.width - RIGHT, y1: y, y2: y }));
      svg.append(drawn("text", { x: this.left - LABEL_GAP, y: y + 5, "text-anchor": "end" }, text));
    });
    const room = (this.width - this.left - RIGHT) / LABEL_PX;
    const label = (time, text) =>
      svg.append(drawn("text", { class: "time", x: this.x(time), y: HEIGHT - 6, "text-anchor": "middle" }, text));
    const zone = this.found.time_zone;
    if (this.step >= HOUR_MS) {
      const month = this.step >= DAY_MS;
      const format = formatter(zone, month ? { day: "numeric" } : { weekday: "short" });
      const days = (this.end - this.start) / DAY_MS;
      const apart = Math.max(Math.ceil(days / (month ? 2 * room : room)), 1);
      for (let day = 0; day < days; day += apart) {
        const noon = this.start + (day + 0.5) * DAY_MS;
        if (this.x(noon) < this.width - 12) label(noon, format.format(noon));
      }
      return;
    }
    const hours = (this.end - this.start) / HOUR_MS;
    const apart = HOURS_APART.find((number) => hours / number <= room) ?? 24;
    const number = formatter(zone, { hour: "numeric", hourCycle: "h23" });
    for (let time = this.start; time <= this.end; time += HOUR_MS) {
      const hour = parseInt(number.formatToParts(time).find(({ type }) => type === "hour").value, 10);
      if (hour % apart === 0 && this.x(time) < this.width - 20) label(time, clock(zone).format(time));
    }
  }

  // The time of a column, up to now, and how much of it was watched.
  part(place) {
    const from = this.begin + place * this.step;
    const to = Math.min(from + this.step, this.now);
    const watched = 2000 * (this.columns[place]?.watched_seconds ?? 0) >= to - from;
    return { from, to, passed: to > from, watched };
  }

  unwatched(svg) {
    let since = null;
    for (let place = this.first; place <= this.first + this.count; place++) {
      const { from, passed, watched } = this.part(place);
      const blank = passed && !watched && place < this.first + this.count;
      if (blank) since ??= from;
      if (blank || since === null) continue;
      const until = Math.min(from, this.now);
      svg.append(drawn("rect", {
        class: "unwatched", x: this.x(since), y: TOP, width: Math.max(this.x(until) - this.x(since), 1),
        height: HEIGHT - TOP - BOTTOM, fill: "url(#unwatched)",
      }));
      since = null;
    }
  }

  column(svg, place) {
    const column = this.columns[place];
    if (!total(column)) return;
    const { from } = this.part(place);
    const width = Math.max(this.x(from + this.step) - this.x(from) - 1, 1);
    let base = 0;
    for (const { emotion, colour } of this.found.emotions) {
      const seconds = column.seconds[emotion];
      if (!seconds) continue;
      svg.append(drawn("rect", {
        x: this.x(from), width: Math.min(width, this.width - RIGHT - this.x(from)), fill: colour,
        y: this.y(base + seconds), height: Math.max(this.y(base) - this.y(base + seconds), 0.5),
      }));
      base += seconds;
    }
  }

  // Whether the day before was watched at that time.
  known(place) {
    return 2000 * (this.ghosts[place]?.watched_seconds ?? 0) >= this.step || total(this.ghosts[place]) > 0;
  }

  // The day before, as a line of steps, with gaps where it was not watched.
  ghost(svg) {
    if (!this.ghosts.some(total)) return;
    let path = "";
    let on = false;
    for (let place = this.first; place < this.first + this.count; place++) {
      const { from } = this.part(place);
      const was = on;
      on = this.known(place);
      if (on !== was) path += on ? `M${this.x(from)} ${this.y(0)}` : `V${this.y(0)}`;
      if (on) path += `V${this.y(total(this.ghosts[place]))}H${this.x(from + this.step)}`;
    }
    if (on) path += `V${this.y(0)}`;
    svg.append(drawn("path", { class: "ghost", d: path }));
  }

  key(event) {
    const last = this.first + this.count - 1;
    const at = this.chosen ?? last + 1;
    const steps = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: this.first, End: last };
    const wide = Math.max(Math.round(this.count / 12), 2);
    Object.assign(steps, { PageDown: at - wide, PageUp: at + wide, Escape: null });
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.choose(steps[event.key]);
  }

  point(event) {
    if (event.type === "pointermove" && !event.buttons && event.pointerType !== "mouse") return;
    const { left, width } = this.slider.getBoundingClientRect();
    const time = this.start + ((event.clientX - left) / width) * (this.end - this.start);
    this.choose(Math.floor((time - this.begin) / this.step));
  }

  choose(place) {
    const last = this.first + this.count - 1;
    this.chosen = place === null ? null : Math.min(Math.max(place, this.first), last);
    const { mark, chosen } = this;
    mark.setAttribute("visibility", chosen === null ? "hidden" : "visible");
    this.slider.setAttribute("aria-valuenow", chosen ?? last);
    if (chosen !== null) {
      const { from } = this.part(chosen);
      mark.setAttribute("x", this.x(from));
      mark.setAttribute("width", Math.max(this.x(Math.min(from + this.step, this.end)) - this.x(from), 2));
    }
    const said = chosen === null ? words.history_read : this.said(chosen);
    this.slider.setAttribute("aria-valuetext", said);
    this.reading.textContent = said;
  }

  said(place) {
    const { from, passed, watched } = this.part(place);
    const column = this.columns[place];
    const seen = total(column) ? list(column) : "";
    const state = !passed ? "" : watched ? words.history_nobody : words.history_unwatched;
    const then = this.known(place) ? duration(total(this.ghosts[place])) : words.history_unwatched;
    const ghost = this.ghosts.some(total) ? `${words.history_ghost} ${then}` : "";
    const parts = [seen || state, seen && passed && !watched ? words.history_partly : "", ghost];
    return `${this.time(from)}: ${parts.filter(Boolean).join("; ")}`;
  }
}

function list(column) {
  return Object.entries(column.seconds).filter(([, seconds]) => seconds).sort((a, b) => b[1] - a[1])
    .map(([emotion, seconds]) => `${emotionName(emotion)} ${duration(seconds)}`).join(", ");
}

function hatching() {
  const all = drawn("defs", {});
  const tile = drawn("pattern", { id: "unwatched", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  tile.append(drawn("rect", { class: "stripe", width: 3, height: 8 }));
  all.append(tile);
  return all;
}
