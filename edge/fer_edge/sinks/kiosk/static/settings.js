// Each setting with its value, its default, what it means, and who set it. Read once.

import { byId, element, fetched } from "./dom.js";
import { say, words } from "./i18n.js";
import { returnWhenLeft } from "./return.js";

// `text`, in which what is between backticks is code.
function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

// The roles are those of a table, also if a small page shows it as cards.
function row({ name, value, default: usual, allowed, meaning, changed, set_by }) {
  const shown = value === null ? element("em", {}, words.settings_hidden) : element("code", {}, value);
  const cell = (column, ...children) => element("td", { role: "cell", "data-column": words[`settings_${column}`] }, ...children);
  return element("tr", { role: "row", ...(changed ? { class: "changed" } : {}) },
    element("th", { role: "rowheader", scope: "row" }, element("code", {}, name)),
    cell("value", shown),
    cell("default", element("code", {}, usual)),
    cell("origin", words[`settings_by_${set_by}`]),
    element("td", { role: "cell", lang: "en" }, ...prose(meaning), element("small", {}, allowed)));
}

function table({ name, meaning, settings }) {
  const heads = ["setting", "value", "default", "origin", "meaning"].map((column) =>
    element("th", { role: "columnheader", scope: "col" }, words[`settings_${column}`]));
  const some = settings.some(({ changed }) => changed) ? {} : { class: "usual" };
  return element("section", some, element("h2", {}, name), element("p", { lang: "en" }, ...prose(meaning)),
    element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": name },
      element("table", { role: "table" },
        element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
        element("tbody", { role: "rowgroup" }, ...settings.map(row)))));
}

returnWhenLeft();
byId("changed").addEventListener("change", ({ target }) => byId("tables").classList.toggle("few", target.checked));
try {
  const { file, tables } = await fetched("/api/v1/settings");
  byId("file").textContent = file ? `${words.settings_by_file}: ${file}` : "";
  byId("tables").replaceChildren(...tables.map(table));
} catch (error) {
  const reason = error instanceof TypeError ? say("state_offline") : error.message;
  byId("message").textContent = say("status_failed", { reason });
}
