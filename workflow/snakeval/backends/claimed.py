"""An engine on GPUs that this process has claimed before it imports torch."""

from collections.abc import Mapping
from typing import Any, TextIO

from snakeval.backends.protocol import Engine
from snakeval.config.model import Model
from snakeval.jobs import gpus


def load(
    folder: str,
    configured: Model,
    decided: Mapping[str, Any],
    *,
    granted: int,
    threads: int,
    terminal: TextIO,
) -> tuple[Engine, list[Any]]:
    """The engine, and the locks of its devices: keep them until the process ends.

    `configured` says how to run; `decided` are the values that decide answers, as the run was
    started with. `granted`: GPUs that Snakemake gave the job. Raises UserError if too few are free.
    """
    held = gpus.claim(configured.gpus, granted=granted, terminal=terminal)
    import torch

    from snakeval.backends.local import build

    torch.set_num_threads(threads)
    how = (configured.gpus, configured.device, configured.device_map, configured.tensor_parallel)
    model = configured.model_copy(update={**gpus.placement(*how), **decided})
    return build.load(folder, model, terminal=terminal), list(held)
