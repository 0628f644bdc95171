"use strict";
(() => {
  const root = document.documentElement;
  const search = document.getElementById("search");
  const count = document.getElementById("found");
  const theme = document.getElementById("theme");
  const parts = [...document.querySelectorAll("[data-text]")];

  const open = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    target.open = true;
    (target.querySelector("summary") ?? target).focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    // A second click on the same cell does not fire hashchange.
    if (link && link.hash === location.hash) open();
  });

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const part of parts) {
      const hit = words.every((word) => part.dataset.text.toLowerCase().includes(word));
      part.hidden = !hit;
      if (hit && part.tagName === "DETAILS") {
        shown += 1;
        part.classList.toggle("found", words.length > 0);
      }
    }
    count.textContent = words.length ? `${shown} found` : "";
  };
  search.addEventListener("input", filter);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });

  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    theme.setAttribute("aria-pressed", String(!dark));
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));
  open();
})();
