"""Metrics of targets and whole texts. Differences of perplexities are relative to the value."""

import random
from collections.abc import Iterator

from builders.scoring_tables import of_lm_eval, settings, tables, target_document, total
from references.records import Row, lines, of_documents

from snakeval.scoring.score import score_task


def _text_document(text: str, window: list[float]) -> tuple[dict, dict]:
    request = {
        "questions": [],
        "continuations": [{"question": -1, "text": text}],
        "references": [text],
    }
    return request, {
        "loglikelihoods": window,
        "greedy": [False] * len(window),
        "n_tokens": [len(text.split()) + 1] * len(window),
    }


def texts(rng: random.Random) -> Iterator[Row]:
    """WikiText-2's paragraphs."""
    from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
    from lm_eval.api.task import PerplexityTask

    paragraphs = [line for line in lines("wikitext2", "valid.txt") if line.strip()]
    windows = [
        [-rng.random() * 40 * len(text) ** 0.5 for _ in range(rng.randint(1, 3))]
        for text in paragraphs
    ]
    pairs = list(zip(paragraphs, windows, strict=True))
    words, sizes = (
        [(sum(window), count(text)) for text, window in pairs]
        for count in (PerplexityTask.count_words, PerplexityTask.count_bytes)
    )
    tokens = [(sum(window), len(window) * (len(text.split()) + 1)) for text, window in pairs]
    references = {
        "word_perplexity": weighted_perplexity(words),
        "byte_perplexity": weighted_perplexity(sizes),
        "bits_per_byte": bits_per_byte(sizes),
        "token_perplexity": weighted_perplexity(tokens),
    }
    scoring = settings("loglikelihood_rolling", list(references))
    documents = [_text_document(*pair) for pair in pairs]
    scores = score_task(*tables("loglikelihood_rolling", documents), scoring)
    for name, reference in references.items():
        gap = abs(total(scores, scoring, name) / reference - 1)
        yield name, "lm-eval, WikiText-2", len(paragraphs), gap


def targets(rng: random.Random) -> Iterator[Row]:
    """The last words of WikiText-2's paragraphs."""
    from lm_eval.api.metrics import perplexity

    words = [line.split()[-1] for line in lines("wikitext2", "valid.txt") if line.strip()]
    likelihoods = [-rng.random() * len(word) for word in words]
    pairs = [(value, rng.random() < 0.4) for value in likelihoods]
    scoring = settings("loglikelihood", ["perplexity", "acc"])
    documents = [target_document(*pair) for pair in pairs]
    scores = score_task(*tables("loglikelihood", documents), scoring)
    gap = abs(total(scores, scoring, "perplexity") / perplexity(likelihoods) - 1)
    yield "perplexity", "lm-eval, WikiText-2", len(words), gap
    names = ["acc", "perplexity"]
    hits = [of_lm_eval("loglikelihood", {}, [pair], names)["acc"] for pair in pairs]
    _, *row = of_documents("acc", "lm-eval, WikiText-2", scores, hits)
    yield "acc (targets)", *row
