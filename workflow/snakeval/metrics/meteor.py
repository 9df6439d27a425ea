"""METEOR: unigrams matched by form, stem and synonym, with a penalty for disorder (Banerjee and Lavie 2005, aclanthology.org/W05-0909).

Computed by nltk. Synonyms come from a WordNet on this machine: nothing is downloaded while scoring.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric


def meteor(
    prediction: str, references: Sequence[str], nltk_data: str | None = None, alpha: float = 0.9, beta: float = 3.0, gamma: float = 0.5
) -> float:
    """METEOR in [0, 1] of the best reference: (1 - γ (chunks / matches)^β) · PR / (αP + (1 - α)R).

    Words are those of nltk's Treebank tokeniser, in lower case. `nltk_data`: the folder that holds corpora/wordnet; without it WordNet is
    looked for where nltk keeps its data (NLTK_DATA). Without a match: 0.
    """
    from nltk.translate.meteor_score import meteor_score

    words = _tokenizer().tokenize
    tokens = [words(reference) for reference in references]
    return float(meteor_score(tokens, words(prediction), wordnet=_wordnet(nltk_data), alpha=alpha, beta=beta, gamma=gamma))


@cache
def _tokenizer() -> Any:
    try:
        from nltk.tokenize.destructive import NLTKWordTokenizer
    except ImportError:
        raise UserError("metric meteor: nltk is not installed; run: pip install nltk") from None
    return NLTKWordTokenizer()


@cache
def _wordnet(folder: str | None) -> Any:
    import nltk
    from nltk.corpus.reader import CorpusReader, WordNetCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    if folder is not None:
        nltk.data.path.insert(0, str(Path(folder).absolute()))
    other_languages = LazyCorpusLoader("omw-1.4", CorpusReader, ".*")  # never opened for English synonyms
    wordnet: Any = LazyCorpusLoader("wordnet", WordNetCorpusReader, other_languages)
    try:
        wordnet.ensure_loaded()
    except LookupError:
        raise UserError(
            f"metric meteor: no corpora/wordnet in {folder or 'the folders of nltk (NLTK_DATA)'}, and scoring downloads nothing; run "
            "`python -m nltk.downloader wordnet` once with a network, or name its folder as `nltk_data` in metric_list"
        ) from None
    return wordnet


METRICS = (Metric("meteor", "generate_until", meteor),)
