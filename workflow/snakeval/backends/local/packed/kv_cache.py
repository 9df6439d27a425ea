"""Keys and values of texts that are being written: slots of tokens, reused when a text ends."""

from dataclasses import dataclass

import torch

LEVELS = 127  # on either side of zero, of 8 bits


class States:
    """One layer's keys, or its values, unrounded: [slots, key-value heads, capacity, width]."""

    def __init__(self, like: torch.Tensor, slots: int, capacity: int):
        """`like`: states [1, key-value heads, tokens, width]."""
        self._data = like.new_zeros(slots, like.shape[1], capacity, like.shape[3])

    @staticmethod
    def token_bytes(like: torch.Tensor) -> int:
        """Bytes of a token in one slot."""
        return like.shape[1] * like.shape[3] * like.element_size()

    @property
    def capacity(self) -> int:
        return self._data.shape[2]

    @property
    def device(self) -> torch.device:
        return self._data.device

    def write(self, slots: torch.Tensor, tokens: torch.Tensor, states: torch.Tensor) -> None:
        """`states` [n, heads, width]: those of token `tokens[i]` in slot `slots[i]`."""
        self._data[slots, :, tokens] = states

    def read(self, slots: int, tokens: int) -> torch.Tensor:
        """The first tokens of the first slots."""
        return self._data[:slots, :, :tokens]

    def move(self, sources: torch.Tensor, targets: torch.Tensor, tokens: int) -> None:
        """Copy the first tokens of some slots to others."""
        self._data[targets, :, :tokens] = self._data[sources, :, :tokens]

    def grow(self, capacity: int) -> None:
        self._data = _grown(self._data, capacity)

    def narrow(self, slots: int) -> None:
        """Keep the first slots and free the memory of the others."""
        self._data = self._data[:slots].clone()


class Rounded(States):
    """The same in 8 bits: per token and head, numbers from -127 to 127 and the unit they multiply.

    Numbers are exact to 1/254 of the largest one of their token and head. In lower precision than
    float32 the rounding of the unit is added.
    """

    def __init__(self, like: torch.Tensor, slots: int, capacity: int):
        self._data = torch.zeros(
            slots, like.shape[1], capacity, like.shape[3], dtype=torch.int8, device=like.device
        )
        self._unit = like.new_zeros(slots, like.shape[1], capacity, 1)

    @staticmethod
    def token_bytes(like: torch.Tensor) -> int:
        return like.shape[1] * (like.shape[3] + like.element_size())

    def write(self, slots: torch.Tensor, tokens: torch.Tensor, states: torch.Tensor) -> None:
        unit = (states.float().abs().amax(-1, keepdim=True) / LEVELS).to(states.dtype)
        # A unit that is rounded down gives levels beyond LEVELS.
        levels = (states.float() / torch.where(unit > 0, unit, 1).float()).round()
        self._data[slots, :, tokens] = levels.clamp(-LEVELS, LEVELS).to(torch.int8)
        self._unit[slots, :, tokens] = unit

    def read(self, slots: int, tokens: int) -> torch.Tensor:
        return self._data[:slots, :, :tokens] * self._unit[:slots, :, :tokens]

    def move(self, sources: torch.Tensor, targets: torch.Tensor, tokens: int) -> None:
        super().move(sources, targets, tokens)
        self._unit[targets, :, :tokens] = self._unit[sources, :, :tokens]

    def grow(self, capacity: int) -> None:
        # Both or none, because memory may run out in between.
        self._data, self._unit = _grown(self._data, capacity), _grown(self._unit, capacity)

    def narrow(self, slots: int) -> None:
        super().narrow(slots)
        self._unit = self._unit[:slots].clone()


PRECISIONS: dict[str, type[States]] = {"auto": States, "int8": Rounded}


@dataclass(frozen=True)
class Room:
    """What texts get while they are written."""

    rows: int  # texts at a time, at most
    # Bytes for their keys and values; None: until memory runs out, which only a GPU survives.
    memory: int | None = None
    dtype: str = "auto"  # one of PRECISIONS
    # Memory for the longest text is allocated at the start, so that it runs out then or never.
    static: bool = False


def _grown(data: torch.Tensor, capacity: int) -> torch.Tensor:
    grown = data.new_zeros(*data.shape[:2], capacity, data.shape[3])
    grown[:, :, : data.shape[2]] = data
    return grown
