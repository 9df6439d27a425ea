"""Compare metrics and filters with independent implementations over real records, and print the table of docs/metrics.md.

    SNAKEVAL_DATA=folder python benchmarks/metric_references.py

Texts are those of public data sets; log-likelihoods are drawn at random with a fixed seed. Needs lm_eval (the extra `lm-eval`) and nltk.
"""

import json
import os
import random
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "unit"))
from scoring_tables import choice_document, generated, of_lm_eval, rows, settings, tables, values

from snakeval import filters, metrics
from snakeval.scoring import score

DATA = Path(os.environ["SNAKEVAL_DATA"])
SOLVERS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FLEXIBLE = {"regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "group_select": -1}
Row = tuple[str, str, int, float]  # metric, compared with, records, largest difference


def main() -> None:
    print("| metric | compared with | records | largest difference |\n|---|---|---:|---:|")
    for part in (choices, classes, texts, numbers, questions, translations, summaries, filtered):
        for metric, reference, records, difference in part(random.Random(0)):
            print(f"| {metric} | {reference} | {records} | {difference:.1g} |", flush=True)


def choices(rng: random.Random) -> Iterator[Row]:
    """HellaSwag's endings."""
    from lm_eval.api.metrics import brier_score
    from scipy.special import softmax
    from sklearn import metrics as sklearn

    endings = [json.loads(line)["endings"] for line in _lines("hellaswag", "hellaswag_val.jsonl")]
    documents = []
    for texts in endings:
        conditional, alone = ([-rng.random() * len(text) for text in texts] for _ in range(2))
        greedy = [rng.random() < 0.3 for _ in texts]
        documents.append(choice_document(texts, conditional, [rng.randrange(len(texts))], greedy, unconditional=alone))
    names = ["acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "brier_score", "likelihood", "mcc", "ndcg"]
    scoring = settings("multiple_choice", [*names, {"metric": "f1", "average": "macro"}])
    scores = score(*tables("multiple_choice", documents), scoring)
    wanted = [
        of_lm_eval("multiple_choice", {}, list(zip(r["loglikelihoods"], r["greedy"], strict=True)), names, q["choices"], q["gold"][0])
        for q, r in documents
    ]
    n, gold = len(documents), [request["gold"][0] for request, _ in documents]
    shares = [softmax(response["loglikelihoods"][: len(request["choices"])]) for request, response in documents]
    for name in names[:5]:
        yield name, "lm-eval, HellaSwag", n, _largest(values(scores, name), [result[name] for result in wanted])
    yield (
        "brier_score",
        "lm-eval, HellaSwag",
        n,
        abs(_score(scores, scoring, "brier_score") - brier_score([r["brier_score"] for r in wanted])),
    )
    yield "likelihood", "scipy, HellaSwag", n, _largest(values(scores, "likelihood"), [p[g] for p, g in zip(shares, gold, strict=True)])
    ndcg = [sklearn.ndcg_score([np.eye(len(p))[g]], [p]) for p, g in zip(shares, gold, strict=True)]
    yield "ndcg", "scikit-learn, HellaSwag", n, _largest(values(scores, "ndcg"), ndcg)
    chosen = [int(np.argmax(p)) for p in shares]
    yield "mcc", "scikit-learn, HellaSwag", n, abs(_score(scores, scoring, "mcc") - sklearn.matthews_corrcoef(gold, chosen))
    yield "f1 macro", "scikit-learn, HellaSwag", n, abs(_score(scores, scoring, "f1") - sklearn.f1_score(gold, chosen, average="macro"))


def classes(rng: random.Random) -> Iterator[Row]:
    """MRPC's labels."""
    from scipy.special import softmax
    from sklearn import metrics as sklearn

    right = [int(line.partition("\t")[0]) for line in _lines("glue_mrpc", "msr_paraphrase_test.txt")[1:]]
    documents = [choice_document(["no", "yes"], [-rng.random(), -0.7 * rng.random()], [label]) for label in right]
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
    scores = score(*tables("multiple_choice", documents), scoring)
    for name, reference in references.items():
        yield name, "scikit-learn, MRPC", len(right), abs(_score(scores, scoring, name) - reference)


def texts(rng: random.Random) -> Iterator[Row]:
    """WikiText-2's paragraphs; differences relative to the value."""
    from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
    from lm_eval.api.task import PerplexityTask

    paragraphs = [line for line in _lines("wikitext2", "valid.txt") if line.strip()]
    windows = [[-rng.random() * 40 * len(text) ** 0.5 for _ in range(rng.randint(1, 3))] for text in paragraphs]
    documents = [
        (
            {"questions": [], "continuations": [{"question": -1, "text": text}], "references": [text]},
            {"loglikelihoods": window, "greedy": [False] * len(window), "n_tokens": [1] * len(window)},
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
    }
    scoring = settings("loglikelihood_rolling", list(references))
    scores = score(*tables("loglikelihood_rolling", documents), scoring)
    for name, reference in references.items():
        yield name, "lm-eval, WikiText-2", len(paragraphs), abs(_score(scores, scoring, name) / reference - 1)


def numbers(rng: random.Random) -> Iterator[Row]:
    """Published solutions of GSM8K."""
    from lm_eval.api.metrics import exact_match_hf_evaluate

    problems = [json.loads(line) for line in _lines("gsm8k", "example_model_solutions.jsonl")]
    solved = [(problem[solver], problem["ground_truth"]) for solver in SOLVERS for problem in problems]
    options = {"ignore_case": True, "regexes_to_ignore": [",", r"\$", "(?s).*A: ", r"\.$"]}
    pipeline = [{"name": "flexible", "filter": [{"function": "regex", **FLEXIBLE}, {"function": "take_first"}]}]
    documents = [generated([solution["solution"]], [truth]) for solution, truth in solved]
    scores = score(
        *tables("generate_until", documents), settings("generate_until", [{"metric": "exact_match", **options}], filter_list=pipeline)
    )
    theirs = _lm_eval_filter("regex", FLEXIBLE, [[solution["solution"]] for solution, _ in solved], [{}] * len(solved))
    reference = [
        exact_match_hf_evaluate(predictions=answer, references=[truth], **options)["exact_match"]
        for answer, (_, truth) in zip(theirs, solved, strict=True)
    ]
    yield "exact_match after regex", "lm-eval, GSM8K", len(solved), _largest(values(scores, "exact_match", "flexible"), reference)
    pipeline = [{"name": "last", "filter": [{"function": "regex", "regex_pattern": r"A: *(-?[0-9.,]+)", "group_select": -1}]}]
    documents = [generated([solution["solution"]], [truth.rpartition("A:")[2].strip()]) for solution, truth in solved]
    entry = {"metric": "exact_match", "regexes_to_ignore": [",", r"\.$"]}
    scores = score(*tables("generate_until", documents), settings("generate_until", [entry], filter_list=pipeline))
    published = [float(solution["is_correct"]) for solution, _ in solved]
    yield "exact_match", "published is_correct, GSM8K", len(solved), _largest(values(scores, "exact_match", "last"), published)


def questions(rng: random.Random) -> Iterator[Row]:
    """Answers of five systems to TriviaQA."""
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    records = [record for record in json.loads((DATA / "triviaqa_qaeval" / "TQ.json").read_text()) if not record["improper"]]
    systems = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")
    answered = [(record[f"answer_{system}"], record["golden_answer"].split("/")) for record in records for system in systems]
    scores = score(
        *tables("generate_until", [generated([answer], golds) for answer, golds in answered]),
        settings("generate_until", ["token_f1", "squad_match", "triviaqa_match"]),
    )

    def official(text: str) -> str:
        text = "".join(" " if c in string.punctuation + "‘’´`" else c for c in text.replace("_", " ").lower())
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    f1 = [max(f1_abstractive([answer], [gold]) for gold in golds) for answer, golds in answered]
    yield "token_f1", "SQuAD's script in lm-eval's qasper, TriviaQA", len(answered), _largest(values(scores, "token_f1"), f1)
    for name, normalised in (("squad_match", normalize_answer), ("triviaqa_match", official)):
        equal = [any(normalised(answer) == normalised(gold) for gold in golds) for answer, golds in answered]
        yield name, "its official normalisation, TriviaQA", len(answered), _largest(values(scores, name), equal)


def translations(rng: random.Random) -> Iterator[Row]:
    """Systems of WMT22."""
    import sacrebleu
    from nltk.metrics.distance import edit_distance

    for pair, language in (("ende", "de"), ("zhen", "en")):
        reference = _lines("wmt22", pair, f"reference.{language}")
        differences: dict[str, float] = {}
        systems = sorted(path for path in (DATA / "wmt22" / pair).glob(f"*.{language}") if path.stem != "reference")
        for path in systems:
            system = path.read_text(encoding="utf-8").splitlines()
            references = {
                "bleu": sacrebleu.corpus_bleu(system, [reference]).score,
                "chrf": sacrebleu.corpus_chrf(system, [reference]).score,
                "chrf++": sacrebleu.corpus_chrf(system, [reference], word_order=2).score,
                "ter": sacrebleu.corpus_ter(system, [reference]).score,
            }
            scoring = settings("generate_until", list(references))
            scores = score(*tables("generate_until", [generated([s], [r]) for s, r in zip(system, reference, strict=True)]), scoring)
            for name, value in references.items():
                differences[name] = max(differences.get(name, 0), abs(_score(scores, scoring, name) - value))
            sentences = [sacrebleu.sentence_bleu(s, [r]).score for s, r in zip(system, reference, strict=True)]
            differences["bleu of a document"] = max(differences.get("bleu of a document", 0), _largest(values(scores, "bleu"), sentences))
        for name, difference in differences.items():
            yield name, f"sacrebleu, WMT22 {pair}", len(systems) * len(reference), difference
    short = [(s[:120], r[:120]) for s, r in zip(system[:200], reference[:200], strict=True)]
    scores = score(*tables("generate_until", [generated([s], [r]) for s, r in short]), settings("generate_until", ["edit_distance"]))
    yield "edit_distance", "nltk, WMT22", len(short), _largest(values(scores, "edit_distance"), [edit_distance(s, r) for s, r in short])


def summaries(rng: random.Random) -> Iterator[Row]:
    """Systems of SummEval, 11 references each."""
    from rouge_score.rouge_scorer import RougeScorer

    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    documents = [json.loads(line) for line in _lines("summeval_cnndm", "summeval.jsonl")[:25]]
    pairs = [(system["sys_summ"], document["ref_summs"]) for document in documents for system in document["sys_summs"].values()]
    scores = score(*tables("generate_until", [generated([s], r) for s, r in pairs]), settings("generate_until", names))
    scorer = RougeScorer(names)
    reference = [scorer.score_multi(references, summary) for summary, references in pairs]
    for name in names:
        yield name, "rouge-score, SummEval", len(pairs), _largest(values(scores, name), [result[name].fmeasure for result in reference])


def filtered(rng: random.Random) -> Iterator[Row]:
    """Answers that differ, over solutions of GSM8K."""
    problems = [json.loads(line) for line in _lines("gsm8k", "example_model_solutions.jsonl")]
    answers = [[problem[solver]["solution"]] for solver in SOLVERS for problem in problems]
    documents = [{"choices": ["18", "she has", "A: 3", "Valid"]}] * len(answers)
    letters = {"regex_pattern": r"(\([A-Z]\))", "ignore_case": True, "ignore_punctuation": True}
    steps: list[tuple[str, dict]] = [("regex", FLEXIBLE), ("multi_choice_regex", letters), ("take_first_k", {"k": 1})]
    steps += [("map", {"mapping_dict": {answers[0][0]: "first"}, "default_value": "other"})]
    steps += [(name, {}) for name in ("regex", "regex_pos", "format_span", "remove_whitespace", "lowercase", "uppercase", "majority_vote")]
    for name, options in steps:
        ours = filters.apply([{"function": name, **options}], filters.answers_of(answers), documents).values
        theirs = _lm_eval_filter(name, options, answers, documents)
        yield f"filter {name}", "lm-eval, GSM8K", len(answers), sum(a != b for a, b in zip(ours, theirs, strict=True))


def _lm_eval_filter(name: str, options: dict, answers: list[list[str]], documents: list[dict]) -> list[list]:
    import lm_eval.filters  # noqa: F401  (registers the filters)
    from lm_eval.api.registry import get_filter

    return [list(result) for result in get_filter(name)(**options).apply(answers, documents)]


def _lines(*path: str) -> list[str]:
    return (DATA.joinpath(*path)).read_text(encoding="utf-8-sig").split("\n")[: -1 if path[0] != "wikitext2" else None]


def _score(scores, scoring: dict, metric: str) -> float:
    return metrics.score(metrics.aggregation_of(metric, scoring), rows(scores, metric))


def _largest(ours: list, theirs: list) -> float:
    return float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float))))


if __name__ == "__main__":
    main()
