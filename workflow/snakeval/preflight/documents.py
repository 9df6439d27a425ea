"""What is wrong with the documents of a task, for every model."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.preflight.findings import Finding, per_task
from snakeval.schemas.columns import NO_GOLD
from snakeval.tasks.scoring_settings import ScoringSettings

COLUMNS = [
    *("task", "doc_id", "kind", "preamble", "questions", "continuations", "choices", "gold"),
    *("references", "generation"),
]
MESSAGES = {
    "duplicate": "question, choices and answer occur more than once. Drop them in process_docs.",
    "few_shot_leak": "a few-shot example is the document itself. "
    "Set fewshot_split to another split.",
    "blank_continuation": "a continuation is empty or white space, so its log-likelihood has no "
    "meaning. Correct doc_to_choice.",
    "no_right_choice": "the right answer is not among the choices. Correct doc_to_target.",
    "stop_in_reference": "the right answer contains a stop string, so no model can write it whole. "
    "Correct `until` in generation_kwargs.",
}
_JOINT = "\x1f"


def check(
    requests: pa.Table, benchmark: str, scoring: Mapping[str, ScoringSettings]
) -> list[Finding]:
    """Findings in REQUESTS (at least COLUMNS of it) of one benchmark.

    `scoring`: the scoring settings of its tasks.
    """
    found = {
        "duplicate": _duplicates(requests),
        "few_shot_leak": _leaks(requests),
        "blank_continuation": _blank(requests),
        "no_right_choice": _without_right_choice(requests, scoring),
        "stop_in_reference": _stopped(requests, scoring),
    }
    return [
        finding
        for name, documents in found.items()
        for finding in per_task(
            documents, requests, name, MESSAGES[name], model=None, benchmark=benchmark
        )
    ]


def _duplicates(requests: pa.Table) -> np.ndarray:
    """Documents equal to an earlier one of their task."""
    texts = [
        pc.binary_join(requests[name].combine_chunks(), _JOINT)
        for name in ("questions", "choices", "references")
    ]
    keys = (
        pc.binary_join_element_wise(requests["task"].combine_chunks(), *texts, _JOINT * 2)
        .dictionary_encode()
        .indices.to_numpy()
    )
    first = np.unique(keys, return_index=True)[1]
    found = np.ones(len(keys), bool)
    found[first] = False
    return found


def _leaks(requests: pa.Table) -> np.ndarray:
    """Documents with an example that has their question and one of their right answers."""
    found = np.zeros(len(requests), bool)
    preamble = requests["preamble"].combine_chunks()
    turns, parents = preamble.flatten(), pc.list_parent_indices(preamble).to_numpy()
    if not len(turns):
        return found
    questions = pc.list_element(_at_least_one(requests["questions"].combine_chunks()), 0)
    text, user = pc.struct_field(turns, "text"), pc.equal(pc.struct_field(turns, "role"), "user")
    same = pc.and_(user, pc.equal(text, questions.take(pa.array(parents)))).to_numpy(
        zero_copy_only=False
    )
    for turn in np.flatnonzero(same):
        parent, following = int(parents[turn]), int(turn) + 1
        answer = turns[following]["text"].as_py().strip() if following < len(turns) else None
        right = [reference.strip() for reference in requests["references"][parent].as_py()]
        found[parent] |= answer in right
    return found


def _at_least_one(lists: pa.ListArray) -> pa.ListArray:
    """Lists of texts, empty ones replaced by [None], so that each has a first element."""
    return pc.if_else(
        pc.equal(pc.list_value_length(lists), 0), pa.scalar([None], lists.type), lists
    )


def _blank(requests: pa.Table) -> np.ndarray:
    continuations = requests["continuations"].combine_chunks()
    blank = pc.equal(pc.utf8_trim_whitespace(pc.struct_field(continuations.flatten(), "text")), "")
    return _any(continuations, blank)


def _without_right_choice(requests: pa.Table, scoring: Mapping[str, ScoringSettings]) -> np.ndarray:
    """Documents with a right answer that is not a choice.

    Where our metrics score, also documents whose right answer is -1 or missing: data sets hide the
    answers of their test split so, and every model would score 0.
    """
    gold = requests["gold"].combine_chunks()
    hidden = _any(gold, pc.less(gold.flatten(), 0)) | (pc.list_value_length(gold).to_numpy() == 0)
    choosing = np.asarray(pc.equal(requests["kind"], "multiple_choice"))
    ours = choosing & ~_in(requests["task"], _own(scoring))
    return _any(gold, pc.equal(gold.flatten(), NO_GOLD)) | (hidden & ours)


def _stopped(requests: pa.Table, scoring: Mapping[str, ScoringSettings]) -> np.ndarray:
    """Documents to generate whose references all contain a stop string.

    Tasks that score with their own code are left out: their references may be more than answers.
    """
    generated = np.asarray(pc.equal(requests["kind"], "generate_until"))
    ours = generated & ~_in(requests["task"], _own(scoring))
    until = pc.struct_field(requests["generation"].combine_chunks(), "until")
    references = requests["references"].combine_chunks()
    joint = pc.binary_join(pc.fill_null(until, pa.scalar([], until.type)), _JOINT)
    encoded, empty = joint.dictionary_encode(), pc.list_value_length(references).to_numpy() == 0
    stopped, codes = np.zeros(len(requests), bool), encoded.indices.to_numpy()
    for code, joined in enumerate(encoded.dictionary.to_pylist()):
        for stop in filter(None, joined.split(_JOINT)):
            holds = pc.match_substring(pc.utf8_trim_whitespace(references.flatten()), stop)
            free = _any(references, pc.invert(holds)) | empty
            stopped |= ~free & (codes == code)
    return stopped & ours


def _own(scoring: Mapping[str, ScoringSettings]) -> list[str]:
    """Tasks that score with their own code."""
    return [name for name, how in scoring.items() if how.process_results or how.unsafe_code]


def _in(tasks: pa.ChunkedArray, names: list[str]) -> np.ndarray:
    return np.asarray(pc.is_in(tasks, value_set=pa.array(names, pa.string())))


def _any(lists: pa.ListArray, holds: pa.Array) -> np.ndarray:
    """Whether `holds`, over the flat values of `lists`, is true for any value of each list."""
    found = np.zeros(len(lists), bool)
    found[pc.list_parent_indices(lists).to_numpy()[holds.to_numpy(zero_copy_only=False)]] = True
    return found
