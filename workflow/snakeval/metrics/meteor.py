"""METEOR: unigrams matched by form, stem and synonym, with a penalty for disorder (Banerjee and Lavie 2005, aclanthology.org/W05-0909).

Computed by nltk. Synonyms come from a WordNet on this machine: nothing is downloaded while scoring.
"""

import io
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric

DEBIAN = "/usr/share/wordnet"


def meteor(
    prediction: str,
    references: Sequence[str],
    nltk_data: str | None = None,
    alpha: float = 0.9,
    beta: float = 3.0,
    gamma: float = 0.5,
) -> float:
    """METEOR in [0, 1] of the best reference: (1 - γ (chunks / matches)^β) · PR / (αP + (1 - α)R).

    Words are those of nltk's Treebank tokeniser, in lower case. `nltk_data`: the folder that holds corpora/wordnet; without it WordNet is
    looked for where nltk keeps its data (NLTK_DATA), then in the folder that WNSEARCHDIR names, as for WordNet's own programs, by default
    that of Debian's package wordnet-base. Without a match: 0.
    """
    from nltk.translate.meteor_score import meteor_score

    words = _tokenizer().tokenize
    tokens = [words(reference) for reference in references]
    return float(
        meteor_score(
            tokens,
            words(prediction),
            wordnet=_wordnet(nltk_data),
            alpha=alpha,
            beta=beta,
            gamma=gamma,
        )
    )


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
    other_languages: Any = LazyCorpusLoader(
        "omw-1.4", CorpusReader, ".*"
    )  # never opened for English synonyms
    wordnet: Any = LazyCorpusLoader("wordnet", WordNetCorpusReader, other_languages)
    try:
        wordnet.ensure_loaded()
    except LookupError:
        dictionary = Path(os.environ.get("WNSEARCHDIR", DEBIAN)).absolute()
        if folder is None and (dictionary / "data.noun").is_file():
            return _dictionary(dictionary, other_languages)
        places = folder or f"the folders of nltk (NLTK_DATA), no data.noun in {dictionary}"
        raise UserError(
            f"metric meteor: no corpora/wordnet in {places}, and scoring downloads nothing; install Debian's wordnet-base, or run "
            "`python -m nltk.downloader wordnet` once with a network and name its folder as `nltk_data` in metric_list"
        ) from None
    return wordnet


def _dictionary(folder: Path, other_languages: Any) -> Any:
    """The WordNet of a `dict` folder as Princeton and Debian ship it: nltk's, without what nltk adds to it and METEOR does not read."""
    import nltk
    from nltk.corpus.reader import WordNetCorpusReader

    class Dictionary(WordNetCorpusReader):
        def open(self, file: str) -> Any:
            if file == "lexnames":  # the names of the 45 files that lexicographers wrote
                return io.StringIO(
                    "".join(f"{number:02d}\tlexicographers.{number}\t0\n" for number in range(45))
                )
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """No mapping to other versions of WordNet, which serves other languages."""

    nltk.data.path.append(str(folder))  # nltk opens no folder elsewhere
    return Dictionary(str(folder), other_languages)


METRICS = (Metric("meteor", "generate_until", meteor),)
