// Two learners of the reader's choice in the table of pairs, whose rows are tasks; the first pair stands there already.
{
  const FIGURE = "#figure-pairwise";
  const figure = document.querySelector(`${FIGURE} figure`), table = figure?.querySelector("table.frame");
  const caption = figure?.querySelector("figcaption"), leftOut = caption?.textContent.match(/ Of \d+ learners only .*$/)?.[0] ?? "";
  const SIGNS = { better: "▲ better", worse: "▼ worse", "": "not told apart" };
  const negative = (text) => (text === "" || Number(text) === 0 ? text : text.startsWith("-") ? text.slice(1) : `-${text}`);
  // The same row with first and second exchanged.
  const turned = (row) => ({ ...row, first: row.second, second: row.first, first_value: row.second_value, second_value: row.first_value,
    difference: negative(row.difference), low: negative(row.high), high: negative(row.low), wins: String(Number((1 - row.wins).toPrecision(4))) });
  const verdict = (row) => (Number(row.p_holm) < 0.05 ? (Number(row.wins) > 0.5 ? "better" : "worse") : "");
  const cells = (row) => (row ? [row.first_value, row.second_value, `${row.difference}${row.low === "" ? "" : `\n${row.low} to ${row.high}`}`, row.wins, row.p, row.p_holm, SIGNS[verdict(row)]] : Array(7).fill("-"));
  const nameOf = (learner) => learnerOf(learner)?.name ?? learner;

  async function offer() {
    const every = rowsOf(await tableOf(figure.querySelector(".files").dataset.table)), both = [...every, ...every.map(turned)];
    const tasks = [...new Set(every.map((row) => row.task))];
    const form = made("form", "", { class: "filter" });
    const [first, second] = ["First", "Second"].map((words) => {
      const label = made("label", `${words} `), field = made("select", "", { name: words.toLowerCase() });
      label.append(field);
      form.append(label);
      return field;
    });
    const among = (names) => [...new Set(names)].sort((a, b) => place(a) - place(b));
    const place = (name) => byTask.learners.indexOf(learnerOf(name));
    const fill = (field, names) => {
      const kept = field.value;
      field.replaceChildren(...names.map((name) => new Option(nameOf(name), name)));
      field.value = names.includes(kept) ? kept : names[0];
    };
    const rivals = () => among(both.filter((row) => row.first === first.value).map((row) => row.second));
    function show() {
      fill(second, rivals());
      const shown = both.filter((row) => row.first === first.value && row.second === second.value), told = shown.map(verdict);
      [...table.tBodies[0].rows].forEach((line, at) => cells(shown.find((row) => row.task === tasks[at])).forEach((text, cell) => { line.cells[cell + 1].textContent = text; }));
      const count = (said) => told.filter((each) => each === said).length;
      caption.textContent = `First: ${nameOf(first.value)}. Second: ${nameOf(second.value)}. Of ${told.length} task${told.length === 1 ? "" : "s"} the first is better beyond chance on ${count("better")}, worse on ${count("worse")}.${leftOut}`;
    }
    const asked = new URLSearchParams(location.search);
    fill(first, among(both.map((row) => row.first)));
    const earliest = every.reduce((best, row) => ((place(row.first) - place(best.first) || place(row.second) - place(best.second)) < 0 ? row : best));
    const shownAtFirst = [earliest.first, earliest.second];
    const choose = (names) => {
      first.value = names[0];
      fill(second, rivals());
      second.value = names[1];
    };
    choose(shownAtFirst);
    const wanted = [asked.get("first"), asked.get("second")].map((name) => both.find((row) => nameOf(row.first) === name)?.first);
    if (both.some((row) => row.first === wanted[0] && row.second === wanted[1])) {
      choose(wanted);
      show();
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      show();
      const same = first.value === shownAtFirst[0] && second.value === shownAtFirst[1];
      keepInAddress(["first", "second"], same ? [] : [["first", nameOf(first.value)], ["second", nameOf(second.value)]]);
    });
    figure.closest(".panels").before(form);
  }
  if (table && canUnpack) offer();
}
