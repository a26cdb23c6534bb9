// The best choice under a constraint: the first that meets it, of a list that is sorted already.
"use strict";
(() => {
  const source = document.getElementById("advice-data");
  if (!source) return;
  const options = JSON.parse(source.textContent);
  const form = document.getElementById("constraint");
  const rows = [...document.querySelectorAll("#advice tbody tr")];

  const cell = (text, kind = "") => {
    const element = document.createElement("td");
    element.textContent = text.replace(/ %/g, "\u00a0%");
    element.className = kind;
    return element;
  };

  const noted = (text, kind, interval, below) => {
    const element = cell(text, kind);
    const small = document.createElement("span");
    small.className = "interval";
    small.append(interval);
    if (below) small.append(document.createElement("br"), below);
    element.append(small);
    return element;
  };

  const choose = (dataset, query, asked) => {
    const own = options.filter((option) => option.dataset === dataset);
    const least = Math.min(Number(asked.degree), Math.max(...own.map((option) => option.degree)));
    return own.find(
      (option) =>
        option.query === query &&
        option.degree >= least &&
        (!asked.method || option.method === asked.method) &&
        (!asked.adaption || option.adaption === asked.adaption) &&
        (!asked.risk || (option.risk_rate !== null && option.risk_rate <= Number(asked.risk))),
    );
  };

  const show = () => {
    const asked = Object.fromEntries(new FormData(form));
    for (const row of rows) {
      const best = choose(row.dataset.dataset, row.dataset.query, asked);
      const [name, query] = row.cells;
      if (!best) {
        const none = cell("not run: no scenario meets this", "none");
        none.colSpan = 5;
        row.replaceChildren(name, query, none);
        continue;
      }
      const kept = noted(`${best.kept}${best.doubtful ? "†" : ""} `, "number", best.interval);
      const known = best.risk_note ? "number risk" : "number risk none";
      const risk = noted(`${best.risk} `, known, best.risk_interval, best.risk_note);
      const [lost, gain] = [best.loss, best.gain_loss].map((text) => cell(text, "number lost"));
      row.replaceChildren(name, query, cell(best.use, "use"), lost, kept, gain, risk);
    }
  };

  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();
