// The scores of the run, and the comparisons of its models.

const keyOf = (row) => `${row.benchmark}/${row.task}`;

// Right, wrong or between, of a document's leading score; null of a metric not from 0 to 1.
function grade(row, value) {
  if (value === null || value === undefined || !row?.bounded) return null;
  return value >= 1 - 1e-9 ? "right" : value <= 1e-9 ? "wrong" : "partial";
}

let comparisons; // promise of the comparison table, unpacked when first needed

// A promise of the function (row, a, b) -> their difference, or null where they were not compared.
function compared() {
  comparisons ??= unpack(document.getElementById("comparisons").textContent).then(pairs);
  return comparisons;
}

function pairs(table) {
  const at = new Map();
  const keys = ["benchmark", "task", "filter", "metric", "a", "b"];
  table.a.forEach((_, i) => at.set(keys.map((key) => table[key][i]).join("\n"), i));
  return (row, a, b) => {
    const key = [row.benchmark, row.task, row.filter, row.metric];
    const i = at.get([...key, a, b].join("\n")) ?? at.get([...key, b, a].join("\n"));
    if (i === undefined || table.difference[i] === null) return null;
    const turn = table.a[i] === a ? 1 : -1;
    const turned = (value) => (value === null ? null : turn * value);
    const [low, high] = [table.ci_low[i], table.ci_high[i]].map(turned).sort((x, y) => x - y);
    return {
      n: table.n[i],
      p: table.p_holm[i],
      p_bh: table.p_bh[i],
      detectable: table.detectable[i],
      scale: table.scale[i],
      test: table.test[i],
      effect: turned(table.effect[i]),
      difference: turned(table.difference[i]),
      low,
      high,
    };
  };
}
