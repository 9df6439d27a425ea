"""A tokenizer and its settings: text to token ids, with special tokens handled in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from snakeval.errors import UserError

CHARACTERS_AT_ONCE = 1 << 20  # bounds the memory of one call of the tokenizer


@dataclass(frozen=True)
class Encoder:
    """A tokenizer with the settings of the model it belongs to."""

    tokenizer: Any
    family: str
    """causal, seq2seq, classifier or extractive"""
    max_length: int
    """In tokens."""
    chat: bool = False
    system_prompt: str | None = None
    fewshot_as_multiturn: bool = True
    add_bos: bool | None = None
    """None: as the tokenizer does by itself."""
    on_overflow: str = "truncate"
    """truncate, drop_shots or error"""
    labels: Mapping[int, str] = field(default_factory=dict)
    """A classifier's id2label."""

    @cached_property
    def prefix(self) -> int | None:
        """The token of an empty context: BOS, else EOS."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        return bos if bos is not None else eos

    @cached_property
    def prefix_text(self) -> str:
        """The prefix token as text, which a chat template may write; empty where there is none."""
        return "" if self.prefix is None else self.tokenizer.decode([self.prefix])

    def needed_prefix(self, where: str) -> int:
        """The prefix token. Raises UserError for a tokenizer that has none."""
        if self.prefix is None:
            raise UserError(
                f"{where}: an empty context needs a BOS or EOS token, and the tokenizer has none. "
                "Name one in its files."
            )
        return self.prefix

    def encode(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """Token ids (int32) of distinct texts, with the special tokens that the model expects.

        There is never a second BOS. Tokens that a tokenizer puts after a text, such as EOS, are
        left out for causal models: after them, a model expects nothing.
        """
        distinct = list(dict.fromkeys(texts))
        begun = [text for text in distinct if self._begins_with_prefix(text)]
        others = [text for text in distinct if not self._begins_with_prefix(text)]
        add_bos = self.add_bos if self.family == "causal" else None
        found = self._call(others, add_special_tokens=add_bos is not False)
        if self._after and add_bos is not False:
            found = {text: ids[: len(ids) - self._after] for text, ids in found.items()}
        if add_bos:
            found = {text: self._with_bos(ids) for text, ids in found.items()}
        return found | self.encode_plain(begun)

    def encode_plain(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """Token ids (int32) of distinct texts, without special tokens."""
        return self._call(list(dict.fromkeys(texts)), add_special_tokens=False)

    @cached_property
    def added(self) -> tuple[str, str]:
        """The special tokens before and after a text, as text."""
        before, after = _around(self.encode(["x"])["x"], self.encode_plain(["x"])["x"])
        return self.tokenizer.decode(before), self.tokenizer.decode(after)

    def shown(self, text: str) -> str:
        """A text as the model reads it after `encode`, special tokens included."""
        before, after = ("", "") if self._begins_with_prefix(text) else self.added
        return before + text + after

    @cached_property
    def _after(self) -> int:
        """How many of the tokenizer's tokens after a text are left out."""
        if self.family != "causal":
            return 0
        whole = self._call(["x"], add_special_tokens=True)["x"]
        _, after = _around(whole, self.encode_plain(["x"])["x"])
        return len(after)

    def _begins_with_prefix(self, text: str) -> bool:
        return bool(self.prefix_text) and text.startswith(self.prefix_text)

    def _with_bos(self, ids: np.ndarray) -> np.ndarray:
        bos = self.tokenizer.bos_token_id
        if bos is None:
            raise UserError(
                "add_bos: the tokenizer has no BOS token. Remove add_bos from the model's keys."
            )
        if len(ids) and ids[0] == bos:
            return ids
        return np.concatenate([np.array([bos], np.int32), ids])

    def _call(self, texts: list[str], add_special_tokens: bool) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for some in _bounded(texts):
            encoded = self.tokenizer(
                some,
                add_special_tokens=add_special_tokens,
                padding=False,
                truncation=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
            found |= {
                text: np.array(ids, np.int32) for text, ids in zip(some, encoded, strict=True)
            }
        return found


def _around(whole: np.ndarray, plain: np.ndarray) -> tuple[list[int], list[int]]:
    """The token ids before and after those of `plain` in `whole`.

    There are none where `plain` is empty or not in `whole`: then the added tokens are unknown.
    """
    ids, inner = whole.tolist(), plain.tolist()
    for start in range(len(ids) - len(inner) + 1) if inner else ():
        end = start + len(inner)
        if ids[start:end] == inner:
            return ids[:start], ids[end:]
    return [], []


def _bounded(texts: list[str]) -> Iterable[list[str]]:
    """Runs of texts with at most CHARACTERS_AT_ONCE characters, at least one text each."""
    some: list[str] = []
    size = 0
    for text in texts:
        if some and size + len(text) > CHARACTERS_AT_ONCE:
            yield some
            some, size = [], 0
        some.append(text)
        size += len(text)
    if some:
        yield some
