import itertools
import json
import math
import random
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.metrics import answers, overlap, ranking, registry, sampling
from snakeval.metrics.registry import AGGREGATIONS, METRICS
from snakeval.scoring import filters

WORDS = ["the", "a", "cat", "Cat,", "dog.", "sat", "on", "mat-mat", "U.S.", "漢字", "An"]
texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


def generation(name, **options):
    metric = registry.metric_of({"metric": name}, {"output_type": "generate_until"})
    return lambda prediction, references: metric.function(prediction, references, **options)


def corpus(name, items, **options):
    """A task's score from items, by the way its aggregation has."""
    aggregation = AGGREGATIONS[name](**options)
    if aggregation.kind == "sums":
        return float(aggregation.of_sums(aggregation.statistics(items).sum(axis=0)))
    return aggregation.of_items([json.loads(json.dumps(item)) for item in items])


# the registry


def test_every_metric_has_a_known_aggregation_and_a_documented_function():
    for (kind, name), metric in METRICS.items():
        assert (metric.kind, metric.name) == (kind, name) and metric.aggregation in AGGREGATIONS


def test_every_metric_aggregation_and_filter_is_documented(repository):
    text = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    names = {name for _, name in METRICS} | set(AGGREGATIONS) | set(filters.FILTERS)
    assert not {name for name in names if f"`{name}`" not in text}


@pytest.mark.parametrize(
    "name", sorted(name for name in AGGREGATIONS if AGGREGATIONS[name]().kind == "sums")
)
def test_sums_are_scored_in_bulk_as_one_by_one(name):
    rng = random.Random(0)
    if name in ("bleu", "chrf", "chrf++", "ter"):
        items = [
            (
                [" ".join(rng.choices(WORDS, k=rng.randint(0, 6)))],
                " ".join(rng.choices(WORDS, k=rng.randint(0, 6))),
            )
            for _ in range(20)
        ]
    elif name in ("perplexity",):
        items = [-rng.random() for _ in range(20)]
    elif name == "ece":
        items = [(rng.random(), rng.randint(0, 1)) for _ in range(20)]
    elif name in ("weighted_perplexity", "bits_per_byte"):
        items = [(-rng.random(), rng.randint(1, 9)) for _ in range(20)]
    else:
        items = [(rng.randint(0, 1), rng.randint(0, 1)) for _ in range(20)]
    aggregation = AGGREGATIONS[name]()
    statistics = aggregation.statistics(items)
    draws = np.random.default_rng(0).integers(0, 20, (5, 3, 20))
    bulk = aggregation.of_sums(statistics[draws].sum(axis=2))
    assert bulk.shape == (5, 3)
    for i, j in itertools.product(range(5), range(3)):
        assert bulk[i, j] == pytest.approx(
            corpus(name, [items[d] for d in draws[i, j]]), abs=1e-9, nan_ok=True
        )
    if aggregation.of_document is not None:
        assert aggregation.of_document(statistics).shape == (20,)


def test_the_item_of_metric_list_decides_over_the_metrics_own():
    settings = {
        "task": "t",
        "output_type": "multiple_choice",
        "metric_list": [{"metric": "mcc"}, {"metric": "acc", "aggregation": "median"}],
    }
    assert registry.aggregation_of("mcc", settings).name == "matthews_corrcoef"
    assert registry.aggregation_of("acc", settings).name == "median"
    assert registry.aggregation_of("acc", settings).proportion
    assert registry.aggregation_of("never_listed", settings).name == "mean"
    settings["metric_list"] = [
        {"metric": "brier_score"},
        {"metric": "acc", "higher_is_better": False},
    ]
    assert not registry.aggregation_of("brier_score", settings).higher_is_better
    assert not registry.aggregation_of("acc", settings).higher_is_better
    assert not registry.aggregation_of(
        "acc", settings | {"process_results": {"!function": "a.b"}}
    ).proportion


def test_names_a_function_gives_take_its_aggregation():
    benchmark = {
        "metric": {"!function": "code.pass_at_k", "file": "t.yaml", "digest": None},
        "aggregation": "nanmean",
        "higher_is_better": True,
    }
    settings = {
        "task": "t",
        "output_type": "generate_until",
        "metric_list": [{"metric": "bleu"}, benchmark],
    }
    assert registry.aggregation_of("pass@1", settings).name == "nanmean"
    assert (
        registry.aggregation_of(
            "pass@1", settings | {"process_results": {"!function": "code.f"}}
        ).name
        == "mean"
    )


# aggregations


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=9))
def test_simple_aggregations_are_lm_evals(values):
    from lm_eval.api import metrics as lm_eval

    assert corpus("perplexity", values) == pytest.approx(lm_eval.perplexity(values), rel=1e-12)
    assert corpus("median", values) == lm_eval.median(values)
    pairs = [(value, i + 1) for i, value in enumerate(values)]
    assert corpus("weighted_perplexity", pairs) == pytest.approx(
        lm_eval.weighted_perplexity(pairs), rel=1e-12
    )
    assert corpus("bits_per_byte", pairs) == pytest.approx(
        lm_eval.bits_per_byte(pairs), rel=1e-12, abs=1e-12
    )


def test_nanmean_leaves_documents_without_a_number_out():
    value = AGGREGATIONS["nanmean"]().value
    assert [value(x) for x in (1.0, math.nan, 0.5)] == [1.0, None, 0.5]


def test_brier_of_pairs_is_lm_evals():
    from lm_eval.api.metrics import brier_score

    rng = np.random.default_rng(0)
    items = [(int(rng.integers(0, 3)), rng.dirichlet([1, 1, 1]).tolist()) for _ in range(30)]
    assert np.mean([AGGREGATIONS["brier_score"]().value(item) for item in items]) == pytest.approx(
        brier_score(items), abs=1e-12
    )
    assert AGGREGATIONS["brier_score"]().value(0.25) == 0.25


labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20)


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(labels, st.sampled_from(["macro", "micro", "weighted"]))
def test_classification_of_several_classes_is_scikit_learns(items, average):
    from sklearn import metrics as sklearn

    right, predicted = zip(*items, strict=True)
    for name, function in (
        ("f1", sklearn.f1_score),
        ("precision", sklearn.precision_score),
        ("recall", sklearn.recall_score),
    ):
        assert corpus(name, items, average=average) == pytest.approx(
            function(right, predicted, average=average, zero_division=0), abs=1e-12
        )
    assert corpus("accuracy", items) == pytest.approx(
        sklearn.accuracy_score(right, predicted), abs=1e-12
    )
    recalls = [np.mean([p == r for r, p in items if r == label]) for label in set(right)]
    assert corpus("balanced_accuracy", items) == pytest.approx(np.mean(recalls), abs=1e-12)
    assert corpus("matthews_corrcoef", items) == pytest.approx(
        sklearn.matthews_corrcoef(right, predicted), abs=1e-12
    )


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1)), min_size=1, max_size=20))
def test_classification_of_two_classes_is_scikit_learns(items):
    from sklearn import metrics as sklearn

    right, predicted = zip(*items, strict=True)
    assert corpus("f1", items) == pytest.approx(
        sklearn.f1_score(right, predicted, zero_division=0), abs=1e-12
    )
    assert corpus("matthews_corrcoef", items) == pytest.approx(
        sklearn.matthews_corrcoef(right, predicted), abs=1e-12
    )


def test_an_answer_that_names_no_class_is_a_miss_but_no_class():
    items = [("yes", "yes"), ("yes", "yes"), ("no", "I do not know"), ("yes", "no"), ("no", None)]
    assert corpus("f1", items, average="macro") == pytest.approx((4 / 5 + 0) / 2)
    assert corpus("f1", items, pos_label="yes") == pytest.approx(4 / 5)
    assert corpus("accuracy", items) == pytest.approx(2 / 5)
    from sklearn.metrics import matthews_corrcoef

    as_class = [(gold, answer if answer in ("yes", "no") else "other") for gold, answer in items]
    wanted = matthews_corrcoef(*zip(*as_class, strict=True))
    assert wanted > 0.1 and corpus("matthews_corrcoef", items) == pytest.approx(wanted, abs=1e-12)
    with pytest.raises(UserError, match="pos_label: 1 is not one of"):
        corpus("f1", items)
    with pytest.raises(UserError, match="average: 'sum' is not"):
        corpus("f1", items, average="sum")


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


# answers


@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_token_f1_is_squads(prediction, references):
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    wanted = max(
        f1_abstractive([prediction], [reference])
        if normalize_answer(reference) or normalize_answer(prediction)
        else 1
        for reference in references
    )
    assert generation("token_f1")(prediction, references) == pytest.approx(wanted, abs=1e-12)
    equal = any(
        normalize_answer(prediction) == normalize_answer(reference) for reference in references
    )
    assert generation("squad_match")(prediction, references) == float(equal)


@pytest.mark.parametrize(
    ("prediction", "reference", "wanted"),
    [
        ("", "", 1),
        ("", "a", 1),
        ("the", "", 1),
        ("Paris", "", 0),
        ("", "Paris", 0),
        ("in the Paris", "Paris, France!", 0.5),
    ],
)
def test_token_f1_of_unanswerable_questions(prediction, reference, wanted):
    assert generation("token_f1")(prediction, [reference]) == wanted


def test_triviaqa_normalisation():
    assert answers.triviaqa_normalised("The_Beatles’ `White´ Album!") == "beatles white album"
    assert generation("triviaqa_match")("U.S.A", ["u s", "U S A."]) == 1
    assert (
        generation("squad_match")("U.S.A", ["U S A."]) == 0
    )  # SQuAD joins what punctuation parted


def test_contains_looks_for_whole_words():
    assert generation("contains")("It was Paris, of course", ["Paris"]) == 1
    assert generation("contains")("Parisians", ["Paris", ""]) == 0


def test_exact_match_options_apply_in_order():
    match = generation(
        "exact_match",
        regexes_to_ignore=["Answer"],
        ignore_case=True,
        ignore_punctuation=True,
        ignore_numbers=True,
    )
    assert match("Answer: É1!", ["é2"]) == 0  # white space counts
    assert match("AnswerÉ1!", ["é2"]) == 1


# overlap


@given(texts, st.lists(texts, min_size=1, max_size=3), st.booleans())
def test_rouge_is_rouge_scores(prediction, references, stemmer):
    from rouge_score.rouge_scorer import RougeScorer

    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        scorer = RougeScorer([name], use_stemmer=stemmer)
        wanted = max(scorer.score(reference, prediction)[name].fmeasure for reference in references)
        assert generation(name, use_stemmer=stemmer)(prediction, references) == wanted


def test_rouge_of_other_scripts_needs_another_tokenizer():
    assert generation("rouge1")("漢字 仮名", ["漢字 仮名"]) == 0
    assert generation("rouge1", tokenizer="whitespace")("漢字 仮名", ["漢字 かな"]) == 0.5
    assert generation("rouge1", tokenizer="characters")("漢字", ["漢文"]) == 0.5
    with pytest.raises(UserError, match="tokenizer: 'jieba' is neither"):
        generation("rouge1", tokenizer="jieba")("a", ["a"])


@given(texts, texts, st.sampled_from([0, 1, 4, None]))
def test_rouge_s_by_brute_force(prediction, reference, skip):
    def pairs(text):
        words = re.findall("[a-z0-9]+", text.lower())
        return [
            (words[i], words[j])
            for i, j in itertools.combinations(range(len(words)), 2)
            if skip is None or j - i - 1 <= skip
        ]

    own, theirs = pairs(prediction), pairs(reference)
    common = sum((Counter(own) & Counter(theirs)).values())
    wanted = 2 * common / (len(own) + len(theirs)) if common else 0
    assert generation("rougeS", skip=skip)(prediction, [reference]) == pytest.approx(wanted)


@given(st.text(alphabet="abc漢", max_size=12), st.text(alphabet="abc漢", max_size=12))
def test_edit_distance_is_nltks(a, b):
    from nltk.metrics.distance import edit_distance

    assert overlap.levenshtein(a, b) == edit_distance(a, b)
    assert generation("edit_distance")(a, [b, a]) == 0
    assert generation("edit_similarity")(a, [b]) == pytest.approx(
        1 - edit_distance(a, b) / max(len(a), len(b), 1)
    )


def test_lengths_and_repetition():
    assert generation("length")("a 漢🙂", ["x"]) == 4
    assert generation("length", unit="words")(" a  b ", ["x"]) == 2
    assert generation("edit_distance", unit="words")("the cat sat", ["the dog"]) == 2
    assert (
        generation("distinct_1")("a a b a", ["x"]) == 0.5
        and generation("distinct_2")("a", ["x"]) == 1
    )
    assert (
        generation("repetition", n=2)("a b a b a", ["x"]) == 0.5
        and generation("repetition")("", ["x"]) == 0
    )
    with pytest.raises(UserError, match="unit: 'lines'"):
        generation("length", unit="lines")("a", ["a"])


# several answers


@given(
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))
)
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(case):
    n, right, k = case
    draws = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert 1 - sampling.none_right(n, right, k) == pytest.approx(
        np.mean([any(draw) for draw in draws])
    )


def test_pass_at_k_of_large_n_does_not_overflow():
    assert 1 - sampling.none_right(10_000, 1, 5_000) == pytest.approx(0.5)


def test_majority_and_pass_take_another_metric():
    metric = registry.metric_of(
        {"metric": "maj@3", "of": "token_f1"}, {"output_type": "generate_until", "task": "t"}
    )
    assert metric.function(["x", "b c", "b c", "x", "x"], ["b"]) == pytest.approx(2 / 3)
    metric = registry.metric_of(
        {"metric": "pass@1", "of": "contains"}, {"output_type": "generate_until", "task": "t"}
    )
    assert metric.function(["b c", "d"], ["b"]) == 0.5 and metric.proportion
    with pytest.raises(UserError, match="of: no metric 'nope'"):
        registry.metric_of(
            {"metric": "pass@1", "of": "nope"}, {"output_type": "generate_until", "task": "t"}
        )


# calibration and ranking

confidences = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=30)


@example([(0.5, 1), (0.6, 0), (0.0, 1), (1.0, 1)], 2)
@given(confidences, st.integers(1, 7))
def test_calibration_error_by_brute_force(items, bins):
    error = 0.0
    for b in range(bins):
        inside = [(c, r) for c, r in items if (math.ceil(c * bins) - 1 == b) or (b == 0 and c == 0)]
        error += abs(sum(c for c, _ in inside) - sum(r for _, r in inside)) / len(items)
    assert corpus("ece", items, bins=bins) == pytest.approx(error, abs=1e-9)


def test_adaptive_bins_hold_equally_many():
    items = [(0.1, 0), (0.2, 0), (0.3, 1), (0.9, 1)]
    assert corpus("adaptive_ece", items, bins=2) == pytest.approx((0.3 + 0.8) / 4)


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.integers(0, 1)), min_size=1, max_size=5)
)
def test_risk_coverage_by_brute_force(items):
    areas = []
    for order in itertools.permutations(items):
        if [c for c, _ in order] == sorted(
            (c for c, _ in items), reverse=True
        ):  # equal confidences in every order
            areas.append(
                np.mean(
                    [
                        np.mean([1 - right for _, right in order[:i]])
                        for i in range(1, len(items) + 1)
                    ]
                )
            )
    assert corpus("aurc", items) == pytest.approx(np.mean(areas))


def test_areas_are_scikit_learns_and_undefined_for_one_class():
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    items = [(float(rng.random()), int(rng.integers(0, 2))) for _ in range(50)]
    scores, right = zip(*items, strict=True)
    assert corpus("roc_auc", items) == roc_auc_score(right, scores)
    assert corpus("average_precision", items) == average_precision_score(right, scores)
    assert math.isnan(corpus("roc_auc", [(0.5, 1)])) and math.isnan(
        corpus("average_precision", [(0.5, 0)])
    )


def test_nll_of_choices_far_behind_and_of_none():
    assert ranking.negative_logarithm((0, [-2000.0, -1.0])) == pytest.approx(1999)
    assert ranking.negative_logarithm(([0, 1], [-2000.0, -1.0])) == pytest.approx(0)
    assert ranking.negative_logarithm((1, [math.log(0.25), math.log(0.75)])) == pytest.approx(
        -math.log(0.75)
    )
    assert ranking.negative_logarithm((-100, [-2000.0, -1.0])) == math.inf


def test_ranks_are_scikit_learns():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    for _ in range(50):
        k = int(rng.integers(2, 7))
        scores, right = rng.normal(size=k), rng.integers(0, 2, k)
        if not right.any():
            continue
        ranks = np.flatnonzero(right[np.argsort(-scores)]) + 1
        assert ranking.discounted_gain(ranks, k) == pytest.approx(ndcg_score([right], [scores]))
        assert ranking.reciprocal_rank(ranks, k) == 1 / min(ranks)


# real records


def largest_difference(pairs):
    differences = [abs(a - b) for a, b in pairs]
    assert len(differences) >= 200
    return max(differences)


def test_real_summaries(real_data):
    from rouge_score.rouge_scorer import RougeScorer

    documents = [
        json.loads(line)
        for line in (real_data / "summeval_cnndm" / "summeval.jsonl").read_text().splitlines()
    ]
    pairs = [
        (system["sys_summ"], document["ref_summs"][:2])
        for document in documents[:20]
        for system in document["sys_summs"].values()
    ]
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        scorer = RougeScorer([name])
        wanted = [
            max(scorer.score(reference, summary)[name].fmeasure for reference in references)
            for summary, references in pairs
        ]
        assert (
            largest_difference(
                zip((generation(name)(*pair) for pair in pairs), wanted, strict=True)
            )
            == 0
        )


def test_real_translations(real_data):
    import sacrebleu

    folder = real_data / "wmt22" / "ende"
    reference, system = (
        (folder / f"{name}.de").read_text().splitlines()[:200] for name in ("reference", "wmt-best")
    )
    items = list(zip(([r] for r in reference), system, strict=True))
    assert corpus("bleu", items) == pytest.approx(
        sacrebleu.corpus_bleu(system, [reference]).score, abs=1e-9
    )
    assert corpus("chrf", items) == pytest.approx(
        sacrebleu.corpus_chrf(system, [reference]).score, abs=1e-9
    )
    sentences = AGGREGATIONS["bleu"]().of_document(AGGREGATIONS["bleu"]().statistics(items))
    wanted = [sacrebleu.sentence_bleu(s, [r]).score for s, r in zip(system, reference, strict=True)]
    assert largest_difference(zip(sentences, wanted, strict=True)) < 1e-9


def test_real_questions(real_data):
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    records = [
        record
        for record in json.loads((real_data / "triviaqa_qaeval" / "TQ.json").read_text())
        if not record["improper"]
    ]
    triples = [
        (r[f"answer_{system}"], r["golden_answer"].split("/"))
        for r in records
        for system in ("fid", "gpt35", "chatgpt")
    ]
    wanted = [max(f1_abstractive([answer], [gold]) for gold in golds) for answer, golds in triples]
    assert (
        largest_difference(
            zip((generation("token_f1")(*triple) for triple in triples), wanted, strict=True)
        )
        < 1e-12
    )
    equal = [
        float(any(normalize_answer(answer) == normalize_answer(gold) for gold in golds))
        for answer, golds in triples
    ]
    assert (
        largest_difference(
            zip((generation("squad_match")(*triple) for triple in triples), equal, strict=True)
        )
        == 0
    )
