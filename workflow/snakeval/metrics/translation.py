"""BLEU, chrF, chrF++ and TER as functions of summed counts, equal to sacrebleu's corpus scores (0 to 100).

Items are (references, hypothesis), each a text or a list of texts (one hypothesis). The counts of a document come from sacrebleu itself;
its formulas are written here over arrays, so that a bootstrap scores all its resamples in one call. Options are sacrebleu's (`tokenize`,
`lowercase`, `smooth_method`, `char_order`, `normalized` …).

BLEU: Papineni et al. 2002, aclanthology.org/P02-1040; sacrebleu: Post 2018, aclanthology.org/W18-6319. chrF: Popović 2015,
aclanthology.org/W15-3049; chrF++: Popović 2017, aclanthology.org/W17-4770. TER: Snover et al. 2006, aclanthology.org/2006.amta-papers.25.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item, ratio


def bleu(**options: Any) -> Aggregation:
    """Counts: length of hypothesis and closest reference, matching n-grams per order, n-grams per order.

    The score is the brevity penalty times the geometric mean of the n-gram precisions. A document's own is sacrebleu's sentence BLEU:
    only the orders that the hypothesis is long enough for enter the mean ("effective order").
    """
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(**{"force": True, **options})
    smooth_method, order = metric.smooth_method, metric.max_ngram_order
    smooth_value = (
        metric.SMOOTH_DEFAULTS[smooth_method]
        if metric.smooth_value is None
        else metric.smooth_value
    ) or 0.0

    def of_sums(sums: np.ndarray, effective_order: bool = metric.effective_order) -> np.ndarray:
        sums = np.asarray(sums, float)
        length, reference_length = sums[..., 0], sums[..., 1]
        matches, totals = sums[..., 2 : 2 + order].copy(), sums[..., 2 + order :].copy()
        if smooth_method == "add-k":
            matches[..., 1:] += smooth_value
            totals[..., 1:] += smooth_value
        # the first order without any n-gram ends the list: precisions from there on are 0
        counted = np.cumprod(totals > 0, axis=-1).astype(bool)
        missed = counted & (matches == 0)
        if smooth_method == "exp":
            matches = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), matches)
        elif smooth_method == "floor":
            matches = np.where(missed, smooth_value, matches)
        precisions = np.divide(matches, totals, out=np.zeros_like(totals), where=counted)
        orders = np.maximum(counted.sum(-1), 1) if effective_order else order
        entering = counted if effective_order else np.ones_like(counted)
        with np.errstate(divide="ignore"):
            logarithms = np.where(entering, np.log(precisions), 0.0)
        brevity = np.minimum(
            1
            - np.divide(
                reference_length, length, out=np.full_like(length, np.inf), where=length > 0
            ),
            0.0,
        )
        return np.where(
            sums[..., 2 : 2 + order].any(-1),
            100 * np.exp(logarithms.sum(-1) / orders + brevity),
            0.0,
        )

    return Aggregation(
        "bleu",
        "sums",
        statistics=lambda items: _statistics(metric, items),
        of_sums=of_sums,
        of_document=lambda sums: of_sums(sums, effective_order=True),
    )


def chrf(name: str = "chrf", **options: Any) -> Aggregation:
    """Counts for each order of character (and word) n-grams: in the hypothesis, in the best reference, in both.

    The score is F-beta (beta 2: recall counts twice) of the precision and recall averaged over the orders that occur.
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
        precisions = np.divide(
            both, hypothesis, out=np.full_like(both, nothing), where=hypothesis > 0
        )
        recalls = np.divide(both, reference, out=np.full_like(both, nothing), where=reference > 0)
        if metric.eps_smoothing:
            return 100 * _f_beta(precisions, recalls, factor, nothing).mean(-1)
        occurring = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(occurring.sum(-1), 1)
        return 100 * _f_beta(
            (precisions * occurring).sum(-1) / orders,
            (recalls * occurring).sum(-1) / orders,
            factor,
            0.0,
        )

    return Aggregation(
        name,
        "sums",
        statistics=lambda items: _statistics(metric, items),
        of_sums=of_sums,
        of_document=of_sums,
    )


def chrf_plus_plus(**options: Any) -> Aggregation:
    """chrF with word n-grams up to order 2 beside the character n-grams."""
    return chrf("chrf++", **{"word_order": 2, **options})


def ter(**options: Any) -> Aggregation:
    """Counts: edits (insertions, deletions, substitutions, shifts) to the closest reference, mean length of the references in words.

    The score is 100 edits / length; without reference words it is 100 if anything was written, else 0.
    """
    from sacrebleu.metrics.ter import TER

    metric = TER(**options)

    def of_sums(sums: np.ndarray) -> np.ndarray:
        edits, length = sums[..., 0], sums[..., 1]
        return 100 * np.where(length > 0, ratio(edits, length), edits > 0)

    return Aggregation(
        "ter",
        "sums",
        statistics=lambda items: _statistics(metric, items),
        of_sums=of_sums,
        of_document=of_sums,
        higher_is_better=False,
    )


def _f_beta(precision: np.ndarray, recall: np.ndarray, factor: float, nothing: float) -> np.ndarray:
    below = factor * precision + recall
    return np.divide(
        (1 + factor) * precision * recall, below, out=np.full_like(below, nothing), where=below > 0
    )


def _statistics(metric: Any, items: Sequence[Item]) -> np.ndarray:
    """sacrebleu's counts per document, shape (n, k). Documents may have different numbers of references."""
    if not items:
        return np.zeros((0, 0))
    references = [
        [references] if isinstance(references, str) else list(references) for references, _ in items
    ]
    hypotheses = [
        hypothesis if isinstance(hypothesis, str) else hypothesis[0] for _, hypothesis in items
    ]
    if not all(references):
        raise UserError(
            f"metric {type(metric).__name__.lower()}: a document has no reference; give every document at least one"
        )
    most = max(map(len, references))
    streams = [[texts[i] if i < len(texts) else None for texts in references] for i in range(most)]
    return np.asarray(metric._extract_corpus_statistics(hypotheses, streams), float)
