// Leaderboards: each heading becomes a button that sorts; aria-sort says how. What is missing stays last.
const sorting = (() => {
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
  // The column that a table is sorted by, and the way.
  function sorted(table) {
    const heads = all("thead th", table), place = Math.max(heads.findIndex((th) => th.hasAttribute("aria-sort")), 0);
    return [place, heads[place].getAttribute("aria-sort") ?? "ascending"];
  }
  for (const table of all(".leaders")) {
    all("thead th", table).forEach((th, place) => {
      const button = made("button", "", { type: "button" });
      button.append(...th.childNodes);
      th.append(button);
      button.addEventListener("click", () => {
        const best = th.dataset.best, worst = best === "ascending" ? "descending" : "ascending";
        sort(table, place, th.getAttribute("aria-sort") === best ? worst : best);
        table.dispatchEvent(new Event("sorted"));
      });
    });
    all("thead th", table)[0].setAttribute("aria-sort", "ascending");
  }
  return { sort, sorted };
})();
