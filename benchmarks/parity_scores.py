"""One run of the real lm_eval package and one of snakeval's pipeline, over the same task files,
documents and model; the differences as a table.

`python benchmarks/parity_scores.py` prints the table; with the name of a file it writes it there.
Task files are those of the package, and those of `tests/parity/tasks` for what they do not cover.
Documents are real where SNAKEVAL_DATA names their folder; otherwise they are made up with the same
columns. The model is the demo's `tiny`, in float32 on the CPU. Texts are generated greedily, at
most `NEW_TOKENS` tokens.
"""

import importlib.metadata
import logging
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from builders.lm_eval_harness import SEED, reference
from builders.lm_eval_schemas import SCHEMAS
from builders.real_data import DATA, REAL
from builders.source_settings import of_model

from snakeval.analysis import leaderboard
from snakeval.analysis.stage import RunSettings
from snakeval.config.model import settings
from snakeval.files import parquet
from snakeval.generators.generate import generate
from snakeval.inference.ask import ask
from snakeval.inference.assemble import assemble
from snakeval.inference.store import Store
from snakeval.models import identity
from snakeval.requests.build import build_requests
from snakeval.schemas.model import SCORES
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.score import score_task
from snakeval.scoring.task_metrics import resolve
from snakeval.sources import download
from snakeval.tasks import loader, resolution
from snakeval.tasks.scoring_settings import ScoringSettings
from snakeval.tokens import encode

LIMIT = 12
NEW_TOKENS = 24
# Metrics whose standard errors lm-eval resamples with random numbers of its own.
BOOTSTRAPPED = (
    *("perplexity", "f1", "matthews_corrcoef", "bleu", "chrf", "ter", "median", "nanmean"),
)
# Files of the package whose data set is neither in REAL nor under the name in their dataset_path.
PACKAGE = [
    "truthfulqa/truthfulqa_gen.yaml",
    "super_glue/boolq/default.yaml",
    "race/race.yaml",
    "openbookqa/openbookqa.yaml",
    "lambada/lambada_openai.yaml",
    "triviaqa/default.yaml",
    "translation/wmt16_de-en.yaml",
    "arc/arc_easy.yaml",
    "gsm8k/gsm8k-cot-zeroshot.yaml",
    "gsm8k/gsm8k-cot-self-consistency.yaml",
    "bbh/cot_zeroshot/boolean_expressions.yaml",
]
NEEDS_REAL = ("lm_eval/bbh/zeroshot/word_sorting.yaml",)  # its Python reads words of the question
FOLDER = Path(__file__).parents[1] / "tests/parity/tasks"  # task files made here


@dataclass(frozen=True)
class Case:
    """A task file with its documents by split; `keys` replace its own."""

    name: str
    file: str
    documents: dict[str, list[dict]]
    num_fewshot: int | None
    keys: dict


@dataclass(frozen=True)
class Row:
    """What the comparison of a task found.

    Differences are the largest absolute ones; None where there is nothing to compare.
    """

    task: str
    kind: str
    documents: int
    metrics: list[str]
    filters: list[str]
    loglikelihood: float | None
    answers: int  # generated texts that differ
    values: float | None
    aggregate: float
    stderr: float | None
    bootstrapped: list[str]  # metrics whose standard error lm-eval estimates by resampling


def cases() -> Iterator[Case]:
    """All that is compared."""
    for name in [*REAL, *(f"lm_eval/{file}" for file in PACKAGE)]:
        keys = resolution.resolve({"name": name}, []).tasks[0].settings
        real = DATA and name in REAL
        made = SCHEMAS.get(keys["dataset_path"])
        if not real and (made is None or name in NEEDS_REAL):
            continue
        wanted = {
            keys[key]
            for key in ("training_split", "validation_split", "test_split", "fewshot_split")
            if keys.get(key)
        }
        if real:
            rows = REAL[name][0]()
        else:
            rows = {
                split: [made(100 * place + n) for n in range(40)]
                for place, split in enumerate(sorted(wanted))
            }
        yield Case(name, name, rows, REAL[name][1] if name in REAL else None, _greedy(keys))
    for file in sorted(FOLDER.glob("*.yaml")):
        keys = resolution.resolve({"name": str(file)}, []).tasks[0].settings
        generator, how = keys["dataset_path"].removeprefix("generator:"), keys["dataset_kwargs"]
        rows = {
            split: generate(generator, subset=keys.get("dataset_name"), split=split, **how)
            for split in ("train", "test")
        }
        yield Case(file.stem, str(file), rows, None, _greedy(keys))


def _greedy(keys: dict) -> dict:
    """Overrides that make generation short and the same in both."""
    if (keys.get("output_type") or "generate_until") != "generate_until":
        return {}
    given = keys.get("generation_kwargs") or {}
    short = {"max_gen_toks": NEW_TOKENS, "do_sample": False, "temperature": 0.0}
    return {
        "generation_kwargs": {key: value for key, value in given.items() if key != "top_p"} | short,
        "repeats": min(keys.get("repeats") or 1, 8),
    }


def run() -> list[Row]:
    """Evaluate every case with both and compare."""
    with tempfile.TemporaryDirectory() as folder:
        every = list(cases())
        theirs = of_harness(every)
        return [compare(case, theirs, Path(folder)) for case in every]


def of_harness(every: list[Case]) -> dict:
    """The package's results and samples."""
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    for name in ("lm_eval", "lm-eval", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    found: dict = {"results": {}, "samples": {}}
    # With a tokenizer that adds BOS by itself the package reads it twice in rolling requests, so
    # these are asked without.
    for add_bos, rolling in ((None, False), (False, True)):
        model = HFLM(
            pretrained=str(_model()),
            dtype="float32",
            device="cpu",
            batch_size=8,
            add_bos_token=add_bos,
        )
        loaded = {}
        for case in every:
            task = reference(
                loader.locate(case.file), case.documents, case.num_fewshot, **case.keys
            )
            if (task.OUTPUT_TYPE == "loglikelihood_rolling") == rolling:
                task.set_fewshot_seed(SEED)
                task.config.task = case.name
                loaded[case.name] = task
        part = evaluate(model, {"tasks": loaded, "groups": {}}, limit=LIMIT, bootstrap_iters=10)
        for key, of_task in found.items():
            of_task.update(part[key])
    return found


def compare(case: Case, theirs: dict, folder: Path) -> Row:
    (task,) = resolution.resolve(
        {"name": case.file, "num_fewshot": case.num_fewshot, "overrides": case.keys}, []
    ).tasks
    tables = {split: pa.Table.from_pylist(documents) for split, documents in case.documents.items()}
    asked = build_requests(task.request_settings(), tables, limit=LIMIT, seed=SEED)
    files, encoder, engine = _ours()
    encoded = encode.encode_requests(asked, encoder, model="tiny")
    model = settings(dtype="float32")
    who = (identity.identity(files, model), identity.tokenizer_identity(files))
    with Store(folder / "store", *who) as store:
        ask(encoded, lambda: engine, store, model="tiny", benchmark="benchmark")
        answered = assemble(encoded, store, model="tiny", called="")
    scoring = task.scoring_settings()
    scores = score_task(asked, answered, scoring)
    samples = theirs["samples"][case.name]
    reported = theirs["results"][case.name]
    aggregates = _table(task.name, asked, scores, scoring, folder)
    values, whole, errors, resampled = [], [], [], []
    for (name, metric), row in aggregates.items():
        aggregation = resolve(scoring).aggregation_of(metric)
        if aggregation.name == "bypass" or f"{metric},{name}" not in reported:
            known = sorted(reported)
            raise AssertionError(f"{case.name}: {metric} after {name} is not among {known}")
        chosen = (pc.field("metric") == metric) & (pc.field("filter") == name)
        of_metric = scores.filter(chosen).to_pylist()
        filtered = [sample for sample in samples if sample["filter"] == name]
        by_document = {sample["doc_id"]: sample[metric] for sample in filtered}
        assert [row["doc_id"] for row in of_metric] == sorted(by_document)
        values += [_difference(own, by_document[own["doc_id"]]) for own in of_metric]
        whole.append(_gap(row["value"], reported[f"{metric},{name}"]))
        error = reported[f"{metric}_stderr,{name}"]
        if aggregation.name in BOOTSTRAPPED:
            resampled.append(metric)
        elif error != "N/A" and row["stderr"] is not None:
            errors.append(_gap(row["stderr"], error))
    return Row(
        case.name,
        scoring.output_type,
        asked.num_rows,
        list(dict.fromkeys(metric for _, metric in aggregates)),
        list(dict.fromkeys(name for name, _ in aggregates)),
        *_answers(answered, samples, scoring),
        max((value for value in values if value is not None), default=None),
        max(whole),
        max(errors, default=None),
        sorted(set(resampled)),
    )


def _table(
    task: str, asked: pa.Table, scores: pa.Table, settings: ScoringSettings, folder: Path
) -> dict[tuple[str, str], dict]:
    """Rows of the leaderboard by filter and metric."""
    paths = folder / "requests.parquet", folder / "scores.parquet"
    parquet.write(asked, paths[0], REQUESTS)
    parquet.write(scores, paths[1], SCORES)
    how = RunSettings(SEED, ["tiny"], {"benchmark": {task: settings}}, {})
    table, _ = leaderboard.build({("tiny", "benchmark"): paths[1]}, {"benchmark": paths[0]}, how)
    return {(row["filter"], row["metric"]): row for row in table.to_pylist()}


def _answers(
    answered: pa.Table, samples: list[dict], settings: ScoringSettings
) -> tuple[float | None, int]:
    """The largest difference of log-likelihoods, and how many generated texts differ.

    Differences of log-likelihoods beyond 1 are relative to them.
    """
    first = {sample["doc_id"]: sample for sample in reversed(samples)}
    if settings.output_type == "generate_until":
        ours = answered["texts"].to_pylist()
        return None, sum(
            own != theirs
            for row, doc in zip(ours, sorted(first), strict=True)
            for own, theirs in zip(row, first[doc]["resps"][0], strict=True)
        )
    gaps = []
    for row, doc in zip(answered["loglikelihoods"].to_pylist(), sorted(first), strict=True):
        theirs = [request[0] for request in first[doc]["resps"]]
        if settings.output_type == "loglikelihood_rolling":
            row = [sum(row)]
        else:
            theirs = [float(pair[0]) for pair in theirs]
        gaps += [_gap(a, float(b)) for a, b in zip(row, theirs, strict=True)]
    return max(gaps), 0


def _difference(own: dict, theirs: object) -> float | None:
    """The difference of a document's scores.

    Of a corpus metric that of its statistics, where the package has them as numbers, else None.
    """
    statistics = own["statistics"]
    if statistics is not None:
        numbers = list(theirs) if isinstance(theirs, tuple | list) else [theirs]
        same_length = len(statistics) in (len(numbers), len(numbers) + 1)
        if not same_length or not all(isinstance(number, int | float) for number in numbers):
            return None
        return max(_gap(a, b) for a, b in zip(statistics, numbers, strict=False))
    return (
        _gap(own["value"], theirs)
        if isinstance(theirs, int | float) and own["value"] is not None
        else None
    )


def _gap(ours: float | None, theirs: float) -> float:
    """The absolute difference, of large numbers relative to them; 0 where neither is a number."""
    ours, theirs = math.nan if ours is None else float(ours), float(theirs)
    if math.isnan(ours) or math.isnan(theirs):
        return 0.0 if math.isnan(ours) and math.isnan(theirs) else math.inf
    return abs(ours - theirs) / max(1.0, abs(theirs))


@cache
def _ours() -> tuple:
    """Model files, encoder and engine."""
    from snakeval.backends.local import build

    files = download.model(of_model(source=f"path:{_model()}", revision=None), name="tiny")
    engine = build.load(_model(), settings(dtype="float32", device="cpu"))
    return files, encode.load_encoder(files, settings()), engine


def _model() -> Path:
    return Path(__file__).parents[1] / "resources" / "demo" / "tiny"


HEADER = f"""# The same numbers as lm-evaluation-harness

One run of the `lm_eval` package ({{version}}) and of snakeval over the same task files, documents
({LIMIT} of each task) and model (the demo's `tiny`, float32, CPU), written by
`python benchmarks/parity_scores.py docs/explanation/parity.md`. {{data}}

`tests/parity/test_scores.py` allows differences of 1e-6 in every document's score, in the tasks'
scores and in their standard errors, and of 1e-5 of a log-likelihood. Generated texts must be equal.
`tests/parity/test_prompt_parity.py` and `test_catalogue.py` compare prompts, byte for byte.

"""
FOOTER = """
LL: largest difference of log-likelihoods; beyond 1 it is relative to them. Texts: generated texts
that differ. The others: largest differences of scores and standard errors. Log-likelihoods are sums
of float32 numbers in another order. They differ in their last digits, as do scores made of them.

No standard error is compared where the package's is wrong, or random:

- Of perplexity, F1, MCC, BLEU, chrF, TER and median it resamples documents with random numbers of
  its own, ten times here and at most a hundred times for BLEU, chrF and TER. Ours come from the
  delta method or 10,000 resamples.
- Of word and byte perplexity and bits per byte it gives none.
- Where every document scores the same, as at 0 % or 100 %, it gives 0, as if the score were
  certain. Here there is none, and the interval is Wilson's.

Rolling requests: with a tokenizer that adds BOS by itself, the package reads BOS twice and counts
the second one. Here these requests are asked with `add_bos_token=False`.
"""


def markdown(rows: list[Row]) -> str:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.0e}" if value else "0"

    names = ["task", "kind", "documents", "metrics", "LL", "texts", "documents' scores", "score"]
    lines = [f"| {' | '.join([*names, 'standard error'])} |\n"]
    lines.append("|---|---|---:|---|---:|---:|---:|---:|---:|\n")
    for row in rows:
        name = row.task.removeprefix("lm_eval/").removesuffix(".yaml")
        texts = str(row.answers) if row.kind == "generate_until" else "–"
        cells = [f"`{name}`", row.kind, str(row.documents), ", ".join(row.metrics)]
        cells += [number(row.loglikelihood), texts, number(row.values), number(row.aggregate)]
        cells.append(number(row.stderr) + " (resampled)" * bool(row.bootstrapped))
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


if __name__ == "__main__":
    table = markdown(run())
    print(table)
    if len(sys.argv) > 1:
        data = (
            "Documents are real where their data set was at hand."
            if DATA
            else "Documents are made up."
        )
        page = (
            HEADER.format(version=importlib.metadata.version("lm_eval"), data=data) + table + FOOTER
        )
        Path(sys.argv[1]).write_text(page, encoding="utf-8")
