"""Compare metrics and filters with independent implementations over real records, and print the table of docs/metrics.md.

    SNAKEVAL_DATA=folder python benchmarks/metric_references.py [--write] [part …]

Texts are those of public data sets; log-likelihoods are drawn at random with a fixed seed. Where no package has a metric, its definition is
written out here once more, without its shortcuts. `--write` puts the table into docs/metrics.md; METEOR needs a WordNet (Debian's
wordnet-base, or WNSEARCHDIR), the rest the development dependencies.
"""

import argparse
import itertools
import json
import os
import random
import re
import string
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import page

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from builders import random_encoder
from builders.scoring_tables import (
    choice_document,
    generated,
    of_lm_eval,
    rows,
    settings,
    tables,
    values,
)

from snakeval.metrics import aggregation, registry
from snakeval.scoring import filters
from snakeval.scoring.score import score_task

DATA = Path(os.environ["SNAKEVAL_DATA"])
SOLVERS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FLEXIBLE = {"regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "group_select": -1}
Row = tuple[str, str, int, float]  # metric, compared with, records, largest difference


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; left out: all")
    parser.add_argument("--write", action="store_true", help="put the table into docs/metrics.md")
    options = parser.parse_args()
    lines = ["| metric | compared with | records | largest difference |", "|---|---|---:|---:|"]
    print("\n".join(lines))
    for name in options.parts or PARTS:
        for metric, reference, records, difference in PARTS[name](random.Random(0)):
            lines.append(f"| {metric} | {reference} | {records} | {difference:.1g} |")
            print(lines[-1], flush=True)
    if options.write:
        page.write("metrics.md", "benchmarks/metric_references.py --write", "\n".join(lines))


def choices(rng: random.Random) -> Iterator[Row]:
    """HellaSwag's endings."""
    from lm_eval.api.metrics import brier_score
    from scipy.special import log_softmax, softmax
    from sklearn import metrics as sklearn

    endings = [json.loads(line)["endings"] for line in _lines("hellaswag", "hellaswag_val.jsonl")]
    documents = []
    for texts in endings:
        conditional, alone = (
            [-rng.random() * len(text) ** 0.5 for text in texts] for _ in range(2)
        )
        greedy = [rng.random() < 0.3 for _ in texts]
        tokens = [rng.randint(3, 40) for _ in 2 * texts]
        documents.append(
            choice_document(texts, conditional, [rng.randrange(len(texts))], greedy, tokens, alone)
        )
    names = [
        "acc",
        "acc_norm",
        "acc_bytes",
        "acc_mutual_info",
        "exact_match",
        "brier_score",
        "likelihood",
        "mcc",
        "ndcg",
    ]
    more = ["nll", "mrr", "recall@2", "ece", "adaptive_ece", "auroc", "aurc", "acc_tokens"]
    scoring = settings("multiple_choice", [*names, *more, {"metric": "f1", "average": "macro"}])
    scores = score_task(*tables("multiple_choice", documents), scoring)
    wanted = [
        of_lm_eval(
            "multiple_choice",
            {},
            list(zip(r["loglikelihoods"], r["greedy"], strict=True)),
            names,
            q["choices"],
            q["gold"][0],
        )
        for q, r in documents
    ]
    n, gold = len(documents), [request["gold"][0] for request, _ in documents]
    shares = [
        softmax(response["loglikelihoods"][: len(request["choices"])])
        for request, response in documents
    ]
    for name in names[:5]:
        yield (
            name,
            "lm-eval, HellaSwag",
            n,
            _largest(values(scores, name), [result[name] for result in wanted]),
        )
    yield (
        "brier_score",
        "lm-eval, HellaSwag",
        n,
        abs(
            _score(scores, scoring, "brier_score") - brier_score([r["brier_score"] for r in wanted])
        ),
    )
    yield (
        "likelihood",
        "scipy, HellaSwag",
        n,
        _largest(values(scores, "likelihood"), [p[g] for p, g in zip(shares, gold, strict=True)]),
    )
    ndcg = [sklearn.ndcg_score([np.eye(len(p))[g]], [p]) for p, g in zip(shares, gold, strict=True)]
    yield "ndcg", "scikit-learn, HellaSwag", n, _largest(values(scores, "ndcg"), ndcg)
    chosen = [int(np.argmax(p)) for p in shares]
    yield (
        "mcc",
        "scikit-learn, HellaSwag",
        n,
        abs(_score(scores, scoring, "mcc") - sklearn.matthews_corrcoef(gold, chosen)),
    )
    yield (
        "f1 macro",
        "scikit-learn, HellaSwag",
        n,
        abs(_score(scores, scoring, "f1") - sklearn.f1_score(gold, chosen, average="macro")),
    )
    losses = [
        -log_softmax(response["loglikelihoods"][:4])[g]
        for (_, response), g in zip(documents, gold, strict=True)
    ]
    yield "nll", "scipy, HellaSwag", n, _largest(values(scores, "nll"), losses)
    reciprocal = [
        sklearn.label_ranking_average_precision_score([np.eye(len(p))[g]], [p])
        for p, g in zip(shares, gold, strict=True)
    ]
    yield "mrr", "scikit-learn, HellaSwag", n, _largest(values(scores, "mrr"), reciprocal)
    top = [
        sklearn.top_k_accuracy_score([g], [p], k=2, labels=range(len(p)))
        for p, g in zip(shares, gold, strict=True)
    ]
    yield "recall@2", "scikit-learn, HellaSwag", n, _largest(values(scores, "recall@2"), top)
    confident, right = (
        [float(p.max()) for p in shares],
        [int(c == g) for c, g in zip(chosen, gold, strict=True)],
    )
    yield (
        "auroc",
        "scikit-learn, HellaSwag",
        n,
        abs(_score(scores, scoring, "auroc") - sklearn.roc_auc_score(right, confident)),
    )
    for name, reference in (("ece", _ece), ("adaptive_ece", _adaptive_ece), ("aurc", _aurc)):
        yield (
            name,
            "its definition, HellaSwag",
            n,
            abs(_score(scores, scoring, name) - reference(confident, right)),
        )
    per_token = [
        int(
            np.argmax(
                [ll / k for ll, k in zip(r["loglikelihoods"][:4], r["n_tokens"][:4], strict=True)]
            )
            == g
        )
        for (_, r), g in zip(documents, gold, strict=True)
    ]
    yield (
        "acc_tokens",
        "its definition, HellaSwag",
        n,
        _largest(values(scores, "acc_tokens"), per_token),
    )


def _ece(confident: list[float], right: list[int], bins: int = 15) -> float:
    """Guo et al. 2017, eq. 3, bin by bin."""
    total = 0.0
    for b in range(bins):
        inside = [
            (c, r) for c, r in zip(confident, right, strict=True) if b / bins < c <= (b + 1) / bins
        ]
        if inside:
            total += abs(
                sum(r for _, r in inside) / len(inside) - sum(c for c, _ in inside) / len(inside)
            ) * len(inside)
    return total / len(confident)


def _adaptive_ece(confident: list[float], right: list[int], bins: int = 15) -> float:
    """The same over runs of the documents in order of confidence, the first n mod `bins` of which are longer by one."""
    ordered, total, start = (
        sorted(zip(confident, right, strict=True), key=lambda pair: pair[0]),
        0.0,
        0,
    )
    for b in range(bins):
        size = len(ordered) // bins + (b < len(ordered) % bins)
        run, start = ordered[start : start + size], start + size
        total += abs(sum(c for c, _ in run) - sum(r for _, r in run))
    return total / len(ordered)


def _aurc(confident: list[float], right: list[int]) -> float:
    """Geifman and El-Yaniv 2017: mean over k of the error rate of the k most confident; no two are equal here."""
    ordered = [r for _, r in sorted(zip(confident, right, strict=True), reverse=True)]
    return sum(1 - sum(ordered[:k]) / k for k in range(1, len(ordered) + 1)) / len(ordered)


def classes(rng: random.Random) -> Iterator[Row]:
    """MRPC's labels."""
    from scipy.special import softmax
    from sklearn import metrics as sklearn

    right = [
        int(line.partition("\t")[0]) for line in _lines("glue_mrpc", "msr_paraphrase_test.txt")[1:]
    ]
    documents = [
        choice_document(["no", "yes"], [-rng.random(), -0.7 * rng.random()], [label])
        for label in right
    ]
    chosen = [int(np.argmax(response["loglikelihoods"])) for _, response in documents]
    probability = [softmax(response["loglikelihoods"])[1] for _, response in documents]
    references = {
        "f1": sklearn.f1_score(right, chosen),
        "precision": sklearn.precision_score(right, chosen),
        "recall": sklearn.recall_score(right, chosen),
        "balanced_accuracy": sklearn.balanced_accuracy_score(right, chosen),
        "mcc": sklearn.matthews_corrcoef(right, chosen),
        "roc_auc": sklearn.roc_auc_score(right, probability),
        "average_precision": sklearn.average_precision_score(right, probability),
    }
    scoring = settings("multiple_choice", list(references))
    scores = score_task(*tables("multiple_choice", documents), scoring)
    for name, reference in references.items():
        yield name, "scikit-learn, MRPC", len(right), abs(_score(scores, scoring, name) - reference)


def texts(rng: random.Random) -> Iterator[Row]:
    """WikiText-2's paragraphs; differences relative to the value."""
    from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
    from lm_eval.api.task import PerplexityTask

    paragraphs = [line for line in _lines("wikitext2", "valid.txt") if line.strip()]
    windows = [
        [-rng.random() * 40 * len(text) ** 0.5 for _ in range(rng.randint(1, 3))]
        for text in paragraphs
    ]
    documents = [
        (
            {
                "questions": [],
                "continuations": [{"question": -1, "text": text}],
                "references": [text],
            },
            {
                "loglikelihoods": window,
                "greedy": [False] * len(window),
                "n_tokens": [len(text.split()) + 1] * len(window),
            },
        )
        for text, window in zip(paragraphs, windows, strict=True)
    ]
    words, sizes = (
        [(sum(window), count(text)) for text, window in zip(paragraphs, windows, strict=True)]
        for count in (PerplexityTask.count_words, PerplexityTask.count_bytes)
    )
    references = {
        "word_perplexity": weighted_perplexity(words),
        "byte_perplexity": weighted_perplexity(sizes),
        "bits_per_byte": bits_per_byte(sizes),
        "token_perplexity": weighted_perplexity(
            [
                (sum(window), len(window) * (len(text.split()) + 1))
                for text, window in zip(paragraphs, windows, strict=True)
            ]
        ),
    }
    scoring = settings("loglikelihood_rolling", list(references))
    scores = score_task(*tables("loglikelihood_rolling", documents), scoring)
    for name, reference in references.items():
        yield (
            name,
            "lm-eval, WikiText-2",
            len(paragraphs),
            abs(_score(scores, scoring, name) / reference - 1),
        )


def targets(rng: random.Random) -> Iterator[Row]:
    """The last words of WikiText-2's paragraphs; the difference relative to the value."""
    from lm_eval.api.metrics import perplexity

    words = [line.split()[-1] for line in _lines("wikitext2", "valid.txt") if line.strip()]
    likelihoods, greedy = (
        [-rng.random() * len(word) for word in words],
        [rng.random() < 0.4 for _ in words],
    )
    documents = [
        (
            {"continuations": [{"question": 0, "text": word}], "references": [word]},
            {"loglikelihoods": [value], "greedy": [hit], "n_tokens": [1]},
        )
        for word, value, hit in zip(words, likelihoods, greedy, strict=True)
    ]
    scoring = settings("loglikelihood", ["perplexity", "acc"])
    scores = score_task(*tables("loglikelihood", documents), scoring)
    yield (
        "perplexity",
        "lm-eval, WikiText-2",
        len(words),
        abs(_score(scores, scoring, "perplexity") / perplexity(likelihoods) - 1),
    )
    results = [
        of_lm_eval("loglikelihood", {}, [pair], ["acc", "perplexity"])["acc"]
        for pair in zip(likelihoods, greedy, strict=True)
    ]
    yield (
        "acc (targets)",
        "lm-eval, WikiText-2",
        len(words),
        _largest(values(scores, "acc"), results),
    )


def numbers(rng: random.Random) -> Iterator[Row]:
    """Published solutions of GSM8K."""
    from lm_eval.api.metrics import exact_match_hf_evaluate

    problems = [json.loads(line) for line in _lines("gsm8k", "example_model_solutions.jsonl")]
    solved = [
        (problem[solver], problem["ground_truth"]) for solver in SOLVERS for problem in problems
    ]
    options = {"ignore_case": True, "regexes_to_ignore": [",", r"\$", "(?s).*A: ", r"\.$"]}
    pipeline = [
        {
            "name": "flexible",
            "filter": [{"function": "regex", **FLEXIBLE}, {"function": "take_first"}],
        }
    ]
    documents = [generated([solution["solution"]], [truth]) for solution, truth in solved]
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", [{"metric": "exact_match", **options}], filter_list=pipeline),
    )
    theirs = _lm_eval_filter(
        "regex", FLEXIBLE, [[solution["solution"]] for solution, _ in solved], [{}] * len(solved)
    )
    reference = [
        exact_match_hf_evaluate(predictions=answer, references=[truth], **options)["exact_match"]
        for answer, (_, truth) in zip(theirs, solved, strict=True)
    ]
    yield (
        "exact_match after regex",
        "lm-eval, GSM8K",
        len(solved),
        _largest(values(scores, "exact_match", "flexible"), reference),
    )
    pipeline = [
        {
            "name": "last",
            "filter": [
                {"function": "regex", "regex_pattern": r"A: *(-?[0-9.,]+)", "group_select": -1}
            ],
        }
    ]
    documents = [
        generated([solution["solution"]], [truth.rpartition("A:")[2].strip()])
        for solution, truth in solved
    ]
    benchmark = {"metric": "exact_match", "regexes_to_ignore": [",", r"\.$"]}
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", [benchmark], filter_list=pipeline),
    )
    published = [float(solution["is_correct"]) for solution, _ in solved]
    yield (
        "exact_match",
        "published is_correct, GSM8K",
        len(solved),
        _largest(values(scores, "exact_match", "last"), published),
    )


def samples(rng: random.Random) -> Iterator[Row]:
    """The four published solutions of a GSM8K problem as four samples."""
    problems = [json.loads(line) for line in _lines("gsm8k", "example_model_solutions.jsonl")]
    answers = [
        [problem[solver]["solution"].rpartition("A:")[2].strip() for solver in SOLVERS]
        for problem in problems
    ]
    truths = [problem["ground_truth"].rpartition("A:")[2].strip() for problem in problems]
    names = ["pass@1", "pass@2", "maj@3"]
    documents = [generated(texts, [truth]) for texts, truth in zip(answers, truths, strict=True)]
    pipeline = [{"name": "none", "filter": [{"function": "take_first_k", "k": 4}]}]
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", names, filter_list=pipeline),
    )
    for name, k in (
        ("pass@1", 1),
        ("pass@2", 2),
    ):  # the share of all ways to choose k answers with a right one among them
        chosen = [
            np.mean(
                [
                    any(answer == truth for answer in some)
                    for some in itertools.combinations(texts, k)
                ]
            )
            for texts, truth in zip(answers, truths, strict=True)
        ]
        yield (
            name,
            "all choices of k answers, GSM8K",
            len(documents),
            _largest(values(scores, name), chosen),
        )
    voted = [
        float(Counter(texts[:3]).most_common(1)[0][0] == truth)
        for texts, truth in zip(answers, truths, strict=True)
    ]
    yield "maj@3", "its definition, GSM8K", len(documents), _largest(values(scores, "maj@3"), voted)


def mathematics(rng: random.Random) -> Iterator[Row]:
    """MATH: the published solutions, their answers alone, rewritten and another problem's."""
    from lm_eval.tasks.minerva_math import utils
    from lm_eval.tasks.minerva_math.utils import (
        last_boxed_only_string,
        normalize_final_answer,
        process_results,
        remove_boxed,
    )

    # its limits go by the clock: on a busy machine right answers would be wrong
    utils.parse, utils.verify = (
        partial(utils.parse, parsing_timeout=None),
        partial(utils.verify, timeout_seconds=None),
    )
    solutions = [json.loads(line)["solution"] for line in _lines("competition_math", "test.jsonl")]
    right = [remove_boxed(last_boxed_only_string(solution)) for solution in solutions]
    answered = []
    for n, (solution, answer) in enumerate(zip(solutions, right, strict=True)):
        other = right[(n + 7) % len(right)]
        for text in (
            solution,
            answer,
            f"So it is.\nFinal Answer: The final answer is ${answer}$. I hope it is correct.",
            f"Thus $\\boxed{{ {answer.replace('frac', 'dfrac')} }}$.",
            f"We get $\\boxed{{{other}}}$.\nFinal Answer: The final answer is ${other}$. I hope it is correct.",
        ):
            answered.append((text, solution, normalize_final_answer(answer)))
    documents = [generated([text], [solution]) for text, solution, _ in answered]
    scores = score_task(
        *tables("generate_until", documents), settings("generate_until", ["math_equal"])
    )
    theirs = [
        process_results({"solution": solution, "answer": answer}, [text])["math_verify"]
        for text, solution, answer in answered
    ]
    differ = sum(a != b for a, b in zip(values(scores, "math_equal"), theirs, strict=True))
    yield (
        "math_equal",
        "lm-eval's minerva_math (math_verify), MATH; answers that differ",
        len(answered),
        differ,
    )


def contrasts(rng: random.Random) -> Iterator[Row]:
    """TruthfulQA's answers, each scored against the others."""
    from lm_eval.tasks.truthfulqa.utils import process_results_gen

    records = json.loads((DATA / "truthfulqa" / "mc_task.json").read_text())
    documents, expected = [], []
    for record in records[:250]:
        sides = {
            truth: [
                text for text, label in record["mc2_targets"].items() if label == truth and text
            ]
            for truth in (0, 1)
        }
        document = {"correct_answers": sides[1], "incorrect_answers": sides[0]}
        answer = rng.choice(sides[0] + sides[1])
        documents.append(generated([answer], sides[1], document=json.dumps(document)))
        expected.append(process_results_gen(document, [answer]))
    names = list(expected[0])
    benchmarks = [
        {"metric": name} | ({} if name.endswith("_max") else {"wrong": "incorrect_answers"})
        for name in names
    ]
    scores = score_task(
        *tables("generate_until", documents), settings("generate_until", benchmarks)
    )
    for name in names:
        yield (
            name,
            "lm-eval, TruthfulQA",
            len(documents),
            _largest(values(scores, name), [result[name] for result in expected]),
        )


def questions(rng: random.Random) -> Iterator[Row]:
    """Answers of five systems to TriviaQA."""
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    records = [
        record
        for record in json.loads((DATA / "triviaqa_qaeval" / "TQ.json").read_text())
        if not record["improper"]
    ]
    systems = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")
    answered = [
        (record[f"answer_{system}"], record["golden_answer"].split("/"))
        for record in records
        for system in systems
    ]
    scores = score_task(
        *tables("generate_until", [generated([answer], golds) for answer, golds in answered]),
        settings("generate_until", ["token_f1", "squad_match", "triviaqa_match"]),
    )

    def official(text: str) -> str:
        text = "".join(
            " " if c in string.punctuation + "‘’´`" else c for c in text.replace("_", " ").lower()
        )
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    f1 = [max(f1_abstractive([answer], [gold]) for gold in golds) for answer, golds in answered]
    yield (
        "token_f1",
        "SQuAD's script in lm-eval's qasper, TriviaQA",
        len(answered),
        _largest(values(scores, "token_f1"), f1),
    )
    for name, normalised in (("squad_match", normalize_answer), ("triviaqa_match", official)):
        equal = [
            any(normalised(answer) == normalised(gold) for gold in golds)
            for answer, golds in answered
        ]
        yield (
            name,
            "its official normalisation, TriviaQA",
            len(answered),
            _largest(values(scores, name), equal),
        )


def translations(rng: random.Random) -> Iterator[Row]:
    """Systems of WMT22."""
    import sacrebleu
    from nltk.metrics.distance import edit_distance

    for pair, language in (("ende", "de"), ("zhen", "en")):
        reference = _lines("wmt22", pair, f"reference.{language}")
        differences: dict[str, float] = {}
        systems = sorted(
            path
            for path in (DATA / "wmt22" / pair).glob(f"*.{language}")
            if path.stem != "reference"
        )
        for path in systems:
            system = path.read_text(encoding="utf-8").splitlines()
            references = {
                "bleu": sacrebleu.corpus_bleu(system, [reference]).score,
                "chrf": sacrebleu.corpus_chrf(system, [reference]).score,
                "chrf++": sacrebleu.corpus_chrf(system, [reference], word_order=2).score,
                "ter": sacrebleu.corpus_ter(system, [reference]).score,
            }
            scoring = settings("generate_until", list(references))
            scores = score_task(
                *tables(
                    "generate_until",
                    [generated([s], [r]) for s, r in zip(system, reference, strict=True)],
                ),
                scoring,
            )
            for name, value in references.items():
                differences[name] = max(
                    differences.get(name, 0), abs(_score(scores, scoring, name) - value)
                )
            sentences = [
                sacrebleu.sentence_bleu(s, [r]).score
                for s, r in zip(system, reference, strict=True)
            ]
            differences["bleu of a document"] = max(
                differences.get("bleu of a document", 0),
                _largest(values(scores, "bleu"), sentences),
            )
        for name, difference in differences.items():
            yield name, f"sacrebleu, WMT22 {pair}", len(systems) * len(reference), difference
    short = [(s[:120], r[:120]) for s, r in zip(system[:200], reference[:200], strict=True)]
    scores = score_task(
        *tables("generate_until", [generated([s], [r]) for s, r in short]),
        settings("generate_until", ["edit_distance"]),
    )
    yield (
        "edit_distance",
        "nltk, WMT22",
        len(short),
        _largest(values(scores, "edit_distance"), [edit_distance(s, r) for s, r in short]),
    )


def summaries(rng: random.Random) -> Iterator[Row]:
    """Systems of SummEval, 11 references each."""
    from rouge_score.rouge_scorer import RougeScorer

    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    documents = [json.loads(line) for line in _lines("summeval_cnndm", "summeval.jsonl")[:25]]
    pairs = [
        (system["sys_summ"], document["ref_summs"])
        for document in documents
        for system in document["sys_summs"].values()
    ]
    scores = score_task(
        *tables("generate_until", [generated([s], r) for s, r in pairs]),
        settings("generate_until", names),
    )
    scorer = RougeScorer(names)
    reference = [scorer.score_multi(references, summary) for summary, references in pairs]
    for name in names:
        yield (
            name,
            "rouge-score, SummEval",
            len(pairs),
            _largest(values(scores, name), [result[name].fmeasure for result in reference]),
        )


def surfaces(rng: random.Random) -> Iterator[Row]:
    """Systems of WMT22 from Chinese: metrics of words and n-grams."""
    from nltk.metrics.distance import edit_distance
    from nltk.util import ngrams, skipgrams

    reference, system = (
        _lines("wmt22", "zhen", name)[:400] for name in ("reference.en", "GPT-4.en")
    )
    names = [
        "rougeS",
        "edit_similarity",
        "distinct_1",
        "distinct_2",
        "distinct_3",
        "repetition",
        "contains",
        "length",
    ]
    pairs = list(zip(system, reference, strict=True))
    scores = score_task(
        *tables("generate_until", [generated([s], [r]) for s, r in pairs]),
        settings("generate_until", names),
    )

    def skip_bigrams(text: str) -> Counter:
        return Counter(skipgrams(re.findall("[a-z0-9]+", text.lower()), 2, 4))

    def f1(s: str, r: str) -> float:
        a, b = skip_bigrams(s), skip_bigrams(r)
        precision, recall = ((a & b).total() / max(side.total(), 1) for side in (a, b))
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def distinct(text: str, n: int) -> float:
        found = list(ngrams(text.split(), n))
        return len(set(found)) / len(found) if found else 1.0

    def holds(s: str, r: str) -> bool:
        s, r = (
            re.sub(
                r"\s+",
                " ",
                re.sub(
                    r"\b(a|an|the)\b",
                    " ",
                    re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower()),
                ),
            ).strip()
            for text in (s, r)
        )
        return bool(r) and re.search(rf"(?<!\S){re.escape(r)}(?!\S)", s) is not None

    references: dict[str, tuple[str, Callable[[str, str], float]]] = {
        "rougeS": ("nltk's skip-grams", f1),
        "edit_similarity": ("nltk", lambda s, r: 1 - edit_distance(s, r) / max(len(s), len(r), 1)),
        "distinct_1": ("nltk's n-grams", lambda s, r: distinct(s, 1)),
        "distinct_2": ("nltk's n-grams", lambda s, r: distinct(s, 2)),
        "distinct_3": ("nltk's n-grams", lambda s, r: distinct(s, 3)),
        "repetition": ("nltk's n-grams", lambda s, r: 1 - distinct(s, 4)),
        "contains": ("a regular expression", holds),
        "length": ("its definition", lambda s, r: len(s)),
    }
    for name, (source, function) in references.items():
        yield (
            name,
            f"{source}, WMT22 zhen",
            len(pairs),
            _largest(values(scores, name), [function(s, r) for s, r in pairs]),
        )


def synonyms(rng: random.Random) -> Iterator[Row]:
    """METEOR of WMT22's systems."""
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.translate.meteor_score import meteor_score

    from snakeval.metrics.meteor import _wordnet

    reference, system = (
        _lines("wmt22", "zhen", name)[:300] for name in ("reference.en", "GPT-4.en")
    )
    pairs = list(zip(system, reference, strict=True))
    scores = score_task(
        *tables("generate_until", [generated([s], [r]) for s, r in pairs]),
        settings("generate_until", ["meteor"]),
    )
    words = NLTKWordTokenizer().tokenize
    theirs = [meteor_score([words(r)], words(s), wordnet=_wordnet(None)) for s, r in pairs]
    yield (
        "meteor",
        "nltk, WordNet 3.0, WMT22 zhen",
        len(pairs),
        _largest(values(scores, "meteor"), theirs),
    )


def embeddings(rng: random.Random) -> Iterator[Row]:
    """BERTScore of SummEval's systems by an encoder with random weights."""
    import bert_score

    documents = [json.loads(line) for line in _lines("summeval_cnndm", "summeval.jsonl")[:15]]
    pairs = [
        (system["sys_summ"], document["ref_summs"][:3])
        for document in documents
        for system in document["sys_summs"].values()
    ]
    with tempfile.TemporaryDirectory() as folder:
        letters = sorted(
            {
                letter
                for s, rs in pairs
                for text in (s, *rs)
                for letter in text.lower()
                if letter.strip()
            }
        )
        random_encoder.save(
            Path(folder), [*letters, *(f"##{letter}" for letter in letters)], longest=512
        )
        for part, name in enumerate(("precision", "recall", "f1")):
            benchmark = {"metric": "bertscore", "encoder": folder, "layer": 2, "score": name}
            scores = score_task(
                *tables("generate_until", [generated([s], r) for s, r in pairs]),
                settings("generate_until", [benchmark]),
            )
            theirs = bert_score.score(
                [s for s, _ in pairs],
                [r for _, r in pairs],
                model_type=folder,
                num_layers=2,
                device="cpu",
            )[part]
            yield (
                f"bertscore {name}",
                "bert-score, SummEval",
                len(pairs),
                _largest(values(scores, "bertscore"), theirs.tolist()),
            )


def filtered(rng: random.Random) -> Iterator[Row]:
    """Answers that differ, over solutions of GSM8K."""
    problems = [json.loads(line) for line in _lines("gsm8k", "example_model_solutions.jsonl")]
    answers = [[problem[solver]["solution"]] for solver in SOLVERS for problem in problems]
    documents = [{"choices": ["18", "she has", "A: 3", "Valid"]}] * len(answers)
    letters = {"regex_pattern": r"(\([A-Z]\))", "ignore_case": True, "ignore_punctuation": True}
    steps: list[tuple[str, dict]] = [
        ("regex", FLEXIBLE),
        ("multi_choice_regex", letters),
        ("take_first_k", {"k": 1}),
    ]
    steps += [("map", {"mapping_dict": {answers[0][0]: "first"}, "default_value": "other"})]
    steps += [
        (name, {})
        for name in (
            "regex",
            "regex_pos",
            "format_span",
            "remove_whitespace",
            "lowercase",
            "uppercase",
            "majority_vote",
        )
    ]
    for name, options in steps:
        ours = filters.apply(
            [{"function": name, **options}], filters.answers_of(answers), documents
        ).values
        theirs = _lm_eval_filter(name, options, answers, documents)
        yield (
            f"filter {name}",
            "lm-eval, GSM8K",
            len(answers),
            sum(a != b for a, b in zip(ours, theirs, strict=True)),
        )


PARTS: dict[str, Callable[[random.Random], Iterator[Row]]] = {
    part.__name__: part
    for part in (
        choices, classes, texts, targets, numbers, samples, mathematics, questions, contrasts, translations, summaries, surfaces, synonyms,
        embeddings, filtered,
    )
}  # fmt: skip


def _lm_eval_filter(
    name: str, options: dict, answers: list[list[str]], documents: list[dict]
) -> list[list]:
    import lm_eval.filters  # noqa: F401
    from lm_eval.api.registry import get_filter

    return [list(result) for result in get_filter(name)(**options).apply(answers, documents)]


def _lines(*path: str) -> list[str]:
    return (
        (DATA.joinpath(*path))
        .read_text(encoding="utf-8-sig")
        .split("\n")[: -1 if path[0] != "wikitext2" else None]
    )


def _score(scores, scoring: dict, metric: str) -> float:
    return aggregation.score(registry.aggregation_of(metric, scoring), rows(scores, metric))


def _largest(ours: list, theirs: list) -> float:
    return float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float))))


if __name__ == "__main__":
    main()
