// Times and durations in the page's language and the device's time zone.

import { words } from "./i18n.js";

// A formatter for the time zone `zone`; browsers that do not know an offset as a zone use their own.
export function formatter(zone, options) {
  try {
    return new Intl.DateTimeFormat(words.language, { ...options, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat(words.language, options);
  }
}

export function clock(zone) {
  return formatter(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

// "2026-01-31" of a moment there.
export function dateOf(moment, zone) {
  const parts = formatter(zone, { year: "numeric", month: "2-digit", day: "2-digit", calendar: "gregory", numberingSystem: "latn" })
    .formatToParts(moment);
  const part = (type) => parts.find((one) => one.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")}`;
}

// As the report writes it: "168 h", "3 h 05 min", "12 min", "45 s".
export function duration(seconds) {
  if (seconds < 59.5) return `${Math.round(seconds)} ${words.seconds}`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} ${words.minutes}`;
  if (minutes >= 6000) return `${Math.round(seconds / 3600)} ${words.hours}`;
  const rest = String(minutes % 60).padStart(2, "0");
  return minutes % 60 ? `${Math.floor(minutes / 60)} ${words.hours} ${rest} ${words.minutes}` : `${minutes / 60} ${words.hours}`;
}
