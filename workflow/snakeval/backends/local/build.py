"""From a folder of weights to an engine.

engine = load("models/llama", settings(dtype="bfloat16"))
"""

from functools import cache
from pathlib import Path
from typing import Any, TextIO

import torch
import transformers

from snakeval.backends.local import speed
from snakeval.backends.local.engine import TableEngine
from snakeval.backends.local.family import Family, Loaded
from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.local.processes import Order, agreed
from snakeval.backends.local.tensor_parallel import Leader
from snakeval.backends.protocol import Counters, Engine
from snakeval.config.model import Model, settings
from snakeval.errors import UserError
from snakeval.files.neighbours import neighbours
from snakeval.models import architecture

ROWS = 256  # texts written at a time, at most; fewer where memory is short
KV_CACHE_BYTES = 2**31  # on a CPU, for texts that are being written


def load(
    folder: str | Path,
    model: Model | None = None,
    *,
    rows: int = ROWS,
    tokenizer: str | Path | None = None,
    terminal: TextIO | None = None,
) -> Engine:
    """Load the model in `folder`, in the Hugging Face layout. The network is never used.

    `model`: its section of the configuration, whose `source` is not used here; None: the defaults.
    `rows`: texts written at a time, at most. `tokenizer`: its folder, if not the model's own.
    `terminal` receives advice on the settings. Raises UserError for a folder without a model, an
    architecture of no known family, and a device that this machine does not have.
    """
    tokenizer = None if tokenizer is None else Path(tokenizer)
    order = Order(Path(folder), model or settings(), rows, tokenizer)
    if order.model.tensor_parallel > 1:
        return Leader(order, load_here)
    return load_here(order, terminal)


def load_here(order: Order, terminal: TextIO | None = None) -> TableEngine:
    """This process's part of an engine; all of it unless `tensor_parallel` is more than 1."""
    folder, chosen = order.folder, order.model
    trusted = chosen.trust_remote_code
    config = architecture.configuration(folder, trusted)
    name = architecture.family(config) if chosen.family == "auto" else chosen.family
    family = families()[name]
    if chosen.kv_cache_dtype != "auto" and not family.rounds_kv_cache:
        raise UserError(
            f"{folder}: kv_cache_dtype {chosen.kv_cache_dtype} is for causal models, and this one "
            f"is {name}. Remove kv_cache_dtype."
        )
    model = _from_pretrained(family.auto_class, folder, chosen)
    if terminal and (advice := speed.advice(model.device, model.dtype)):
        print(advice, file=terminal)
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        order.tokenizer or folder, trust_remote_code=trusted, local_files_only=True
    )
    budget = agreed(chosen.tokens_per_batch or _tokens_per_batch(model))
    memory = _texts_memory(model, chosen.tensor_parallel)
    room = Room(order.rows, memory, chosen.kv_cache_dtype, chosen.static_kv_cache)
    loaded = Loaded(model, tokenizer, Counters(), budget, room, chosen.strategy)
    max_length = chosen.max_length or architecture.max_length(config, tokenizer, name)
    return TableEngine(name, family.strategy(loaded), model, max_length, chosen.kv_cache_dtype)


@cache
def families() -> dict[str, Family]:
    """The families that modules of this folder declare, by name."""
    found = [module.FAMILY for module in neighbours(__name__, "FAMILY")]
    return {family.name: family for family in found}


def _from_pretrained(auto_class: Any, folder: Path, chosen: Model) -> Any:
    placement: dict[str, Any] = {}
    if chosen.tensor_parallel > 1:
        placement["distributed_config"] = transformers.distributed.DistributedConfig(
            tp_size=chosen.tensor_parallel, tp_plan="auto"
        )
    elif chosen.device_map is not None:
        placement["device_map"] = chosen.device_map
    device: str = chosen.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            f"{folder}: device is cuda, but no GPU is visible. "
            "Set device to cpu, or run where there is a GPU."
        )
    try:
        model = auto_class.from_pretrained(
            folder,
            dtype=chosen.dtype if chosen.dtype == "auto" else getattr(torch, chosen.dtype),
            trust_remote_code=chosen.trust_remote_code,
            local_files_only=True,
            **placement,
        )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # the files may hold anything
        size = chosen.tensor_parallel
        how = f" (tensor_parallel: {size})" if size > 1 else ""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"{folder}: transformers cannot load it{how}: {reason}") from error
    return (model if placement else model.to(device)).eval()


def _texts_memory(model: Any, processes: int) -> int | None:
    """Bytes for the keys and values of texts; None: as many as the GPU has.

    One process can run out of a GPU's memory and go on with fewer texts. Several processes wait
    for one another and cannot, so they take what a forward pass leaves.
    """
    if model.device.type != "cuda":
        return KV_CACHE_BYTES
    return agreed(int(0.6 * torch.cuda.mem_get_info(model.device)[0])) if processes > 1 else None


def _tokens_per_batch(model: Any) -> int:
    """Tokens of one forward pass: on a CPU what stays in its cache, on a GPU what fits.

    A token takes about 40 activations of the model's width, of which a quarter of the free memory
    may be filled. More than 16,384 tokens gain nothing.
    """
    if model.device.type != "cuda":
        return 1024
    free, _ = torch.cuda.mem_get_info(model.device)
    per_token = 40 * model.config.get_text_config().hidden_size * model.dtype.itemsize
    return int(min(16384, max(512, free / 4 // per_token)))
