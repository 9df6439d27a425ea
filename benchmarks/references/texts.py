"""Metrics of longer texts: translations, summaries, their surface, synonyms and embeddings."""

import random
import re
import string
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from builders import random_encoder
from builders.scoring_tables import generated, scored, settings, tables, total, values
from references.records import DATA, Row, largest, lines, of_documents, records

from snakeval.scoring.score import score_task

Pairs = list[tuple[str, str]]  # of a system's text and its reference


def translations(rng: random.Random) -> Iterator[Row]:
    """Systems of WMT22."""
    from nltk.metrics.distance import edit_distance

    pairs: Pairs = []
    for languages, language in (("ende", "de"), ("zhen", "en")):
        reference = lines("wmt22", languages, f"reference.{language}")
        differences: dict[str, float] = {}
        files = sorted((DATA / "wmt22" / languages).glob(f"*.{language}"))
        systems = [file for file in files if file.stem != "reference"]
        for file in systems:
            system = file.read_text(encoding="utf-8").splitlines()
            pairs = list(zip(system, reference, strict=True))
            for name, gap in _translation_gaps(pairs).items():
                differences[name] = max(differences.get(name, 0), gap)
        for name, difference in differences.items():
            n = len(systems) * len(reference)
            yield name, f"sacrebleu, WMT22 {languages}", n, difference
    short = [(text[:120], reference[:120]) for text, reference in pairs[:200]]
    documents = [generated([text], [reference]) for text, reference in short]
    scores = scored("generate_until", documents, ["edit_distance"])
    theirs = [edit_distance(*pair) for pair in short]
    yield of_documents("edit_distance", "nltk, WMT22", scores, theirs)


def _translation_gaps(pairs: Pairs) -> dict[str, float]:
    """Differences of a system's scores, by metric."""
    import sacrebleu

    system, reference = map(list, zip(*pairs, strict=True))
    references = {
        "bleu": sacrebleu.corpus_bleu(system, [reference]).score,
        "chrf": sacrebleu.corpus_chrf(system, [reference]).score,
        "chrf++": sacrebleu.corpus_chrf(system, [reference], word_order=2).score,
        "ter": sacrebleu.corpus_ter(system, [reference]).score,
    }
    scoring = settings("generate_until", list(references))
    documents = [generated([text], [right]) for text, right in pairs]
    scores = score_task(*tables("generate_until", documents), scoring)
    gaps = {name: abs(total(scores, scoring, name) - value) for name, value in references.items()}
    sentences = [sacrebleu.sentence_bleu(text, [right]).score for text, right in pairs]
    return gaps | {"bleu of a document": largest(values(scores, "bleu"), sentences)}


def _summaries(documents: int, references: int | None = None) -> list[tuple[str, list[str]]]:
    """Pairs of a system's summary and references, of the first documents of SummEval."""
    return [
        (system["sys_summ"], document["ref_summs"][:references])
        for document in records("summeval_cnndm", "summeval.jsonl")[:documents]
        for system in document["sys_summs"].values()
    ]


def summaries(rng: random.Random) -> Iterator[Row]:
    """Systems of SummEval, 11 references each."""
    from rouge_score.rouge_scorer import RougeScorer

    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    pairs = _summaries(25)
    documents = [generated([summary], references) for summary, references in pairs]
    scores = scored("generate_until", documents, names)
    scorer = RougeScorer(names)
    found = [scorer.score_multi(references, summary) for summary, references in pairs]
    for name in names:
        theirs = [result[name].fmeasure for result in found]
        yield of_documents(name, "rouge-score, SummEval", scores, theirs)


def _from_chinese(documents: int) -> Pairs:
    """The first translations of a WMT22 system and their references."""
    reference, system = (lines("wmt22", "zhen", name) for name in ("reference.en", "GPT-4.en"))
    return list(zip(system[:documents], reference[:documents], strict=True))


def _skip_bigrams_f1(text: str, reference: str) -> float:
    from nltk.util import skipgrams

    a, b = (
        Counter(skipgrams(re.findall("[a-z0-9]+", side.lower()), 2, 4))
        for side in (text, reference)
    )
    precision, recall = ((a & b).total() / max(side.total(), 1) for side in (a, b))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _distinct(text: str, n: int) -> float:
    from nltk.util import ngrams

    found = list(ngrams(text.split(), n))
    return len(set(found)) / len(found) if found else 1.0


def _normalised(text: str) -> str:
    without = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower())
    return re.sub(r"\s+", " ", re.sub(r"\b(a|an|the)\b", " ", without)).strip()


def _holds(text: str, reference: str) -> bool:
    text, reference = _normalised(text), _normalised(reference)
    pattern = rf"(?<!\S){re.escape(reference)}(?!\S)"
    return bool(reference) and re.search(pattern, text) is not None


def surfaces(rng: random.Random) -> Iterator[Row]:
    """Systems of WMT22 from Chinese: metrics of words and n-grams."""
    from nltk.metrics.distance import edit_distance

    references: dict[str, tuple[str, Callable[[str, str], float]]] = {
        "rougeS": ("nltk's skip-grams", _skip_bigrams_f1),
        "edit_similarity": ("nltk", lambda s, r: 1 - edit_distance(s, r) / max(len(s), len(r), 1)),
        "distinct_1": ("nltk's n-grams", lambda s, r: _distinct(s, 1)),
        "distinct_2": ("nltk's n-grams", lambda s, r: _distinct(s, 2)),
        "distinct_3": ("nltk's n-grams", lambda s, r: _distinct(s, 3)),
        "repetition": ("nltk's n-grams", lambda s, r: 1 - _distinct(s, 4)),
        "contains": ("a regular expression", _holds),
        "length": ("its definition", lambda s, r: len(s)),
    }
    pairs = _from_chinese(400)
    documents = [generated([text], [reference]) for text, reference in pairs]
    scores = scored("generate_until", documents, list(references))
    for name, (source, function) in references.items():
        theirs = [function(*pair) for pair in pairs]
        yield of_documents(name, f"{source}, WMT22 zhen", scores, theirs)


def synonyms(rng: random.Random) -> Iterator[Row]:
    """METEOR of WMT22's systems."""
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.translate.meteor_score import meteor_score

    from snakeval.metrics.meteor import _wordnet

    pairs, words = _from_chinese(300), NLTKWordTokenizer().tokenize
    documents = [generated([text], [reference]) for text, reference in pairs]
    scores = scored("generate_until", documents, ["meteor"])
    theirs = [meteor_score([words(r)], words(s), wordnet=_wordnet(None)) for s, r in pairs]
    yield of_documents("meteor", "nltk, WordNet 3.0, WMT22 zhen", scores, theirs)


def embeddings(rng: random.Random) -> Iterator[Row]:
    """BERTScore of SummEval's systems by an encoder with random weights."""
    import bert_score

    pairs = _summaries(15, references=3)
    texts, references = map(list, zip(*pairs, strict=True))
    documents = [generated([text], right) for text, right in pairs]
    characters = {c for text, right in pairs for one in (text, *right) for c in one.lower()}
    letters = sorted(c for c in characters if c.strip())
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = [*letters, *(f"##{letter}" for letter in letters)]
        random_encoder.save(Path(folder), vocabulary, longest=512)
        how = {"model_type": folder, "num_layers": 2, "device": "cpu"}
        found = bert_score.score(texts, references, **how)
        for part, name in zip(found, ("precision", "recall", "f1"), strict=True):
            item = {"metric": "bertscore", "encoder": folder, "layer": 2, "score": name}
            scores = scored("generate_until", documents, [item])
            _, *row = of_documents("bertscore", "bert-score, SummEval", scores, part.tolist())
            yield f"bertscore {name}", *row
