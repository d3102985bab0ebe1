// Single runs: a table to find one in, and all that is known of it in a dialogue, opened there or by a click on its dot.
{
  const section = document.getElementById("runs"), SHOWN = 25, POINTS = ["loss", "metric", "test_metric"];
  const COLUMNS = ["id", "learner", "task", "repetition", "status", "loss", "metric", "test_metric", "forwards", "seconds"];
  function short(text) {
    if (text === "" || text === null) return "";
    const value = Number(text), size = Math.abs(value);
    return size > 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential(3) : value.toLocaleString("en", { maximumSignificantDigits: 4 });
  }

  const told = (row, name) => (["id", "learner", "task", "repetition", "status"].includes(name) ? row[name] : short(row[name]));

  // A line through the known points on axes that are logarithmic where values span much.
  function scale(values, size) {
    const low = Math.min(...values), high = Math.max(...values), log = low > 0 && high / low > 20;
    const on = (value) => (log ? Math.log(value) : value), span = on(high) - on(low) || 1;
    return { low, high, log, at: (value) => ((on(value) - on(low)) / span) * size };
  }
  function emptySvg() {
    const holder = made("template");
    holder.innerHTML = "<svg></svg>";
    return holder.content.firstChild;
  }
  function picture(name, curve) {
    const points = curve.forwards.map((x, at) => [x, curve[name][at]]).filter(([x, y]) => x !== null && y !== null);
    if (points.length < 2) return null;
    const [wide, high, left, top] = [220, 90, 44, 8], x = scale(points.map(([at]) => at), wide), y = scale(points.map(([, at]) => at), high);
    const svg = emptySvg(), first = points[0], last = points[points.length - 1];
    const told = `${name} from ${short(first[1])} to ${short(last[1])} over ${short(last[0])} forwards`;
    for (const [key, value] of [["viewBox", `0 0 ${left + wide + 16} ${top + high + 20}`], ["role", "img"], ["aria-label", told], ["style", "--w:3.9"]]) svg.setAttribute(key, value);
    const add = (tag, attributes, words = "") => {
      const each = document.createElementNS(svg.namespaceURI, tag);
      each.textContent = words;
      for (const [key, value] of Object.entries(attributes)) each.setAttribute(key, value);
      svg.append(each);
    };
    add("path", { d: `M${left} ${top}v${high}h${wide}`, fill: "none", stroke: "var(--grid)" });
    const line = points.map(([a, b]) => `${(left + x.at(a)).toFixed(1)} ${(top + high - y.at(b)).toFixed(1)}`).join("L");
    add("path", { d: `M${line}`, fill: "none", stroke: "var(--accent)", "stroke-width": 1.5 });
    const text = { fill: "var(--muted)", "font-size": 9, "font-family": "system-ui, sans-serif" };
    add("text", { ...text, x: left - 4, y: top + 7, "text-anchor": "end" }, short(y.high));
    add("text", { ...text, x: left - 4, y: top + high, "text-anchor": "end" }, short(y.low));
    add("text", { ...text, x: left, y: top + high + 12 }, short(x.low));
    add("text", { ...text, x: left + wide, y: top + high + 12, "text-anchor": "end" }, `${short(x.high)} forwards${x.log ? ", log scale" : ""}`);
    const figure = made("div");
    figure.append(made("h3", `${name}${y.log ? ", log scale" : ""}`), svg);
    return figure;
  }
  function pointsTable(curve) {
    const names = Object.keys(curve), table = made("table", "", { class: "frame" }), head = table.createTHead().insertRow(), body = table.createTBody();
    names.forEach((name) => head.append(made("th", name, { scope: "col" })));
    curve[names[0]].forEach((_, at) => {
      const row = body.insertRow();
      names.forEach((name) => row.append(made("td", short(curve[name][at]))));
    });
    const more = made("details"), box = made("div", "", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table: points of the curve" });
    box.append(table);
    more.append(made("summary", `${body.rows.length} points of its curve`), box);
    return more;
  }
  function facts(pairs) {
    const list = made("dl", "", { class: "facts" });
    for (const [name, value] of pairs) list.append(made("dt", name), made("dd", value));
    return list;
  }
  function command(words, purpose) {
    const line = made("p", `${purpose}: `);
    line.append(made("code", words));
    return line;
  }

  const dialog = made("dialog", "", { "aria-labelledby": "run-title" });
  function whole(run, environments) {
    const pictures = made("div", "", { class: "panels" }), parts = [facts(run.facts)];
    for (const name of POINTS) if (run.curve[name]) pictures.append(picture(name, run.curve) ?? "");
    if (pictures.children.length) parts.unshift(pictures);
    if (run.curve.forwards?.length) parts.push(pointsTable(run.curve));
    else parts.push(made("p", "It has left no curve."));
    if (run.traceback) parts.push(made("h3", "Traceback"), made("pre", run.traceback, { tabindex: "0" }));
    const machine = environments[run.session] ?? [];
    if (machine.length) parts.push(made("h3", "Environment"), facts(machine));
    return parts;
  }
  async function open(id) {
    const { runs, environments, most } = await tableOf("one run"), row = rowsOf(await tableOf("runs")).find((each) => each.id === id);
    if (!row) return;
    const known = runs[id], close = made("button", "Close", { type: "button", class: "close" });
    close.addEventListener("click", () => dialog.close());
    const rest = known ? whole(known, environments) : [facts(COLUMNS.filter((name) => row[name] !== "").map((name) => [name, told(row, name)])), command(`nogd runs --id ${id} --show`, `A page has the curves, settings and environments of no more than ${most.toLocaleString("en")} runs; this prints them`)];
    dialog.replaceChildren(close, made("h2", known?.title ?? `${row.learner} on ${row.task}, repetition ${row.repetition}`, { id: "run-title" }), ...rest, command(`nogd rerun ${id}`, "The same run again"));
    dialog.showModal();
    keepInAddress(["run"], [["run", id]]);
  }

  // The table: the first few runs that fit what is chosen.
  async function offer() {
    const form = section.querySelector("form"), table = section.querySelector("table"), fields = ["learner", "task", "status"];
    const rows = rowsOf(await tableOf("runs"));
    for (const name of fields) for (const value of new Set(rows.map((row) => row[name]))) form[name].add(new Option(name === "learner" ? learnerOf(value)?.name ?? value : value, value));
    const columns = COLUMNS.filter((name) => rows.some((row) => row[name] !== ""));
    columns.forEach((name) => table.tHead.rows[0].append(made("th", name === "id" ? "run" : name.replace("_", " "), { scope: "col" })));
    function show() {
      const fitting = rows.filter((row) => fields.every((name) => form[name].value === "" || row[name] === form[name].value));
      table.tBodies[0].replaceChildren(...fitting.slice(0, SHOWN).map((row) => {
        const line = made("tr"), head = made("th", "", { scope: "row" });
        const button = made("button", row.id.slice(0, 12), { type: "button", class: "choose", "aria-label": `Run ${row.id.slice(0, 12)}: ${row.learner} on ${row.task}, repetition ${row.repetition}` });
        button.addEventListener("click", () => open(row.id));
        head.append(button);
        line.append(head, ...columns.slice(1).map((name) => made("td", told(row, name))));
        return line;
      }));
      form.querySelector("output").textContent = fitting.length > SHOWN ? `The first ${SHOWN} of ${fitting.length.toLocaleString("en")} runs.` : `${fitting.length} run${fitting.length === 1 ? "" : "s"}.`;
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", show);
    form.reset();
    show();
    const asked = new URLSearchParams(location.search).get("run");
    if (asked) open(asked);
  }
  if (section && canUnpack) {
    document.body.append(dialog);
    dialog.addEventListener("close", () => keepInAddress(["run"], []));
    document.addEventListener("click", (event) => {
      const run = event.target.closest?.("[data-run]")?.dataset.run;
      if (run) open(run);
    });
    all("[data-scripted]").forEach((each) => { each.hidden = false; });
    offer();
  } else all("[data-scripted]").forEach((each) => each.remove());
}
