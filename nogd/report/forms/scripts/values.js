// The value of the nearest curve or point under the pointer, read from the drawing itself and its axes.
{
  const REACH = 14; // points, in which a curve or a point is near
  const tip = made("div", "", { class: "tip", "aria-hidden": "true", hidden: "" });
  document.body.append(tip);
  const told = (value) => (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3) ? value.toExponential(2) : Number(value.toPrecision(3)).toLocaleString("en"));
  // A place between the ends of an axis as a value; null where the axis has names.
  function at(axis, share) {
    if (!axis) return null;
    const [scale, low, high] = axis;
    return scale === "log" ? low * (high / low) ** share : low + (high - low) * share;
  }
  const points = new Map(); // by what a path says, as it may come to say something else
  function pointsOf(path) {
    const told = path.getAttribute("d");
    if (!points.has(told)) points.set(told, /[CQz]/.test(told) ? [] : linesOf(path).flat());
    return points.get(told);
  }
  // The height of a line at x, or its only point.
  function met(line, x) {
    if (line.length === 1) return line[0];
    const end = line.findIndex(([place]) => place >= x);
    if (end < 1) return null;
    const [[x0, y0], [x1, y1]] = [line[end - 1], line[end]];
    return [x, x1 === x0 ? y1 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0)];
  }
  function nearest(svg, box, x, y) {
    let best = null, least = REACH;
    for (const group of all("g.named:not(.off)", svg)) for (const path of group.children) {
      if (path.tagName !== "path") continue;
      const point = met(pointsOf(path), x);
      if (!point || point[1] < box[1] - 1 || point[1] > box[3] + 1) continue;
      const far = Math.hypot(point[0] - x, point[1] - y);
      if (far < least) [best, least] = [[group, ...point], far];
    }
    return best;
  }
  function say(event) {
    tip.hidden = true;
    const svg = event.target.closest?.("svg[data-axes]");
    if (!svg) return;
    const frame = svg.getBoundingClientRect(), [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const x = ((event.clientX - frame.left) / frame.width) * width, y = ((event.clientY - frame.top) / frame.height) * height;
    const axes = JSON.parse(svg.dataset.axes).find(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
    const found = axes && nearest(svg, axes.box, x, y);
    if (!found) return;
    const [group, px, py] = found, [left, top, right, bottom] = axes.box;
    const across = at(axes.x, (px - left) / (right - left)), up = at(axes.y, (bottom - py) / (bottom - top));
    const values = [up, across].filter((value) => value !== null).map(told);
    tip.textContent = `${group.querySelector("title").textContent}: ${values.join(" at ")}`;
    tip.hidden = false;
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.max(event.clientY - tip.offsetHeight - 8, 4)}px`;
  }
  document.addEventListener("pointermove", say, { passive: true });
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
}
