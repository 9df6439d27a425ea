"""The next token of each row: the most likely one, or a draw that depends on the row alone.

Scores are shaped as by the logits processors of transformers, in their order: repetition penalty
(Keskar et al. 2019, arXiv:1909.05858, section 4.1), temperature, top-k, top-p (Holtzman et al.
2020, arXiv:1904.09751). The draw inverts the cumulative distribution at a uniform number that is a
function of (seed, key, sample, step). So neither order nor batch can change it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from snakeval.backends.calls import Call


@dataclass
class Row:
    """A text that is being written."""

    call: Call
    budget: int  # tokens that it may have: max_new_tokens
    greedy: bool
    temperature: float
    top_p: float
    top_k: int
    penalty: float
    uniforms: np.random.Generator
    seen: list[int]  # tokens that a repetition penalty counts: prompt and text
    tokens: list[int] = field(default_factory=list)  # generated so far
    ended: bool = False

    def take(self, token: int) -> None:
        """Append a token."""
        self.tokens.append(token)
        if self.penalty != 1:
            self.seen.append(token)


def start(call: Call, prompt: list[int] | np.ndarray) -> Row:
    """A row for a generate call; `prompt` is what the decoder reads first."""
    settings = call.generation
    if settings is None:
        raise ValueError(f"call {call.key}: no generation settings")
    penalty = settings["repetition_penalty"] or 1.0
    temperature = settings["temperature"]
    return Row(
        call=call,
        budget=settings["max_new_tokens"],
        greedy=not settings["do_sample"] or temperature == 0,
        temperature=1.0 if temperature is None else temperature,
        top_p=1.0 if settings["top_p"] is None else settings["top_p"],
        top_k=settings["top_k"] or 0,
        penalty=penalty,
        uniforms=_uniforms(settings["seed"] or 0, call.key, call.sample),
        seen=[int(token) for token in prompt] if penalty != 1 else [],
    )


def choose(logits: torch.Tensor, rows: list[Row]) -> list[int]:
    """The next token of every row. `logits` [rows, vocabulary] float32; changed in place."""
    _penalise(logits, rows)
    tokens = logits.argmax(-1).tolist()
    drawn = [index for index, row in enumerate(rows) if not row.greedy]
    if drawn:
        draws = _draw(logits[drawn], [rows[index] for index in drawn])
        for index, token in zip(drawn, draws, strict=True):
            tokens[index] = token
    return tokens


def _penalise(logits: torch.Tensor, rows: list[Row]) -> None:
    """The repetition penalty of every row that has one, in place."""
    seen = {index: np.unique(row.seen) for index, row in enumerate(rows) if row.penalty != 1}
    if seen:
        where = np.repeat([*seen], [len(tokens) for tokens in seen.values()])
        penalties = np.array([row.penalty for row in rows], np.float32)[where]
        tokens = np.concatenate([*seen.values()])
        penalty = torch.from_numpy(penalties).to(logits.device)
        place = tuple(torch.from_numpy(index).to(logits.device) for index in (where, tokens))
        scores = logits[place]
        logits[place] = torch.where(scores < 0, scores * penalty, scores / penalty)


def _draw(logits: torch.Tensor, rows: list[Row]) -> list[int]:
    """One draw per row, from probabilities sorted so that top-k and top-p are prefixes."""

    def column(values: Sequence[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, device=logits.device)[:, None]

    vocabulary = logits.shape[-1]
    kept = [min(row.top_k, vocabulary) or vocabulary for row in rows]
    if max(kept) < vocabulary:
        scores, order = logits.topk(max(kept), dim=-1)
    else:
        scores, order = logits.sort(dim=-1, descending=True, stable=True)
    scores = scores.double() / column([row.temperature for row in rows])
    scores[torch.arange(scores.shape[-1], device=logits.device) >= column(kept)] = -torch.inf
    probabilities = scores.softmax(-1)
    above = probabilities.cumsum(-1) - probabilities
    probabilities[(above >= column([row.top_p for row in rows])) & (above > 0)] = 0
    cumulative = probabilities.cumsum(-1)
    target = column([row.uniforms.random() for row in rows]) * cumulative[:, -1:]
    place = (cumulative <= target).sum(-1, keepdim=True).clamp(max=scores.shape[-1] - 1)
    return order.gather(1, place)[:, 0].tolist()


def _uniforms(seed: int, key: str, sample: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {sample} {key}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
