"""Metrics of multiple choice."""

import json
import random
from collections.abc import Iterator
from functools import partial

import numpy as np
from builders.scoring_tables import choice_document, of_lm_eval, settings, tables
from references.records import Row, lines, of_documents, of_task

from snakeval.scoring.score import score_task

OF_LM_EVAL = ["acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match"]
OF_TASKS = ["brier_score", "likelihood", "mcc", "ndcg"]
OTHERS = ["nll", "mrr", "recall@2", "ece", "adaptive_ece", "auroc", "aurc", "acc_tokens"]


def choices(rng: random.Random) -> Iterator[Row]:
    """HellaSwag's endings."""
    documents = _hellaswag(rng)
    items = [*OF_LM_EVAL, *OF_TASKS, *OTHERS, {"metric": "f1", "average": "macro"}]
    scoring = settings("multiple_choice", items)
    scores = score_task(*tables("multiple_choice", documents), scoring)
    yield from _of_lm_eval(documents, scores, scoring)
    yield from _of_probabilities(documents, scores, scoring)
    yield from _of_confidence(documents, scores, scoring)
    hits = []
    for (_, response), gold in zip(documents, _golds(documents), strict=True):
        pairs = zip(response["loglikelihoods"][:4], response["n_tokens"][:4], strict=True)
        hits.append(int(np.argmax([value / tokens for value, tokens in pairs]) == gold))
    yield of_documents("acc_tokens", "its definition, HellaSwag", scores, hits)


def _hellaswag(rng: random.Random) -> list[tuple[dict, dict]]:
    documents = []
    for line in lines("hellaswag", "hellaswag_val.jsonl"):
        texts = json.loads(line)["endings"]
        conditional, alone = (
            [-rng.random() * len(text) ** 0.5 for text in texts] for _ in range(2)
        )
        greedy = [rng.random() < 0.3 for _ in texts]
        tokens = [rng.randint(3, 40) for _ in 2 * texts]
        gold = [rng.randrange(len(texts))]
        documents.append(choice_document(texts, conditional, gold, greedy, tokens, alone))
    return documents


def _golds(documents) -> list[int]:
    return [request["gold"][0] for request, _ in documents]


def _of_lm_eval(documents, scores, scoring) -> Iterator[Row]:
    from lm_eval.api.metrics import brier_score

    names, wanted = [*OF_LM_EVAL, *OF_TASKS], []
    for request, response in documents:
        pairs = list(zip(response["loglikelihoods"], response["greedy"], strict=True))
        texts, gold = request["choices"], request["gold"][0]
        wanted.append(of_lm_eval("multiple_choice", {}, pairs, names, texts, gold))
    for name in OF_LM_EVAL:
        found = [result[name] for result in wanted]
        yield of_documents(name, "lm-eval, HellaSwag", scores, found)
    value = brier_score([result["brier_score"] for result in wanted])
    yield of_task("brier_score", "lm-eval, HellaSwag", scores, scoring, len(documents), value)


def _of_probabilities(documents, scores, scoring) -> Iterator[Row]:
    from scipy.special import log_softmax, softmax
    from sklearn import metrics as sklearn

    gold, n = _golds(documents), len(documents)
    logs = [response["loglikelihoods"][:4] for _, response in documents]
    pairs = [(softmax(values), g) for values, g in zip(logs, gold, strict=True)]
    likely = [share[g] for share, g in pairs]
    yield of_documents("likelihood", "scipy, HellaSwag", scores, likely)
    ndcg = [sklearn.ndcg_score([np.eye(len(share))[g]], [share]) for share, g in pairs]
    yield of_documents("ndcg", "scikit-learn, HellaSwag", scores, ndcg)
    chosen = [int(np.argmax(share)) for share, _ in pairs]
    value = sklearn.matthews_corrcoef(gold, chosen)
    yield of_task("mcc", "scikit-learn, HellaSwag", scores, scoring, n, value)
    value = sklearn.f1_score(gold, chosen, average="macro")
    _, *row = of_task("f1", "scikit-learn, HellaSwag", scores, scoring, n, value)
    yield "f1 macro", *row
    losses = [-log_softmax(values)[g] for values, g in zip(logs, gold, strict=True)]
    yield of_documents("nll", "scipy, HellaSwag", scores, losses)
    precision = sklearn.label_ranking_average_precision_score
    ranks = [precision([np.eye(len(share))[g]], [share]) for share, g in pairs]
    yield of_documents("mrr", "scikit-learn, HellaSwag", scores, ranks)
    hit = partial(sklearn.top_k_accuracy_score, k=2)
    top = [hit([g], [share], labels=range(len(share))) for share, g in pairs]
    yield of_documents("recall@2", "scikit-learn, HellaSwag", scores, top)


def _of_confidence(documents, scores, scoring) -> Iterator[Row]:
    from scipy.special import softmax
    from sklearn.metrics import roc_auc_score

    shares = [softmax(response["loglikelihoods"][:4]) for _, response in documents]
    confident = [float(share.max()) for share in shares]
    pairs = zip(shares, _golds(documents), strict=True)
    right = [int(np.argmax(share) == gold) for share, gold in pairs]
    n, value = len(documents), roc_auc_score(right, confident)
    yield of_task("auroc", "scikit-learn, HellaSwag", scores, scoring, n, value)
    for name, reference in (("ece", _ece), ("adaptive_ece", _adaptive_ece), ("aurc", _aurc)):
        value = reference(list(zip(confident, right, strict=True)))
        yield of_task(name, "its definition, HellaSwag", scores, scoring, n, value)


def _ece(pairs: list[tuple[float, int]], bins: int = 15) -> float:
    """Guo et al. 2017, eq. 3, bin by bin; pairs of confidence and whether it is right."""
    total = 0.0
    for b in range(bins):
        inside = [pair for pair in pairs if b / bins < pair[0] <= (b + 1) / bins]
        if n := len(inside):
            total += abs(sum(r for _, r in inside) / n - sum(c for c, _ in inside) / n) * n
    return total / len(pairs)


def _adaptive_ece(pairs: list[tuple[float, int]], bins: int = 15) -> float:
    """The same over runs of the documents in order of confidence.

    The first n mod `bins` runs are longer by one.
    """
    ordered, total, start = sorted(pairs, key=lambda pair: pair[0]), 0.0, 0
    for b in range(bins):
        size = len(ordered) // bins + (b < len(ordered) % bins)
        run, start = ordered[start : start + size], start + size
        total += abs(sum(c for c, _ in run) - sum(r for _, r in run))
    return total / len(ordered)


def _aurc(pairs: list[tuple[float, int]]) -> float:
    """Geifman and El-Yaniv 2017: mean over k of the error rate of the k most confident.

    No two confidences are equal here.
    """
    ordered = [right for _, right in sorted(pairs, reverse=True)]
    return sum(1 - sum(ordered[:k]) / k for k in range(1, len(ordered) + 1)) / len(ordered)


def classes(rng: random.Random) -> Iterator[Row]:
    """MRPC's labels."""
    from scipy.special import softmax
    from sklearn import metrics as sklearn

    rows = lines("glue_mrpc", "msr_paraphrase_test.txt")[1:]
    right = [int(line.partition("\t")[0]) for line in rows]
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
    for name, value in references.items():
        yield of_task(name, "scikit-learn, MRPC", scores, scoring, len(right), value)
