// Show the view that the address names, and change between light and dark.

const views = [...document.querySelectorAll(".view")];

async function route() {
  const { view, parts, query } = place();
  const current = views.find((each) => each.id === view) ?? views[0];
  for (const each of views) each.classList.toggle("current", each === current);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${current.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const own = shows.get(current.id);
  try {
    await own?.show(parts, query);
  } catch (error) {
    own.problem.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
  }
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : prefersDark;
  root.dataset.theme = dark ? "light" : "dark";
});

addEventListener("hashchange", async () => {
  const before = document.querySelector(".view.current");
  await route();
  if (document.querySelector(".view.current") !== before) scrollTo(0, 0);
});
route();
