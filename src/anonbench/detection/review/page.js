// The page of a review: one image at a time, its regions over it, written when they are confirmed.
import { drags } from "./pointer.js";
import { area, drawn, group, moved, resized, told } from "./regions.js";
import { Problem, ask, picture } from "./server.js";
import { by, complain, listRegions, listRemoved, make, say } from "./texts.js";

const LABELLED = 60; // regions of which each has its name beside it
const stage = by("stage");
const sheet = by("sheet");
const svg = by("regions");

let images = [];
let entities = [];
let shown = null; // the image as the server gave it
let regions = [];
let removed = [];
let history = [];
let selected = null; // a region's key
let entity = "";
let zoom = 1;
let fitted = true;
let preview = null; // the box of the selected region, or of a new one, while it is dragged
let nextKey = 1;
let busy = false; // while a decision is written
let turns = 0;
const drafts = new Map(); // what was changed and not confirmed, by image

// The list of images

const listed = () => {
  const wanted = by("list").value;
  return images.flatMap((image, i) =>
    wanted === "all" || (wanted === "sample" ? image.sample : image.why.length) ? [i] : [],
  );
};

const progress = () => {
  const list = listed();
  const done = list.filter((i) => images[i].looked).length;
  Object.assign(by("bar"), { max: Math.max(list.length, 1), value: done });
  const open = drafts.size ? `, ${drafts.size} changed and not confirmed` : "";
  by("count").textContent = `${done} of ${list.length} looked at${open}`;
};

const take = ({ looked, estimate }) => {
  const done = new Set(looked);
  images.forEach((image, i) => (image.looked = done.has(i)));
  by("estimate").replaceChildren(...estimate.map((text) => make("p", text)));
  progress();
};

const step = (way) => {
  const list = listed();
  const place = list.indexOf(shown?.number);
  const next = list[place < 0 ? 0 : place + way];
  if (next === undefined) say(way > 0 ? "This is the last image." : "This is the first image.");
  else show(next);
};

// One image

const withKeys = (list) => list.map((region) => ({ ...region, key: nextKey++ }));

// Where another image is asked for before one is there, the last one counts.
const show = async (number) => {
  if (busy) return;
  const turn = ++turns;
  complain(null);
  by("confirm").disabled = true;
  let failed = null;
  try {
    const given = await (await ask(`image/${number}`)).json();
    if (turn !== turns) return;
    begin(given);
    const address = await picture(number);
    if (turn !== turns) return;
    by("picture").src = address;
    by("picture").alt = `Image ${given.name}`;
    by("confirm").disabled = false;
    say(`Image ${given.name}: ${regions.length} ${regions.length === 1 ? "region" : "regions"}.`);
  } catch (error) {
    failed = error;
  }
  if (turn !== turns) return;
  if (failed) complain(failed);
  else stage.focus({ preventScroll: true });
  const next = listed()[listed().indexOf(number) + 1];
  if (next !== undefined) picture(next).catch(() => {}); // told when it is shown
};

// Show an image's regions as the server gave them, or as they were left, where those are the same.
const begin = (given) => {
  const draft = drafts.get(given.number);
  const isSame = draft?.version === given.version;
  shown = given;
  selected = null;
  if (isSame) ({ regions, removed, history } = draft);
  else [regions, removed, history] = [withKeys(given.regions), withKeys(given.removed), []];
  if (draft && !isSame) {
    drafts.delete(given.number);
    complain(new Problem("The image was changed elsewhere: what was changed here is dropped.", false));
  }
  window.history.replaceState(null, "", `#${given.number}`);
  by("picture").removeAttribute("src");
  head();
  fit();
  draw();
};

const head = () => {
  const { number, name, looked, notes } = shown;
  const { why, sample } = images[number];
  by("name").textContent = name;
  const doubts = why.map((each) => (each === "lowest score" ? each : `doubtful: ${each}`));
  const kinds = [...doubts, ...(sample ? ["random sample"] : [])];
  const state = looked ? ["looked at"] : [];
  by("why").textContent = [`${number + 1} of ${images.length}`, ...kinds, ...state, ...notes].join(" · ");
};

const confirm = async () => {
  if (busy || !shown || by("confirm").disabled) return;
  busy = true;
  const { number, version } = shown;
  const sent = regions.map(({ found, row, entity: kind, box }) =>
    found !== undefined ? { found } : row !== undefined ? { row } : { entity: kind, box },
  );
  try {
    const answer = await ask(`confirm/${number}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ version, regions: sent }),
    });
    drafts.delete(number);
    take(await answer.json());
  } catch (error) {
    complain(error);
    return;
  } finally {
    busy = false;
  }
  const list = listed();
  const place = list.indexOf(number);
  const next = [...list.slice(place + 1), ...list.slice(0, place)].find((i) => !images[i].looked);
  await show(next ?? number);
  if (next === undefined) say("Confirmed. All images of this list were looked at.");
};

// Changes

const change = (now, gone = removed) => {
  history = [...history, { regions, removed, selected }];
  [regions, removed] = [now, gone];
  keep();
};

const keep = () => {
  if (history.length) drafts.set(shown.number, { version: shown.version, regions, removed, history });
  else drafts.delete(shown.number);
  progress();
};

const undo = () => {
  const before = history.at(-1);
  if (!before) return say("Nothing to undo.");
  history = history.slice(0, -1);
  ({ regions, removed, selected } = before);
  keep();
  draw();
  say("Undone.");
};

const chosen = () => regions.find(({ key }) => key === selected);

// A region of the person's own in place of one that was found: that one is removed.
const replaced = (region, values) => {
  const { found, row, quad, score, ...rest } = region;
  return { ...rest, quad: null, ...values };
};

const put = (region, values) => {
  const result = replaced(region, values);
  const gone = region.found === undefined ? removed : [...removed, { ...region, key: nextKey++ }];
  change(regions.map((each) => (each === region ? result : each)), gone);
};

const reshape = (box) => {
  const region = chosen();
  if (region.box.every((value, i) => value === box[i])) return say("It is at the edge.");
  put(region, { box });
  draw();
  say(told(chosen()));
};

const add = (box) => {
  const region = { key: nextKey++, entity, box, quad: null };
  change([...regions, region]);
  selected = region.key;
  draw();
  say(`Added: ${told(region)}`);
};

const addInTheMiddle = () => {
  if (!shown) return;
  const { width, height } = shown;
  const [w, h] = [stage.clientWidth, stage.clientHeight].map((side) => side / zoom);
  const x = Math.min((stage.scrollLeft + stage.clientWidth / 2) / zoom, width / 2 + stage.scrollLeft / zoom);
  const y = Math.min((stage.scrollTop + stage.clientHeight / 2) / zoom, height / 2 + stage.scrollTop / zoom);
  const [a, b] = [Math.max(Math.min(w, width) / 12, 1), Math.max(Math.min(h, height) / 12, 1)];
  const limits = { x: width, y: height };
  const at = (value, side) => Math.min(Math.max(value, 0), limits[side]);
  const box = drawn(
    { x: at(x - a, "x"), y: at(y - b, "y") },
    { x: at(x + a, "x"), y: at(y + b, "y") },
    0,
    shown,
  );
  if (box) add(box);
};

const remove = (region) => {
  const gone = region.found === undefined ? removed : [...removed, region];
  const place = regions.indexOf(region);
  change(regions.filter((each) => each !== region), gone);
  selected = null;
  draw();
  say(`Removed: ${told(region)}`);
  (svg.querySelectorAll("g")[Math.min(place, regions.length - 1)] ?? stage).focus({ preventScroll: true });
};

const bringBack = (region) => {
  change([...regions, region], removed.filter((each) => each !== region));
  selected = region.key;
  draw();
  say(`Back: ${told(region)}`);
};

const setEntity = (name) => {
  entity = name;
  const region = chosen();
  if (region && region.entity !== name) {
    put(region, { entity: name, quad: region.quad });
    say(told(chosen()));
  } else if (!region) say(`New regions are of the kind ${name}.`);
  draw();
};

// Picture and regions

const size = (next) => {
  zoom = next;
  sheet.style.setProperty("width", `${shown.width * zoom}px`);
  sheet.style.setProperty("height", `${shown.height * zoom}px`);
};

const fit = () => {
  fitted = true;
  const [width, height] = [stage.clientWidth - 4, stage.clientHeight - 4];
  svg.setAttribute("viewBox", `0 0 ${shown.width} ${shown.height}`);
  size(Math.min(width / shown.width, height / shown.height, 8));
};

// Larger or smaller about a place of the window, the middle where none is given.
const enlarge = (factor, { x, y } = { x: stage.clientWidth / 2, y: stage.clientHeight / 2 }) => {
  const [before, left, top] = [zoom, stage.scrollLeft, stage.scrollTop];
  fitted = false;
  size(Math.min(Math.max(zoom * factor, 0.02), 32));
  stage.scrollLeft = ((left + x) * zoom) / before - x;
  stage.scrollTop = ((top + y) * zoom) / before - y;
  draw();
};

const figure = (region) =>
  group(region, { isSelected: region.key === selected, isLabelled: regions.length <= LABELLED, zoom });

let redrawing = false;

// From top to bottom, then from left to right: the order of Tab and of the list.
const read = (list) => [...list].sort((a, b) => a.box[1] - b.box[1] || a.box[0] - b.box[0]);

// The regions as they are, or as they will be where the mouse is let go.
const present = () => {
  if (!preview) return regions;
  if (!chosen()) return [...regions, { key: 0, entity, box: preview, quad: null }];
  return regions.map((each) => (each.key === selected ? replaced(each, { box: preview }) : each));
};

const draw = () => {
  const focused = document.activeElement?.dataset?.key;
  redrawing = true;
  svg.replaceChildren(...read(present()).map(figure));
  if (focused) svg.querySelector(`[data-key="${selected ?? focused}"]`)?.focus({ preventScroll: true });
  redrawing = false;
  lists();
};

const lists = () => {
  listRegions(read(regions), selected, (region) => select(region.key, true));
  listRemoved(removed, bringBack);
  by("undo").disabled = !history.length;
  const kind = chosen()?.entity ?? entity;
  for (const box of by("entities").querySelectorAll("input")) box.checked = box.value === kind;
};

const select = (key, focus = false) => {
  selected = key;
  draw();
  const element = svg.querySelector(`[data-key="${key}"]`);
  if (element && focus) {
    element.focus({ preventScroll: true });
    element.querySelector(".line").scrollIntoView({ block: "nearest", inline: "nearest" });
  }
};

// Mouse

// Of several regions at a place the smallest; the selected one, where it is its handle.
const pointed = (event) => {
  if (event.target.dataset.handle) return selected;
  const there = document
    .elementsFromPoint(event.clientX, event.clientY)
    .map((element) => element.closest("#regions g")?.dataset.key);
  const found = regions.filter(({ key }) => there.includes(String(key)));
  return found.sort((a, b) => area(a.box) - area(b.box))[0]?.key ?? null;
};

drags(svg, {
  begin: (event) => {
    if (!shown || by("confirm").disabled) return null;
    select(pointed(event), true);
    if (!selected) stage.focus({ preventScroll: true });
    return { box: chosen()?.box ?? null, size: shown };
  },
  show: (box) => {
    preview = box;
    draw();
  },
  end: (box) => {
    preview = null;
    if (!box) draw();
    else if (chosen()) reshape(box);
    else add(box);
  },
});

svg.addEventListener("focusin", (event) => {
  const key = Number(event.target.closest("g")?.dataset.key);
  if (!redrawing && key && key !== selected) select(key, true);
});

stage.addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey || !shown) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    enlarge(event.deltaY < 0 ? 1.25 : 0.8, { x: event.clientX - box.left, y: event.clientY - box.top });
  },
  { passive: false },
);

// Keys: only while the image or a region has the focus

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const EDGES = { a: [-1, 0], d: [1, 0], w: [0, -1], s: [0, 1] };

const keys = {
  n: addInTheMiddle,
  z: undo,
  j: () => step(1),
  k: () => step(-1),
  "+": () => enlarge(1.25),
  "=": () => enlarge(1.25),
  "-": () => enlarge(0.8),
  0: () => {
    fit();
    draw();
  },
  Enter: confirm,
  Escape: () => {
    select(null);
    stage.focus({ preventScroll: true });
  },
};

stage.addEventListener("keydown", (event) => {
  const undoes = (event.ctrlKey || event.metaKey) && event.key === "z";
  if (event.altKey || ((event.ctrlKey || event.metaKey) && !undoes) || !shown || preview) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const region = chosen();
  const far = event.shiftKey ? 10 : 1;
  const kind = entities[Number(key) - 1];
  if (region && ARROWS[key]) reshape(moved(region.box, ...ARROWS[key].map((d) => d * far), shown));
  else if (region && EDGES[key]) reshape(resized(region.box, [2, 3].filter((edge) => EDGES[key][edge - 2]), ...EDGES[key].map((d) => d * far), shown));
  else if (region && (key === "Delete" || key === "Backspace")) remove(region);
  else if (kind) setEntity(kind);
  else if (keys[key]) keys[key]();
  else return;
  event.preventDefault();
});

// Buttons

const press = (id, action) => by(id).addEventListener("click", action);
press("previous", () => step(-1));
press("next", () => step(1));
press("add", () => {
  addInTheMiddle();
  if (selected) select(selected, true);
});
press("undo", undo);
press("smaller", () => enlarge(0.8));
press("larger", () => enlarge(1.25));
press("fit", keys[0]);
press("confirm", confirm);
press("reload", () => {
  drafts.delete(shown.number);
  show(shown.number);
});
by("list").addEventListener("change", () => {
  progress();
  const list = listed();
  if (list.length && !list.includes(shown?.number)) show(list.find((i) => !images[i].looked) ?? list[0]);
});
window.addEventListener("resize", () => {
  if (!shown || !fitted) return;
  fit();
  draw();
});
window.addEventListener("beforeunload", (event) => {
  if (drafts.size) event.preventDefault();
});

const start = async () => {
  try {
    const given = await (await ask("overview")).json();
    ({ images, entities } = given);
    entity = entities[0];
    by("dataset").textContent = given.dataset;
    document.title = `Review: ${given.dataset}`;
    by("entities").replaceChildren(
      ...entities.map((name, i) => {
        const label = make("label");
        const box = make("input", "", { type: "radio", name: "entity", value: name });
        box.addEventListener("change", () => setEntity(name));
        label.append(box, ` ${name} (${i + 1})`);
        return label;
      }),
    );
    take(given);
    lists();
    const asked = Number(window.location.hash.slice(1));
    const first = images.findIndex(({ looked }) => !looked);
    const number = window.location.hash && images[asked] ? asked : Math.max(first, 0);
    if (images.length) await show(number);
    else complain(new Problem("There is no image to look at.", false));
  } catch (error) {
    complain(error);
  }
};

start();
