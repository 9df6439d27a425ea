"""Answers that exist already: files of texts or log-likelihoods matched to the documents of a task.

A record belongs to a document by what it says (`id`, or its place where there are as many records as documents), and is checked against it
where columns of both must be the same. What does not fit together is reported, never guessed: documents without a record stay without an
answer, records without a document are left out, and both are counted.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.config.model import Answers
from snakeval.errors import UserError
from snakeval.inference.stage import RecordedSettings
from snakeval.schemas.model import RECORDED, RESPONSES
from snakeval.sources import documents, file_formats
from snakeval.sources.file_formats import Reading

LM_EVAL = {"id": "doc_id", "answer": "resps", "loglikelihoods": "resps", "greedy": "resps"}
_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_SHOWN = 5  # documents or records that a report names

Record = dict[str, Any]


def responses(
    requests: pa.Table, settings: RecordedSettings, *, model: str, benchmark: str
) -> tuple[pa.Table, pa.Table]:
    """RESPONSES of the documents of one benchmark that have an answer, and what was matched: RECORDED, a row per task.

    `requests`: REQUESTS of the benchmark. `settings`: `answers` (the section of the configuration), `files` (task -> file) and `limits`
    (benchmark -> documents per task, or None). Raises UserError where a file cannot be read, a column is missing, two records answer one
    document, or a record answers another question.
    """
    rows: list[Record] = []
    matches: list[Record] = []
    limit = settings.limits[benchmark]
    for task in pc.unique(requests["task"]).to_pylist():
        asked = (
            requests.filter(pc.field("task") == task)
            .select(["doc_id", "kind", "continuations", "document"])
            .to_pylist()
        )
        file = Path(settings.files[task])
        found = {"model": model, "task": task, "file": str(file), "documents": len(asked)}
        if not file.is_file():
            matches.append(found | _counts(0, asked, {}, [], "no such file"))
            continue
        where = f"models.{model}: {file}"
        records = _chosen(_records(file, settings.answers), settings.answers, where)
        by_document, surplus, reason = _matched(
            records, asked, settings.answers, limit is not None and limit == len(asked), where
        )
        given = {
            number: own
            for number, own in by_document.items()
            if all(_has_answer(record, settings.answers) for record in own)
        }
        if by_document and not given:
            _at(
                records[0], _columns(settings.answers)[0], where
            )  # a misspelt column, which no record has
        if reason is None and len(given) < len(by_document):
            reason = f"{len(by_document) - len(given)} records hold no answer"
        matches.append(found | _counts(len(records), asked, given, surplus, reason))
        for document in asked:
            if own := given.get(document["doc_id"]):
                place = f"{where}: document {document['doc_id']}"
                rows.append(
                    {"model": model, "task": task, "doc_id": document["doc_id"]}
                    | _response(document, own, settings.answers, place)
                )
    return pa.Table.from_pylist(rows, RESPONSES), pa.Table.from_pylist(matches, RECORDED)


def _records(file: Path, answers: Answers) -> list[Record]:
    lm_eval = answers.format == "lm_eval"
    header = tuple(answers.header) if answers.header else None
    reading = Reading(
        format="jsonl" if lm_eval else answers.format, columns=header, field=answers.field
    )
    records = documents.rows(file_formats.read(file, reading))
    if not lm_eval:
        return records
    filters = [
        record.get("filter") for record in records
    ]  # each is said once for every filter, with the same answers
    return [record for record, name in zip(records, filters, strict=True) if name == filters[0]]


def _chosen(records: list[Record], answers: Answers, where: str) -> list[Record]:
    """The records that `where` of the section chooses."""
    wanted = answers.where
    return [
        record
        for record in records
        if all(_same(_at(record, column, where), value) for column, value in wanted.items())
    ]


def _matched(
    records: list[Record],
    asked: list[Record],
    answers: Answers,
    limited: bool,
    where: str,
) -> tuple[dict[int, list[Record]], list[str], str | None]:
    """Number of a document -> its records; what the records without a document call theirs; why nothing was matched, if so."""
    column = answers.id or (LM_EVAL["id"] if answers.format == "lm_eval" else None)
    if column is None:
        if len(records) != len(asked) and not (limited and len(records) > len(asked)):
            return (
                {},
                [str(number) for number in range(len(records))],
                _unaligned(len(records), len(asked)),
            )
        by_document = {
            document["doc_id"]: [record] for document, record in zip(asked, records, strict=False)
        }
        surplus = [str(number) for number in range(len(asked), len(records))]
    else:
        numbers = _numbers(asked, answers.document_id, where)
        by_document, surplus = {}, []
        for record in records:
            name = _plain(_at(record, column, where))
            if name in numbers:
                by_document.setdefault(numbers[name], []).append(record)
            else:
                surplus.append(name)
    twice = [number for number, own in by_document.items() if len(own) > 1]
    if twice and not answers.samples:
        raise UserError(
            f"{where}: {len(by_document[twice[0]])} records answer document {twice[0]}; "
            "choose among them with `where`, or set `samples: true` where they are its samples"
        )
    _check_same(by_document, asked, answers, where)
    return by_document, surplus, None


def _unaligned(records: int, asked: int) -> str:
    return f"{records} records for {asked} documents, and no `id` that tells which is which"


def _numbers(asked: list[Record], field: str | None, where: str) -> dict[str, int]:
    """What records call each document -> its number."""
    if field is None:
        return {str(document["doc_id"]): document["doc_id"] for document in asked}
    numbers: dict[str, int] = {}
    for document in asked:
        name = _plain(
            _at(json.loads(document["document"]), field, f"{where}: document {document['doc_id']}")
        )
        if name in numbers:
            raise UserError(
                f"{where}: documents {numbers[name]} and {document['doc_id']} have the same {field}; name another document_id"
            )
        numbers[name] = document["doc_id"]
    return numbers


def _check_same(
    by_document: Mapping[int, list[Record]],
    asked: list[Record],
    answers: Answers,
    where: str,
) -> None:
    """Raises UserError for a record that differs from its document in a column of `same`; of lm-eval's in any key that both have."""
    texts = {document["doc_id"]: document["document"] for document in asked}
    for number, own in by_document.items():
        document = json.loads(texts[number]) if answers.same or answers.format == "lm_eval" else {}
        for record in own:
            pairs = [
                (column, _at(record, column, where), _at(document, field, where))
                for column, field in answers.same.items()
            ]
            if answers.format == "lm_eval":
                said = record.get("doc")
                said = said if isinstance(said, dict) else {}
                plain = [
                    key
                    for key in said
                    if key in document and isinstance(said[key], str | int | float | bool)
                ]
                pairs += [(f"doc.{key}", said[key], document[key]) for key in plain]
            for column, theirs, ours in pairs:
                if not _same(theirs, ours):
                    raise UserError(
                        f"{where}: document {number}: {column} is {_short(theirs)}, but the document says {_short(ours)}; "
                        "the answers are to other documents, or in another order: give `id`"
                    )


def _columns(answers: Answers) -> list[str]:
    """Where a record may hold its answer."""
    if answers.format == "lm_eval":
        return ["resps"]
    return [*_listed(answers.answer or []), *_listed(answers.loglikelihoods or [])]


def _has_answer(record: Record, answers: Answers) -> bool:
    return any(_at(record, column, None) not in (None, [], [[]]) for column in _columns(answers))


def _response(document: Record, records: list[Record], answers: Answers, where: str) -> Record:
    """The columns of RESPONSES that hold what was recorded; what the records do not tell stays empty."""
    empty: Record = {
        "kind": document["kind"],
        "loglikelihoods": [],
        "greedy": [],
        "n_tokens": [],
        "texts": [],
        "finish_reasons": [],
    }
    lm_eval = answers.format == "lm_eval"
    if document["kind"] == "generate_until":
        return empty | {
            "texts": [
                _text(value, where)
                for record in records
                for value in _texts(record, answers, lm_eval, where)
            ]
        }
    if len(records) > 1:
        raise UserError(
            f"{where}: {len(records)} records, but log-likelihoods have no samples; choose one with `where`"
        )
    if lm_eval:
        pairs = [_pair(answer, where) for answer in _listed(records[0]["resps"])]
    else:
        if answers.loglikelihoods is None:
            raise UserError(
                f"{where}: the task scores log-likelihoods; name their column: `answers: {{loglikelihoods: COLUMN}}`"
            )
        values = _listed(_at(records[0], answers.loglikelihoods, where))
        greedy = (
            _listed(_at(records[0], answers.greedy, where))
            if answers.greedy
            else [None] * len(values)
        )
        pairs = [
            (_number(value, where), _flag(flag, where))
            for value, flag in zip(values, greedy, strict=False)
        ]
        if len(greedy) != len(values):
            raise UserError(
                f"{where}: {len(values)} log-likelihoods, but {len(greedy)} values of {answers.greedy}"
            )
    if len(pairs) != len(document["continuations"]):
        raise UserError(
            f"{where}: {len(pairs)} log-likelihoods for {len(document['continuations'])} texts to score"
        )
    known = all(flag is not None for _, flag in pairs)
    return empty | {
        "loglikelihoods": [value for value, _ in pairs],
        "greedy": [flag for _, flag in pairs] if known else [],
    }


def _texts(record: Record, answers: Answers, lm_eval: bool, where: str) -> Iterator[Any]:
    if lm_eval:
        resps = record["resps"]
        if not (isinstance(resps, list) and resps and isinstance(resps[0], list)):
            raise UserError(
                f"{where}: resps is {_short(resps)}, not a list of lists of texts as lm-eval writes it"
            )
        yield from resps[0]
        return
    if not answers.answer:
        raise UserError(
            f"{where}: the task scores texts; name their column: `answers: {{answer: COLUMN}}`"
        )
    for column in _listed(answers.answer):
        yield from _listed(_at(record, column, where))


def _pair(answer: Any, where: str) -> tuple[float, bool | None]:
    """(log-likelihood, greedy) as lm-eval writes them: [["-1.5", "False"]], or [["-1.5"]] of a whole text."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, list) and len(answer) == 2:
        return _number(answer[0], where), _flag(answer[1], where)
    return _number(answer, where), None


def _at(record: Any, column: str, where: str | None) -> Any:
    """The value of a column; dots lead into objects and lists unless a column has that very name. Without `where` None if it is missing."""
    if isinstance(record, dict) and column in record:
        return record[column]
    names = column.split(".")
    for cut in range(
        len(names) - 1, 0, -1
    ):  # names may hold dots themselves: the longest that is there counts
        head = ".".join(names[:cut])
        if isinstance(record, dict) and head in record:
            return _at(record[head], ".".join(names[cut:]), where)
    if isinstance(record, list) and names[0].isdecimal() and int(names[0]) < len(record):
        rest = ".".join(names[1:])
        return _at(record[int(names[0])], rest, where) if rest else record[int(names[0])]
    if where is None:
        return None
    there = (
        ", ".join(map(str, record))
        if isinstance(record, dict)
        else f"{len(record)} items"
        if isinstance(record, list)
        else "a value"
    )
    raise UserError(f"{where}: no column {column!r}; there: {there}")


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: the answer {_short(value)} is neither text nor a number")
    return json.dumps(value)


def _number(value: Any, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not number < math.inf:
        raise UserError(
            f"{where}: {_short(value)} is no log-likelihood; correct it, or leave the record out"
        )
    return number


def _flag(value: Any, where: str) -> bool | None:
    """Whether greedy decoding would have written a text; the values of CSV files are text, as are lm-eval's."""
    if value is None:
        return None
    if (found := _FLAGS.get(str(value).strip().lower())) is None:
        raise UserError(
            f"{where}: {_short(value)} does not tell whether greedy decoding would have written the text; write true or false"
        )
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(value: Any) -> str:
    """As text; what JSON does not know, such as a date of Parquet, as the documents tell it."""
    return (
        json.dumps(value, default=str)
        if value is None or isinstance(value, bool | int | float | list | dict)
        else str(value)
    )


def _same(left: Any, right: Any) -> bool:
    """Equal as they are read: numbers of CSV files are text."""
    return left == right or _plain(left) == _plain(right)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _counts(
    records: int,
    asked: list[Record],
    given: Mapping[int, Any],
    surplus: list[str],
    reason: str | None,
) -> Record:
    missing = [str(document["doc_id"]) for document in asked if document["doc_id"] not in given]
    return {
        "records": records,
        "answered": len(given),
        "missing": len(missing),
        "surplus": len(surplus),
        "missing_documents": missing[:_SHOWN],
        "surplus_records": surplus[:_SHOWN],
        "reason": reason,
    }
