// Tables that sort, filter and copy. Rows move within their row group alone; a group's heading
// stays at its top. Without JavaScript the tables are as they are printed.
"use strict";
(() => {
  const NUMBER = /^[\s†≈]*([+-]?\d+(?:\.\d+)?)/;

  // The text as it is seen: intervals count only where they are shown.
  const textOf = (cell) => {
    if (!cell) return "";
    const hidden = cell.closest("table").classList.contains("extents") ? [] : [".extent"];
    const parts = [...cell.childNodes].filter((node) => !hidden.some((kind) => node.matches?.(kind)));
    return parts.map((node) => node.textContent).join("").replace(/\s+/g, " ").trim();
  };

  const valueOf = (cell) => {
    const match = NUMBER.exec(textOf(cell).replace(/−/g, "-").replace(/,(?=\d{3})/g, ""));
    return match ? Number(match[1]) : null;
  };

  const compare = (column, direction) => (a, b) => {
    const cells = [a, b].map((row) => row.cells[column]);
    const [x, y] = cells.map(valueOf);
    // what has no number comes last, whichever way it is sorted
    if (x !== null && y !== null) return direction * (x - y);
    if (x !== null) return -1;
    if (y !== null) return 1;
    return direction * textOf(cells[0]).localeCompare(textOf(cells[1]), "en", { numeric: true });
  };

  const control = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  const isHeading = (row) => row.classList.contains("block");

  const sortBy = (table, heads, order, column, direction) => {
    for (const body of table.tBodies) {
      const rows = order.get(body).filter((row) => !isHeading(row));
      if (direction) rows.sort(compare(column, direction));
      body.append(...order.get(body).filter(isHeading), ...rows);
    }
    heads.forEach((head, i) => {
      const state = i === column && direction ? (direction > 0 ? "ascending" : "descending") : "none";
      head.setAttribute("aria-sort", state);
    });
  };

  const filter = (table, text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let [shown, all] = [0, 0];
    for (const body of table.tBodies) {
      const heading = [...body.rows].find(isHeading);
      const group = heading ? textOf(heading).toLowerCase() : "";
      let any = false;
      for (const row of body.rows) {
        if (isHeading(row)) continue;
        const content = `${group} ${textOf(row).toLowerCase()}`;
        row.hidden = !words.every((word) => content.includes(word));
        any ||= !row.hidden;
        shown += !row.hidden;
        all += 1;
      }
      if (heading) heading.hidden = !any;
    }
    return [shown, all];
  };

  const tsv = (table) =>
    [...table.rows]
      .filter((row) => !row.hidden)
      .map((row) =>
        [...row.cells]
          .flatMap((cell) => [textOf(cell), ...Array(cell.colSpan - 1).fill("")])
          .join("\t"),
      )
      .join("\n");

  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        // no permission: the older way below
      }
    }
    const area = control("textarea", text, { class: "aside" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };

  const equip = (region) => {
    const table = region.querySelector("table");
    const name = region.getAttribute("aria-label");
    const order = new Map([...table.tBodies].map((body) => [body, [...body.rows]]));
    const bar = control("div", "", { class: "toolbar" });
    const status = control("span", "", { role: "status" });
    if (table.tBodies.length && [...order.values()].flat().length > 3) {
      const box = control("input", "", {
        type: "search",
        placeholder: "Filter rows",
        "aria-label": `Filter the rows of: ${name}`,
      });
      box.addEventListener("input", () => {
        const [shown, all] = filter(table, box.value);
        status.textContent = shown === all ? "" : `${shown} of ${all} rows`;
      });
      bar.append(box);
    }
    const button = control("button", "Copy as TSV", { type: "button" });
    button.addEventListener("click", async () => {
      const done = await copy(tsv(table));
      button.focus();
      status.textContent = done ? "Copied." : "Copying is not allowed here.";
    });
    bar.append(button);
    if (table.querySelector(".extent")) {
      const label = control("label", " Intervals");
      const box = control("input", "", { type: "checkbox" });
      box.addEventListener("change", () => table.classList.toggle("extents", box.checked));
      label.prepend(box);
      bar.append(label);
    }
    bar.append(status);
    region.before(bar);

    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const sorter = control("button", "", { type: "button", class: "sort" });
      sorter.append(...head.childNodes);
      head.append(sorter);
      head.setAttribute("aria-sort", "none");
      sorter.addEventListener("click", () => {
        const next = { none: 1, ascending: -1, descending: 0 }[head.getAttribute("aria-sort")];
        sortBy(table, heads, order, column, next);
      });
    });
  };

  document.querySelectorAll(".scroll.tools").forEach(equip);
})();
