// The best choice under a constraint: the first that meets it, of a list that is sorted already. It
// chooses, and says why there is no choice, as `_choose` in advice.py does.
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

  // as `named` in best.py
  const named = (options) => {
    const models = new Map();
    for (const { of_method: method, of_model: model } of options) {
      models.set(method, [...(models.get(method) || []), model]);
    }
    return [...models].map(([method, names]) => `${method} with ${names.join(", ")}`).join("; ");
  };

  const choose = (dataset, query, asked) => {
    const own = options.filter((option) => option.dataset === dataset);
    const least = Math.min(Number(asked.degree), Math.max(...own.map((option) => option.degree)));
    const asking = own.filter(
      (option) =>
        option.query === query &&
        option.degree >= least &&
        (!asked.method || option.method === asked.method) &&
        (!asked.adaption || option.adaption === asked.adaption),
    );
    if (!asking.length) return [null, "not run: no scenario meets this", []];
    const rank = ({ standing }) => ["pass", "not known", "fail"].indexOf(standing || "not known");
    const best = Math.min(...asking.map(rank));
    const given = asking.filter((option) =>
      asked.risk ? !option.failed : rank(option) === best,
    );
    if (!given.length) {
      const { use, failed, standing } = asking.find((option) => rank(option) === best);
      const why =
        standing === "fail"
          ? `does not for ${failed}`
          : `is not known to: ${failed.replace(/^not known: /, "")}`;
      return [null, `none: no choice passes the policy; ${use} ${why}`, []];
    }
    const surely = (option) => option.risk_high !== null && option.risk_high <= Number(asked.risk);
    const within = given.filter((option) => !asked.risk || surely(option));
    const first = within[0] || given[0];
    if (within.length && !first.unknown) {
      const asGood = (option) =>
        option !== first &&
        option.degree === first.degree &&
        first.alike.includes(`${option.method}/${option.adaption}`);
      return [first, "", within.filter(asGood)];
    }
    const missing = first.unknown ? [first.unknown] : [];
    const open = within.length ? undefined : given.find((option) => option.risk_high === null);
    if (open) missing.push(`re-identification of ${open.risk_unknown}`);
    if (missing.length) return [null, `not known: ${missing.join("; ")}`, []];
    const nearest = given.reduce((a, b) => (b.risk_high < a.risk_high ? b : a));
    return [
      null,
      `none: no choice surely stays at or below ${asked.risk} % re-identified; nearest is ` +
        `${nearest.use}, at up to ${nearest.risk_high.toFixed(1)} %`,
      [],
    ];
  };

  const show = () => {
    const asked = Object.fromEntries(new FormData(form));
    for (const row of rows) {
      const [best, why, others] = choose(row.dataset.dataset, row.dataset.query, asked);
      const [name, query] = row.cells;
      if (!best) {
        const none = cell(why, "none");
        none.colSpan = 5;
        row.replaceChildren(name, query, none);
        continue;
      }
      const kept = noted(`${best.kept}${best.doubtful ? "†" : ""} `, "number", best.interval);
      const known = best.risk_note ? "number risk" : "number risk none";
      const risk = noted(`${best.risk} `, known, best.risk_interval, best.risk_note);
      const use = [cell(best.use, "use"), cell(named(others), "others")];
      row.replaceChildren(name, query, ...use, kept, cell(best.own, "number"), risk);
    }
  };

  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();
