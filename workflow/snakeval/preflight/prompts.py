"""What is wrong with what a model would read, seen in its tokens."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.preflight.findings import Finding, per_task
from snakeval.tokens.encode import Encoder

REQUEST_COLUMNS = [
    "task",
    "doc_id",
    "preamble",
    "questions",
    "generation",
]  # that are looked at here
TOKEN_COLUMNS = [
    "kind",
    "contexts",
    "continuations",
    "generation",
    "dropped_shots",
    "truncated_tokens",
]  # and in the forecast
_TURN_MARKERS = (
    "<|im_start|>",
    "<|start_header_id|>",
    "<start_of_turn>",
    "[INST]",
    "<|user|>",
    "<|assistant|>",
    "<|User|>",
    "<|turn>",
)


def observe(requests: pa.Table, tokens: pa.Table, encoder: Encoder) -> pa.Table:
    """Per document what is seen in the TOKENS that `encoder` made of REQUESTS, both in the same order, at least the columns above."""
    doubled, begins, lacks = _bos(tokens, encoder)
    asks_in_turns = encoder.family in ("causal", "seq2seq") and encoder.chat
    seen = {
        "truncated": _positive(tokens["truncated_tokens"]),
        "dropped_shots": _positive(tokens["dropped_shots"]),
        "short_answer": _shortened(requests, tokens),
        "bos_doubled": doubled,
        "begins_with_bos": begins,
        "lacks_bos": lacks,
        "chat_twice": _marked(requests, encoder) if asks_in_turns else np.zeros(len(tokens), bool),
    }
    return pa.table({"task": requests["task"], "doc_id": requests["doc_id"]} | seen)


def check(seen: pa.Table, encoder: Encoder, *, model: str, benchmark: str) -> list[Finding]:
    """Findings in all that was seen (`observe`) of one benchmark."""
    room = f"the model reads {encoder.max_length} tokens"
    checks = [
        (
            "truncated",
            _mask(seen, "truncated"),
            f"{room}, so the prompt loses its beginning; fewer few-shot examples fit",
            "warning",
        ),
        (
            "dropped_shots",
            _mask(seen, "dropped_shots"),
            f"{room}, so few-shot examples are left out",
            "warning",
        ),
        (
            "short_answer",
            _mask(seen, "short_answer"),
            f"{room}, so the answer may be no longer than the prompt leaves room for",
            "warning",
        ),
    ]
    if encoder.family == "causal":
        text = "the prompt begins with BOS twice, for its text holds one already; take it out of the task or the chat template"
        checks.append(("bos_doubled", _mask(seen, "bos_doubled"), text, "error"))
        # It should begin with it where others do, or where the configuration left it out.
        expected = encoder.add_bos is False or _mask(seen, "begins_with_bos").any()
        reason = (
            "as add_bos: false says" if encoder.add_bos is False else "though others begin with it"
        )
        checks.append(
            (
                "bos_missing",
                _mask(seen, "lacks_bos") & expected,
                f"the prompt does not begin with BOS, {reason}",
                "warning",
            )
        )
    if encoder.family in ("causal", "seq2seq"):
        if encoder.chat:
            text = "the task's text holds marks of a chat template, which is then applied twice; use the plain task or set chat: false"
            checks.append(("chat_twice", _mask(seen, "chat_twice"), text, "error"))
        elif getattr(encoder.tokenizer, "chat_template", None):
            text = "the tokenizer has a chat template that is not used; set chat: true if the model was trained to follow instructions"
            checks.append(("chat_unused", np.ones(len(seen), bool), text, "warning"))
    return [
        finding
        for name, found, message, systematic in checks
        for finding in per_task(
            found, seen, name, message, model=model, benchmark=benchmark, systematic=systematic
        )
    ]


def _mask(seen: pa.Table, name: str) -> np.ndarray:
    return seen[name].to_numpy()


def _positive(column: pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy() > 0


def _shortened(requests: pa.Table, tokens: pa.Table) -> np.ndarray:
    """Generated answers that may be shorter than the task allows."""
    wanted, granted = (
        pc.fill_null(
            pc.struct_field(table["generation"].combine_chunks(), "max_new_tokens"), 0
        ).to_numpy()
        for table in (requests, tokens)
    )
    return (
        (granted < wanted) & (tokens["kind"].to_numpy() == "generate_until")
        if wanted.any()
        else np.zeros(len(tokens), bool)
    )


def _bos(tokens: pa.Table, encoder: Encoder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Documents with a context that begins with BOS twice, with one that begins with it, and with one that does not.

    Windows of rolling texts begin with any token, contexts of one token stand for nothing, and truncated ones have lost their beginning:
    none of these counts.
    """
    n, bos = len(tokens), encoder.tokenizer.bos_token_id
    doubled, begins, lacks = (np.zeros(n, bool) for _ in range(3))
    contexts = tokens["contexts"].combine_chunks()
    inner, parents = contexts.flatten(), pc.list_parent_indices(contexts).to_numpy()
    starts, ids = inner.offsets.to_numpy(), inner.values.to_numpy()
    counted = (tokens["kind"].to_numpy() != "loglikelihood_rolling") & ~_positive(
        tokens["truncated_tokens"]
    )
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
    """Documents whose question or few-shot examples hold a mark of a turn, or a special token of the tokenizer."""
    special = [
        token for token in getattr(encoder.tokenizer, "all_special_tokens", []) if len(token) > 2
    ]
    pattern = "|".join(re.escape(mark) for mark in dict.fromkeys([*_TURN_MARKERS, *special]))
    preamble, questions = (
        requests["preamble"].combine_chunks(),
        requests["questions"].combine_chunks(),
    )
    found = np.zeros(len(requests), bool)
    for lists, texts in (
        (questions, questions.flatten()),
        (preamble, pc.struct_field(preamble.flatten(), "text")),
    ):
        holds = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
        found[pc.list_parent_indices(lists).to_numpy()[holds]] = True
    return found
