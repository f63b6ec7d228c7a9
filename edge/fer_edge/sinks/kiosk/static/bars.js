// A bar for each label of the model, with its name and its share.

import { emotionName } from "./i18n.js";

// `scores`: [[label, 0 to 1, colour]]. The returned list takes new scores of the same labels by `update`.
export function makeBars(scores) {
  const bars = document.createElement("ul");
  bars.className = "bars";
  const rows = scores.map(([label, , colour]) => {
    const row = document.createElement("li");
    const [name, bar, share] = ["span", "i", "b"].map((kind) => document.createElement(kind));
    name.textContent = emotionName(label);
    bar.style.setProperty("--colour", colour);
    row.append(name, bar, share);
    bars.append(row);
    return { bar, share };
  });
  bars.update = (newer) => newer.forEach(([, score], place) => {
    const percent = Math.round(100 * score);
    if (rows[place].percent === percent) return;
    rows[place].percent = percent;
    rows[place].bar.style.setProperty("--share", `${percent}%`);
    rows[place].share.textContent = `${percent} %`;
  });
  bars.update(scores);
  return bars;
}
