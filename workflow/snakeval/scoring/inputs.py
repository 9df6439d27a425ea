"""From the tables of requests and responses to what metrics take."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.metrics.choice import Choices
from snakeval.metrics.likelihood import Targets, Texts

REQUEST_COLUMNS = [  # that scores depend on
    "task", "doc_id", "choices", "gold", "references", "continuations", "document", "cluster",
]  # fmt: skip
_AGAIN = "Delete the requests and responses and run again."


def answered(requests: pa.Table, responses: pa.Table) -> pa.Table:
    """The rows of REQUESTS whose documents are in `responses`: some may not be recorded."""
    there = set(_documents(responses))
    return requests.filter(pa.array([key in there for key in _documents(requests)], pa.bool_()))


def _documents(table: pa.Table) -> Iterator[tuple[str, int]]:
    return zip(table["task"].to_pylist(), table["doc_id"].to_pylist(), strict=True)


def joined(requests: pa.Table, responses: pa.Table, task: str) -> tuple[pa.Table, pa.Table]:
    """Both tables in the order of doc_id.

    Raises UserError unless they hold the same documents, each once, of this task and one model.
    """
    for name, table in (("requests", requests), ("responses", responses)):
        if odd := sorted(set(pc.unique(table["task"]).to_pylist()) - {task}):
            raise UserError(f"the {name} hold documents of {', '.join(odd)}. {_AGAIN}")
        if (twice := _first_twice(table)) is not None:
            raise UserError(f"the {name} hold document {twice} more than once. {_AGAIN}")
    if len(pc.unique(responses["model"])) > 1:
        raise UserError("the responses hold several models. Score one at a time.")
    asked, answers = requests["doc_id"].to_numpy(), responses["doc_id"].to_numpy()
    if len(missing := np.setdiff1d(asked, answers)):
        raise UserError(f"there is no response to {_some(missing)}. {_AGAIN}")
    if len(surplus := np.setdiff1d(answers, asked)):
        raise UserError(
            f"there are responses to {_some(surplus)} that the requests do not hold. {_AGAIN}"
        )
    return _in_order(requests), _in_order(responses)


def _first_twice(table: pa.Table) -> int | None:
    """The smallest doc_id that more than one row has; None where there is none."""
    counts = pc.value_counts(table["doc_id"])
    if len(counts) == table.num_rows:
        return None
    return min(pair["values"].as_py() for pair in counts if pair["counts"].as_py() > 1)


def _in_order(table: pa.Table) -> pa.Table:
    """By doc_id. Tables usually are so already, and sorting would hold them twice in memory."""
    ascending = bool((np.diff(table["doc_id"].to_numpy()) > 0).all())
    return (table if ascending else table.sort_by("doc_id")).combine_chunks()


def _some(documents: np.ndarray) -> str:
    shown = ", ".join(map(str, documents[:5].tolist())) + (", …" if len(documents) > 5 else "")
    return f"{len(documents)} document{'s' if len(documents) > 1 else ''} ({shown})"


def likelihoods(requests: pa.Table, responses: pa.Table, kind: str) -> Choices | Targets | Texts:
    """The log-likelihoods of a task, as the metrics of its kind of request take them.

    Raises UserError for a log-likelihood that is NaN or +inf; -inf is one, of a token that the
    model never writes.
    """
    flat = _flat(responses["loglikelihoods"])
    bad = np.flatnonzero(~(flat < np.inf))
    if len(bad):
        starts = _starts(responses["loglikelihoods"])
        row = int(np.searchsorted(starts, bad[0], side="right")) - 1
        raise UserError(
            f"document {responses['doc_id'][row]}: the log-likelihood is {flat[bad[0]]}. "
            "The model overflows: set another dtype and run again."
        )
    if kind == "multiple_choice":
        return _choices(requests, responses)
    if kind == "loglikelihood":
        _check_one_each(responses["loglikelihoods"], responses["doc_id"])
        return Targets(flat, _if_recorded(responses["greedy"]))
    return _texts(requests, responses)


def _choices(requests: pa.Table, responses: pa.Table) -> Choices:
    starts, of_answers = _starts(requests["choices"]), _starts(responses["loglikelihoods"])
    counts, answers = np.diff(starts), np.diff(of_answers)
    # for mutual information each choice was also scored without the question
    twice = bool((answers == 2 * counts).all())
    wrong = np.flatnonzero((counts == 0) | (answers != counts * (1 + twice)))
    if len(wrong):
        row = int(wrong[0])
        raise UserError(
            f"document {requests['doc_id'][row]}: there are {counts[row]} choices and "
            f"{answers[row]} log-likelihoods. {_AGAIN}"
        )
    place = np.arange(of_answers[-1]) - np.repeat(of_answers[:-1], answers)
    after_question = place < np.repeat(counts, answers)
    loglikelihoods = _flat(responses["loglikelihoods"])
    greedy, n_tokens = (_if_recorded(responses[name]) for name in ("greedy", "n_tokens"))
    return Choices(
        texts=requests["choices"].combine_chunks().flatten(),
        loglikelihoods=loglikelihoods[after_question],
        unconditional=loglikelihoods[~after_question] if twice else None,
        greedy=None if greedy is None else greedy[after_question],
        n_tokens=None if n_tokens is None else n_tokens[after_question],
        starts=starts,
        golds=_golds(requests),
    )


def _golds(requests: pa.Table) -> list[list[int]]:
    """Indices of the right choices; without them, of the choices that are references."""
    golds = requests["gold"].to_pylist()
    for row in (row for row, gold in enumerate(golds) if not gold):
        references = requests["references"][row].as_py()
        choices = requests["choices"][row].as_py()
        golds[row] = [i for i, choice in enumerate(choices) if choice in references]
    return golds


def _texts(requests: pa.Table, responses: pa.Table) -> Texts:
    """Whole texts; the log-likelihoods and tokens of their windows are summed."""
    _check_one_each(requests["continuations"], requests["doc_id"])
    recorded = _if_recorded(responses["n_tokens"]) is not None
    return Texts(
        texts=[parts[0]["text"] for parts in requests["continuations"].to_pylist()],
        loglikelihoods=_summed(responses["loglikelihoods"]),
        n_tokens=_summed(responses["n_tokens"]) if recorded else None,
        documents=documents_of(requests),
    )


def _check_one_each(column: pa.ChunkedArray, doc_ids: pa.ChunkedArray) -> None:
    wrong = np.flatnonzero(np.diff(_starts(column)) != 1)
    if len(wrong):
        raise UserError(
            f"document {doc_ids[int(wrong[0])]}: it must have exactly one text to score. {_AGAIN}"
        )


def results(responses: pa.Table, kind: str) -> list[list[Any]]:
    """What a task's process_results takes, for each document.

    That is (log-likelihood, greedy) of each continuation, or the log-likelihood of a whole text.
    """
    if kind == "loglikelihood_rolling":
        return [[total] for total in _summed(responses["loglikelihoods"]).tolist()]
    if _if_recorded(responses["greedy"]) is None:
        raise UserError(
            "process_results needs to know which texts greedy decoding would have written. "
            "Name the column under `answers`."
        )
    columns = (responses[name].to_pylist() for name in ("loglikelihoods", "greedy"))
    return [list(zip(*values, strict=True)) for values in zip(*columns, strict=True)]


def generated(requests: pa.Table, responses: pa.Table, needs_reference: bool) -> list[list[str]]:
    """The generated texts of each document.

    Raises UserError for a document without a text, and with `needs_reference` without a reference.
    """
    if needs_reference and (row := _first_empty(requests["references"])) is not None:
        raise UserError(
            f"document {requests['doc_id'][row]} has no reference. "
            "Drop it in process_docs, or correct doc_to_target."
        )
    if (row := _first_empty(responses["texts"])) is not None:
        raise UserError(f"document {responses['doc_id'][row]} has no answer. {_AGAIN}")
    return responses["texts"].to_pylist()


def _first_empty(column: pa.ChunkedArray) -> int | None:
    """The first row whose list is empty; None where there is none."""
    empty = np.flatnonzero(pc.list_value_length(column).to_numpy() == 0)
    return int(empty[0]) if len(empty) else None


def documents_of(requests: pa.Table) -> list[dict[str, Any]]:
    """The documents, decoded."""
    return [json.loads(document) for document in requests["document"].to_pylist()]


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    """The values of a list column, one document after the other."""
    return column.combine_chunks().flatten().to_numpy(zero_copy_only=False)


def _if_recorded(column: pa.ChunkedArray) -> np.ndarray | None:
    """`_flat`; None where every list is empty, as recorded responses may not hold it."""
    return flat if len(flat := _flat(column)) else None


def _starts(column: pa.ChunkedArray) -> np.ndarray:
    """Where each document's values begin in `_flat`, and their number at the end."""
    return np.concatenate([[0], np.cumsum(pc.list_value_length(column).to_numpy())])


def _summed(column: pa.ChunkedArray) -> np.ndarray:
    """Sums of a list column per document; 0 of an empty list."""
    lengths = pc.list_value_length(column).to_numpy()
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return np.bincount(rows, weights=_flat(column), minlength=len(lengths))
