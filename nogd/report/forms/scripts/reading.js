// The index: open at the side, folded on a narrow screen; it marks what is being read.
{
  const menu = document.querySelector(".index details"), wide = matchMedia("(min-width: 75rem)");
  const fold = () => { menu.open = wide.matches; };
  fold();
  wide.addEventListener("change", fold);
  menu.addEventListener("click", (event) => { if (event.target.closest("a") && !wide.matches) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || wide.matches) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  const links = all("a", menu), targets = links.map((link) => document.getElementById(link.hash.slice(1)));
  const mark = () => {
    const above = targets.map((target, at) => [target.getBoundingClientRect().top, at]).filter(([top]) => top < innerHeight / 3);
    const current = above.length ? above[above.length - 1][1] : 0;
    links.forEach((link, at) => (at === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  let waiting = 0;
  addEventListener("scroll", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(mark); }, { passive: true });
  mark();

  // Printing opens what is folded.
  addEventListener("beforeprint", () => all("main details:not([open])").forEach((each) => { each.open = true; each.dataset.folded = ""; }));
  addEventListener("afterprint", () => all("main details[data-folded]").forEach((each) => { each.open = false; delete each.dataset.folded; }));
}
