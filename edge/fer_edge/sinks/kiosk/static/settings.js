// Each setting with its value, its default, what it means, and who set it. Read once.

import { byId, element, fetched } from "./dom.js";
import { say, words } from "./i18n.js";
import { returnWhenLeft } from "./return.js";

function row({ name, value, default: usual, allowed, meaning, changed, set_by }) {
  const shown = value === null ? element("em", {}, words.settings_hidden) : element("code", {}, value);
  return element("tr", changed ? { class: "changed" } : {},
    element("th", { scope: "row" }, element("code", {}, name)),
    element("td", {}, shown),
    element("td", {}, element("code", {}, usual)),
    element("td", {}, words[`settings_by_${set_by}`]),
    element("td", { lang: "en" }, meaning, element("small", {}, allowed)));
}

function table({ name, meaning, settings }) {
  const heads = ["setting", "value", "default", "origin", "meaning"].map((column) =>
    element("th", { scope: "col" }, words[`settings_${column}`]));
  const some = settings.some(({ changed }) => changed) ? {} : { class: "usual" };
  return element("section", some, element("h2", {}, name), element("p", { lang: "en" }, meaning),
    element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": name },
      element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...settings.map(row)))));
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
