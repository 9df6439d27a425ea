"""Token ids for encoder models: texts to classify, and windows of a passage with an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.schemas.columns import NO_ANSWER
from snakeval.tokens.encoding import Encoder
from snakeval.tokens.rows import Row

# Tokens that neighbouring windows of a passage share, as in the run_qa example of transformers.
STRIDE = 128
Request = dict[str, Any]


def classify(requests: list[Request], encoder: Encoder, model: str) -> list[Row]:
    """Rows whose continuations are the label ids of the choices.

    The text is `segments`, else the question.

    Raises UserError for more than two texts, and for choices that do not match the model's labels.
    """
    texts = [tuple(request["segments"] or request["questions"]) for request in requests]
    for request, segments in zip(requests, texts, strict=True):
        if len(segments) > 2 or not segments:
            raise UserError(
                f"{_where(model, request)}: a classifier reads 1 text or 2, not {len(segments)}. "
                "Set encoder_inputs in the task."
            )
    rows: dict[int, Row] = {}
    for count in (1, 2):
        indices = [index for index, segments in enumerate(texts) if len(segments) == count]
        if not indices:
            continue
        encoded = _texts([texts[index] for index in indices], encoder)
        for index, row in zip(indices, encoded, strict=True):
            _refuse_overflow(encoder, row.truncated_tokens, _where(model, requests[index]))
            rows[index] = row
    for index, request in enumerate(requests):
        labels = _labels(request, encoder.labels, _where(model, request))
        rows[index].continuations = [(0, np.array([label], np.int32)) for label in labels]
    return [rows[index] for index in range(len(requests))]


def extract(requests: list[Request], encoder: Encoder, model: str) -> list[Row]:
    """Rows with the windows of each passage, and for each token its characters in the passage.

    A question longer than half a window loses its end. Where there may be no answer, the CLS token
    stands for no answer. Raises UserError for a tokenizer without offsets or, where it is needed, a
    CLS token, and for requests without a question and a passage.
    """
    if not encoder.tokenizer.is_fast:
        raise UserError(
            f"{model}: extractive answers need a fast tokenizer, which knows the characters of "
            "each token. Add a tokenizer.json to the model."
        )
    for request in requests:
        if len(request["segments"]) not in (2, 3):
            raise UserError(
                f"{_where(model, request)}: an extractive model reads a question and a passage. "
                "Set encoder_inputs in the task."
            )
    call = _caller(encoder)
    room = encoder.max_length - len(call([""], [""])["input_ids"][0])
    questions, cuts = _questions(requests, encoder, room // 2)
    for request, cut in zip(requests, cuts, strict=True):
        _refuse_overflow(encoder, cut, _where(model, request))
    encoded = call(
        questions,
        [request["segments"][1] for request in requests],
        truncation="only_second",
        max_length=encoder.max_length,
        stride=min(STRIDE, room // 4),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    rows = [
        Row(
            offsets=[],
            passage=request["segments"][1],
            generation=request["generation"],
            truncated_tokens=cut,
        )
        for request, cut in zip(requests, cuts, strict=True)
    ]
    for window, document in enumerate(encoded["overflow_to_sample_mapping"]):
        _add_window(rows[document], encoded, window, requests[document], encoder, model)
    return rows


def _questions(
    requests: list[Request], encoder: Encoder, limit: int
) -> tuple[list[str], list[int]]:
    """The questions, of at most `limit` tokens, and how many tokens each lost."""
    texts = [request["segments"][0] for request in requests]
    encoded = _caller(encoder)(texts, add_special_tokens=False)["input_ids"]
    cuts = [max(len(ids) - limit, 0) for ids in encoded]
    decode = encoder.tokenizer.decode
    questions = [
        decode(ids[: len(ids) - cut]) if cut else text
        for text, ids, cut in zip(texts, encoded, cuts, strict=True)
    ]
    return questions, cuts


def _add_window(
    row: Row, encoded: Any, window: int, request: Request, encoder: Encoder, model: str
) -> None:
    """Add a window of the passage to its document's row."""
    ids = encoded["input_ids"][window]
    offsets = _passage_offsets(encoded, window)
    if len(request["segments"]) == 3:
        if (no_answer := encoder.tokenizer.cls_token_id) not in ids:
            raise UserError(
                f"{_where(model, request)}: the tokenizer puts no CLS token before a text, and "
                "unanswerable questions need one. Name it in the tokenizer's files."
            )
        offsets[ids.index(no_answer)] = NO_ANSWER
    row.prompts.append(encoder.tokenizer.decode(ids))
    row.contexts.append(np.array(ids, np.int32))
    row.offsets = [*(row.offsets or []), offsets.ravel()]
    if "token_type_ids" in encoded:
        types = np.array(encoded["token_type_ids"][window], np.int32)
        row.token_types = [*(row.token_types or []), types]


def _texts(texts: Sequence[tuple[str, ...]], encoder: Encoder) -> list[Row]:
    """Rows for texts or pairs of texts.

    A text that is too long loses the ends of its longer segments, as in the training of these
    models.
    """
    call = _caller(encoder)
    encoded = call(*(list(column) for column in zip(*texts, strict=True)))
    names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
    rows = []
    for index, whole in enumerate(encoded["input_ids"]):
        ids, *types = (encoded[name][index] for name in names)
        if len(whole) > encoder.max_length:
            segments = [[segment] for segment in texts[index]]
            short = call(*segments, truncation=True, max_length=encoder.max_length)
            ids, *types = (short[name][0] for name in names)
        row = Row(
            prompts=[encoder.tokenizer.decode(ids)],
            contexts=[np.array(ids, np.int32)],
            truncated_tokens=len(whole) - len(ids),
        )
        row.token_types = [np.array(types[0], np.int32)] if types else None
        rows.append(row)
    return rows


def _passage_offsets(encoded: Any, window: int) -> np.ndarray:
    """Start and end character per token; -1 for tokens outside the passage."""
    inside = np.array([segment == 1 for segment in encoded.sequence_ids(window)])
    offsets = np.array(encoded["offset_mapping"][window])
    return np.where(inside[:, None], offsets, -1).astype(np.int32)


def _labels(request: Request, labels: Mapping[int, str], where: str) -> list[int]:
    """The label id of each choice: by name, or by position where no name matches.

    Raises UserError where neither is possible.
    """
    choices = request["choices"]
    if len(request["continuations"]) != len(choices):
        raise UserError(
            f"{where}: a classifier cannot score a choice without its question. "
            "Remove acc_mutual_info from the task's metrics."
        )
    by_name = {name.strip().casefold(): label for label, name in labels.items()}
    found = [by_name.get(choice.strip().casefold()) for choice in choices]
    if None not in found and len(set(found)) == len(found):
        return [label for label in found if label is not None]
    if len(choices) == len(labels) and not any(label is not None for label in found):
        return sorted(labels)
    raise UserError(
        f"{where}: choices {', '.join(choices)} do not match the model's labels "
        f"{', '.join(labels.values())}. Give the choices the labels' names, or set id2label in the "
        "model's config.json."
    )


def _caller(encoder: Encoder) -> Callable[..., Any]:
    def call(*segments: list[str], **options: Any) -> Any:
        return encoder.tokenizer(
            *segments, padding=False, return_attention_mask=False, verbose=False, **options
        )

    return call


def _refuse_overflow(encoder: Encoder, excess: int, where: str) -> None:
    if excess and encoder.on_overflow == "error":
        raise UserError(
            f"{where}: {excess} tokens more than the model's {encoder.max_length}. "
            "Set on_overflow to truncate."
        )


def _where(model: str, request: Request) -> str:
    return f"{model}, {request['task']}, document {request['doc_id']}"
