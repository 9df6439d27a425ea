"""Token ids for models that continue a text, as lm-evaluation-harness 0.4.13 makes them.

The rules are those of `lm_eval/api/model.py` (`_encode_pair`, `loglikelihood`) and
`lm_eval/models/huggingface.py` (`tok_encode`, `loglikelihood_rolling`, `_loglikelihood_tokens`,
`generate_until`), with three differences:

- A rolling text never has BOS twice. The harness predicts the tokenizer's BOS after its own.
- An EOS that a tokenizer puts after every text is left out for causal models. The harness lets the
  model read it before its answer.
- A continuation may merge into the last token of its context, so that no token is left to score.
  Then the harness stops. Here the cut moves left, to the first token where the sequences differ.
"""

from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.prompts import chat, turns
from snakeval.tokens.encoding import Encoder
from snakeval.tokens.rows import Row

Request = dict[str, Any]
Ids = np.ndarray


def encode(requests: list[Request], encoder: Encoder, model: str) -> list[Row]:
    """Rows for requests of any kind, their texts encoded together."""
    rows: dict[int, Row] = {}
    # The request, and how many of its few-shot examples are left out.
    waiting = [(index, 0) for index in range(len(requests))]
    while waiting:
        drafts = [
            _Draft(requests[index], encoder, dropped, f"{model}, {_name(requests[index])}")
            for index, dropped in waiting
        ]
        with_special = encoder.encode(text for draft in drafts for text in draft.texts)
        plain = encoder.encode_plain(text for draft in drafts for text in draft.plain_texts)
        again = []
        for (index, dropped), draft in zip(waiting, drafts, strict=True):
            row = draft.row(with_special, plain)
            drops = row.truncated_tokens and encoder.on_overflow == "drop_shots"
            if drops and dropped < turns.shots(requests[index]):
                again.append((index, dropped + 1))
            else:
                row.dropped_shots = dropped
                rows[index] = row
        waiting = again
    return [rows[index] for index in range(len(requests))]


def rolling_windows(ids: Ids, prefix: int, max_length: int) -> list[tuple[Ids, Ids]]:
    """(context, tokens to predict), so that every token is predicted once.

    Each pair has at most max_length + 1 tokens. Full windows have one token of context, which is
    the prefix for the first. The last, shorter window has all the context that fits.
    """
    first = ids[:max_length]
    windows = [(np.array([prefix], np.int32), first)] if len(first) else []
    for start in range(max_length, len(ids), max_length):
        end = min(start + max_length, len(ids))
        windows.append((ids[end - max_length - 1 : start], ids[start:end]))
    return windows


class _Draft:
    """A request as texts: those to encode, and how their token ids become a row."""

    def __init__(self, request: Request, encoder: Encoder, dropped: int, where: str):
        self._request, self._encoder, self._where = request, encoder, where
        self._rolling = request["kind"] == "loglikelihood_rolling"
        self._contexts = [] if self._rolling else _contexts(request, encoder, dropped, where)
        delimiter = ""
        if not self._rolling:
            delimiter = request["chat_target_delimiter" if encoder.chat else "target_delimiter"]
        self._pairs = [
            self._pair(piece["question"], delimiter + piece["text"])
            for piece in request["continuations"]
        ]
        self.texts: list[str] = []  # to encode with special tokens
        self.plain_texts: list[str] = []  # and without
        for context, continuation in self._pairs:
            if self._rolling:
                self.texts.append(continuation)
            elif context is None:
                self.plain_texts.append(continuation)
            elif encoder.family == "causal":
                self.texts += [context, context + continuation]
                self.plain_texts += [continuation] * (not context)
            else:
                self.texts.append(context)
                self.plain_texts.append(continuation)
        if request["kind"] == "generate_until":
            self.texts += self._contexts

    def row(self, ids: dict[str, Ids], plain: dict[str, Ids]) -> Row:
        """The document's tokens, cut to fit.

        Raises UserError when they must not or cannot be cut.
        """
        if self._rolling:
            return self._rolling_row(ids)
        if self._request["kind"] == "generate_until":
            return self._generation_row(ids)
        row = Row()
        places: dict[tuple[str, bytes], int] = {}
        for context, continuation in self._pairs:
            before, scored = self._split(context, continuation, ids, plain)
            if not len(scored):
                raise UserError(
                    f"{self._where}: the answer {continuation!r} has no token to score. "
                    "Correct it or drop the document."
                )
            shown = self._encoder.prefix_text if context is None else self._encoder.shown(context)
            before, shown, cut = self._fitted(before, shown, scored)
            place = places.setdefault((shown, before.tobytes()), len(places))
            if place == len(row.contexts):
                row.prompts.append(shown)
                row.contexts.append(before)
                row.truncated_tokens += cut
            row.continuations.append((place, scored))
        return row

    def _pair(self, question: int, text: str) -> tuple[str | None, str]:
        """Context (None if empty) and continuation.

        It gets the white space at the end of the context.
        """
        context = "" if question < 0 else self._contexts[question]
        if not context:
            return None, text
        stripped = context.rstrip()
        return stripped, context[len(stripped) :] + text

    def _split(
        self, context: str | None, continuation: str, ids: dict[str, Ids], plain: dict[str, Ids]
    ) -> tuple[Ids, Ids]:
        """Token ids of the context, at least one, and of the continuation."""
        if context is None:
            return self._after_prefix(plain[continuation])
        before = ids[context]
        if not len(before):  # the context was white space, and the tokenizer adds nothing
            return self._after_prefix(plain[continuation])
        if self._encoder.family != "causal":
            return before, plain[continuation]
        whole = ids[context + continuation]
        if len(whole) <= len(before):
            common = int(np.argmin(np.append(whole == before[: len(whole)], False)))
            if common == 0:
                return self._after_prefix(whole)
            return whole[:common], whole[common:]
        return before, whole[len(before) :]

    def _after_prefix(self, ids: Ids) -> tuple[Ids, Ids]:
        """The prefix token and what follows it, where the text may begin with this token itself."""
        prefix = self._encoder.needed_prefix(self._where)
        if len(ids) and ids[0] == prefix:
            return ids[:1], ids[1:]
        return np.array([prefix], np.int32), ids

    def _fitted(self, context: Ids, shown: str, continuation: Ids) -> tuple[Ids, str, int]:
        """The context cut from the left to fit, as text, and the number of tokens cut."""
        room = self._encoder.max_length
        if len(continuation) > room:
            raise UserError(
                f"{self._where}: a continuation of {len(continuation)} tokens is longer than the "
                f"model's {room}. Drop the document."
            )
        if self._encoder.family == "causal":
            room += 1 - len(continuation)  # the last token is predicted, not read
        return self._cut(context, shown, room, len(context) + len(continuation))

    def _cut(self, context: Ids, shown: str, room: int, needed: int) -> tuple[Ids, str, int]:
        excess = len(context) - room
        if excess <= 0:
            return context, shown, 0
        if self._encoder.on_overflow == "error":
            raise UserError(
                f"{self._where}: {needed} tokens do not fit into the model's "
                f"{self._encoder.max_length}. Set on_overflow to truncate or drop_shots, or lower "
                "num_fewshot."
            )
        return context[excess:], self._encoder.tokenizer.decode(context[excess:]), excess

    def _rolling_row(self, ids: dict[str, Ids]) -> Row:
        (_, text), *_ = self._pairs
        prefix = self._encoder.needed_prefix(self._where)
        tokens = ids[text][1:] if len(ids[text]) and ids[text][0] == prefix else ids[text]
        windows = rolling_windows(tokens, prefix, self._encoder.max_length)
        return Row(
            prompts=[self._encoder.tokenizer.decode(context) for context, _ in windows],
            contexts=[context for context, _ in windows],
            continuations=[(index, predicted) for index, (_, predicted) in enumerate(windows)],
        )

    def _generation_row(self, ids: dict[str, Ids]) -> Row:
        text, limit = self._contexts[0], self._encoder.max_length
        context, settings = ids[text], dict(self._request["generation"])
        if not len(context):
            context = np.array([self._encoder.needed_prefix(self._where)], np.int32)
        shown = self._encoder.shown(text) or self._encoder.prefix_text
        room = limit
        if self._encoder.family == "causal":
            if settings["max_new_tokens"] >= limit:
                new = self._shortened(settings["max_new_tokens"], len(context))
                settings["max_new_tokens"] = new
            room = limit - settings["max_new_tokens"]
        needed = len(context) + settings["max_new_tokens"]
        context, shown, cut = self._cut(context, shown, room, needed)
        return Row(prompts=[shown], contexts=[context], generation=settings, truncated_tokens=cut)

    def _shortened(self, max_new_tokens: int, prompt_tokens: int) -> int:
        """A length limit for an answer that alone would fill the model.

        It is the room that the prompt leaves, and at least half of the model's.
        lm-evaluation-harness stops here.
        """
        limit = self._encoder.max_length
        if self._encoder.on_overflow == "error":
            raise UserError(
                f"{self._where}: max_gen_toks {max_new_tokens} leaves no room for a prompt in the "
                f"model's {limit} tokens. Lower it in the task's generation_kwargs, or set "
                "on_overflow to truncate."
            )
        return max(limit - prompt_tokens, limit // 2)


def _contexts(request: Request, encoder: Encoder, dropped: int, where: str) -> list[str]:
    if not encoder.chat:
        return turns.plain(request, dropped, encoder.system_prompt)
    conversations = turns.messages(
        request, encoder.system_prompt, encoder.fewshot_as_multiturn, dropped
    )
    return [chat.render(encoder.tokenizer, conversation, where) for conversation in conversations]


def _name(request: Request) -> str:
    return f"{request['task']}, document {request['doc_id']}"
