// The table of scores: sort, find, open groups, show differences. Its rows are in the page.

const table = document.getElementById("scores");
const body = table.tBodies[0];
const lines = [...body.rows].map((line, i) => ({
  line,
  row: run.rows[i],
  i,
  score: [...line.cells].slice(2).map((cell) => [...cell.childNodes]),
}));
const opened = new Set(); // keys of groups that are open
const sorting = { by: null, down: true };

// Each line with the lines below it; further metrics of a task stay with their first.
const roots = [];
{
  const path = [];
  for (const each of lines) {
    each.below = [];
    const same = path[each.row.depth];
    path.length =
      each.row.depth +
      (same && same.row.task === each.row.task && same.row.benchmark === each.row.benchmark
        ? 1
        : 0);
    each.above = path[each.row.depth - 1] ?? null;
    if (path.length > each.row.depth) (same.further ??= []).push(each);
    else {
      (each.above?.below ?? roots).push(each);
      path[each.row.depth] = each;
    }
  }
}

function measure(each) {
  if (sorting.by === "task") return each.row.task;
  if (sorting.by === "n") return each.row.n;
  const value = each.shown?.[sorting.by] ?? null;
  return value === null ? null : each.row.higher ? value : -value;
}

function ordered(siblings) {
  if (sorting.by === null) return siblings;
  const turn = sorting.down ? -1 : 1;
  return [...siblings].sort((x, y) => {
    const [a, b] = [measure(x), measure(y)];
    if (a === null || b === null) return (a === null) - (b === null) || x.i - y.i;
    return turn * (typeof a === "string" ? a.localeCompare(b) : a - b) || x.i - y.i;
  });
}

function arrange() {
  const words = document.getElementById("find").value.trim().toLowerCase();
  const extra = document.getElementById("extra").checked;
  const place = document.createDocumentFragment();
  let shown = 0;
  const fits = (each) =>
    !words ||
    `${each.row.task} ${each.row.metric} ${each.row.filter}`.toLowerCase().includes(words);
  const fitsBelow = (each) =>
    fits(each) ||
    (each.further ?? []).some((more) => extra && fits(more)) ||
    each.below.some(fitsBelow);
  const put = (each, visibleHere) => {
    const open = words ? each.below.some(fitsBelow) : opened.has(keyOf(each.row));
    each.line.hidden = !visibleHere || !fitsBelow(each);
    shown += !each.line.hidden;
    each.line.querySelector(".open")?.setAttribute("aria-expanded", open);
    place.append(each.line);
    for (const more of each.further ?? []) {
      more.line.hidden = each.line.hidden || !extra || !(fits(more) || fits(each));
      place.append(more.line);
    }
    for (const inner of ordered(each.below)) put(inner, !each.line.hidden && open);
  };
  for (const each of ordered(roots)) put(each, true);
  body.append(place);
  document.getElementById("found").textContent = words ? `${shown} found` : "";
  for (const head of table.tHead.rows[0].cells) {
    const by = head.querySelector("button").dataset.sort;
    head.setAttribute(
      "aria-sort",
      String(sorting.by) !== by ? "none" : sorting.down ? "descending" : "ascending",
    );
  }
}

// Fill the cells with scores, or with differences to chance, a target or another model.
async function show(mode) {
  const pair = /^m\d+$/.test(mode) ? await compared() : null;
  const other = pair && Number(mode.slice(1));
  for (const each of lines) {
    each.shown = each.row.values.map((value, model) => {
      const cell = each.line.cells[model + 2];
      if (mode === "score") {
        cell.replaceChildren(...each.score[model]);
        cell.removeAttribute("title");
        return value;
      }
      const found = pair && other !== model ? pair(each.row, model, other) : null;
      const base = mode === "chance" ? each.row.chance : mode === "target" ? each.row.target : null;
      const difference = pair
        ? found && found.difference
        : base === null || value === null
          ? null
          : value - base;
      cell.replaceChildren(
        difference === null
          ? el("span", { class: "none" }, "–")
          : el(
              "span",
              { class: found && found.p !== null && found.p < 0.05 ? "v sure" : "v" },
              found ? gap(found, difference) : signed(difference),
            ),
      );
      if (found && found.low !== null)
        cell.append(
          el(
            "span",
            { class: "ci" },
            `${gap(found, found.low)}\u2009…\u2009${gap(found, found.high)}`,
          ),
        );
      if (found && found.p !== null) cell.title = `adjusted p ${probability(found.p)}`;
      return difference;
    });
  }
  table.dataset.mode = mode === "score" ? "score" : "difference";
  arrange();
}

table.tHead.addEventListener("click", (event) => {
  const by = event.target.dataset?.sort;
  if (by === undefined) return;
  const key = by === "task" || by === "n" ? by : Number(by);
  if (sorting.by !== key) Object.assign(sorting, { by: key, down: key !== "task" });
  else if (sorting.down === (key !== "task")) sorting.down = !sorting.down;
  else sorting.by = null;
  arrange();
});
body.addEventListener("click", (event) => {
  const button = event.target.closest(".open");
  if (!button) return;
  const { row } = lines[Number(button.closest("tr").dataset.row)];
  if (!opened.delete(keyOf(row))) opened.add(keyOf(row));
  arrange();
});
document.getElementById("unfold").addEventListener("click", (event) => {
  const open = event.target.getAttribute("aria-pressed") !== "true";
  event.target.setAttribute("aria-pressed", open);
  event.target.textContent = open ? "Close all groups" : "Open all groups";
  opened.clear();
  if (open) for (const each of lines) if (each.below.length) opened.add(keyOf(each.row));
  arrange();
});
document.getElementById("unfold").hidden = !lines.some((each) => each.below.length);
document.getElementById("find").addEventListener("input", arrange);
document.getElementById("extra").addEventListener("change", arrange);
document.getElementById("mode").addEventListener("change", (event) => show(event.target.value));
for (const box of document.querySelectorAll(".pick [data-model]")) {
  box.addEventListener("change", () => {
    for (const cell of table.querySelectorAll(`[data-column="${box.dataset.model}"]`))
      cell.hidden = !box.checked;
  });
}

show("score");
