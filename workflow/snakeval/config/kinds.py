"""Kinds of models: which stages each passes.

Rules, the rule graph and the inputs of tables follow from this table. A new kind is a line here.
Kinds that will follow: `api` and `server` (calls carry text or chat turns instead of tokens),
`derived` (made from another model), `trivial` and `route` (responses without calls), `published`
(figures alone).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from snakeval.config.model import Model


@dataclass(frozen=True)
class Kind:
    """How a model comes to its answers: the stages it passes, in order."""

    name: str
    stages: tuple[str, ...]


LOCAL = Kind("local", ("models", "tokens", "calls", "responses", "scores"))
RECORDED = Kind("recorded", ("models", "recorded", "scores"))
KINDS = (LOCAL, RECORDED)
OF_MODELS = frozenset(stage for kind in KINDS for stage in kind.stages)
"""Every stage with a job per model."""


def kind_of(model: Model) -> Kind:
    """The kind that a model's source names."""
    return RECORDED if model.source.startswith("recorded:") else LOCAL


def passing(models: Mapping[str, Model], stage: str) -> list[str]:
    """Names of the models that pass a stage, sorted."""
    return sorted(name for name, model in models.items() if stage in kind_of(model).stages)
