"""What is wrong with the prompts of a model, seen in its tokens."""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.preflight.findings import Finding, per_task
from snakeval.tokens.encode import Encoder

# Columns that are read here, and in the forecast.
REQUEST_COLUMNS = ["task", "doc_id", "preamble", "questions", "generation"]
TOKEN_COLUMNS = [
    *("kind", "contexts", "continuations", "generation", "dropped_shots", "truncated_tokens"),
]
_TURN_MARKERS = (
    *("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "[INST]"),
    *("<|user|>", "<|assistant|>", "<|User|>", "<|turn>"),
)
_Check = tuple[str, np.ndarray, str, str]
"""Its name, the documents with the fault, the message, the severity where all documents have it."""


def observe(requests: pa.Table, tokens: pa.Table, encoder: Encoder) -> pa.Table:
    """Faults in each document's TOKENS, which `encoder` made of REQUESTS in the same order.

    The tables have at least the columns above.
    """
    doubled, begins, lacks = _bos(tokens, encoder)
    seen = {
        "truncated": _positive(tokens["truncated_tokens"]),
        "dropped_shots": _positive(tokens["dropped_shots"]),
        "short_answer": _shortened(requests, tokens),
        "bos_doubled": doubled,
        "begins_with_bos": begins,
        "lacks_bos": lacks,
        "chat_twice": _marked(requests, encoder)
        if _chats(encoder)
        else np.zeros(len(tokens), bool),
    }
    return pa.table({"task": requests["task"], "doc_id": requests["doc_id"]} | seen)


def check(seen: pa.Table, encoder: Encoder, *, model: str, benchmark: str) -> list[Finding]:
    """Findings in what was seen (`observe`) of one benchmark."""
    checks = [*_room_checks(seen, encoder), *_bos_checks(seen, encoder)]
    checks += _chat_checks(seen, encoder)
    return [
        finding
        for name, found, message, systematic in checks
        for finding in per_task(
            found, seen, name, message, model=model, benchmark=benchmark, systematic=systematic
        )
    ]


def _room_checks(seen: pa.Table, encoder: Encoder) -> Iterator[_Check]:
    room = f"the model reads {encoder.max_length} tokens"
    messages = {
        "truncated": f"{room}, so the prompt loses its beginning. Use fewer few-shot examples.",
        "dropped_shots": f"{room}, so few-shot examples are left out.",
        "short_answer": f"{room}, so answers are shorter than the task allows.",
    }
    for name, message in messages.items():
        yield name, _mask(seen, name), message, "warning"


def _bos_checks(seen: pa.Table, encoder: Encoder) -> Iterator[_Check]:
    if encoder.family != "causal":
        return
    message = (
        "the prompt begins with BOS twice, because its text has one already. "
        "Remove it from the task or the chat template."
    )
    yield "bos_doubled", _mask(seen, "bos_doubled"), message, "error"
    # It should begin with BOS where others do, or where the configuration left it out.
    left_out = encoder.add_bos is False
    expected = left_out or _mask(seen, "begins_with_bos").any()
    reason = "because of add_bos: false" if left_out else "but others do"
    message = f"the prompt does not begin with BOS, {reason}."
    yield "bos_missing", _mask(seen, "lacks_bos") & expected, message, "warning"


def _chat_checks(seen: pa.Table, encoder: Encoder) -> Iterator[_Check]:
    if _chats(encoder):
        message = (
            "the task's text has marks of a chat template, which is then applied twice. "
            "Use the plain task or set chat: false."
        )
        yield "chat_twice", _mask(seen, "chat_twice"), message, "error"
    elif _continues(encoder) and getattr(encoder.tokenizer, "chat_template", None):
        message = (
            "the tokenizer has a chat template that is not used. "
            "Set chat: true if the model was trained to follow instructions."
        )
        yield "chat_unused", np.ones(len(seen), bool), message, "warning"


def _continues(encoder: Encoder) -> bool:
    """Whether the model continues a text."""
    return encoder.family in ("causal", "seq2seq")


def _chats(encoder: Encoder) -> bool:
    """Whether the model is asked in chat turns."""
    return encoder.chat and _continues(encoder)


def _mask(seen: pa.Table, name: str) -> np.ndarray:
    return seen[name].to_numpy()


def _positive(column: pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy() > 0


def _shortened(requests: pa.Table, tokens: pa.Table) -> np.ndarray:
    """Documents whose generated answers must be shorter than the task allows."""
    wanted, granted = _max_new_tokens(requests), _max_new_tokens(tokens)
    if not wanted.any():
        return np.zeros(len(tokens), bool)
    return (granted < wanted) & (tokens["kind"].to_numpy() == "generate_until")


def _max_new_tokens(table: pa.Table) -> np.ndarray:
    """Of each document; 0 where nothing is generated."""
    generation = table["generation"].combine_chunks()
    return pc.fill_null(pc.struct_field(generation, "max_new_tokens"), 0).to_numpy()


def _bos(tokens: pa.Table, encoder: Encoder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three masks of documents: a context begins with BOS twice, with BOS, or without it.

    Some contexts do not count: windows of rolling texts begin with any token, contexts of one token
    are empty prompts, and truncated ones have lost their beginning.
    """
    n, bos = len(tokens), encoder.tokenizer.bos_token_id
    doubled, begins, lacks = (np.zeros(n, bool) for _ in range(3))
    contexts = tokens["contexts"].combine_chunks()
    inner, parents = contexts.flatten(), pc.list_parent_indices(contexts).to_numpy()
    starts, ids = inner.offsets.to_numpy(), inner.values.to_numpy()
    rolling = tokens["kind"].to_numpy() == "loglikelihood_rolling"
    counted = ~rolling & ~_positive(tokens["truncated_tokens"])
    counts = counted[parents] & (np.diff(starts) > 1)
    if bos is None or not counts.any():
        return doubled, begins, lacks
    starts, parents = starts[:-1][counts], parents[counts]
    first = ids[starts] == bos
    doubled[parents[first & (ids[starts + 1] == bos)]] = True
    begins[parents[first]] = True
    lacks[parents[~first]] = True
    return doubled, begins, lacks


def _marked(requests: pa.Table, encoder: Encoder) -> np.ndarray:
    """Documents with a mark of a chat turn, or a special token, in question or examples."""
    special = getattr(encoder.tokenizer, "all_special_tokens", [])
    marks = dict.fromkeys([*_TURN_MARKERS, *(token for token in special if len(token) > 2)])
    pattern = "|".join(re.escape(mark) for mark in marks)
    preamble = requests["preamble"].combine_chunks()
    questions = requests["questions"].combine_chunks()
    found = np.zeros(len(requests), bool)
    for lists, texts in (
        (questions, questions.flatten()),
        (preamble, pc.struct_field(preamble.flatten(), "text")),
    ):
        holds = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
        found[pc.list_parent_indices(lists).to_numpy()[holds]] = True
    return found
