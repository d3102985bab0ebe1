// What learning curves are drawn against: forwards, as they come, or seconds or FLOPs. Each point of a learner moves to
// what its runs had spent by then, which stands in the table behind the picture.
{
  const NAMES = { forwards: "forwards", seconds: "seconds", flops: "FLOPs" };
  const asked = new URLSearchParams(location.search).get("against");
  const figures = all("figure").filter((figure) => figure.querySelector("svg g.cost"));
  const kept = new Map(); // of each picture what it was drawn as

  const short = (value) => {
    const [, size, letter] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [0, ""]].map(([size, letter]) => [value >= size, size, letter]).find(([fits]) => fits);
    return `${Number((value / (size || 1)).toPrecision(1))}${letter}`;
  };
  // Whole decades between two costs, at most six.
  function ticks(low, high) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9), stride = Math.ceil((last - first + 1) / 6);
    const found = [];
    for (let power = first; power <= last; power += stride) found.push(10 ** power);
    return found.length ? found : [low];
  }
  // From forwards to another cost on a logarithmic scale: straight between the points of the table.
  function translation(rows, kind) {
    const from = rows.map((row) => Math.log(row.forwards)), to = rows.map((row) => (row[kind] > 0 ? Math.log(row[kind]) : -Infinity));
    return (forwards) => {
      const x = Math.log(forwards), end = from.findIndex((place) => place >= x - 1e-3);
      if (end < 0) return to[to.length - 1];
      if (end === 0 || from[end] <= x + 1e-3 || to[end - 1] === -Infinity) return to[end];
      return to[end - 1] + ((to[end] - to[end - 1]) * (x - from[end - 1])) / (from[end] - from[end - 1]);
    };
  }

  function remember(svg) {
    if (!kept.has(svg)) {
      const moved = all("g.named path, g.named use, g.cost", svg).map((each) => [each, each.getAttribute("d"), each.getAttribute("x"), each.classList.contains("cost") ? [...each.childNodes] : null]);
      kept.set(svg, { axes: svg.dataset.axes, moved });
    }
    return kept.get(svg);
  }
  function restore(svg) {
    const { axes, moved } = remember(svg);
    svg.dataset.axes = axes;
    for (const [element, d, x, children] of moved) {
      if (d !== null) element.setAttribute("d", d);
      if (x !== null) element.setAttribute("x", x);
      if (children) element.replaceChildren(...children);
    }
  }
  // A marker is drawn around 0, a line or a band within the axes.
  const isCurve = (path, left) => !path.getAttribute("d").includes("C") && linesOf(path)[0][0][0] > left - 1;
  function moveLine(path, across) {
    const closed = path.getAttribute("d").trimEnd().endsWith("z") ? "z" : "";
    path.setAttribute("d", linesOf(path).map((line) => {
      let at = [0, 0];
      return line.map(([x, y], place) => {
        const there = [Math.round(10 * across(x)), Math.round(10 * y)], step = [there[0] - at[0], there[1] - at[1]];
        at = there;
        return `${place ? "" : "M"}${step[0] / 10} ${step[1] / 10}${place ? "" : "l"}`;
      }).join(" ").replace("l ", "l");
    }).join("") + closed);
  }
  function moveAxis(group, at, told) {
    const line = group.querySelector("path"), text = group.querySelector("text"), title = all("text", group).find((each) => NAMES[each.textContent]);
    const [, top, length] = line.getAttribute("d").match(/M\S+ (\S+?)l0 ?(\S+)/);
    const lines = told.map((value) => {
      const copy = line.cloneNode();
      copy.setAttribute("d", `M${at(value).toFixed(1)} ${top}l0 ${length}`);
      return copy;
    });
    const labels = title ? told.map((value) => {
      const copy = text.cloneNode();
      copy.setAttribute("x", at(value).toFixed(1));
      copy.textContent = short(value);
      return copy;
    }) : [];
    group.replaceChildren(...lines, ...labels, ...(title ? [title.cloneNode(true)] : []));
    return title && group.lastChild;
  }
  async function draw(figure, kind) {
    const svg = figure.querySelector("svg");
    restore(svg);
    if (kind === "forwards") return;
    const byLearner = new Map();
    for (const row of rowsOf(await tableOf(figure.querySelector(".files").dataset.table))) {
      const learner = learnerOf(row.learner);
      byLearner.set(learner, [...(byLearner.get(learner) ?? []), row]);
    }
    const costs = [...byLearner.values()].flat().map((row) => Number(row[kind])).filter((cost) => cost > 0);
    if (!costs.length) return; // nobody wrote them down
    const low = Math.min(...costs), high = 1.05 * Math.max(...costs), axes = JSON.parse(svg.dataset.axes);
    const [left, , right] = axes[0].box, [, first, last] = axes[0].x;
    const at = (value) => left + ((right - left) * Math.log(value / low)) / Math.log(high / low);
    for (const [learner, rows] of byLearner) {
      const translated = translation(rows, kind);
      const across = (x) => Math.max(at(Math.exp(translated(first * (last / first) ** ((x - left) / (right - left))))), left);
      for (const group of all("g.named", svg)) if (bySpelling.get(group.dataset.learner) === learner) {
        for (const path of all("path", group)) if (isCurve(path, left)) moveLine(path, across);
        for (const use of all("use", group)) if (Number(use.getAttribute("x"))) use.setAttribute("x", across(Number(use.getAttribute("x"))).toFixed(1));
      }
    }
    for (const group of all("g.cost", svg)) {
      const title = moveAxis(group, at, ticks(low, high));
      if (title) title.textContent = NAMES[kind];
    }
    svg.dataset.axes = JSON.stringify(axes.map((each) => ({ ...each, x: ["log", low, high] })));
  }

  if (figures.length && canUnpack) {
    const form = made("form", "", { class: "filter" }), label = made("label", "Against "), field = made("select", "", { name: "against" });
    for (const [kind, name] of Object.entries(NAMES)) field.add(new Option(name, kind));
    label.append(field);
    form.append(label);
    figures[0].closest(".figure").querySelector(".panels").before(form);
    const show = () => {
      keepInAddress(["against"], field.value === "forwards" ? [] : [["against", field.value]]);
      return Promise.all(figures.map((figure) => draw(figure, field.value)));
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    field.addEventListener("input", show);
    if (asked in NAMES && asked !== "forwards") {
      field.value = asked;
      show();
    }
  }
}
