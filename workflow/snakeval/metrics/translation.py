"""BLEU, chrF, chrF++ and TER as functions of summed counts, equal to sacrebleu's corpus scores.

They are 0 to 100. Items are (references, hypothesis), each a text or a list of texts (one
hypothesis). sacrebleu itself counts a document; its formulas are written here over arrays, so one
call scores all resamples of a bootstrap. Options are sacrebleu's (`tokenize`, `lowercase`,
`smooth_method`, `char_order`, `normalized` …).

BLEU: Papineni et al. 2002, aclanthology.org/P02-1040. sacrebleu: Post 2018,
aclanthology.org/W18-6319. chrF: Popović 2015, aclanthology.org/W15-3049. chrF++: Popović 2017,
aclanthology.org/W17-4770. TER: Snover et al. 2006, aclanthology.org/2006.amta-papers.25.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item, ratio


def bleu(**options: Any) -> Aggregation:
    """Counts: lengths of hypothesis and closest reference, matching n-grams and n-grams per order.

    The score is the brevity penalty times the geometric mean of the n-gram precisions. A document's
    own is sacrebleu's sentence BLEU: only the orders that the hypothesis is long enough for enter
    the mean ("effective order").
    """
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(**{"force": True, **options})
    return Aggregation(
        "bleu",
        "sums",
        statistics=partial(_statistics, metric),
        of_sums=partial(_bleu, metric, effective_order=metric.effective_order),
        of_document=partial(_bleu, metric, effective_order=True),
    )


def _bleu(metric: Any, sums: np.ndarray, effective_order: bool) -> np.ndarray:
    """BLEU of summed counts, shape (..., 2 + 2 orders), by sacrebleu's formula."""
    sums, order = np.asarray(sums, float), metric.max_ngram_order
    length, reference_length = sums[..., 0], sums[..., 1]
    found, totals = sums[..., 2 : 2 + order], sums[..., 2 + order :]
    precisions, counted = _precisions(metric, found.copy(), totals.copy())
    orders = np.maximum(counted.sum(-1), 1) if effective_order else order
    entering = counted if effective_order else np.ones_like(counted)
    with np.errstate(divide="ignore"):
        logarithms = np.where(entering, np.log(precisions), 0.0)
    without = np.full_like(length, np.inf)
    brevity = 1 - np.divide(reference_length, length, out=without, where=length > 0)
    scores = 100 * np.exp(logarithms.sum(-1) / orders + np.minimum(brevity, 0.0))
    return np.where(found.any(-1), scores, 0.0)


def _precisions(
    metric: Any, matches: np.ndarray, totals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed n-gram precisions per order, and which orders have n-grams.

    Changes its arguments.
    """
    method = metric.smooth_method
    given, default = metric.smooth_value, metric.SMOOTH_DEFAULTS[method]
    value = (default if given is None else given) or 0.0
    if method == "add-k":
        matches[..., 1:] += value
        totals[..., 1:] += value
    # the first order without any n-gram ends the list: precisions from there on are 0
    counted = np.cumprod(totals > 0, axis=-1).astype(bool)
    missed = counted & (matches == 0)
    if method == "exp":
        matches = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), matches)
    elif method == "floor":
        matches = np.where(missed, value, matches)
    return np.divide(matches, totals, out=np.zeros_like(totals), where=counted), counted


def chrf(name: str = "chrf", **options: Any) -> Aggregation:
    """Counts per order of character (and word) n-grams: of hypothesis, best reference, both.

    The score is F-beta of the precision and recall, averaged over the orders that occur. With beta
    2 recall counts twice.
    """
    from sacrebleu.metrics.chrf import CHRF

    if "remove_whitespace" in options:  # the name in sacrebleu's corpus_chrf
        options["whitespace"] = not options.pop("remove_whitespace")
    metric = CHRF(**options)
    factor = metric.beta**2

    def of_sums(sums: np.ndarray) -> np.ndarray:
        counts = np.asarray(sums, float).reshape(*np.shape(sums)[:-1], metric.order, 3)
        hypothesis, reference, both = counts[..., 0], counts[..., 1], counts[..., 2]
        nothing = 1e-16 if metric.eps_smoothing else 0.0
        precisions, recalls = (
            np.divide(both, total, out=np.full_like(both, nothing), where=total > 0)
            for total in (hypothesis, reference)
        )
        if metric.eps_smoothing:
            return 100 * _f_beta(precisions, recalls, factor, nothing).mean(-1)
        occurring = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(occurring.sum(-1), 1)
        precision, recall = ((p * occurring).sum(-1) / orders for p in (precisions, recalls))
        return 100 * _f_beta(precision, recall, factor, 0.0)

    return Aggregation(
        name,
        "sums",
        statistics=partial(_statistics, metric),
        of_sums=of_sums,
        of_document=of_sums,
    )


def chrf_plus_plus(**options: Any) -> Aggregation:
    """chrF with word n-grams up to order 2 in addition to the character n-grams."""
    return chrf("chrf++", **{"word_order": 2, **options})


def ter(**options: Any) -> Aggregation:
    """Counts: edits to the closest reference, mean length of the references in words.

    Edits are insertions, deletions, substitutions and shifts. The score is 100 edits / length.
    Without reference words it is 100 if anything was written, else 0.
    """
    from sacrebleu.metrics.ter import TER

    metric = TER(**options)

    def of_sums(sums: np.ndarray) -> np.ndarray:
        edits, length = sums[..., 0], sums[..., 1]
        return 100 * np.where(length > 0, ratio(edits, length), edits > 0)

    return Aggregation(
        "ter",
        "sums",
        statistics=partial(_statistics, metric),
        of_sums=of_sums,
        of_document=of_sums,
        higher_is_better=False,
    )


def _f_beta(precision: np.ndarray, recall: np.ndarray, factor: float, nothing: float) -> np.ndarray:
    below = factor * precision + recall
    above, without = (1 + factor) * precision * recall, np.full_like(below, nothing)
    return np.divide(above, below, out=without, where=below > 0)


def _statistics(metric: Any, items: Sequence[Item]) -> np.ndarray:
    """sacrebleu's counts per document, shape (n, k). Numbers of references may differ."""
    if not items:
        return np.zeros((0, 0))
    references = [[texts] if isinstance(texts, str) else list(texts) for texts, _ in items]
    hypotheses = [made if isinstance(made, str) else made[0] for _, made in items]
    if not all(references):
        raise UserError(
            f"metric {type(metric).__name__.lower()}: a document has no reference. "
            "Give every document at least one."
        )
    most = max(map(len, references))
    streams = [[texts[i] if i < len(texts) else None for texts in references] for i in range(most)]
    return np.asarray(metric._extract_corpus_statistics(hypotheses, streams), float)


AGGREGATIONS = {"bleu": bleu, "chrf": chrf, "chrf++": chrf_plus_plus, "ter": ter}
