"""The stage that turns requests into a model's token ids, and what its jobs depend on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakeval.config import kinds
from snakeval.config.model import Model, of_values, values_of
from snakeval.jobs.stage import Stage
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class TokensSettings:
    """What the tokens of a model depend on: values of the model's keys that decide them."""

    values: dict[str, Any]

    @property
    def model(self) -> Model:
        """The model's section, with defaults for keys that do not decide tokens."""
        return of_values(self.values)


def token_jobs(run: ResolvedRun) -> Mapping[str, TokensSettings]:
    """What each model's job depends on."""
    models = run.config.models
    passing = kinds.passing(models, "tokens")
    return {name: TokensSettings(values_of(models[name], "tokens")) for name in passing}


TOKENS = Stage(
    name="tokens",
    settings=TokensSettings,
    jobs=token_jobs,
    code=("snakeval.tokens.encode",),
    looks=("snakeval.preflight.look",),
    packages=("jinja2", "sentencepiece", "tokenizers", "transformers"),
    reads=("list_requests", "models"),
)
STAGES = (TOKENS,)
