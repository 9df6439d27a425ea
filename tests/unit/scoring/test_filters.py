"""Filters, compared with lm-eval, and what they do with odd answers."""

import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.scoring.filters import answers
from snakeval.scoring.filters.answers import answers_of
from snakeval.scoring.filters.choice_letters import _punctuation
from snakeval.scoring.filters.pipeline import apply
from snakeval.scoring.filters.registry import FILTERS


def applied(steps, texts, documents=None):
    return apply(steps, answers_of(texts), documents or [{}] * len(texts), FILTERS)


def of_lm_eval(function, texts, documents, options):
    """What lm-eval's own filter gives."""
    import lm_eval.filters  # noqa: F401
    from lm_eval.api.registry import get_filter

    return [
        result if isinstance(result, str) else list(result)
        for result in get_filter(function)(**options).apply(texts, documents)
    ]


OUTPUTS = [
    ["The answer is #### 1,234 or #### -5.6"],
    ["#### x"],
    [""],
    ["costs $29.00, that is 29"],
    [" (B) because: C"],
    ["[('Ann', 'NOUN'), ('runs', 'VERB')]"],
    ["Person: Ann, none $$ location: Kenya\nDate: none$$"],
    ["ÉTÉ 漢字 ß\u00a0"],
    ["answer: B", "the RED one", "Guilty of Romance!"],
]
DOCUMENTS = [{"choices": ["Guilty", "Guilty of Romance", "the red one", "漢字"]} for _ in OUTPUTS]


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("regex", {}),
        ("regex", {"regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "group_select": -1}),
        ("regex", {"regex_pattern": r"(\$)?x?", "group_select": 0, "fallback": "none"}),
        ("regex", {"regex_pattern": r"\(([A-D])\)", "fallback": ""}),
        ("regex_pos", {}),
        ("remove_whitespace", {}),
        ("lowercase", {}),
        ("uppercase", {}),
        ("map", {"mapping_dict": {"": "empty", "#### x": 2}, "default_value": "other"}),
        ("format_span", {}),
        ("multi_choice_regex", {"regex_pattern": r"(\([A-Z]\))"}),
        (
            "multi_choice_regex",
            {
                "regex_pattern": r"(\([A-Z]\))",
                "ignore_case": True,
                "ignore_punctuation": True,
                "regexes_to_ignore": ["one", "!"],
            },
        ),
        ("take_first", {}),
        ("take_first_k", {"k": 1}),
        ("majority_vote", {}),
    ],
)
def test_filters_give_what_lm_evals_give(function, options):
    found = applied([{"function": function, **options}], OUTPUTS, DOCUMENTS)
    wanted = of_lm_eval(function, OUTPUTS, DOCUMENTS, options)
    assert [values[0] if found.single else values for values in found.values] == wanted


@given(
    st.lists(
        st.lists(st.text(alphabet="a1 #,.$\n(B)", max_size=12), min_size=1, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_regex_is_lm_evals_on_any_text(texts):
    options = {"regex_pattern": r"(#+)? ?([0-9][0-9.,]*)", "group_select": 0}
    assert applied([{"function": "regex", **options}], texts).values == of_lm_eval(
        "regex", texts, [{}] * len(texts), options
    )


def test_a_match_beyond_the_last_is_a_failed_extraction():
    step = {"function": "regex", "regex_pattern": "[0-9]", "group_select": 1}
    answers = applied([step], [["1"], ["1 2"]])
    assert answers.values == [["[invalid]"], ["2"]] and answers.found == [[False], [True]]


def test_a_failed_extraction_differs_from_an_answer_and_stays_so():
    steps = [
        {"function": "regex"},
        {"function": "uppercase"},
        {"function": "regex", "regex_pattern": "(.*)"},
        {"function": "take_first"},
    ]
    answers = applied(steps, [["#### 7"], ["seven"], ["[invalid]"]])
    assert answers.values == [["7"], ["[INVALID]"], ["[INVALID]"]]
    assert answers.found == [[True], [False], [False]]
    # without a filter there is nothing to extract
    assert applied([], [["[invalid]"], [""]]).found == [[True], [True]]
    # an empty match is not an answer
    assert applied([{"function": "regex", "regex_pattern": "x(.*)"}], [["x"]]).found == [[False]]
    step = {"function": "map", "mapping_dict": {"A": 0}}
    assert applied([step], [["A"], ["C"]]).found == [[True], [False]]


def test_filters_after_take_first_see_the_answer_not_its_characters():
    steps = [{"function": "take_first"}, {"function": "regex"}, {"function": "take_first"}]
    answers = applied(steps, [["#### 12", "#### 3"]])
    assert answers.values == [["12"]] and answers.single


def test_majority_vote_takes_the_first_of_equals_and_votes_on_any_value():
    steps = [{"function": "majority_vote"}, {"function": "take_first"}]
    assert applied(steps, [["b", "a", "a", "b"], ["c", "a", "a"]]).values == [["b"], ["a"]]
    texts = [["('a', 'X')", "('b', 'Y')", "('c', 'Y')"]]
    assert applied([{"function": "regex_pos"}, *steps], texts).values == [[["Y"]]]


def test_self_consistency_pipeline():
    steps = [
        {"function": "take_first_k", "k": 3},
        {"function": "regex"},
        {"function": "majority_vote"},
        {"function": "take_first"},
    ]
    texts = [["#### 1", "#### 2", "no", "#### 1"], ["no", "no", "#### 1", "#### 1"]]
    answers = applied(steps, texts)
    assert answers.values == [["1"], ["[invalid]"]] and answers.found == [[True], [False]]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"function": "regx"}, r"filter regx: there is no such filter. Use one of boxed, custom, "),
        ({"function": "regex", "patern": "x"}, r"filter regex: .*'patern'"),
        (
            {"function": "regex", "regex_pattern": "("},
            r"regex: this is not a regular expression \(",
        ),
        ({"function": "take_first_k", "k": 2}, r"k is 2 and a document has 1 answers"),
        ({"function": "take_first_k"}, r"filter take_first_k: missing .*'k'"),
        ({"function": "multi_choice_regex"}, r"no column `choices`"),
    ],
)
def test_errors_name_the_filter(step, message):
    with pytest.raises(UserError, match=message):
        applied([step], [["a"]])


def test_a_filter_for_text_refuses_other_answers():
    with pytest.raises(UserError, match="filter lowercase"):
        applied([{"function": "map", "mapping_dict": {"a": 1}}, {"function": "lowercase"}], [["a"]])


def test_an_own_filter_must_keep_the_documents(tmp_path):
    (tmp_path / "own.py").write_text("def drop(resps, docs): return resps[1:]\n")
    reference = {"!function": "own.drop", "file": str(tmp_path / "t.yaml"), "digest": None}
    with pytest.raises(UserError, match=r"own.drop: it gave 1 answers for 2 documents"):
        applied([{"function": "custom", "filter_fn": reference}], [["a"], ["b"]])


def test_own_filters_see_what_lm_eval_shows_them(tmp_path):
    (tmp_path / "own.py").write_text(
        "import json\n"
        "def show(resps, docs): return [json.dumps([r, d]) for r, d in zip(resps, docs)]\n"
    )
    reference = {"!function": "own.show", "file": str(tmp_path / "t.yaml"), "digest": None}
    custom = {"function": "custom", "filter_fn": reference}
    both = applied([custom], [["a", "b"]], [{"x": 1}])
    assert json.loads(both.values[0][0]) == [["a", "b"], {"x": 1}]
    first = applied([{"function": "take_first"}, custom], [["a", "b"]], [{"x": 1}])
    assert json.loads(first.values[0][0]) == ["a", {"x": 1}] and first.single


def test_a_runaway_regular_expression_is_stopped(monkeypatch):
    monkeypatch.setattr(answers, "REGEX_SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(UserError, match=r"document 1 .*filter_list took over 0.2 s"):
        applied([{"function": "regex", "regex_pattern": "(a+)+$"}], [["aaa"], ["a" * 40 + "b"]])
    assert time.monotonic() - start < 5
    assert applied([{"function": "regex", "regex_pattern": "(a+)"}], [["aaa"]]).values == [["aaa"]]


def test_filters_work_outside_the_main_thread():
    results = []

    def work():
        results.append(applied([{"function": "regex"}], [["#### 3"]]).values)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [[["3"]]]


def test_a_megabyte_without_a_match():
    start = time.process_time()
    regex = {"function": "regex", "regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)"}
    answers = applied([regex, {"function": "lowercase"}], [["x" * 1_000_000]])
    assert answers.found == [[False]] and time.process_time() - start < 5


def test_punctuation_is_unicodes():
    letters = _punctuation()
    assert "«a»—b。$".translate(letters) == "ab$"  # $ is a symbol
