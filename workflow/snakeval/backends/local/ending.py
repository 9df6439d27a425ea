"""When a generated text ends, and what it then is.

A text ends with an end-of-sequence token, before the first stop string, or at its length limit.
Stop strings are searched in decoded text. A new one must end in the newest token. So at each step
only the last tokens are decoded, and the whole text only once it has ended.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from snakeval.backends.calls import Output
from snakeval.backends.local.sampling import Row


@dataclass(frozen=True)
class Ending:
    """Ends the rows of one model.

    `tokenizer` is a tokenizer of transformers, `eos` the token ids that end a text.
    """

    tokenizer: Any
    eos: frozenset[int]
    _pieces: dict[int, str] = field(default_factory=dict)  # tokens decoded by themselves

    @classmethod
    def of_model(cls, model: Any, tokenizer: Any) -> "Ending":
        """With the end-of-sequence ids of the model's generation settings, of its configuration
        and of its tokenizer."""
        eos: set[int] = set()
        for source in (model.generation_config, model.config.get_text_config(), tokenizer):
            ids = getattr(source, "eos_token_id", None)
            eos.update([ids] if isinstance(ids, int) else ids or [])
        return cls(tokenizer, frozenset(eos))

    def of(self, rows: list[Row]) -> list[Output]:
        """Mark the rows that have just ended, and give their outputs."""
        going = [row for row in rows if not row.ended]
        outputs = []
        for row, tail in zip(going, self._tails(going), strict=True):
            if output := self._end(row, tail):
                row.ended = True
                outputs.append(output)
        return outputs

    def _end(self, row: Row, tail: str) -> Output | None:
        stops = self._stops(row)
        if row.tokens and row.tokens[-1] in self.eos:
            return self._output(row, row.tokens[:-1], "eos")
        if row.tokens and row.tokens[-1] in self._special(stops):
            return self._output(row, row.tokens[:-1], "stop")
        if any(stop in tail for stop in stops):
            text = self._text(row.tokens)
            if any(stop in text for stop in stops):
                return self._output(row, row.tokens, "stop")
        if len(row.tokens) >= row.budget:
            return self._output(row, row.tokens, "length")
        return None

    def _output(self, row: Row, tokens: list[int], reason: str) -> Output:
        text = self._text(tokens)
        ends = [text.find(stop) for stop in self._stops(row) if stop in text]
        text = text[: min(ends)] if ends else text
        return Output(row.call.key, len(row.tokens), text=text, finish_reason=reason)

    def _tails(self, rows: list[Row]) -> list[str]:
        """The last tokens of each row as text.

        They are enough for the row's longest stop string at one byte a token, and for some spaces
        that a decoder drops at the start.
        """
        tails = []
        for row in rows:
            stops = [stop for stop in self._stops(row) if self._may_end(stop, row)]
            width = max((len(stop.encode()) for stop in stops), default=0)
            tails.append(row.tokens[-(width + 4) :] if width else [])
        if not any(tails):
            return [""] * len(rows)
        return self.tokenizer.batch_decode(tails, skip_special_tokens=True)

    def _may_end(self, stop: str, row: Row) -> bool:
        """Whether the newest token can end a stop string.

        Then its own text contains the last character, or a part of one.
        """
        if not row.tokens:
            return False
        piece = self._pieces.get(row.tokens[-1])
        if piece is None:
            piece = self._pieces.setdefault(row.tokens[-1], self._text(row.tokens[-1:]))
        # Decoders drop a space at the start.
        return stop[-1] in piece or "\ufffd" in piece or stop[-1] == " "

    def _text(self, tokens: list[int]) -> str:
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    def _stops(self, row: Row) -> list[str]:
        return [stop for stop in (row.call.generation or {})["until"] or [] if stop]

    def _special(self, stops: list[str]) -> set[int]:
        """Ids of stop strings that are tokens, such as <|im_end|>, which decoding leaves out."""
        return {self._added[stop] for stop in stops if stop in self._added}

    @cached_property
    def _added(self) -> dict[str, int]:
        return self.tokenizer.get_added_vocab()
