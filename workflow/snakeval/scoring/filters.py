"""Answer extraction: pipelines of filters between what a model wrote and what is scored.

A filter is a function `(answers, documents, **options) -> answers` over all documents of a task, named in a task's `filter_list`; names and
options are lm-eval's. Where a filter finds no answer it leaves its fallback and marks the answer as not found, so that a failed extraction
can be told from a wrong answer; an answer once not found stays so. Where this differs from lm-eval 0.4.13:

- a filter after `take_first` works on the one answer, not on its characters; `take_first` twice is `take_first`;
- a `group_select` beyond the matches is a failed extraction, not an error;
- the answers of a document get `REGEX_SECONDS` per filter, since a regular expression with nested repetition may take hours on a hostile
  answer; then there is an error that names the document (see `time_limit`).
"""

import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from snakeval.errors import UserError
from snakeval.jobs.time_limit import time_limit
from snakeval.metrics.mathematics import last_boxed

REGEX_SECONDS = 10.0
FALLBACK = "[invalid]"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Answers:
    """Answers of a task: `values[d]` are those of document d, `found[d]` whether each is an answer and not a filter's fallback."""

    values: list[list[Any]]
    found: list[list[bool]]
    single: bool = (
        False  # one answer was taken of each document: what counts is it, not a list of one
    )


def answers_of(texts: Sequence[Sequence[str]]) -> Answers:
    """The unfiltered answers, `texts[d]` those of document d."""
    return Answers(
        [list(samples) for samples in texts], [[True] * len(samples) for samples in texts]
    )


def apply(
    pipeline: Sequence[Mapping[str, Any]], answers: Answers, documents: Sequence[Document]
) -> Answers:
    """The answers after all filters of a pipeline: a list of `{"function": name or !function, **options}`.

    Raises UserError for unknown filters and options, and for answers a filter cannot take.
    """
    for step in pipeline:
        options = {key: value for key, value in step.items() if key != "function"}
        function = step["function"]
        if isinstance(function, Mapping):
            answers = _of_task(answers, documents, function, options)
        elif function in FILTERS:
            try:
                answers = FILTERS[function](answers, documents, **options)
            except TypeError as error:
                raise UserError(
                    f"filter {function}: {str(error).removeprefix(f'{function}() ')}; mend it in filter_list"
                ) from error
            except re.error as error:
                raise UserError(
                    f"filter {function}: not a regular expression ({error}); mend it in filter_list"
                ) from None
        else:
            raise UserError(
                f"filter {function}: no such filter; known: {', '.join(sorted(FILTERS))}"
            )
    return answers


def regex(
    answers: Answers,
    documents: Sequence[Document],
    regex_pattern: str = r"#### (\-?[0-9\.\,]+)",
    group_select: int = 0,
    fallback: str = FALLBACK,
) -> Answers:
    """The `group_select`-th match of the pattern, of its groups the first that is not empty, without white space around it."""
    compiled = re.compile(regex_pattern)

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        match = _match(compiled, text, group_select)
        return (fallback, False) if match is None else (match, match != "")

    return _each(answers, documents, extract)


def regex_pos(
    answers: Answers,
    documents: Sequence[Document],
    regex_pattern: str = "",
    group_select: int = 0,
    fallback: Sequence[str] = ("invalid",),
) -> Answers:
    """The tags of an answer written as ('word', 'tag') pairs, as a list. Pattern and selection are accepted and unused, as in lm-eval."""
    pairs = re.compile(r"\('([^']*)', '([^']*)'\)")

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        tags = [tag for _, tag in (pairs.findall(text) if isinstance(text, str) else text)]
        return (tags, True) if tags else (list(fallback), False)

    return _each(answers, documents, extract)


def multi_choice_regex(
    answers: Answers,
    documents: Sequence[Document],
    regex_pattern: str = r"#### (\-?[0-9\.\,]+)",
    group_select: int = 0,
    fallback: str = FALLBACK,
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    regexes_to_ignore: Sequence[str] | None = None,
) -> Answers:
    """The letter of a choice, as "(A)": the pattern's match, else a choice of the document's `choices` quoted in full, else ": A".

    Quoted choices are looked for after the reductions that the `ignore_*` options name; longer choices go before those they begin with.
    """
    compiled = re.compile(regex_pattern)

    def reduced(text: str) -> str:
        for pattern in regexes_to_ignore or ():
            text = re.sub(pattern, "", text)
        text = text.lower() if ignore_case else text
        return text.translate(_punctuation()) if ignore_punctuation else text

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        if "choices" not in document:
            raise UserError("filter multi_choice_regex: the document has no column `choices`")
        text = text if isinstance(text, str) else ""
        letters = {
            reduced(choice.strip()): chr(ord("A") + i)
            for i, choice in enumerate(document["choices"])
        }
        quoted = re.compile("|".join(sorted(map(re.escape, letters), key=len, reverse=True)))
        named = re.compile(
            rf":\s*({'|'.join(chr(ord('A') + i) for i in range(len(document['choices'])))})"
        )
        if match := _match(compiled, text, group_select):
            return match, True
        if match := _match(quoted, reduced(text), group_select):
            return (f"({letters[match]})" if match in letters else match), True
        if match := _match(named, text, group_select):
            return f"({match})", True
        return fallback, False

    return _each(answers, documents, extract)


def boxed(answers: Answers, documents: Sequence[Document], fallback: str = FALLBACK) -> Answers:
    """The last \\boxed{…} or \\fbox{…}, braces matched: how MATH marks an answer (Hendrycks et al. 2021, arxiv.org/abs/2103.03874)."""

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        found = last_boxed(text) if isinstance(text, str) else None
        return found or fallback, found is not None

    return _each(answers, documents, extract)


def remove_whitespace(answers: Answers, documents: Sequence[Document]) -> Answers:
    """Without white space at both ends."""
    return _each_text(answers, documents, str.strip)


def lowercase(answers: Answers, documents: Sequence[Document]) -> Answers:
    return _each_text(answers, documents, str.lower)


def uppercase(answers: Answers, documents: Sequence[Document]) -> Answers:
    return _each_text(answers, documents, str.upper)


def map_(
    answers: Answers,
    documents: Sequence[Document],
    mapping_dict: Mapping[str, Any] | None = None,
    default_value: Any = None,
) -> Answers:
    """What the mapping gives for the answer; an answer it does not know becomes the default and counts as not found."""
    mapping = mapping_dict or {}
    return _each(
        answers, documents, lambda text, _: (mapping.get(text, default_value), text in mapping)
    )


def format_span(answers: Answers, documents: Sequence[Document]) -> Answers:
    """Named entities written as "person: X" or "LOC: X, Y $$ …" as "per: x $ loc: y": labels of four kinds, lower case, "none" left out."""
    labels = "person:PER location:LOC organization:ORG counties:LOC places:LOC people:PER persons:PER company:ORG country:LOC "
    labels += "continent:LOC time:DATE date:DATE per:PER loc:LOC org:ORG"
    rewrites = [
        (re.compile(rf"\b{word}\s*:"), f"{label}:")
        for word, label in (pair.split(":") for pair in labels.split())
    ]
    entity = re.compile(r"\b(PER|LOC|ORG|DATE):\s*([^$]+)")

    def spans(text: str) -> str:
        text = text.lower()
        for pattern, label in rewrites:
            text = pattern.sub(label, text)
        text = text.replace("$$", "$").rstrip("$").replace("\n", "$").strip()
        found = [
            (label, value.strip())
            for label, values in entity.findall(text)
            for value in values.split(",")
        ]
        return " $ ".join(
            f"{label.lower()}: {value}" for label, value in found if value.lower() != "none"
        )

    return _each_text(answers, documents, spans)


def prepend(answers: Answers, documents: Sequence[Document], column: str) -> Answers:
    """A column of the document, and the answer after it: what goes on with a text becomes the whole text."""
    for d, document in enumerate(documents):
        if column not in document:
            raise UserError(
                f"filter prepend: document {d} (counted from 0) has no column {column!r}; it has {', '.join(document)}"
            )
    return _each(answers, documents, lambda text, document: (f"{document[column]}{text}", True))


def take_first(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The first answer of each document."""
    return Answers(
        [samples[:1] for samples in answers.values],
        [found[:1] for found in answers.found],
        single=True,
    )


def take_first_k(answers: Answers, documents: Sequence[Document], k: int) -> Answers:
    """The first k answers of each document."""
    fewest = min(map(len, answers.values), default=k)
    if fewest < k:
        raise UserError(
            f"filter take_first_k: k is {k} and a document has {fewest} answers; raise `repeats` or lower k"
        )
    return replace(
        answers,
        values=[samples[:k] for samples in answers.values],
        found=[found[:k] for found in answers.found],
    )


def majority_vote(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The most frequent answer of each document, of equally frequent ones the first (self-consistency, Wang et al. 2023,
    arxiv.org/abs/2203.11171). Fallbacks vote too."""
    winners = [_winner(samples) for samples in answers.values]
    values = [[samples[i]] for samples, i in zip(answers.values, winners, strict=True)]
    return Answers(
        values,
        [[found[i]] for found, i in zip(answers.found, winners, strict=True)],
        answers.single,
    )


def custom(
    answers: Answers, documents: Sequence[Document], filter_fn: Mapping[str, Any]
) -> Answers:
    """A task's own function `(answers of all documents, documents) -> answers`."""
    return _convert(
        answers,
        lambda values: _load(filter_fn)(values, list(documents)),
        FALLBACK,
        filter_fn["!function"],
    )


FILTERS: dict[str, Callable[..., Answers]] = {
    "regex": regex,
    "regex_pos": regex_pos,
    "multi_choice_regex": multi_choice_regex,
    "boxed": boxed,
    "remove_whitespace": remove_whitespace,
    "lowercase": lowercase,
    "uppercase": uppercase,
    "map": map_,
    "format_span": format_span,
    "prepend": prepend,
    "take_first": take_first,
    "take_first_k": take_first_k,
    "majority_vote": majority_vote,
    "custom": custom,
}


def _of_task(
    answers: Answers,
    documents: Sequence[Document],
    reference: Mapping[str, Any],
    options: dict[str, Any],
) -> Answers:
    """A task's own filter class, as lm-eval has them: made with the options, its `apply(answers, documents)` called.

    Such a class tells a failed extraction by its fallback: the option of that name, else "[invalid]".
    """
    made = _load(reference)(**options)
    fallback = options.get("fallback", getattr(made, "fallback", FALLBACK))
    return _convert(
        answers,
        lambda values: made.apply(values, list(documents)),
        fallback,
        reference["!function"],
    )


def _convert(
    answers: Answers, function: Callable[[list], Any], fallback: Any, name: str
) -> Answers:
    """Calls a function that takes and gives answers as lm-eval has them: a list per document, or one answer where one was taken."""
    result = list(
        function([samples[0] for samples in answers.values] if answers.single else answers.values)
    )
    if len(result) != len(answers.values):
        raise UserError(
            f"filter {name}: gave {len(result)} answers for {len(answers.values)} documents"
        )
    single = all(not isinstance(samples, list | tuple) for samples in result)
    values = [
        list(samples) if isinstance(samples, list | tuple) else [samples] for samples in result
    ]
    before = answers.found
    found = [
        [
            value != fallback
            and (before[d][i] if len(samples) == len(before[d]) else any(before[d]))
            for i, value in enumerate(samples)
        ]
        for d, samples in enumerate(values)
    ]
    return Answers(values, found, single)


def _load(reference: Mapping[str, Any]) -> Callable[..., Any]:
    from snakeval.tasks import functions

    return functions.load(dict(reference))


def _each(
    answers: Answers,
    documents: Sequence[Document],
    extract: Callable[[Any, Document], tuple[Any, bool]],
) -> Answers:
    """`extract` on every answer: the new value, and whether one was found."""
    values, found = [], []
    for d, document in enumerate(documents):
        with time_limit(
            REGEX_SECONDS, f"document {d} (counted from 0): a regular expression in filter_list"
        ):
            results = [extract(value, document) for value in answers.values[d]]
        values.append([value for value, _ in results])
        found.append(
            [before and now for before, (_, now) in zip(answers.found[d], results, strict=True)]
        )
    return replace(answers, values=values, found=found)


def _each_text(
    answers: Answers, documents: Sequence[Document], change: Callable[[str], str]
) -> Answers:
    return _each(answers, documents, lambda text, _: (change(text), True))


def _match(pattern: re.Pattern[str], text: Any, select: int) -> str | None:
    """The selected match without white space around it, of several groups the first that is not empty; None where there is none."""
    matches = pattern.findall(text if isinstance(text, str) else "")
    if not -len(matches) <= select < len(matches):
        return None
    match = matches[select]
    if isinstance(match, tuple):
        match = next((group for group in match if group), None)
    return None if match is None else match.strip()


def _winner(samples: list[Any]) -> int:
    keys = [json.dumps(sample, sort_keys=True, default=str) for sample in samples]
    return keys.index(Counter(keys).most_common(1)[0][0])


@cache
def _punctuation() -> dict[int, None]:
    """Deletes every character of Unicode's punctuation categories."""
    return dict.fromkeys(
        code for code in range(sys.maxunicode) if unicodedata.category(chr(code)).startswith("P")
    )
