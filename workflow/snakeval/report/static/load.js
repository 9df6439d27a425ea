// Files next to the page. A page from file:// may not fetch. So a file is a script that calls
// snakevalFile with base64 of deflated JSON.

const run = JSON.parse(document.getElementById("run").textContent);
const KEPT = 48;
const files = new Map(); // name -> promise of the content, least recently used first
const arrivals = new Map(); // name -> resolve of a script that is loading

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
    const problem = "cannot be read. Put the folder “samples” next to the page.";
    script.onerror = () => reject(new Error(`samples/${name}.js ${problem}`));
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
