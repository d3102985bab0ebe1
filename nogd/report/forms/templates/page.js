"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Leaderboards: each heading becomes a button that sorts; aria-sort says how. What is missing stays last.
  const value = (row, place) => row.cells[place].dataset.v ?? "";
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  function sort(table, place, way) {
    const rows = all("tbody tr", table).sort((one, other) => {
      const a = value(one, place), b = value(other, place);
      if (a === "" || b === "") return (a === "") - (b === "");
      return (way === "ascending" ? 1 : -1) * compare(a, b);
    });
    table.tBodies[0].append(...rows);
    all("thead th", table).forEach((th, at) => (at === place ? th.setAttribute("aria-sort", way) : th.removeAttribute("aria-sort")));
  }
  for (const table of all(".leaders")) {
    all("thead th", table).forEach((th, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...th.childNodes);
      th.append(button);
      button.addEventListener("click", () => {
        const best = th.dataset.best, worst = best === "ascending" ? "descending" : "ascending";
        sort(table, place, th.getAttribute("aria-sort") === best ? worst : best);
      });
    });
    all("thead th", table)[0].setAttribute("aria-sort", "ascending");
  }

  // The first leaderboard by learner and by task: the cells of one task alone come from the page's own data.
  const form = document.querySelector(".filter"), table = document.querySelector("#board .leaders");
  if (form && table) {
    const data = JSON.parse(document.getElementById("by-task").textContent);
    const rows = all("tbody tr", table), columns = [...table.rows[0].cells].map((_, at) => at).filter((at) => at !== 1);
    const learnerless = columns.map(() => ["n/a", null]);
    const together = rows.map((row) => columns.map((at) => [row.cells[at].textContent, row.cells[at].dataset.v]));
    data.tasks.forEach((name, place) => form.task.add(new Option(name, place)));
    const show = () => {
      const asked = form.learner.value.trim().toLowerCase(), task = form.task.value;
      rows.forEach((row, learner) => {
        row.hidden = !row.cells[1].dataset.v.toLowerCase().includes(asked);
        const cells = task === "" ? together[learner] : data.rows[task][learner] ?? learnerless;
        columns.forEach((at, place) => {
          row.cells[at].textContent = cells[place][0];
          row.cells[at].dataset.v = cells[place][1] ?? "";
        });
      });
      const heads = all("thead th", table), place = Math.max(heads.findIndex((th) => th.hasAttribute("aria-sort")), 0);
      sort(table, place, heads[place].getAttribute("aria-sort") ?? "ascending");
      const shown = rows.filter((row) => !row.hidden).length;
      form.querySelector("output").textContent = `${shown} of ${rows.length} learners${task === "" ? "" : `, on ${data.tasks[task]} alone`}`;
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = rows.length < 2;
    form.reset();
  }

  // Pictures as files: the SVG stands alone, in the light colours on white; the PNG is drawn from it.
  function standalone(svg) {
    const copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
    copy.setAttribute("width", width * 4 / 3);
    copy.setAttribute("height", height * 4 / 3);
    copy.removeAttribute("style");
    const style = document.createElementNS(svg.namespaceURI, "style"), back = document.createElementNS(svg.namespaceURI, "rect");
    style.textContent = "* { stroke-linejoin: round; stroke-linecap: butt }";
    for (const [name, given] of [["width", "100%"], ["height", "100%"], ["fill", "#ffffff"]]) back.setAttribute(name, given);
    copy.prepend(style, back);
    return new XMLSerializer().serializeToString(copy).replace(/var\(--[\w-]+, (#[0-9a-f]{6})\)/g, "$1");
  }
  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  const asSvg = (svg) => new Blob([standalone(svg)], { type: "image/svg+xml" });
  async function asPng(svg) {
    const picture = new Image(), url = URL.createObjectURL(asSvg(svg)), canvas = document.createElement("canvas");
    picture.src = url;
    await picture.decode();
    canvas.width = picture.naturalWidth * 3;
    canvas.height = picture.naturalHeight * 3;
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(url);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }
  for (const figure of all("figure")) {
    const svg = figure.querySelector("svg"), files = figure.querySelector(".files");
    if (!svg) continue;
    const what = files.querySelector(".unseen").textContent;
    for (const [ending, made] of [["svg", asSvg], ["png", asPng]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = ending.toUpperCase();
      button.setAttribute("aria-label", ending.toUpperCase() + what);
      button.addEventListener("click", async () => save(await made(svg), `${figure.dataset.file}.${ending}`));
      files.append(button);
    }
  }

  // The index: open at the side, folded on a narrow screen; it marks what is being read.
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
})();
