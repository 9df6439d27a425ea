"""When a generated text ends, and what it then is.

A text ends with an end-of-sequence token, before the first stop string, or at its length limit. Stop strings are looked for in decoded
text. A new one must end in the newest token, so only the last tokens are decoded at each step; the whole text only once it has ended.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from snakeval.backends.calls import Output
from snakeval.backends.local.sampling import Row


@dataclass(frozen=True)
class Ending:
    """Ends the rows of one model. `tokenizer` is a transformers tokenizer, `eos` the ids that end a text."""

    tokenizer: Any
    eos: frozenset[int]
    _pieces: dict[int, str] = field(default_factory=dict)  # tokens decoded by themselves

    @classmethod
    def of_model(cls, model: Any, tokenizer: Any) -> "Ending":
        """End-of-sequence ids are those of the generation settings shipped with a model, of its configuration and of its tokenizer."""
        eos: set[int] = set()
        for source in (model.generation_config, model.config.get_text_config(), tokenizer):
            ids = getattr(source, "eos_token_id", None)
            eos.update([ids] if isinstance(ids, int) else ids or [])
        return cls(tokenizer, frozenset(eos))

    def of(self, rows: list[Row]) -> list[Output]:
        """Mark the rows that have just ended, and give their answers."""
        going = [row for row in rows if not row.ended]
        answers = []
        for row, tail in zip(going, self._tails(going), strict=True):
            if answer := self._end(row, tail):
                row.ended = True
                answers.append(answer)
        return answers

    def _end(self, row: Row, tail: str) -> Output | None:
        stops = self._stops(row)
        if row.tokens and row.tokens[-1] in self.eos:
            return self._answer(row, row.tokens[:-1], "eos")
        if row.tokens and row.tokens[-1] in self._special(stops):
            return self._answer(row, row.tokens[:-1], "stop")
        if any(stop in tail for stop in stops) and any(
            stop in self._text(row.tokens) for stop in stops
        ):
            return self._answer(row, row.tokens, "stop")
        if len(row.tokens) >= row.budget:
            return self._answer(row, row.tokens, "length")
        return None

    def _answer(self, row: Row, tokens: list[int], reason: str) -> Output:
        text = self._text(tokens)
        ends = [text.find(stop) for stop in self._stops(row) if stop in text]
        return Output(
            row.call.key,
            len(row.tokens),
            text=text[: min(ends)] if ends else text,
            finish_reason=reason,
        )

    def _tails(self, rows: list[Row]) -> list[str]:
        """The last tokens of each row as text: enough of them to hold its longest stop string at one byte a token, and some for spaces
        that a decoder drops at the start."""
        widths = [
            max(
                (len(stop.encode()) for stop in self._stops(row) if self._may_end(stop, row)),
                default=0,
            )
            for row in rows
        ]
        tails = [
            row.tokens[-(width + 4) :] if width else []
            for row, width in zip(rows, widths, strict=True)
        ]
        return (
            self.tokenizer.batch_decode(tails, skip_special_tokens=True)
            if any(tails)
            else [""] * len(rows)
        )

    def _may_end(self, stop: str, row: Row) -> bool:
        """Whether the newest token can be the end of a stop string: its own text holds the last character, or part of one."""
        if not row.tokens:
            return False
        piece = self._pieces.get(row.tokens[-1])
        if piece is None:
            piece = self._pieces.setdefault(row.tokens[-1], self._text(row.tokens[-1:]))
        return (
            stop[-1] in piece or "\ufffd" in piece or stop[-1] == " "
        )  # decoders drop a space at the start

    def _text(self, tokens: list[int]) -> str:
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    def _stops(self, row: Row) -> list[str]:
        return [stop for stop in (row.call.generation or {})["until"] or [] if stop]

    def _special(self, stops: list[str]) -> set[int]:
        """Ids of stop strings that are tokens of their own, such as <|im_end|>, which decoding leaves out."""
        return {self._added[stop] for stop in stops if stop in self._added}

    @cached_property
    def _added(self) -> dict[str, int]:
        return self.tokenizer.get_added_vocab()
