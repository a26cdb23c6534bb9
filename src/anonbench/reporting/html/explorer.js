// The retrieval explorer: the reference's and a scenario's first results of one query, side by side.
"use strict";
(() => {
  const source = document.getElementById("explorer-data");
  if (!source) return;
  const datasets = JSON.parse(source.textContent);
  const place = document.getElementById("explore");
  const form = place.querySelector("form");
  const strip = form.querySelector(".queries div");
  const summary = document.getElementById("explore-summary");
  const KEYS = ["method", "degree", "adaption", "query"];
  const LABELS = {
    method: { ...JSON.parse(place.dataset.methods), original: "None (originals)" },
    adaption: {
      unadapted: place.dataset.system ?? "Unadapted",
      control: "Unadapted, retrained",
      A: "Adaption A",
      B: "Adaption B",
      C: "Adaption C",
      D: "Adaption D",
      pixels: "Raw pixels",
      untrained: "Untrained network",
    },
    query: { original: "Original", anonymized: "Anonymized" },
  };

  const make = (tag, text = "", kind = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };

  const label = (key, value) => (key === "degree" ? `${value}\u00a0%` : LABELS[key]?.[value] ?? value);

  // A list of choices that keeps what was chosen before, where it is still among them.
  const fill = (name, entries) => {
    const select = form.elements[name];
    const before = select.value;
    select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
    if (entries.some(([value]) => String(value) === before)) select.value = before;
  };

  const chosen = () => {
    const data = datasets[Number(form.elements.dataset.value)];
    let left = data.scenarios;
    for (const key of KEYS) {
      const values = [...new Set(left.map((scenario) => scenario[key]))];
      fill(key, values.map((value) => [value, label(key, value)]));
      left = left.filter((scenario) => String(scenario[key]) === form.elements[key].value);
    }
    return [data, left[0]];
  };

  const thumbnail = (data, image, kinds) => {
    const kind = kinds.find((name) => data.thumbnails[name]?.[image]);
    if (!kind) return make("span", "no picture", "picture none");
    const picture = make("img", "", "picture");
    picture.src = data.thumbnails[kind][image];
    picture.alt = `Image ${data.names[image]}${kind === "original" ? "" : ", anonymized"}`;
    return picture;
  };

  const item = (data, results, i, kinds) => {
    const image = results.images[i];
    const match = results.ranks[i] <= data.k;
    const element = make("li", "", match ? "match" : "");
    const text = make("p");
    text.append(
      make("span", match ? "✓ match" : "✗ no match", "tell"),
      make("span", `cosine ${results.similarities[i].toFixed(3)}`),
      make("span", `ref. rank ${results.ranks[i].toLocaleString("en")}`),
    );
    if (data.labels) text.append(make("span", data.labels[image], "class"));
    element.append(thumbnail(data, image, kinds), make("span", data.names[image], "name"), text);
    return element;
  };

  const list = (id, data, results, kinds) =>
    document
      .getElementById(id)
      .replaceChildren(...results.images.map((_, i) => item(data, results, i, kinds)));

  const kindsOf = (data, scenario, reference) => {
    const all = Object.keys(data.thumbnails);
    return data.originals && (reference || scenario.method === "original")
      ? ["original", ...all]
      : [scenario.method, ...all.filter((name) => name !== "original"), "original"];
  };

  const show = () => {
    const [data, scenario] = chosen();
    if (!scenario) return;
    const query = Number(form.elements.asked?.value ?? 0);
    const reference = data.queries[query];
    const results = scenario.results[query];
    const names = KEYS.slice(0, 3).map((key) => label(key, scenario[key]));
    document.getElementById("scenario-head").textContent =
      `Scenario: ${names.join(", ")}, ${label("query", scenario.query).toLowerCase()} query`;
    list("reference-list", data, reference, kindsOf(data, scenario, true));
    list("scenario-list", data, results, kindsOf(data, scenario, false));
    const kept = results.images.filter((image) => reference.images.includes(image)).length;
    const matches = results.ranks.filter((rank) => rank <= data.k).length;
    summary.textContent =
      `${kept} of the reference’s first ${reference.images.length} results are among the ` +
      `scenario’s first ${results.images.length}, ${matches} of which are matches ` +
      `(among the reference’s first k = ${data.k.toLocaleString("en")} of ` +
      `${data.images.toLocaleString("en")} images).`;
  };

  const queries = () => {
    const data = datasets[Number(form.elements.dataset.value)];
    const scenario = { method: form.elements.method.value };
    const choices = data.queries.map(({ image }, i) => {
      const box = make("input");
      Object.assign(box, { type: "radio", name: "asked", value: String(i), checked: i === 0 });
      const choice = make("label");
      choice.append(box, thumbnail(data, image, kindsOf(data, scenario, true)));
      return choice;
    });
    strip.replaceChildren(...choices);
    form.querySelector("legend").textContent = `Query (${choices.length} of ${data.images.toLocaleString("en")} images)`;
  };

  form.addEventListener("change", (event) => {
    if (event.target.name === "dataset") chosen();
    const query = form.elements.asked?.value;
    if (["dataset", "method"].includes(event.target.name)) {
      queries();
      const again = strip.querySelector(`input[value="${Number(query)}"]`);
      if (again && event.target.name === "method") again.checked = true;
    }
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  fill("dataset", datasets.map((data, i) => [i, data.dataset]));
  chosen();
  queries();
  show();
  place.hidden = false;
  document.getElementById("explore-off").hidden = true;
})();
