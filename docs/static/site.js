/* Tables whose cells are sentences become a card a row where the screen is narrow: site.css needs each cell's heading. */
for (const table of document.querySelectorAll("table.docutils")) {
  const headings = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
  const cells = [...table.querySelectorAll("tbody td")];
  if (headings.length > 2 && cells.some((cell) => cell.textContent.length > 60)) {
    table.classList.add("sentences");
    for (const cell of cells) cell.dataset.heading = headings[cell.cellIndex];
  }
}
