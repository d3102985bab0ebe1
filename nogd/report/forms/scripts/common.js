"use strict";
// What the page's scripts share. Each of the others stands in a block of its own, and the page is whole without any.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
function made(name, words = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = words;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
// The leaderboard's learners; whoever is spelled somewhere, in full or shortened, is found by it.
const byTask = JSON.parse(document.getElementById("by-task")?.textContent ?? '{"learners": []}');
const bySpelling = new Map();
byTask.learners.forEach((learner) => learner.spellings.forEach((spelling) => bySpelling.set(spelling, learner)));
// A learner by its name in a table, which has it as it is: cleaned and cut as `short_name` in nogd/report/names.py does.
function learnerOf(name) {
  const signs = [...name.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, " ").trim().replace(/\s+/g, " ")];
  return bySpelling.get((signs.length > 120 ? [...signs.slice(0, 79), "…", ...signs.slice(-40)] : signs).join(""));
}

// What the address keeps: pairs of a name and a value, in place of all that were called by these names.
function keepInAddress(names, pairs) {
  const address = new URL(location), asked = new URLSearchParams([...address.searchParams].filter(([name]) => !names.includes(name)));
  for (const [name, value] of pairs) asked.append(name, value);
  address.search = asked;
  try { history.replaceState(null, "", address); } catch { /* a page in a frame may have no address of its own */ }
}

// The tables lie packed in one block of the page, opened when somebody asks for one.
const canUnpack = "DecompressionStream" in window;
let tables;
async function unpacked() {
  const bytes = Uint8Array.from(atob(document.getElementById("tables").textContent.trim()), (sign) => sign.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
}
async function tableOf(key) {
  tables ??= unpacked();
  return (await tables)[key];
}
// Rows of a CSV (RFC 4180) as objects by its heads.
function rowsOf(csv) {
  const rows = [[]];
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows[rows.length - 1].push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\n") rows.push([]);
  }
  const [heads, ...rest] = rows.slice(0, -1);
  return rest.map((row) => Object.fromEntries(heads.map((head, place) => [head, row[place]])));
}

// The places of `M1 2l3-4 0 5`: each but the first is a step from the one before.
function steps(line) {
  const numbers = line.match(/-?[\d.]+/g).map(Number), found = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const [x, y] = at ? found[found.length - 1] : [0, 0];
    found.push([x + numbers[at], y + numbers[at + 1]]);
  }
  return found;
}
const linesOf = (path) => path.getAttribute("d").split("M").slice(1).map(steps);
