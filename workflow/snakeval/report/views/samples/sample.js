// One sample: what the model read, what it answered, and how that was scored.

async function showSample(article, row) {
  const [benchmark, model, index] = [chosen.benchmark, chosen.model, chosen.index];
  const [request, response] = await Promise.all([
    recordOf("q", row),
    recordOf(`m${run.models.indexOf(model)}`, row),
  ]);
  const steppedOn =
    chosen.benchmark !== benchmark ||
    chosen.model !== model ||
    (chosen.at >= 0 && chosen.rows[chosen.at] !== row);
  if (steppedOn) return;
  const part = (title, ...content) => el("section", {}, el("h3", {}, title), ...content);
  const parts = [
    el(
      "h2",
      {},
      `${visible(request.task)} `,
      el(
        "a",
        { class: "here", href: address(model, row), title: "the address of this sample" },
        `#${request.doc_id}`,
      ),
    ),
    badges(row, response),
    models(row, index),
    ...response.prompts.map((prompt, i) =>
      part(
        response.prompts.length > 1 ? `Prompt ${i + 1} of ${response.prompts.length}` : "Prompt",
        promptNote(response, i),
        turns(prompt, request),
      ),
    ),
    response.prompts.length
      ? null
      : part(
          "Question",
          el("p", { class: "caption" }, "what was read is not recorded"),
          ...request.questions.map((text) => block(text)),
        ),
    response.texts.length
      ? part(request.kind === "generate_until" ? "Answer" : "Text", ...texts(response))
      : null,
    likelihoods(request, response, part),
    request.references.length
      ? part("Reference", ...request.references.map((text) => block(text, { class: "reference" })))
      : null,
    part("Scores", scoreTable(response.scores)),
    response.passage === null ? null : part("Passage", block(response.passage)),
    more(request),
  ];
  article.replaceChildren(...parts.filter(Boolean));
  article.scrollTop = 0;
}

function badges(row, response) {
  const verdict = gradeOf(row);
  const badge = (text, kind) => el("span", { class: `badge ${kind}` }, text);
  const cut = response.truncated_tokens;
  const found = [
    verdict && badge(`${SIGNS[verdict]} ${SHOWS[verdict]}`, verdict),
    cut > 0 && badge(`prompt cut by ${whole(cut)} token${cut === 1 ? "" : "s"}`, "warn"),
    response.dropped_shots > 0 &&
      badge(
        `${response.dropped_shots} example${response.dropped_shots === 1 ? "" : "s"} dropped`,
        "warn",
      ),
    response.finish_reasons.includes("length") && badge("answer cut at the length limit", "warn"),
    response.scores.some((score) => !score.extracted) && badge("no answer extracted", "warn"),
    ...["refused", "repeating"].map(
      (flag) => own().flags[row] & FLAGS[flag] && badge(SHOWS[flag], "warn"),
    ),
  ].filter(Boolean);
  return el("p", { class: "badges" }, ...found);
}

// The same document in the other models.
function models(row, index) {
  const named = Object.keys(index.models);
  if (named.length < 2) return null;
  const links = named.map((name) => {
    const verdict = gradeOf(row, name);
    const value = index.models[name].value[row];
    const worth =
      verdict === "partial" || (verdict === null && typeof value === "number")
        ? ` ${number(value)}`
        : "";
    const label = `${SIGNS[verdict] ?? "·"} ${visible(name)}${worth}`;
    return el(
      "a",
      {
        href: address(name, row),
        class: verdict,
        "aria-current": name === chosen.model ? "true" : null,
      },
      label,
    );
  });
  return el("nav", { class: "models", "aria-label": "This document in every model" }, ...links);
}

const ENDINGS = { stop: "a stop string", eos: "the end token", length: "the length limit" };

function texts(response) {
  return response.texts.flatMap((text, i) => {
    const name = response.texts.length > 1 ? `sample ${i + 1}: ` : "";
    const reason = response.finish_reasons[i];
    const how = reason
      ? `${response.n_tokens[i] ?? "?"} tokens, ended by ${ENDINGS[reason] ?? reason}`
      : "recorded";
    return [el("p", { class: "caption" }, `${name}${how}`), block(text, { class: "answer" })];
  });
}

function likelihoods(request, response, part) {
  const values = response.loglikelihoods;
  if (!values.length) return null;
  const known = values.filter((value) => typeof value === "number");
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const floor = low - Math.max((high - low) * 0.15, 1e-6);
  const width = (value) =>
    typeof value === "number" ? Math.max(2, (120 * (value - floor)) / (high - floor || 1)) : 0;
  const choices = request.choices.length;
  const among = values.slice(0, choices).map(Number);
  const total = among.reduce((sum, value) => sum + Math.exp(value - Math.max(...among)), 0);
  const rolling = request.kind === "loglikelihood_rolling";
  const lines = values.map((value, i) => {
    const continuation = rolling ? null : request.continuations[i];
    const name = rolling
      ? `window ${i + 1}`
      : continuation
        ? continuation.text
        : `continuation ${i + 1}`;
    const marks = [
      request.gold.includes(i) && i < choices ? "reference" : "",
      choices && i < choices && value === Math.max(...among) ? "likeliest" : "",
    ].filter(Boolean);
    return el(
      "tr",
      { class: marks.join(" ") },
      el(
        "th",
        { scope: "row" },
        ...(name.length > 400 ? [block(name)] : nodes(name)),
        note(continuation, response.context[i], response.prompts.length),
      ),
      el("td", { class: "marks" }, marks.join(", ")),
      el("td", { class: "num" }, typeof value === "number" ? number(value) : String(value)),
      el(
        "td",
        {},
        el(
          "svg:svg",
          {
            class: "bar",
            width: 120,
            height: 10,
            role: "img",
            "aria-label": `log-likelihood ${value}`,
          },
          el("svg:rect", { width: width(value), height: 10 }),
        ),
      ),
      el(
        "td",
        { class: "num" },
        i < choices
          ? `${Math.round((100 * Math.exp(among[i] - Math.max(...among))) / total)} %`
          : "",
      ),
      el("td", { class: "num" }, String(response.n_tokens[i] ?? "")),
      el("td", {}, response.greedy.length ? (response.greedy[i] ? "yes" : "no") : ""),
    );
  });
  const heads = [
    rolling ? "text" : "continuation",
    "",
    "log-likelihood",
    "",
    choices ? "share" : "",
    "tokens",
    "greedy",
  ];
  return part(
    choices ? "Choices" : "Log-likelihood",
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        { class: "plain choices" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ...heads.map((head, i) =>
              el(
                head ? "th" : "td",
                head ? { scope: "col", class: [2, 4, 5].includes(i) ? "num" : null } : {},
                head,
              ),
            ),
          ),
        ),
        el("tbody", {}, ...lines),
      ),
    ),
    el(
      "p",
      { class: "caption" },
      "Bars: log-likelihood, longer is likelier." +
        (choices ? " Share: among the choices’ probabilities." : "") +
        " Greedy: each token is likeliest.",
    ),
  );
}

// The one of several prompts that a continuation follows.
function note(continuation, context, prompts) {
  if (continuation?.question === -1) return " (after nothing)";
  return continuation && prompts > 1 ? ` (after prompt ${context + 1})` : "";
}

function scoreTable(scores) {
  const lines = scores.map((score) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, visible(score.metric)),
      el("td", {}, score.filter === "none" ? "" : visible(score.filter)),
      el(
        "td",
        { class: "num" },
        typeof score.value === "string" ? score.value : number(score.value),
      ),
      el(
        "td",
        {},
        score.extracted ? null : el("span", { class: "badge warn" }, "nothing found"),
        score.prediction === null
          ? "–"
          : score.prediction.length > 300
            ? block(score.prediction)
            : el("span", { class: "code" }, ...nodes(score.prediction)),
      ),
    ),
  );
  const heads = ["metric", "filter", "value", "scored answer"].map((head) =>
    el("th", { scope: "col", class: head === "value" ? "num" : null }, head),
  );
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, ...heads)),
      el("tbody", {}, ...lines),
    ),
  );
}

const promptNote = (response, i) =>
  el(
    "p",
    { class: "caption" },
    `${whole(response.prompt_tokens[i] ?? 0)} tokens, exactly as the model read it`,
  );

// The prompt cut where its turns begin and end. What is between them (template, delimiters) stays.
function segments(prompt, request) {
  const found = [];
  let end = 0;
  const take = (kind, text) => {
    const start = text ? prompt.indexOf(text, end) : -1;
    if (start < 0) return;
    if (start > end) found.push({ kind: "between", text: prompt.slice(end, start) });
    found.push({ kind, text });
    end = start + text.length;
  };
  for (const turn of request.preamble)
    take(`${turn.role}${turn.document === null ? "" : " example"}`, turn.text);
  const question = request.questions
    .map((text) => ({ text, start: prompt.lastIndexOf(text) }))
    .filter(({ text, start }) => text && start >= end)
    .sort((x, y) => y.text.length - x.text.length)[0];
  if (question) take("user", question.text);
  if (end < prompt.length)
    found.push({ kind: found.length ? "between" : "text", text: prompt.slice(end) });
  return found;
}

let preambleOpen = false; // kept from sample to sample

function turns(prompt, request) {
  const parts = segments(prompt, request).map(({ kind, text }) => {
    if (kind === "between" && !text.trim())
      return el(
        "pre",
        { class: "between", title: "between the turns" },
        text.replaceAll(" ", "␣").replaceAll("\n", "↵"),
      );
    return kind === "between" || kind === "text"
      ? block(text, { class: kind })
      : el("div", { class: `turn ${kind}` }, el("span", { class: "role" }, kind), block(text));
  });
  const question = parts.findLastIndex((part) => part.classList.contains("turn"));
  const examples = request.preamble.filter(
    (turn) => turn.role === "user" && turn.document !== null,
  ).length;
  if (question < 1 || !request.preamble.length) return el("div", { class: "prompt" }, ...parts);
  const before = el(
    "details",
    { open: preambleOpen, toggle: () => (preambleOpen = before.open) },
    el(
      "summary",
      {},
      examples
        ? `${examples} example${examples === 1 ? "" : "s"} and all other text before the question`
        : "Text before the question",
    ),
    ...parts.slice(0, question),
  );
  return el("div", { class: "prompt" }, before, ...parts.slice(question));
}

function more(request) {
  const facts = [
    ["kind", request.kind],
    ["cluster", request.cluster],
    ["choices", request.choices.length ? request.choices.join(" | ") : null],
  ];
  if (request.generation)
    facts.push(
      ...Object.entries(request.generation).map(([key, value]) => [key, JSON.stringify(value)]),
    );
  const shown = facts
    .filter(([, value]) => value !== null && value !== undefined)
    .flatMap(([key, value]) => [
      el("dt", {}, key),
      el("dd", { class: "code" }, ...nodes(String(value))),
    ]);
  return el(
    "details",
    { class: "more-facts" },
    el("summary", {}, "Document and settings"),
    el("dl", {}, ...shown),
    request.document ? block(pretty(request.document), { class: "code" }) : null,
  );
}

function pretty(json) {
  if (json.length > 200_000) return json;
  return JSON.stringify(JSON.parse(json), null, 2);
}
