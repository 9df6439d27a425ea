// The list of samples: choose, filter, search, step. Only the lines in sight exist.
// Their texts are loaded when they are looked at.

const FLAGS = {
  truncated: 1,
  dropped: 2,
  cut: 4,
  empty: 8,
  unextracted: 16,
  refused: 32,
  repeating: 64,
};
const SHOWS = {
  all: "all",
  right: "right",
  wrong: "wrong",
  partial: "partly right",
  disagree: "models disagree",
  truncated: "prompt cut",
  dropped: "examples dropped",
  cut: "answer cut",
  empty: "empty answer",
  unextracted: "not extracted",
  refused: "refused",
  repeating: "repeats itself",
};
const SIGNS = { right: "✓", wrong: "✗", partial: "◐" };
const LINE = 28; // pixels
const list = document.getElementById("sample-list");
const box = (name) => document.getElementById(`sample-${name}`);
const chosen = {
  model: null,
  benchmark: null,
  task: null,
  all: false,
  index: null,
  rows: [],
  at: -1,
  search: 0,
};
const leads = new Map(
  run.rows.filter((row) => row.primary && !row.group).map((row) => [keyOf(row), row]),
);
const leadOf = (row) =>
  leads.get(`${chosen.benchmark}/${chosen.index.tasks[chosen.index.task[row]]}`);
const own = () => chosen.index.models[chosen.model];
const gradeOf = (row, model = chosen.model) =>
  grade(leadOf(row), chosen.index.models[model]?.value[row]);

function disagree(row) {
  const grades = new Set(
    Object.keys(chosen.index.models)
      .map((model) => gradeOf(row, model))
      .filter(Boolean),
  );
  return grades.size > 1;
}

function passes(row, show) {
  const flags = own().flags[row];
  if (flags === null) return false;
  if (show === "disagree") return disagree(row);
  return show === "all" || (FLAGS[show] ? Boolean(flags & FLAGS[show]) : gradeOf(row) === show);
}

const address = (model, row) =>
  fragment(
    "samples",
    model,
    chosen.benchmark,
    chosen.index.tasks[chosen.index.task[row]],
    chosen.index.doc[row],
  ) + questions();

function questions() {
  const kept = {
    all: chosen.all ? "1" : "",
    show: box("show").value === "all" ? "" : box("show").value,
    q: box("query").value.trim(),
  };
  const query = new URLSearchParams(Object.entries(kept).filter(([, value]) => value)).toString();
  return query && `?${query}`;
}

// Show what the address names. A missing part is the first there is.
async function showSamples(parts, query) {
  const [model, benchmark, task, doc] = parts;
  const first = run.rows.find((row) => row.primary && !row.group);
  if (!first) throw new Error("this run has no scored task");
  if (model !== undefined && !run.models.includes(model))
    throw new Error(`this run has no model ${visible(model)}`);
  Object.assign(chosen, {
    model: model ?? run.models[0],
    benchmark: benchmark ?? first.benchmark,
    task: task ?? (benchmark ? null : first.task),
    all: query.has("all"),
  });
  chosen.index = await indexOf(chosen.benchmark);
  chosen.task ??= chosen.index.tasks[0];
  if (!own())
    throw new Error(`${visible(chosen.model)} did not answer ${visible(chosen.benchmark)}`);
  if (!chosen.index.tasks.includes(chosen.task))
    throw new Error(`${visible(chosen.benchmark)} has no task ${visible(chosen.task)}`);
  box("model").value = chosen.model;
  box("task").value = JSON.stringify([chosen.benchmark, chosen.all ? null : chosen.task]);
  box("show").value = query.get("show") in SHOWS ? query.get("show") : "all";
  box("query").value = query.get("q") ?? "";
  const task_ = chosen.index.tasks.indexOf(chosen.task);
  const row =
    doc === undefined
      ? -1
      : chosen.index.doc.findIndex(
          (each, i) => String(each) === doc && chosen.index.task[i] === task_,
        );
  if (doc !== undefined && row < 0)
    throw new Error(`${visible(chosen.task)} has no document ${visible(doc)}`);
  await filter(row);
}

// Fill the list. With words in the search, every text of the documents is read, part by part.
async function filter(row) {
  const search = ++chosen.search;
  const task = chosen.all ? -1 : chosen.index.tasks.indexOf(chosen.task);
  const show = box("show").value;
  const inside = [...chosen.index.task.keys()].filter(
    (i) => (task < 0 || chosen.index.task[i] === task) && (i === row || passes(i, show)),
  );
  const words = box("query").value.trim().toLowerCase();
  chosen.rows = words ? [] : inside;
  chosen.at = -1;
  list.scrollTop = 0;
  draw();
  if (!words) return choose(row < 0 ? 0 : chosen.rows.indexOf(row), false);
  if (row >= 0) await showSample(document.getElementById("sample"), row);
  for (const [done, i] of inside.entries()) {
    const found = await contains(i, words);
    if (search !== chosen.search) return undefined;
    if (found) chosen.rows.push(i);
    if (found && (chosen.rows.length === 1 || i === row))
      await choose(chosen.rows.length - 1, false);
    if (done % 200 === 0) {
      box("count").textContent = `searching: ${whole(done)} of ${whole(inside.length)}`;
      draw(false);
      await new Promise((resume) => setTimeout(resume));
    }
  }
  if (!chosen.rows.length && row < 0) document.getElementById("sample").replaceChildren();
  return draw();
}

async function contains(row, words) {
  if (chosen.index.snippet[row].toLowerCase().includes(words)) return true;
  const [request, response] = await Promise.all([
    recordOf("q", row),
    recordOf(`m${run.models.indexOf(chosen.model)}`, row),
  ]);
  const texts = [
    ...request.questions,
    ...request.choices,
    ...request.references,
    ...request.continuations.map((each) => each.text),
  ];
  if (response)
    texts.push(
      ...response.prompts,
      ...response.texts,
      ...response.scores.map((each) => each.prediction ?? ""),
    );
  return texts.some((text) => text.toLowerCase().includes(words));
}

const recordOf = (stem, row) => record(chosen.benchmark, chosen.index, stem, row);

async function choose(at, focus = true) {
  if (at < 0 || at >= chosen.rows.length) {
    if (!chosen.rows.length)
      document
        .getElementById("sample")
        .replaceChildren(
          el("p", { class: "caption" }, "No sample fits; change “Show” or the search."),
        );
    return;
  }
  chosen.at = at;
  chosen.task = chosen.index.tasks[chosen.index.task[chosen.rows[at]]];
  const top = at * LINE;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + LINE > list.scrollTop + list.clientHeight)
    list.scrollTop = top + LINE - list.clientHeight;
  draw(!box("count").textContent.startsWith("searching"));
  history.replaceState(null, "", address(chosen.model, chosen.rows[at]));
  if (focus) list.focus({ preventScroll: true });
  await showSample(document.getElementById("sample"), chosen.rows[at]);
}

function draw(counted = true) {
  const spacer = list.firstElementChild;
  spacer.style.height = `${chosen.rows.length * LINE}px`;
  const from = Math.max(0, Math.floor(list.scrollTop / LINE) - 4);
  const to = Math.min(
    chosen.rows.length,
    Math.ceil((list.scrollTop + list.clientHeight) / LINE) + 4,
  );
  const several = chosen.all;
  const lines = chosen.rows.slice(from, to).map((row, i) => {
    const verdict = gradeOf(row);
    const flags = Object.keys(FLAGS).filter((flag) => own().flags[row] & FLAGS[flag]);
    const option = el(
      "div",
      {
        role: "option",
        id: `option-${from + i}`,
        "aria-selected": String(from + i === chosen.at),
        "aria-posinset": from + i + 1,
        "aria-setsize": chosen.rows.length,
        class: verdict,
      },
      el("span", { class: "sign", title: verdict }, SIGNS[verdict] ?? "·"),
      el("span", { class: "doc" }, String(chosen.index.doc[row])),
      el(
        "span",
        { class: "snippet" },
        several ? el("em", {}, visible(chosen.index.tasks[chosen.index.task[row]])) : null,
        ` ${visible(chosen.index.snippet[row])}`,
      ),
      flags.length
        ? el("span", { class: "flag", title: flags.map((flag) => SHOWS[flag]).join(", ") }, "!")
        : null,
    );
    option.style.top = `${(from + i) * LINE}px`;
    return option;
  });
  spacer.replaceChildren(...lines);
  if (chosen.at >= from && chosen.at < to)
    list.setAttribute("aria-activedescendant", `option-${chosen.at}`);
  else list.removeAttribute("aria-activedescendant");
  if (counted)
    box("count").textContent =
      `${whole(chosen.rows.length)} sample${chosen.rows.length === 1 ? "" : "s"}`;
}

function startSamples() {
  box("model").append(...run.models.map((model) => el("option", { value: model }, visible(model))));
  for (const { name } of run.benchmarks) {
    const inside = [
      ...new Set(
        run.rows.filter((row) => row.benchmark === name && !row.group).map((row) => row.task),
      ),
    ];
    const group = inside.length > 1 ? el("optgroup", { label: visible(name) }) : box("task");
    if (inside.length > 1)
      group.append(el("option", { value: JSON.stringify([name, null]) }, `${visible(name)}: all`));
    group.append(
      ...inside.map((task) => el("option", { value: JSON.stringify([name, task]) }, visible(task))),
    );
    if (inside.length > 1) box("task").append(group);
  }
  box("show").append(
    ...Object.entries(SHOWS).map(([value, label]) => el("option", { value }, label)),
  );
  const go = () => {
    const [benchmark, task] = JSON.parse(box("task").value);
    Object.assign(chosen, { all: task === null });
    const target =
      fragment("samples", box("model").value, benchmark, ...(task === null ? [] : [task])) +
      questions();
    if (location.hash === target) route();
    else location.hash = target;
  };
  for (const name of ["model", "task", "show"]) box(name).addEventListener("change", go);
  let typing;
  box("query").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(go, 250);
  });
  list.addEventListener("scroll", () => draw(false));
  addEventListener("resize", () => chosen.index && draw(false));
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) choose(Number(option.id.slice("option-".length)));
  });
  document.addEventListener("keydown", steer);
}

// The address of this document for the next or previous model.
function otherModel(step) {
  const models = Object.keys(chosen.index.models);
  const row = chosen.rows[chosen.at];
  if (row !== undefined)
    location.hash = address(
      models[(models.indexOf(chosen.model) + step + models.length) % models.length],
      row,
    );
}

function steer(event) {
  if (!document.getElementById("samples").classList.contains("current") || !chosen.index) return;
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)
  )
    return;
  const page = Math.floor(list.clientHeight / LINE);
  const last = chosen.rows.length - 1;
  const within = event.target === list;
  const moves = {
    j: 1,
    k: -1,
    ...(within && {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    }),
  };
  if (event.key in moves) choose(Math.max(0, Math.min(last, chosen.at + moves[event.key])));
  else if (event.key === "[" || event.key === "]") otherModel(event.key === "]" ? 1 : -1);
  else if (event.key === "/") box("query").focus();
  else return;
  event.preventDefault();
}

startSamples();
shows.set("samples", { show: showSamples, problem: document.getElementById("sample") });
