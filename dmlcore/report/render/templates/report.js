"use strict";
const folded = [...document.querySelectorAll("details.appendix:not([open])")];
addEventListener("beforeprint", () => folded.forEach((details) => (details.open = true)));
for (const link of document.querySelectorAll('nav a[href^="#"]')) {
  link.addEventListener("click", () => {
    const details = document.getElementById(link.hash.slice(1)).closest("details");
    if (details) details.open = true;
  });
}
for (const figure of document.querySelectorAll("figure.map")) {
  const { labels, cells, classes } = JSON.parse(figure.querySelector("script").textContent);
  const stage = figure.querySelector(".stage");
  const map = stage.querySelector("svg");
  const tip = stage.querySelector(".tip");
  const picture = tip.querySelector(".picture");
  const circles = [...map.querySelectorAll("circle")];
  const places = circles.map((circle) => [circle.cx.baseVal.value, circle.cy.baseVal.value]);
  const buttons = [...figure.querySelectorAll("button")];
  const reach = 30;
  let here = -1;
  let held = -1;

  function light(label) {
    map.classList.toggle("lit", label >= 0);
    circles.forEach((circle, i) => circle.classList.toggle("same", labels[i] === label));
  }

  function show(point) {
    if (point === here) return;
    circles[here]?.classList.remove("here");
    here = point;
    tip.hidden = point < 0;
    light(point < 0 ? held : labels[point]);
    if (point < 0) return;
    circles[point].classList.add("here");
    tip.querySelector("span").textContent = classes[labels[point]];
    picture.style.backgroundPosition = cells[point];
    const [x, y] = places[point].map((value) => (value + 12) / 1024);
    const width = stage.clientWidth;
    tip.style.left = `${Math.min(x * width + 14, width - tip.offsetWidth)}px`;
    if (x * width + 14 + tip.offsetWidth > width) tip.style.left = `${Math.max(0, x * width - 14 - tip.offsetWidth)}px`;
    const top = y * width - tip.offsetHeight / 2;
    tip.style.top = `${Math.max(0, Math.min(top, width - tip.offsetHeight))}px`;
  }

  function nearest(x, y, allowed) {
    let best = -1;
    let least = Infinity;
    places.forEach(([px, py], i) => {
      const distance = Math.hypot(px - x, py - y);
      if (distance < least && allowed(px - x, py - y, i)) [best, least] = [i, distance];
    });
    return best;
  }

  function under(event) {
    const box = map.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 1024 - 12;
    const y = ((event.clientY - box.top) / box.height) * 1024 - 12;
    return nearest(x, y, (dx, dy) => Math.hypot(dx, dy) < reach);
  }

  map.addEventListener("pointermove", (event) => show(under(event)));
  map.addEventListener("pointerdown", (event) => show(under(event)));
  map.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(-1));
  map.addEventListener("blur", () => show(-1));

  const ways = {
    ArrowLeft: (dx, dy) => -dx >= Math.abs(dy),
    ArrowRight: (dx, dy) => dx >= Math.abs(dy),
    ArrowUp: (dx, dy) => -dy >= Math.abs(dx),
    ArrowDown: (dx, dy) => dy >= Math.abs(dx),
  };
  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(-1);
    if (!(event.key in ways)) return;
    event.preventDefault();
    const [x, y] = here < 0 ? [500, 500] : places[here];
    const next = nearest(x, y, (dx, dy, i) => i !== here && (here < 0 || ways[event.key](dx, dy)));
    if (next >= 0) show(next);
  });

  buttons.forEach((button, label) => {
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      held = held === label ? -1 : label;
      buttons.forEach((other, i) => other.setAttribute("aria-pressed", String(i === held)));
      light(held);
    });
  });
}
