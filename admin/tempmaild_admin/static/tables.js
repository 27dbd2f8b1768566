// Tables on narrow screens: each cell gets the heading of its column, so that a row can be shown as a card. Roles say
// to screen readers what the elements are, whatever CSS makes of them. Without this a table is moved sideways.
for (const table of document.querySelectorAll(".table-responsive > table")) {
  const labels = [...table.tHead?.rows[0]?.cells ?? []].map((cell) => cell.querySelector(".visually-hidden") ? "" : cell.textContent.trim());
  table.setAttribute("role", "table");
  for (const section of [table.tHead, ...table.tBodies, table.tFoot]) section?.setAttribute("role", "rowgroup");
  for (const row of table.rows) {
    row.setAttribute("role", "row");
    const isHead = row.parentElement === table.tHead;
    for (const cell of row.cells) {
      cell.setAttribute("role", cell.tagName === "TD" ? "cell" : isHead ? "columnheader" : "rowheader");
      if (isHead) continue;
      const label = labels[cell.cellIndex];
      if (label && cell.tagName === "TD" && cell.colSpan === 1) cell.dataset.label = label;
      if (!cell.textContent.trim() && !cell.querySelector("*")) cell.classList.add("nothing");
    }
  }
  if (labels.length) table.classList.add("stacked");
  // What can be moved sideways can be so by keyboard, too.
  const frame = table.parentElement;
  const follow = () => { frame.scrollWidth > frame.clientWidth ? frame.tabIndex = 0 : frame.removeAttribute("tabindex"); };
  new ResizeObserver(follow).observe(frame);
}
