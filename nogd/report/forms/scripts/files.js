// Tables and pictures as files.
{
  const asCsv = async (files) => new Blob([await tableOf(files.dataset.table)], { type: "text/csv" });

  // The SVG stands alone, in the light colours on white; the PNG is drawn from it.
  function standalone(svg) {
    const copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
    copy.setAttribute("width", width * 4 / 3);
    copy.setAttribute("height", height * 4 / 3);
    for (const name of ["style", "data-axes"]) copy.removeAttribute(name);
    all(".off", copy).forEach((each) => each.remove());
    const style = document.createElementNS(svg.namespaceURI, "style"), back = document.createElementNS(svg.namespaceURI, "rect");
    style.textContent = "* { stroke-linejoin: round; stroke-linecap: butt }";
    for (const [name, given] of [["width", "100%"], ["height", "100%"], ["fill", "#ffffff"]]) back.setAttribute(name, given);
    copy.prepend(style, back);
    return new XMLSerializer().serializeToString(copy).replace(/var\(--[\w-]+, (#[0-9a-f]{6})\)/g, "$1");
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

  function save(blob, name) {
    const link = made("a", "", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  function offer(files, words, ending, make) {
    const button = made("button", words, { type: "button", "aria-label": `${words} of ${files.dataset.of}` });
    button.addEventListener("click", async () => save(await make(), `${files.dataset.file}.${ending}`));
    files.append(button);
  }
  for (const files of all(".files")) {
    const svg = files.closest("figure")?.querySelector("svg");
    if (canUnpack) offer(files, "Data (CSV)", "csv", () => asCsv(files));
    if (svg) for (const [ending, make] of [["svg", asSvg], ["png", asPng]]) offer(files, ending.toUpperCase(), ending, () => make(svg));
  }
}
