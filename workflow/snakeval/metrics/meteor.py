"""METEOR: unigrams matched by form, stem and synonym, with a penalty for disorder.

(Banerjee and Lavie 2005, aclanthology.org/W05-0909.) nltk computes it. Synonyms come from a WordNet
on this machine: scoring downloads nothing.
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

    Without a match it is 0. Words are those of nltk's Treebank tokeniser, in lower case.
    `nltk_data` is the folder that holds corpora/wordnet. Without it, WordNet is searched where nltk
    keeps its data (NLTK_DATA), then in the folder that WNSEARCHDIR names, as WordNet's own programs
    do. The default of WNSEARCHDIR is the folder of Debian's package wordnet-base.
    """
    from nltk.translate.meteor_score import meteor_score

    words = _tokenizer().tokenize
    tokens = [words(reference) for reference in references]
    how = {"wordnet": _wordnet(nltk_data), "alpha": alpha, "beta": beta, "gamma": gamma}
    return float(meteor_score(tokens, words(prediction), **how))


@cache
def _tokenizer() -> Any:
    try:
        from nltk.tokenize.destructive import NLTKWordTokenizer
    except ImportError:
        raise UserError("metric meteor: nltk is not installed. Run: pip install nltk") from None
    return NLTKWordTokenizer()


@cache
def _wordnet(folder: str | None) -> Any:
    import nltk
    from nltk.corpus.reader import CorpusReader, WordNetCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    if folder is not None:
        nltk.data.path.insert(0, str(Path(folder).absolute()))
    # English synonyms never open it
    other_languages: Any = LazyCorpusLoader("omw-1.4", CorpusReader, ".*")
    wordnet: Any = LazyCorpusLoader("wordnet", WordNetCorpusReader, other_languages)
    try:
        wordnet.ensure_loaded()
    except LookupError:
        dictionary = Path(os.environ.get("WNSEARCHDIR", DEBIAN)).absolute()
        if folder is None and (dictionary / "data.noun").is_file():
            return _dictionary(dictionary, other_languages)
        places = folder or f"the folders of nltk (NLTK_DATA), no data.noun in {dictionary}"
        raise UserError(
            f"metric meteor: no corpora/wordnet in {places}, and scoring downloads nothing. "
            "Install Debian's wordnet-base, or run `python -m nltk.downloader wordnet` once with a "
            "network and name its folder as `nltk_data` in metric_list."
        ) from None
    return wordnet


def _dictionary(folder: Path, other_languages: Any) -> Any:
    """The WordNet of a `dict` folder as Princeton and Debian ship it.

    It lacks what nltk adds to WordNet, which METEOR does not read.
    """
    import nltk
    from nltk.corpus.reader import WordNetCorpusReader

    class Dictionary(WordNetCorpusReader):
        def open(self, file: str) -> Any:
            if file == "lexnames":  # the names of the 45 files that lexicographers wrote
                lines = (f"{number:02d}\tlexicographers.{number}\t0\n" for number in range(45))
                return io.StringIO("".join(lines))
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """No mapping to other versions of WordNet: only other languages need it."""

    nltk.data.path.append(str(folder))  # nltk opens no folder elsewhere
    return Dictionary(str(folder), other_languages)


METRICS = (Metric("meteor", "generate_until", meteor),)
