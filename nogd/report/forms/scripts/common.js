"use strict";
// What the page's scripts share. Each of the others stands in a block of its own, and the page is whole without any.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
function made(name, words = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = words;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
