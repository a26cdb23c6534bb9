// One page at a time, by the address's hash. Without JavaScript, and printed, all are shown.
"use strict";
(() => {
  const pages = [...document.querySelectorAll("main > .page")];
  const links = [...document.querySelectorAll("nav a")];
  const show = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const page = (target && target.closest("main > .page")) || pages[0];
    for (const each of pages) each.classList.toggle("away", each !== page);
    for (const link of links) {
      if (link.hash === `#${page.id}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!target || target === page) window.scrollTo(0, 0);
    else target.scrollIntoView();
  };
  window.addEventListener("hashchange", show);
  show();
})();
