"""Metrics that need a resource on this machine: METEOR a WordNet, BERTScore an encoder."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from builders import random_encoder

from snakeval.errors import UserError
from snakeval.metrics import registry
from snakeval.metrics.bertscore import bertscore
from snakeval.metrics.meteor import DEBIAN, _wordnet, meteor

INSTALLED = Path(os.environ.get("WNSEARCHDIR", DEBIAN))
WORDS = "the a cat dog car auto sat on mat fast red big runs running home go goes .".split()


def dictionary(folder):
    """A database in WordNet's file format (wndb(5WN)) with one synset of nouns: car, auto."""
    folder.mkdir(parents=True)
    notice = "  1 a WordNet of one synset\n"
    synset = f"{len(notice):08d} 06 n 02 car 0 auto 0 000 | a vehicle\n"
    for pos in ("noun", "verb", "adj", "adv"):
        (folder / f"data.{pos}").write_text(notice + (synset if pos == "noun" else ""))
        lines = [f"{word} n 1 0 1 0 {len(notice):08d}  \n" for word in ("auto", "car")]
        (folder / f"index.{pos}").write_text(notice + ("".join(lines) if pos == "noun" else ""))
        (folder / f"{pos}.exc").write_text("")
    return folder


def nltk_data(data):
    """The same as nltk's corpus, which has two files more."""
    folder = dictionary(data / "corpora" / "wordnet")
    (folder / "lexnames").write_text("".join(f"{n:02d}\tname.{n}\t1\n" for n in range(45)))
    offset = (folder / "index.noun").read_text().split()[-1]
    (folder / "index.sense").write_text(
        "".join(f"{word}%1:06:00:: {offset} 1 0\n" for word in ("auto", "car"))
    )
    return str(data)


@pytest.fixture(autouse=True)
def no_other_wordnet(monkeypatch, tmp_path):
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    _wordnet.cache_clear()
    yield
    _wordnet.cache_clear()


def test_meteor_is_nltk_s_with_stems_and_synonyms(tmp_path):
    from nltk.corpus import wordnet
    from nltk.translate.meteor_score import meteor_score

    data = nltk_data(tmp_path)
    meteor("a", ["a"], nltk_data=data)
    generator = np.random.default_rng(5)
    for _ in range(200):
        own, *others = (
            " ".join(generator.choice(WORDS, generator.integers(1, 12))) for _ in range(3)
        )
        expected = meteor_score([other.split() for other in others], own.split(), wordnet=wordnet)
        assert meteor(own, others, nltk_data=data) == pytest.approx(expected, abs=1e-12)


def test_meteor_by_hand(tmp_path):
    data = nltk_data(tmp_path)
    assert meteor("the car", ["the auto"], nltk_data=data) == pytest.approx(
        1 - 0.5 * (1 / 2) ** 3
    )  # two matches, one chunk
    assert meteor("cat", ["dog"], nltk_data=data) == 0
    assert meteor("dog running", ["dog runs"], nltk_data=data) == pytest.approx(
        1 - 0.5 * (1 / 2) ** 3
    )  # one stem
    assert meteor("", ["dog"], nltk_data=data) == 0


def test_meteor_reads_a_wordnet_as_princeton_ships_it(tmp_path, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(dictionary(tmp_path / "dict")))
    assert meteor("the car", ["the auto"]) == pytest.approx(1 - 0.5 * (1 / 2) ** 3)


@pytest.mark.skipif(
    not (INSTALLED / "data.noun").is_file(),
    reason="no WordNet is installed (Debian: wordnet-base, or WNSEARCHDIR)",
)
def test_meteor_with_the_real_wordnet(monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(INSTALLED))
    exact, disordered = 1 - 0.5 * (1 / 4) ** 3, 1 - 0.5 * (4 / 4) ** 3
    assert meteor("a sick car stops", ["a ill auto stops"]) == pytest.approx(
        exact
    )  # sick and ill, car and auto share synsets
    assert meteor("sick a stops car", ["a ill auto stops"]) == pytest.approx(disordered)
    assert meteor("a sick car stops", ["a ill dog stops"]) == pytest.approx(
        0.75 * (1 - 0.5 * (2 / 3) ** 3)
    )


def test_meteor_without_a_wordnet_says_what_to_do(tmp_path):
    with pytest.raises(
        UserError,
        match=r"no corpora/wordnet in the folders of nltk .*, no data.noun in .*, and scoring",
    ):
        meteor("a", ["a"])
    with pytest.raises(
        UserError, match=f"no corpora/wordnet in {tmp_path}, and scoring downloads nothing"
    ):
        meteor("a", ["a"], nltk_data=str(tmp_path))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return random_encoder.save(tmp_path_factory.mktemp("encoder"), WORDS, longest=32)


def texts(count):
    generator = np.random.default_rng(7)
    return [" ".join(generator.choice(WORDS, generator.integers(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("layer", [2, None])
def test_bertscore_is_its_formula(encoder, layer):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = (
        AutoTokenizer.from_pretrained(encoder),
        AutoModel.from_pretrained(encoder).eval(),
    )

    def vectors(text):
        with torch.inference_mode():
            states = model(
                **tokenizer(text, return_tensors="pt"), output_hidden_states=True
            ).hidden_states
        return torch.nn.functional.normalize(states[3 if layer is None else layer][0], dim=-1)

    for own, other in zip(texts(20), texts(40)[20:], strict=True):
        a, b = vectors(own), vectors(other)
        precision = float(np.mean([max(float(x @ y) for y in b) for x in a[1:-1]]))
        recall = float(np.mean([max(float(x @ y) for x in a) for y in b[1:-1]]))
        assert bertscore(own, [other], encoder, layer, "precision") == pytest.approx(
            precision, abs=1e-6
        )
        assert bertscore(own, [other], encoder, layer, "recall") == pytest.approx(recall, abs=1e-6)
        assert bertscore(own, [other], encoder, layer) == pytest.approx(
            2 * precision * recall / (precision + recall), abs=1e-6
        )


def test_bertscore_is_that_of_the_package(encoder):
    import bert_score

    own, others = (
        texts(60),
        [list(pair) for pair in zip(texts(120)[60:], texts(180)[120:], strict=True)],
    )
    _, _, expected = bert_score.score(own, others, model_type=encoder, num_layers=2, device="cpu")
    assert [bertscore(a, b, encoder, 2) for a, b in zip(own, others, strict=True)] == pytest.approx(
        expected.tolist(), abs=1e-5
    )


def test_bertscore_of_equal_empty_and_long_texts(encoder):
    assert bertscore("the cat sat", ["a dog", "the cat sat"], encoder) == pytest.approx(1)
    assert bertscore("", ["the cat"], encoder) == 0 == bertscore("the cat", [""], encoder)
    assert (
        0 < bertscore("the cat " * 100, ["the dog"], encoder) < 1
    )  # cut at the longest text the encoder reads


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "it names no encoder"),
        ({"encoder": "nowhere"}, "nowhere holds no encoder"),
        ({"encoder": None, "score": "f2"}, "it names no encoder"),
    ],
)
def test_bertscore_without_an_encoder_says_what_to_do(options, message):
    with pytest.raises(UserError, match=message):
        bertscore("a", ["b"], **options)


def test_bertscore_of_a_layer_that_is_not_there(encoder):
    with pytest.raises(UserError, match=r"layer: 4. Use one of .*, 0 to 3"):
        bertscore("the", ["a"], encoder, 4)
    with pytest.raises(UserError, match="score: 'f2'"):
        bertscore("the", ["a"], encoder, score="f2")


def test_both_are_found_by_name():
    assert {
        ("generate_until", "meteor"),
        ("generate_until", "bertscore"),
        ("generate_until", "rating"),
    } <= registry.METRICS.keys()


def test_a_rating_is_a_number_or_left_out():
    function = registry.METRICS["generate_until", "rating"].function
    assert function(" 7.5", [""]) == 7.5
    assert math.isnan(function("[invalid]", [""]))
