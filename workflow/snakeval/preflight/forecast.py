"""How much a model reads and writes for a benchmark, the least memory, and about how long it takes.

Time is arithmetic:

- 2 operations per parameter and token. A GPU does 10¹⁴ operations a second, a CPU core 2.5·10¹⁰.
- Decoding on a GPU reads all weights for each token of 64 answers at once, 10¹² bytes a second.

Answers are as long as they may be, so most runs are faster. Loading and stored answers are not
counted. Shards share the time.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.models import architecture
from snakeval.schemas.model import FORECAST

GPU, CORE, BANDWIDTH, ANSWERS_AT_ONCE = 1e14, 2.5e10, 1e12, 64
_SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}


def count(tokens: pa.Table) -> dict[str, int]:
    """Sums over TOKENS rows, and their longest sequence."""
    contexts = tokens["contexts"].combine_chunks()
    continuations = tokens["continuations"].combine_chunks()
    lengths = pc.list_value_length(contexts.flatten())
    scored = pc.list_value_length(pc.struct_field(continuations.flatten(), "ids"))
    generation = tokens["generation"].combine_chunks()
    new, samples = (
        pc.fill_null(pc.struct_field(generation, name), 0) for name in ("max_new_tokens", "samples")
    )
    return {
        "documents": len(tokens),
        "requests": len(scored) + (pc.sum(samples).as_py() or 0),
        "prompt_tokens": pc.sum(lengths).as_py() or 0,
        "scored_tokens": pc.sum(scored).as_py() or 0,
        "generated_tokens": pc.sum(pc.multiply(new, samples)).as_py() or 0,
        "longest": (pc.max(lengths).as_py() or 0)
        + max(pc.max(scored).as_py() or 0, pc.max(new).as_py() or 0),
    }


def load(
    counts: Sequence[Mapping[str, int]], folder: Path, *, model: str, benchmark: str
) -> dict[str, Any]:
    """A row of FORECAST, from the parts of a benchmark (`count`) and a model's folder.

    Memory, devices and time are null.
    """
    return {
        "model": model,
        "benchmark": benchmark,
        **{
            name: (max if name == "longest" else sum)(part[name] for part in counts)
            for name in counts[0]
        },
        "parameters": _parameters(folder),
        "weights_bytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        "cache_numbers": _cache_numbers(folder),
        **dict.fromkeys(("memory_bytes", "gpus", "threads", "seconds")),
    }


def forecast(
    loads: pa.Table, dtypes: Mapping[str, str], devices: Mapping[str, Mapping[str, int]]
) -> pa.Table:
    """FORECAST with memory, devices and time.

    `dtypes`: the precision of each model; `devices`: its gpus and threads.
    """
    rows = loads.to_pylist()
    for row in rows:
        how, parameters = devices[row["model"]], row["parameters"]
        row |= {name: how[name] for name in ("gpus", "threads")}
        if not parameters:
            continue
        size = _SIZES.get(dtypes[row["model"]]) or row["weights_bytes"] / parameters
        row["memory_bytes"] = int(
            (parameters + (row["cache_numbers"] or 0) * row["longest"]) * size
        )
        speed = how["gpus"] * GPU or how["threads"] * CORE
        seconds = 2 * parameters * (row["prompt_tokens"] + row["scored_tokens"]) / speed
        if how["gpus"]:
            reads = row["generated_tokens"] / ANSWERS_AT_ONCE
            seconds += reads * parameters * size / (BANDWIDTH * how["gpus"])
        else:
            seconds += 2 * parameters * row["generated_tokens"] / speed
        row["seconds"] = seconds
    return pa.Table.from_pylist(rows, FORECAST)


def _parameters(folder: Path) -> int | None:
    """Numbers in a folder's safetensors files, from their headers."""
    tensors = (
        tensor
        for file in folder.glob("*.safetensors")
        for tensor in architecture.tensors(file).values()
    )
    return sum(math.prod(tensor["shape"]) for tensor in tensors) or None


def _cache_numbers(folder: Path) -> int | None:
    """Numbers that attention keeps per token: a key and a value for each layer and key-value head.

    None where the model's configuration does not say.
    """
    config = architecture.config_json(folder)
    config = config.get("text_config") or config

    def number(*names: str) -> int:
        return next((config[name] for name in names if isinstance(config.get(name), int)), 0)

    layers, heads = number("num_hidden_layers", "n_layer"), number("num_attention_heads", "n_head")
    width = number("head_dim") or number("hidden_size", "n_embd") // max(heads, 1)
    return 2 * layers * (number("num_key_value_heads") or heads) * width or None
