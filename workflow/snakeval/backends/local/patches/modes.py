"""A model's two modes: as transformers made it, and as packed passes need it."""

from dataclasses import dataclass, field
from typing import Any

from transformers import AttentionInterface

from snakeval.backends.local.packed.attention import attend
from snakeval.backends.local.patches import elementwise, last_layer, linear

PACKED = "snakeval"

AttentionInterface.register(PACKED, attend)


@dataclass
class Modes:
    """Switches a model between its modes. Make it while the model is plain."""

    model: Any
    own_attention: str = field(init=False)
    replacements: elementwise.Replacements = field(init=False)

    def __post_init__(self) -> None:
        self.own_attention = self.model.config._attn_implementation
        # Where two replace the same module, the later one counts.
        self.replacements = [
            *elementwise.replacements(self.model),
            *linear.replacements(self.model),
            *last_layer.replacements(self.model),
        ]

    def packed(self) -> None:
        """Attention in parts, fewer passes over memory, faster products, a shorter last layer."""
        if self.model.config._attn_implementation != PACKED:
            self.model.set_attn_implementation(PACKED)
            elementwise.install(self.replacements)

    def plain(self) -> None:
        """The model as it was loaded."""
        if self.model.config._attn_implementation != self.own_attention:
            self.model.set_attn_implementation(self.own_attention)
            elementwise.remove(self.replacements)
