// Two models: a forest plot of their differences, and the documents behind a row.

const compareBox = (name) => document.getElementById(`compare-${name}`);
// Pixels; the labels take less where all are short.
const FOREST = { line: 22, label: 230, plot: 330, side: 400 };

function compareRows() {
  const depth = compareBox("depth").value;
  return run.rows.filter(
    (row) => row.primary && (depth === "all" || (depth === "top" ? row.depth === 0 : !row.group)),
  );
}

// A scale of the page's pixels that holds all differences and 0 in its middle.
function scale(ends) {
  const most = Math.max(...ends.map(Math.abs), 1e-9) * 1.05;
  return { most, x: (value) => FOREST.label + FOREST.plot * (0.5 + value / most / 2) };
}

function niceStep(most) {
  const power = 10 ** Math.floor(Math.log10(most / 2));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => most / step <= 3) ?? most;
}

async function showCompare(parts) {
  const [a, b] = [parts[0], parts[1]].map((name, i) =>
    run.models.includes(name) ? run.models.indexOf(name) : i,
  );
  compareBox("a").value = a;
  compareBox("b").value = b;
  const pair = await compared();
  const rows = compareRows();
  let found = rows
    .map((row) => ({ row, pair: a === b ? null : pair(row, a, b) }))
    .filter((each) => each.pair);
  for (const each of found)
    each.gain = each.row.higher ? each.pair.difference : -each.pair.difference;
  if (compareBox("order").value === "difference")
    found = [...found].sort((x, y) => y.row.bounded - x.row.bounded || y.gain - x.gain);
  else found = [...found].sort((x, y) => y.row.bounded - x.row.bounded);
  drawForest(found, a, b);
  const sure = found.filter((each) => each.pair.p !== null && each.pair.p < 0.05);
  const ahead = sure.filter((each) => each.gain > 0).length;
  const apart = rows.length - found.length;
  const behind = sure.length - ahead;
  const [nameA, nameB] = [a, b].map((model) => visible(run.models[model]));
  compareBox("words").textContent = found.length
    ? `Of ${rows.length} tasks, ${nameA} is ahead on ${ahead}, ${nameB} on ${behind}; ` +
      `${found.length - sure.length} undecided${apart ? `; ${apart} not compared` : ""}.`
    : "Choose two different models that were compared. Both must have answered a task. " +
      "Where the run has many models, one of the two must be the best on a task.";
  const chosen = found.find(
    (each) => each.row.benchmark === parts[2] && each.row.task === parts[3],
  );
  const flips = document.getElementById("flips");
  if (chosen) await showFlips(flips, chosen, a, b);
  else flips.replaceChildren();
}

function drawForest(found, a, b) {
  FOREST.label = 24 + 7.2 * Math.min(32, Math.max(8, ...found.map(({ row }) => row.task.length)));
  const shared = found.filter((each) => each.row.bounded);
  const axis = scale(
    shared.flatMap(({ pair }) => [pair.difference, pair.low ?? 0, pair.high ?? 0]),
  );
  const y = (i) => 34 + FOREST.line * i + (found[i]?.row.bounded || !shared.length ? 0 : 24);
  const height = y(found.length - 1) + 34;
  const width = FOREST.label + FOREST.plot + FOREST.side;
  const svg = el("svg:svg", {
    class: "chart forest",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "group",
    "aria-label": "Differences between the two models",
  });
  const end = 26 + FOREST.line * shared.length;
  const text = (x, line, kind, ...content) =>
    el("svg:text", { x, y: line, class: kind }, ...content);
  if (shared.length) {
    const step = niceStep(axis.most);
    for (let value = -Math.floor(axis.most / step) * step; value <= axis.most; value += step) {
      svg.append(
        el("svg:line", { class: "grid", x1: axis.x(value), x2: axis.x(value), y1: 22, y2: end }),
      );
      svg.append(
        text(
          axis.x(value),
          end + 13,
          "tick",
          Math.abs(value) < step / 2 ? "0" : signed(value, step < 0.1 ? 2 : 1),
        ),
      );
    }
  }
  const middle = FOREST.label + FOREST.plot / 2;
  if (shared.length)
    svg.append(el("svg:line", { class: "zero", x1: middle, x2: middle, y1: 22, y2: end }));
  if (shared.length < found.length)
    svg.append(
      el("svg:line", {
        class: "zero",
        x1: middle,
        x2: middle,
        y1: shared.length ? end + 18 : 22,
        y2: height - 20,
      }),
    );
  svg.append(
    text(middle - 8, 14, "label", `← ${visible(run.models[b])} better`),
    text(middle + 8, 14, "value", `${visible(run.models[a])} better →`),
  );
  svg.append(
    text(FOREST.label + FOREST.plot + 14, 14, "note", "A − B, 95 % interval"),
    text(width - 96, 14, "label", "adjusted p"),
    text(width - 6, 14, "label", "detectable"),
  );
  found.forEach(({ row, pair, gain }, i) => {
    const sign = row.higher ? 1 : -1;
    const own = row.bounded ? axis : scale([pair.difference, pair.low ?? 0, pair.high ?? 0]);
    const group = el("svg:g", { class: pair.p !== null && pair.p < 0.05 ? "strong" : "plain" });
    if (pair.low !== null)
      group.append(
        el("svg:line", {
          class: "interval",
          x1: own.x(sign * pair.low),
          x2: own.x(sign * pair.high),
          y1: y(i),
          y2: y(i),
        }),
      );
    group.append(el("svg:circle", { class: "dot", cx: own.x(gain), cy: y(i), r: 4 }));
    const name = row.task.length > 32 ? `${row.task.slice(0, 31)}…` : row.task;
    const link = el("svg:a", {
      href: fragment("compare", run.models[a], run.models[b], row.benchmark, row.task),
    });
    link.append(
      text(FOREST.label - 10, y(i) + 4, "label", visible(name)),
      el("svg:title", {}, visible(`${row.task}, ${row.metric}, ${pair.n} documents, ${pair.test}`)),
    );
    const interval = pair.low === null ? "" : `  ${gap(pair, pair.low)} to ${gap(pair, pair.high)}`;
    svg.append(
      link,
      group,
      text(
        FOREST.label + FOREST.plot + 14,
        y(i) + 4,
        "value",
        gap(pair, pair.difference),
        el("svg:tspan", { class: "note", dx: 6 }, interval),
      ),
    );
    svg.append(
      text(width - 96, y(i) + 4, "label", probability(pair.p)),
      text(
        width - 6,
        y(i) + 4,
        "label",
        pair.detectable === null
          ? "–"
          : pair.scale === "log"
            ? gap(pair, pair.detectable)
            : number(pair.detectable),
      ),
    );
  });
  document.getElementById("forest").replaceChildren(...(found.length ? [svg] : []));
  const cells = found.map(({ row, pair }) => [
    row.task,
    row.filter,
    row.metric,
    run.models[a],
    run.models[b],
    pair.n,
    pair.difference,
    pair.low,
    pair.high,
    pair.p,
    pair.p_bh,
    pair.effect,
    pair.detectable,
    pair.scale,
    pair.test,
  ]);
  const quoted = (cell) =>
    typeof cell === "string"
      ? `"${/^[=+\-@\t\r]/.test(cell) ? "'" : ""}${cell.replaceAll('"', '""')}"`
      : (cell ?? "");
  const header =
    "task,filter,metric,model_a,model_b,n,difference,ci_low,ci_high," +
    "p_holm,p_bh,effect,detectable,scale,test";
  document.querySelector("[data-name=differences] .csv").textContent = [
    header,
    ...cells.map((line) => line.map(quoted).join(",")),
  ].join("\n");
}

async function showFlips(place, { row, pair }, a, b) {
  place.replaceChildren(el("h2", {}, visible(row.task)));
  if (row.group) {
    place.append(
      el(
        "p",
        { class: "caption" },
        "A group has no documents of its own: choose “all without groups” above.",
      ),
    );
    return;
  }
  const index = await indexOf(row.benchmark);
  const [ofA, ofB] = [a, b].map((model) => index.models[run.models[model]]?.value ?? []);
  const number_ = index.tasks.indexOf(row.task);
  const held = {
    "right/right": [],
    "right/wrong": [],
    "wrong/right": [],
    "wrong/wrong": [],
    other: [],
  };
  index.task.forEach((task, i) => {
    if (task !== number_) return;
    const [x, y] = [ofA[i], ofB[i]];
    if (x === undefined || x === null || y === undefined || y === null) return;
    const key = `${grade(row, x)}/${grade(row, y)}`;
    if (held[key]) held[key].push(i);
    else if (x !== y) held.other.push(i);
  });
  const names = [a, b].map((model) => visible(run.models[model]));
  if (row.bounded) {
    const count = (key) => el("td", { class: "num" }, whole(held[key].length));
    place.append(
      el(
        "table",
        { class: "plain two" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("td"),
            el("th", { scope: "col", class: "num" }, `${names[1]} right`),
            el("th", { scope: "col", class: "num" }, `${names[1]} wrong`),
          ),
        ),
        el(
          "tbody",
          {},
          el(
            "tr",
            {},
            el("th", { scope: "row" }, `${names[0]} right`),
            count("right/right"),
            count("right/wrong"),
          ),
          el(
            "tr",
            {},
            el("th", { scope: "row" }, `${names[0]} wrong`),
            count("wrong/right"),
            count("wrong/wrong"),
          ),
        ),
      ),
      el(
        "p",
        { class: "caption" },
        `Documents by ${visible(row.metric)}; ` +
          `partly right on either side and different: ${held.other.length}. ` +
          `${visible(pair.test)}, adjusted p ${probability(pair.p)}.`,
      ),
    );
  }
  const lists = [
    [`Only ${names[0]} right`, held["right/wrong"], a],
    [`Only ${names[1]} right`, held["wrong/right"], b],
    ["Partly right, and different", held.other, a],
  ];
  if (!row.bounded && !held.other.length)
    place.append(el("p", { class: "caption" }, "This metric has no score per document."));
  for (const [title, documents, model] of lists)
    if (documents.length) place.append(flipList(title, documents, index, row, model));
}

function flipList(title, documents, index, row, model) {
  const list = el("ul", { class: "flips" });
  const more = (from) => {
    for (const i of documents.slice(from, from + 100)) {
      const address = fragment("samples", run.models[model], row.benchmark, row.task, index.doc[i]);
      list.append(
        el(
          "li",
          {},
          el("a", { href: address }, `${index.doc[i]}`),
          ` ${visible(index.snippet[i])}`,
        ),
      );
    }
    const left = documents.length - from - 100;
    if (left > 0)
      list.append(
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              click: (event) => (event.target.parentElement.remove(), more(from + 100)),
            },
            `${left} more`,
          ),
        ),
      );
  };
  more(0);
  return el(
    "details",
    { open: documents.length < 30 },
    el("summary", {}, `${title} (${documents.length})`),
    list,
  );
}

function startCompare() {
  for (const name of ["a", "b"])
    compareBox(name).append(
      ...run.models.map((model, i) => el("option", { value: i }, visible(model))),
    );
  const go = () =>
    (location.hash = fragment(
      "compare",
      run.models[compareBox("a").value],
      run.models[compareBox("b").value],
    ));
  for (const name of ["a", "b"]) compareBox(name).addEventListener("change", go);
  for (const name of ["depth", "order"])
    compareBox(name).addEventListener("change", () => showCompare(place().parts));
  document.getElementById("swap").addEventListener("click", () => {
    [compareBox("a").value, compareBox("b").value] = [compareBox("b").value, compareBox("a").value];
    go();
  });
}

startCompare();
shows.set("compare", { show: showCompare, problem: document.getElementById("flips") });
