// Elements of the page, and what it says.

import { told } from "./regions.js";
import { Problem } from "./server.js";

export const by = (id) => document.getElementById(id);

export const say = (text) => {
  by("said").textContent = text;
};

export const complain = (error) => {
  by("problem").textContent = error?.message ?? "";
  by("problem").hidden = !error;
  by("reload").hidden = !error?.again;
  if (error && !(error instanceof Problem)) throw error;
};

export const make = (tag, text = "", properties = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  return Object.assign(element, properties);
};

// The regions as a list; `pick` selects one of them.
export const listRegions = (regions, selected, pick) =>
  by("rows").replaceChildren(
    ...regions.map((region) => {
      const button = make("button", told(region), { type: "button", className: "pick" });
      button.setAttribute("aria-pressed", region.key === selected);
      button.addEventListener("click", () => pick(region));
      const item = make("li");
      item.append(button);
      return item;
    }),
  );

export const listRemoved = (removed, bringBack) => {
  by("removed").replaceChildren(
    ...removed.map((region) => {
      const back = make("button", "Bring back", { type: "button" });
      back.setAttribute("aria-label", `Bring back ${told(region)}`);
      back.addEventListener("click", () => bringBack(region));
      const item = make("li", told(region));
      item.append(back);
      return item;
    }),
  );
  by("removed-head").hidden = !removed.length;
};
