"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const THEMES = ["auto", "light", "dark"];
  const button = document.getElementById("theme");
  const remembered = () => { try { return localStorage.getItem("skewtest-theme"); } catch { return null; } };
  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  let theme = THEMES.includes(remembered()) ? remembered() : "auto";
  show(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    show(theme);
    try { localStorage.setItem("skewtest-theme", theme); } catch { /* a page from disk may have no storage */ }
  });

  // A link to a feature opens it, also one that is filtered out.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let part = target; part; part = part.parentElement) {
      part.hidden = false;
      if (part.tagName === "DETAILS") part.open = true;
    }
    target.scrollIntoView();
    const summary = target.querySelector("summary");
    if (summary) summary.focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);

  // What is printed is open, as what is read aloud from paper cannot be opened.
  addEventListener("beforeprint", () => all("details").forEach((part) => {
    if (!part.open) { part.open = true; part.dataset.printed = ""; }
  }));
  addEventListener("afterprint", () => all("details[data-printed]").forEach((part) => {
    part.open = false; delete part.dataset.printed;
  }));

  const table = document.getElementById("grid");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const text = document.getElementById("filter");
    const state = document.getElementById("state");
    const told = document.getElementById("shown");
    const features = new Map(all("details.feature").map((part) => [part.id, part]));
    const apply = () => {
      const wanted = text.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const fits = row.dataset.name.toLowerCase().includes(wanted)
          && (state.value === "all" || (state.value === "look" ? row.dataset.state !== "parity" : row.dataset.state === state.value));
        row.hidden = !fits;
        const part = features.get(row.dataset.id);
        if (part) part.hidden = !fits;
        shown += fits;
      }
      all("section.view").forEach((view) => {
        view.hidden = !view.querySelector("details.feature:not([hidden])");
      });
      told.textContent = `${shown} of ${rows.length} features`;
    };
    text.addEventListener("input", apply);
    state.addEventListener("change", apply);
    document.getElementById("tools").hidden = false;
    apply();

    const ORDER = table.dataset.states.split(" ");
    const key = (row, column) => {
      if (column === 0) return row.dataset.name;
      const cell = row.cells[column];
      return cell.className ? ORDER.indexOf(cell.className) : ORDER.length;
    };
    table.tHead.addEventListener("click", (event) => {
      const pressed = event.target.closest("button");
      if (!pressed) return;
      const head = pressed.closest("th");
      const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      all("th[aria-sort]", table.tHead).forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
      const keyed = rows.map((row, place) => [key(row, head.cellIndex), place, row]);
      keyed.sort((a, b) => (a[0] < b[0] ? -turn : a[0] > b[0] ? turn : a[1] - b[1]));
      body.append(...keyed.map((one) => one[2]));
    });
  }
  reveal();
})();
