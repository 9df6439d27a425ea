// The address says what is shown: #view/part/part?name=value. Every part is percent-encoded.

const views = [...document.querySelectorAll(".view")];

function place() {
  const [path, query] = location.hash.slice(1).split("?");
  const [view, ...parts] = path.split("/").map((part) => decodeURIComponent(part));
  return { view, parts, query: new URLSearchParams(query ?? "") };
}

async function route() {
  const { view, parts, query } = place();
  const current = views.find((each) => each.id === view) ?? views[0];
  for (const each of views) each.classList.toggle("current", each === current);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${current.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    if (current.id === "compare") await showCompare(parts);
    if (current.id === "samples") await showSamples(parts, query);
  } catch (error) {
    const told = current.id === "samples" ? document.getElementById("sample") : document.getElementById("flips");
    told.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
  }
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

startCompare();
startSamples();
show("score");
addEventListener("hashchange", async () => {
  const before = document.querySelector(".view.current");
  await route();
  if (document.querySelector(".view.current") !== before) scrollTo(0, 0);
});
route();
