// A box drawn, moved or resized by mouse, pen or finger.

import { HANDLES, drawn, moved, resized } from "./regions.js";

const CLICK = 4; // pixels of the screen that a click may move

// Where an event is, in pixels of the original and inside it.
const point = (svg, event, size) => {
  const { left, top, width, height } = svg.getBoundingClientRect();
  const x = ((event.clientX - left) / width) * size.width;
  const y = ((event.clientY - top) / height) * size.height;
  return { x: Math.min(Math.max(x, 0), size.width), y: Math.min(Math.max(y, 0), size.height) };
};

// `begin` takes the event and gives the image's size, with the box that is changed or null for a new
// one; nothing where no box may be changed now. `show` is called with the box on the way, `end` at
// the end: with null where it was a click, or was called off.
export const drags = (svg, { begin, show, end }) => {
  let drag = null;

  svg.addEventListener("pointerdown", (event) => {
    const begun = event.button ? null : begin(event);
    if (!begun) return;
    event.preventDefault();
    const { handle } = event.target.dataset;
    drag = { ...begun, handle, from: point(svg, event, begun.size), at: [event.clientX, event.clientY], now: null };
    svg.setPointerCapture(event.pointerId);
  });

  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const far = Math.hypot(event.clientX - drag.at[0], event.clientY - drag.at[1]);
    if (far < CLICK && !drag.now) return;
    const { box, handle, from, size } = drag;
    const to = point(svg, event, size);
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    if (!box) drag.now = drawn(from, to, 0, size);
    else if (handle) drag.now = resized(box, HANDLES[handle], dx, dy, size);
    else drag.now = moved(box, Math.round(dx), Math.round(dy), size);
    show(drag.now);
  });

  const finish = (box) => {
    if (!drag) return;
    drag = null;
    end(box);
  };
  svg.addEventListener("pointerup", () => finish(drag?.now ?? null));
  svg.addEventListener("pointercancel", () => finish(null));
};
