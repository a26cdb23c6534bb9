// The row of each method that is shown: the first that the reader's choice leaves.
"use strict";
(() => {
  for (const form of document.querySelectorAll(".chooser")) {
    const rows = [...form.parentElement.querySelectorAll("tbody tr")];
    const show = () => {
      const asked = Object.fromEntries(new FormData(form));
      const seen = new Set();
      for (const row of rows) {
        const { method, model, degree, query } = row.dataset;
        const fits =
          (!asked.model || asked.model === model) &&
          (!asked.degree || asked.degree === degree) &&
          (asked.query || "original") === query;
        row.hidden = !fits || seen.has(method);
        if (fits) seen.add(method);
      }
    };
    form.addEventListener("change", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
  }
})();
