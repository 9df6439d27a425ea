"""Recorded responses: files of texts or log-likelihoods, matched to the documents of a task.

A record belongs to the document that it names (`id`). Without `id` it belongs to the document in
its place, if there are as many records as documents. It is checked against its document where
columns of both must be equal. Mismatches are reported, never guessed: documents without a record
have no response, records without a document are left out, and both are counted.
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
    """RESPONSES of the documents of one benchmark that have one, and RECORDED, a row per task.

    `requests`: REQUESTS of the benchmark. Raises UserError where a file cannot be read, a column is
    missing, two records answer one document, or a record answers another question.
    """
    rows: list[Record] = []
    matches: list[Record] = []
    for task in pc.unique(requests["task"]).to_pylist():
        columns = ["doc_id", "kind", "continuations", "document"]
        asked = requests.filter(pc.field("task") == task).select(columns).to_pylist()
        limited = settings.limits[benchmark] == len(asked)
        file = Path(settings.files[task])
        found = {"model": model, "task": task, "file": str(file), "documents": len(asked)}
        where = f"models.{model}: {file}"
        own, counts = _of_task(file, asked, settings.answers, limited, where)
        matches.append(found | counts)
        names = {"model": model, "task": task}
        rows += [names | response for response in own]
    return pa.Table.from_pylist(rows, RESPONSES), pa.Table.from_pylist(matches, RECORDED)


def _of_task(
    file: Path, asked: list[Record], answers: Answers, limited: bool, where: str
) -> tuple[list[Record], Record]:
    """The responses to the documents `asked` of one task, and the counts of RECORDED.

    `limited`: the task has more documents than were asked.
    """
    if not file.is_file():
        return [], _counts(0, asked, {}, [], "no such file")
    records = _chosen(_records(file, answers), answers, where)
    by_document, surplus, reason = _matched(records, asked, answers, limited, where)
    given = {
        number: own
        for number, own in by_document.items()
        if all(_has_answer(record, answers) for record in own)
    }
    if by_document and not given:
        # Raises where the column is misspelt, so that no record has it.
        _at(records[0], _columns(answers)[0], where)
    if reason is None and len(given) < len(by_document):
        reason = f"{len(by_document) - len(given)} records hold no answer"
    rows = []
    for document in asked:
        if own := given.get(number := document["doc_id"]):
            response = _response(document, own, answers, f"{where}: document {number}")
            rows.append({"doc_id": number} | response)
    return rows, _counts(len(records), asked, given, surplus, reason)


def _records(file: Path, answers: Answers) -> list[Record]:
    lm_eval = answers.format == "lm_eval"
    file_format = "jsonl" if lm_eval else answers.format
    header = tuple(answers.header) if answers.header else None
    reading = Reading(format=file_format, columns=header, field=answers.field)
    records = documents.rows(file_formats.read(file, reading))
    if not lm_eval:
        return records
    # lm-eval writes each document once for every filter, with the same answers.
    filters = [record.get("filter") for record in records]
    return [record for record, name in zip(records, filters, strict=True) if name == filters[0]]


def _chosen(records: list[Record], answers: Answers, where: str) -> list[Record]:
    """The records that `where` of the section chooses."""
    wanted = answers.where.items()

    def chosen(record: Record) -> bool:
        return all(_same(_at(record, column, where), value) for column, value in wanted)

    return [record for record in records if chosen(record)]


def _matched(
    records: list[Record],
    asked: list[Record],
    answers: Answers,
    limited: bool,
    where: str,
) -> tuple[dict[int, list[Record]], list[str], str | None]:
    """Number of a document -> its records; how the records without a document name theirs; and why
    nothing was matched, if so."""
    column = answers.id or (LM_EVAL["id"] if answers.format == "lm_eval" else None)
    if column is None:
        names = [str(number) for number in range(len(records))]
        if len(records) != len(asked) and not (limited and len(records) > len(asked)):
            counts = f"{len(records)} records for {len(asked)} documents"
            return {}, names, f"{counts}, and no `id` to match them by"
        pairs = zip(asked, records, strict=False)
        by_document = {document["doc_id"]: [record] for document, record in pairs}
        surplus = names[len(asked) :]
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
            f"{where}: {len(by_document[twice[0]])} records answer document {twice[0]}. "
            "Choose among them with `where`, or set `samples: true` if they are its samples."
        )
    _check_same(by_document, asked, answers, where)
    return by_document, surplus, None


def _numbers(asked: list[Record], field: str | None, where: str) -> dict[str, int]:
    """How records name each document -> its number."""
    if field is None:
        return {str(document["doc_id"]): document["doc_id"] for document in asked}
    numbers: dict[str, int] = {}
    for document in asked:
        number, values = document["doc_id"], json.loads(document["document"])
        name = _plain(_at(values, field, f"{where}: document {number}"))
        if name in numbers:
            raise UserError(
                f"{where}: documents {numbers[name]} and {number} have the same {field}. "
                "Name another document_id."
            )
        numbers[name] = number
    return numbers


def _check_same(
    by_document: Mapping[int, list[Record]],
    asked: list[Record],
    answers: Answers,
    where: str,
) -> None:
    """Raises UserError for a record that differs from its document in a column of `same`.

    A record of lm-eval must not differ in any key that both have.
    """
    lm_eval = answers.format == "lm_eval"
    if not answers.same and not lm_eval:
        return
    texts = {document["doc_id"]: document["document"] for document in asked}
    for number, own in by_document.items():
        document = json.loads(texts[number])
        for record in own:
            pairs = [
                (column, _at(record, column, where), _at(document, field, where))
                for column, field in answers.same.items()
            ]
            pairs += _copied(record.get("doc"), document) if lm_eval else []
            for column, theirs, ours in pairs:
                if not _same(theirs, ours):
                    raise UserError(
                        f"{where}: document {number}: {column} is {_short(theirs)}, but in the "
                        f"document it is {_short(ours)}. The records answer other documents, or "
                        "are in another order: give `id`."
                    )


def _copied(copy: Any, document: Record) -> list[tuple[str, Any, Any]]:
    """Keys that lm-eval's copy of a document has in common with it: name, theirs, ours."""
    if not isinstance(copy, dict):
        return []
    plain = (str, int, float, bool)
    keys = [key for key in copy if key in document and isinstance(copy[key], plain)]
    return [(f"doc.{key}", copy[key], document[key]) for key in keys]


def _columns(answers: Answers) -> list[str]:
    """Columns in which a record may hold its answer."""
    if answers.format == "lm_eval":
        return ["resps"]
    return [*_listed(answers.answer or []), *_listed(answers.loglikelihoods or [])]


def _has_answer(record: Record, answers: Answers) -> bool:
    return any(_at(record, column, None) not in (None, [], [[]]) for column in _columns(answers))


def _response(document: Record, records: list[Record], answers: Answers, where: str) -> Record:
    """The columns of RESPONSES that were recorded; the others are empty."""
    texts, values, greedy = [], [], []
    if document["kind"] == "generate_until":
        for record in records:
            texts += [_text(value, where) for value in _texts(record, answers, where)]
    else:
        pairs = _pairs(records, answers, where)
        if len(pairs) != (wanted := len(document["continuations"])):
            raise UserError(
                f"{where}: {len(pairs)} log-likelihoods for {wanted} texts to score. "
                "Give one for each."
            )
        values = [value for value, _ in pairs]
        if all(flag is not None for _, flag in pairs):
            greedy = [flag for _, flag in pairs]
    scored = {"kind": document["kind"], "loglikelihoods": values, "greedy": greedy}
    return scored | {"n_tokens": [], "texts": texts, "finish_reasons": []}


def _texts(record: Record, answers: Answers, where: str) -> Iterator[Any]:
    """The samples of a record."""
    if answers.format == "lm_eval":
        resps = record["resps"]
        if not (isinstance(resps, list) and resps and isinstance(resps[0], list)):
            raise UserError(
                f"{where}: resps is {_short(resps)}. lm-eval writes a list of lists of texts."
            )
        yield from resps[0]
        return
    if not answers.answer:
        raise UserError(
            f"{where}: the task scores texts. Name their column: `answers: {{answer: COLUMN}}`."
        )
    for column in _listed(answers.answer):
        yield from _listed(_at(record, column, where))


def _pairs(records: list[Record], answers: Answers, where: str) -> list[tuple[float, bool | None]]:
    """(log-likelihood, greedy) of each continuation; greedy is None where it was not recorded."""
    if len(records) > 1:
        raise UserError(
            f"{where}: {len(records)} records, but log-likelihoods have no samples. "
            "Choose one record with `where`."
        )
    (record,) = records
    if answers.format == "lm_eval":
        return [_pair(answer, where) for answer in _listed(record["resps"])]
    if answers.loglikelihoods is None:
        raise UserError(
            f"{where}: the task scores log-likelihoods. "
            "Name their column: `answers: {loglikelihoods: COLUMN}`."
        )
    values = _listed(_at(record, answers.loglikelihoods, where))
    flags = [None] * len(values)
    if answers.greedy:
        flags = _listed(_at(record, answers.greedy, where))
    found = zip(values, flags, strict=False)
    pairs = [(_number(value, where), _flag(flag, where)) for value, flag in found]
    if len(flags) != len(values):
        raise UserError(
            f"{where}: {len(values)} log-likelihoods, but {len(flags)} values of "
            f"{answers.greedy}. Give one for each."
        )
    return pairs


def _pair(answer: Any, where: str) -> tuple[float, bool | None]:
    """(log-likelihood, greedy) as lm-eval writes them.

    That is [["-1.5", "False"]], or [["-1.5"]] of a whole text.
    """
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, list) and len(answer) == 2:
        return _number(answer[0], where), _flag(answer[1], where)
    return _number(answer, where), None


def _at(record: Any, column: str, where: str | None) -> Any:
    """The value of a column. Dots lead into objects and lists, unless a column has that very name.

    A missing column is None without `where`, else UserError.
    """
    if isinstance(record, dict) and column in record:
        return record[column]
    names = column.split(".")
    for cut in range(len(names) - 1, 0, -1):  # names may hold dots: the longest one counts
        head = ".".join(names[:cut])
        if isinstance(record, dict) and head in record:
            return _at(record[head], ".".join(names[cut:]), where)
    if isinstance(record, list) and names[0].isdecimal() and int(names[0]) < len(record):
        rest = ".".join(names[1:])
        return _at(record[int(names[0])], rest, where) if rest else record[int(names[0])]
    if where is None:
        return None
    there = "a value"
    if isinstance(record, dict):
        there = ", ".join(map(str, record))
    elif isinstance(record, list):
        there = f"{len(record)} items"
    raise UserError(f"{where}: no column {column!r}. There: {there}.")


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(
            f"{where}: the answer {_short(value)} is neither text nor a number. Correct it."
        )
    return json.dumps(value)


def _number(value: Any, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not number < math.inf:
        raise UserError(
            f"{where}: {_short(value)} is not a log-likelihood. Correct it, or remove the record."
        )
    return number


def _flag(value: Any, where: str) -> bool | None:
    """Whether greedy decoding would have written a text. CSV files and lm-eval give it as text."""
    if value is None:
        return None
    if (found := _FLAGS.get(str(value).strip().lower())) is None:
        raise UserError(
            f"{where}: {_short(value)} does not say whether greedy decoding would have written the "
            "text. Write true or false."
        )
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(value: Any) -> str:
    """As text. What JSON does not know, such as a date of Parquet, is as in the documents."""
    if value is None or isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, default=str)
    return str(value)


def _same(left: Any, right: Any) -> bool:
    """Whether values are equal as they are read: numbers of CSV files are text."""
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
