// Files beside the page. A page from file:// may not fetch, so a file is a script that calls snakevalFile with base64 of deflated JSON.

const run = JSON.parse(document.getElementById("run").textContent);
const KEPT = 48;
const files = new Map(); // name -> promise of the content, least recently used first
const arrivals = new Map(); // name -> resolve of a script on its way

window.snakevalFile = (name, packed) => arrivals.get(name)?.(packed);

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    arrivals.set(name, resolve);
    script.src = `samples/${name}.js`;
    script.onerror = () => reject(new Error(`samples/${name}.js cannot be read; the folder “samples” must lie beside the page`));
    script.onload = () => script.remove();
    document.head.append(script);
  })
    .then(unpack)
    .finally(() => arrivals.delete(name));
}

function file(name) {
  const kept = files.get(name) ?? load(name);
  files.delete(name);
  files.set(name, kept);
  kept.catch(() => files.delete(name));
  for (const old of files.keys()) if (files.size > KEPT) files.delete(old);
  return kept;
}

const fragment = (...parts) => `#${parts.map(encodeURIComponent).join("/")}`; // an address within the page
const benchmarkOf = (name) => run.benchmarks.find((benchmark) => benchmark.name === name);

function indexOf(benchmark) {
  const known = benchmarkOf(benchmark);
  if (!known) return Promise.reject(new Error(`this run has no task ${visible(benchmark)}`));
  known.index ??= load(`${known.folder}/index`);
  known.index.catch(() => delete known.index);
  return known.index;
}

// The row `row` of the files `stem` ("q", or "m" and the number of a model) of a benchmark.
async function record(benchmark, index, stem, row) {
  const starts = index.files[stem];
  let chunk = starts.length - 1;
  while (starts[chunk] > row) chunk -= 1;
  return (await file(`${benchmarkOf(benchmark).folder}/${stem}-${chunk}`))[row - starts[chunk]];
}

let comparisons; // promise of the comparison table, unpacked when first asked for
function compared() {
  comparisons ??= unpack(document.getElementById("comparisons").textContent).then((table) => {
    const at = new Map();
    table.a.forEach((a, i) => at.set([table.benchmark[i], table.task[i], table.filter[i], table.metric[i], a, table.b[i]].join("\n"), i));
    return (row, a, b) => {
      const key = [row.benchmark, row.task, row.filter, row.metric];
      const i = at.get([...key, a, b].join("\n")) ?? at.get([...key, b, a].join("\n"));
      if (i === undefined || table.difference[i] === null) return null;
      const turn = table.a[i] === a ? 1 : -1;
      const ends = [table.ci_low[i], table.ci_high[i]].map((end) => (end === null ? null : turn * end)).sort((x, y) => x - y);
      const known = {
        n: table.n[i],
        p: table.p_holm[i],
        p_bh: table.p_bh[i],
        detectable: table.detectable[i],
        scale: table.scale[i],
        test: table.test[i],
      };
      const effect = table.effect[i] === null ? null : turn * table.effect[i];
      return { ...known, effect, difference: turn * table.difference[i], low: ends[0], high: ends[1] };
    };
  });
  return comparisons;
}
