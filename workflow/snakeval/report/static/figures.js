// Save a figure: its SVG, with the colours of the light theme written into it, or its data as CSV.

const PAINT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity"].concat([
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
]);

function download(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = el("a", { href: url, download: name.replace(/[^\w.-]+/g, "-") });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function standalone(svg) {
  const theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  const copy = svg.cloneNode(true);
  const painted = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(painted[i]);
    if (node.tagName !== "title")
      for (const key of PAINT) node.setAttribute(key, style.getPropertyValue(key));
    node.removeAttribute("class");
  });
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new XMLSerializer().serializeToString(copy);
}

// A figure of several small charts is saved as one image, side by side.
function joined(charts) {
  if (charts.length === 1) return standalone(charts[0]);
  const across = Math.min(4, charts.length);
  const { width, height } = charts[0].viewBox.baseVal;
  const parts = charts.map((svg, i) => {
    const [x, y] = [(i % across) * width, Math.floor(i / across) * height];
    return standalone(svg).replace("<svg", `<svg x="${x}" y="${y}"`);
  });
  const size = `width="${across * width}" height="${Math.ceil(charts.length / across) * height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${parts.join("")}</svg>`;
}

document.addEventListener("click", (event) => {
  const kind = event.target.dataset?.save;
  if (!kind) return;
  const figure = event.target.closest("figure");
  const name = `${figure.dataset.name}.${kind}`;
  if (kind === "csv") download(name, "text/csv", figure.querySelector(".csv").textContent);
  else download(name, "image/svg+xml", joined([...figure.querySelectorAll("svg.chart")]));
});
for (const button of document.querySelectorAll("[data-save=svg]")) {
  const figure = button.closest("figure");
  button.hidden = !figure.querySelector("svg.chart") && figure.dataset.name !== "differences";
}
