"""BLEU, chrF and TER, compared with sacrebleu."""

import pytest
from builders.metric_calls import corpus, texts
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError

SMOOTHING = [
    {},
    {"smooth_method": "floor"},
    {"smooth_method": "add-k"},
    {"smooth_method": "none"},
    {"lowercase": True, "tokenize": "char"},
]


@pytest.mark.parametrize("options", SMOOTHING)
@given(st.lists(st.tuples(st.lists(texts, min_size=1, max_size=3), texts), min_size=1, max_size=5))
def test_bleu_is_sacrebleus(options, items):
    from sacrebleu.metrics.bleu import BLEU

    most = max(len(references) for references, _ in items)
    streams = [
        [references[i] if i < len(references) else None for references, _ in items]
        for i in range(most)
    ]
    wanted = BLEU(**options).corpus_score([hypothesis for _, hypothesis in items], streams).score
    assert corpus("bleu", items, **options) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("chrf", {}),
        ("chrf++", {}),
        ("chrf", {"eps_smoothing": True}),
        ("chrf", {"remove_whitespace": False, "beta": 1}),
        ("ter", {}),
    ],
)
@given(st.lists(st.tuples(st.lists(texts, min_size=2, max_size=2), texts), min_size=1, max_size=5))
def test_chrf_and_ter_are_sacrebleus(name, options, items):
    import sacrebleu

    hypotheses, streams = (
        [hypothesis for _, hypothesis in items],
        list(zip(*(references for references, _ in items), strict=True)),
    )
    if name == "ter":
        wanted = sacrebleu.corpus_ter(hypotheses, streams).score
    else:
        wanted = sacrebleu.corpus_chrf(
            hypotheses, streams, word_order=2 if name == "chrf++" else 0, **options
        ).score
    assert corpus(name, items, **options) == pytest.approx(wanted, abs=1e-9)


def test_translation_takes_what_lm_eval_gives_and_needs_a_reference():
    assert corpus("bleu", [("the cat sat on", "the cat sat on")]) == pytest.approx(100)
    assert corpus("bleu", [(["the cat sat on"], ["the cat sat on"])]) == pytest.approx(100)
    with pytest.raises(UserError, match="bleu: a document has no reference"):
        corpus("bleu", [([], "a")])
