// Which learners are shown, which are brought out, and which task alone: in all figures and tables at once. The
// address keeps it, so that a link shows the same.
{
  const form = document.querySelector(".filter"), board = document.querySelector("#board .leaders");
  const data = byTask;
  const SHOWN = "shown", OUT = "brought out", HIDDEN = "hidden", NEXT = { [SHOWN]: OUT, [OUT]: HIDDEN, [HIDDEN]: SHOWN };
  const FIELDS = form ? { learner: form.learner, access: form.access, tag: form.tag, tasktag: form.tasktag } : {};
  const chosen = new Map();
  const stateOf = (learner) => chosen.get(learner.name) ?? SHOWN;

  const marks = new Map(data.learners.map((learner) => [learner, []]));
  const mark = (element, spelling) => marks.get(bySpelling.get(spelling))?.push(element);

  function findInPictures() {
    for (const each of all("svg [data-learner]")) mark(each, each.dataset.learner);
    for (const text of all("svg text")) {
      const learner = bySpelling.get(text.textContent);
      if (!learner) continue;
      text.dataset.learner = learner.spellings[0];
      marks.get(learner).push(text);
    }
  }
  // Rows and columns of tasks, some of which tell the metric behind the task's name. The leaderboard itself is of all.
  const taskMarks = new Map(data.tasks?.map((_, place) => [place, []]));
  const markTask = (element, head) => taskMarks.get(data.tasks.findIndex((task) => head === task || head.startsWith(`${task}: `)))?.push(element);
  function findInTables() {
    for (const table of all("figure .frame, #rules .frame")) {
      const heads = [...table.rows[0].cells].map((cell) => cell.textContent.trim());
      for (const row of table.tBodies[0].rows) {
        mark(row, row.cells[0].textContent.trim());
        markTask(row, row.cells[0].textContent.trim());
      }
      heads.forEach((head, place) => {
        if (place > 0) for (const row of table.rows) markTask(row.cells[place], head);
        if (place > 0 && bySpelling.has(head)) for (const row of table.rows) mark(row.cells[place], head);
      });
    }
    for (const row of all(".leaders tbody tr")) mark(row, row.cells[1].dataset.v);
  }

  const wanted = (learner) => {
    const asked = form.learner.value.trim().toLowerCase(), access = form.access?.value ?? "", tag = form.tag?.value ?? "";
    return learner.name.toLowerCase().includes(asked) && (access === "" || learner.access === access) && (tag === "" || learner.tags.includes(tag));
  };
  const wantedTask = (place) => (form.task.value === "" || Number(form.task.value) === place) && (!form.tasktag?.value || data.task_tags[place].includes(form.tasktag.value));
  function showLearners() {
    const some = data.learners.some((learner) => stateOf(learner) === OUT);
    for (const [learner, elements] of marks) {
      const state = stateOf(learner), off = state === HIDDEN || !wanted(learner);
      for (const element of elements) {
        element.classList.toggle("off", off);
        element.classList.toggle("out", state === OUT && !off);
      }
    }
    document.body.classList.toggle("choosing", some);
  }

  // The leaderboard: the cells of one task alone come from the page's own data.
  const rows = board ? all("tbody tr", board) : [], columns = board ? [...board.rows[0].cells].map((_, at) => at).filter((at) => at !== 1) : [];
  const together = rows.map((row) => columns.map((at) => [row.cells[at].textContent, row.cells[at].dataset.v]));
  const nothing = columns.map(() => ["n/a", null]);
  function showBoard() {
    const task = form.task.value;
    rows.forEach((row, place) => {
      const learner = data.learners[place], cells = task === "" ? together[place] : data.rows[task][place] ?? nothing;
      row.hidden = !wanted(learner);
      columns.forEach((at, cell) => {
        row.cells[at].textContent = cells[cell][0];
        row.cells[at].dataset.v = cells[cell][1] ?? "";
      });
      const button = row.cells[1].querySelector("button");
      button.setAttribute("aria-pressed", stateOf(learner) === OUT);
      stateOf(learner) === HIDDEN ? button.setAttribute("aria-label", `${learner.name} (hidden)`) : button.removeAttribute("aria-label");
    });
    sorting.sort(board, ...sorting.sorted(board));
  }
  function showTask() {
    const some = form.task.value !== "" || Boolean(form.tasktag?.value);
    for (const [place, elements] of taskMarks) for (const element of elements) element.classList.toggle("off", !wantedTask(place));
    for (const figure of all("figure")) {
      const place = data.tasks.indexOf(figure.querySelector("h4")?.textContent.trim());
      figure.hidden = place >= 0 && !wantedTask(place);
    }
    for (const more of all(".more")) {
      const holds = some && more.querySelector("figure:not([hidden])");
      if (holds && !more.open) more.dataset.opened = "";
      if (holds) more.open = true;
      else if ("opened" in more.dataset) {
        more.open = false;
        delete more.dataset.opened;
      }
    }
  }

  // What is chosen, in words and in the address.
  const active = made("p", "", { class: "active", hidden: "" }), undo = made("button", "Show all", { type: "button" });
  function tell() {
    const shown = data.learners.filter((learner) => wanted(learner) && stateOf(learner) !== HIDDEN);
    const out = shown.filter((learner) => stateOf(learner) === OUT).length;
    const tag = form.tasktag?.value ? `, tasks of ${form.tasktag.value}` : "";
    const task = (form.task.value === "" ? "" : `, on ${data.tasks[form.task.value]} alone`) + tag;
    const told = `${shown.length} of ${data.learners.length} learners${task}${out ? `, ${out} brought out` : ""}`;
    form.querySelector("output").textContent = told;
    active.firstChild.textContent = told + " ";
    active.hidden = !(task || out || shown.length < data.learners.length);
  }
  function keep() {
    const [place, way] = sorting.sorted(board), pairs = [];
    for (const [name, field] of Object.entries(FIELDS)) if (field?.value) pairs.push([name, field.value]);
    if (form.task.value) pairs.push(["task", data.tasks[form.task.value]]);
    for (const learner of data.learners) if (stateOf(learner) !== SHOWN) pairs.push([stateOf(learner) === OUT ? "out" : "hide", learner.name]);
    if (place > 0 || way !== "ascending") pairs.push(["sort", `${board.rows[0].cells[place].textContent.trim()} ${way}`]);
    keepInAddress([...Object.keys(FIELDS), "task", "out", "hide", "sort"], pairs);
  }
  function recall() {
    const asked = new URLSearchParams(location.search), named = (text, name) => text.textContent.trim() === name;
    form.learner.value = asked.get("learner") ?? "";
    for (const [name, field] of Object.entries(FIELDS)) if (field && all("option", field).some((option) => option.value === asked.get(name))) field.value = asked.get(name);
    const task = data.tasks.indexOf(asked.get("task"));
    form.task.value = task < 0 ? "" : task;
    for (const [key, state] of [["out", OUT], ["hide", HIDDEN]]) for (const name of asked.getAll(key)) chosen.set(name, state);
    const [, head, way] = (asked.get("sort") ?? "").match(/^(.*) (ascending|descending)$/) ?? [];
    const place = all("thead th", board).findIndex((th) => named(th, head));
    if (place >= 0) sorting.sort(board, place, way);
  }
  function show() {
    showLearners();
    showBoard();
    showTask();
    tell();
    keep();
  }
  function next(learner) {
    chosen.set(learner.name, NEXT[stateOf(learner)]);
    show();
  }

  if (form && board) {
    data.tasks.forEach((name, place) => form.task.add(new Option(name, place)));
    rows.forEach((row, place) => {
      const name = row.cells[1].querySelector("bdi"), button = made("button", "", { type: "button", class: "choose" });
      name.replaceWith(button);
      button.append(name);
      button.addEventListener("click", () => next(data.learners[place]));
    });
    findInPictures();
    findInTables();
    form.hidden = rows.length < 2;
    form.reset();
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    board.addEventListener("sorted", keep);
    document.addEventListener("click", (event) => {
      if (event.target.closest?.("[data-run]")) return;
      const learner = bySpelling.get(event.target.closest?.("svg [data-learner]")?.dataset.learner);
      if (learner) next(learner);
    });
    undo.addEventListener("click", () => {
      chosen.clear();
      form.reset();
      show();
    });
    active.append("", undo);
    document.querySelector("main").append(active);
    recall();
    show();
  }
}
