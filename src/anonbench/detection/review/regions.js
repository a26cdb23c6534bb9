// Regions of an image: rectangles in pixels of the original, moved and resized within it, and drawn.

const SVG = "http://www.w3.org/2000/svg";

// Each edge: the place in [x0, y0, x1, y1] that a handle moves.
export const HANDLES = { nw: [0, 1], ne: [2, 1], sw: [0, 3], se: [2, 3], n: [1], s: [3], w: [0], e: [2] };

const between = (value, low, high) => Math.min(Math.max(value, low), high);

export const moved = ([x0, y0, x1, y1], dx, dy, size) => {
  const x = between(dx, -x0, size.width - x1);
  const y = between(dy, -y0, size.height - y1);
  return [x0 + x, y0 + y, x1 + x, y1 + y];
};

// A box with some of its edges moved; they end in whole pixels and leave at least one.
export const resized = (box, edges, dx, dy, size) => {
  const result = [...box];
  for (const edge of edges) {
    const along = edge % 2;
    const limit = along ? size.height : size.width;
    const value = box[edge] + (along ? dy : dx);
    result[edge] =
      edge < 2
        ? between(Math.round(value), 0, Math.max(Math.floor(box[edge + 2] - 1), 0))
        : between(Math.round(value), Math.min(Math.ceil(box[edge - 2] + 1), limit), limit);
  }
  return result;
};

// The box between two points; null where it is no larger than a click.
export const drawn = (from, to, least, size) => {
  const [x0, x1] = [from.x, to.x].sort((a, b) => a - b);
  const [y0, y1] = [from.y, to.y].sort((a, b) => a - b);
  if (x1 - x0 < least || y1 - y0 < least) return null;
  const box = [Math.floor(x0), Math.floor(y0), Math.ceil(x1), Math.ceil(y1)];
  return box.map((value, i) => between(value, 0, i % 2 ? size.height : size.width));
};

export const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);

const outline = ({ box: [x0, y0, x1, y1], quad }) =>
  (quad ?? [x0, y0, x1, y0, x1, y1, x0, y1]).join(" ");

export const told = ({ entity, box, score, quad, found }) => {
  const [x0, y0, x1, y1] = box.map(Math.round);
  const how = found === undefined ? "added" : `found${score === undefined ? "" : `, score ${score}`}`;
  return `${entity}, ${x1 - x0} × ${y1 - y0} at ${x0}, ${y0}, ${how}${quad ? ", slanted" : ""}`;
};

const shape = (tag, kind, attributes) => {
  const element = document.createElementNS(SVG, tag);
  element.setAttribute("class", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

const handles = ({ box: [x0, y0, x1, y1] }, zoom) =>
  Object.keys(HANDLES).map((name) => {
    const x = name.includes("w") ? x0 : name.includes("e") ? x1 : (x0 + x1) / 2;
    const y = name.includes("n") ? y0 : name.includes("s") ? y1 : (y0 + y1) / 2;
    const side = 10 / zoom;
    const element = shape("rect", "handle", { x: x - side / 2, y: y - side / 2, width: side, height: side });
    element.dataset.handle = name;
    element.style.setProperty("cursor", `${name}-resize`);
    return element;
  });

// A region as it is drawn; lines and letters keep their size on the screen.
export const group = (region, { isSelected, isLabelled, zoom }) => {
  const own = region.found === undefined;
  const element = shape("g", `${own ? "added" : "found"}${isSelected ? " selected" : ""}`, {
    tabindex: 0,
    role: "button",
    "aria-pressed": isSelected,
    "aria-label": told(region),
    "data-key": region.key,
  });
  const points = outline(region);
  element.append(shape("polygon", "halo", { points }), shape("polygon", "line", { points }));
  if (isSelected || isLabelled) {
    const text = shape("text", "", {
      x: region.box[0],
      y: Math.max(region.box[1] - 3 / zoom, 12 / zoom),
      "font-size": 12 / zoom,
      "stroke-width": 3 / zoom,
    });
    text.textContent = region.entity;
    element.append(text);
  }
  if (isSelected) element.append(...handles(region, zoom));
  return element;
};
