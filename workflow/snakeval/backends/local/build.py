"""From a folder of weights to an engine."""

from pathlib import Path
from typing import Any, TextIO

import torch
import transformers

from snakeval.backends.local import speed
from snakeval.backends.local.causal import Causal
from snakeval.backends.local.encoder import Classifier, Extractive
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.packed.kv_cache import PRECISIONS, Room
from snakeval.backends.local.seq2seq import Seq2Seq
from snakeval.backends.local.tensor_parallel import Leader, agreed
from snakeval.backends.protocol import Counters, Engine, Strategy, TableEngine
from snakeval.errors import UserError
from snakeval.models import architecture

DEFAULTS: dict[str, Any] = {
    "dtype": "auto",  # auto (as saved), float32, bfloat16, float16
    "family": "auto",  # auto (from the architecture's name), causal, seq2seq, classifier, extractive
    "strategy": "auto",  # causal models: auto (packed if proven, else padded), packed (an error if it is not exact), padded
    "trust_remote_code": False,
    "device": "auto",  # auto (the first GPU, else the CPU), cpu, cuda, cuda:1 …
    "device_map": None,  # over several GPUs: auto, balanced …, as accelerate takes it
    "tensor_parallel": 1,  # processes that compute each token together, one per GPU
    "max_length": None,  # tokens; null: the model's own
    "tokens_per_batch": None,  # new tokens of one forward pass; null: 1,024 on a CPU, from free memory on a GPU
    "kv_cache_dtype": "auto",  # auto (as computed), int8: of texts being written
    "static_kv_cache": False,  # room for the longest text from the start
    "rows": 256,  # texts generated at a time, at most; fewer where memory is short
    "tokenizer": None,  # folder; null: the model's own
}

KV_CACHE_BYTES = 2**31  # on a CPU, of texts being written


def load(
    folder: str | Path, settings: dict[str, Any] | None = None, terminal: TextIO | None = None
) -> Engine:
    """Load the model in `folder`, a local folder in the Hugging Face layout; the network is never used.

    `settings` are those of DEFAULTS that differ; advice on them is written to `terminal`. Raises UserError for unknown settings, a folder
    that holds no model, an architecture of no known family, and a device that is not there.
    """
    chosen = _settings(settings or {})
    if chosen["tensor_parallel"] > 1:
        return Leader(Path(folder), chosen)
    return load_here(Path(folder), chosen, terminal)


def load_here(folder: Path, chosen: dict[str, Any], terminal: TextIO | None = None) -> Engine:
    """This process's part of an engine, with the whole of its settings; usually all of it."""
    configuration = architecture.configuration(folder, chosen["trust_remote_code"])
    family = architecture.family(configuration) if chosen["family"] == "auto" else chosen["family"]
    loader = {
        "causal": transformers.AutoModelForCausalLM,
        "seq2seq": transformers.AutoModelForSeq2SeqLM,
        "classifier": transformers.AutoModelForSequenceClassification,
        "extractive": transformers.AutoModelForQuestionAnswering,
    }[family]
    if family != "causal" and chosen["kv_cache_dtype"] != "auto":
        raise UserError(
            f"engine settings: kv_cache_dtype is {chosen['kv_cache_dtype']!r}, which is for causal models; this one is {family}"
        )
    model = _from_pretrained(loader, folder, chosen)
    if terminal and (advice := speed.advice(model.device, model.dtype)):
        print(advice, file=terminal)
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        chosen["tokenizer"] or folder,
        trust_remote_code=chosen["trust_remote_code"],
        local_files_only=True,
    )
    max_length = chosen["max_length"] or architecture.max_length(configuration, tokenizer, family)
    counters = Counters()
    budget = agreed(chosen["tokens_per_batch"] or _tokens_per_batch(model))
    room = Room(
        chosen["rows"],
        _texts_memory(model, chosen["tensor_parallel"]),
        chosen["kv_cache_dtype"],
        chosen["static_kv_cache"],
    )
    strategy: Strategy
    if family == "causal":
        strategy = Causal(
            model, Ending.of_model(model, tokenizer), counters, budget, room, chosen["strategy"]
        )
    elif family == "seq2seq":
        strategy = Seq2Seq(model, Ending.of_model(model, tokenizer), counters, budget)
    else:
        strategy = (Classifier if family == "classifier" else Extractive)(model, counters, budget)
    return TableEngine(family, strategy, model, max_length, chosen["kv_cache_dtype"])


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise UserError(
            f"engine settings: unknown {', '.join(unknown)}; known are {', '.join(DEFAULTS)}"
        )
    chosen = DEFAULTS | given
    allowed = {
        "dtype": ("auto", "float32", "bfloat16", "float16"),
        "family": ("auto", *architecture.FAMILIES),
        "strategy": ("auto", "packed", "padded"),
        "kv_cache_dtype": tuple(PRECISIONS),
    }
    for name, values in allowed.items():
        if chosen[name] not in values:
            raise UserError(
                f"engine settings: {name} is {chosen[name]!r}; it must be one of {', '.join(values)}"
            )
    return chosen


def _from_pretrained(loader: Any, folder: Path, settings: dict[str, Any]) -> Any:
    placement: dict[str, Any] = {}
    if settings["tensor_parallel"] > 1:
        placement["distributed_config"] = transformers.distributed.DistributedConfig(
            tp_size=settings["tensor_parallel"], tp_plan="auto"
        )
    elif settings["device_map"] is not None:
        placement["device_map"] = settings["device_map"]
    device = settings["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(
            f"{folder}: device {device} asked for, but no GPU is visible; set device to cpu or run where there is one"
        )
    dtype = settings["dtype"] if settings["dtype"] == "auto" else getattr(torch, settings["dtype"])
    try:
        model = loader.from_pretrained(
            folder,
            dtype=dtype,
            trust_remote_code=settings["trust_remote_code"],
            local_files_only=True,
            **placement,
        )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # the files may hold anything
        how = (
            f" (tensor_parallel: {settings['tensor_parallel']})"
            if settings["tensor_parallel"] > 1
            else ""
        )
        raise UserError(
            f"{folder}: transformers cannot load it{how}: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    return (model if placement else model.to(device)).eval()


def _texts_memory(model: Any, processes: int) -> int | None:
    """Bytes for keys and values of texts. One process can run out of a GPU's memory and go on with fewer texts; several, which wait for
    one another, cannot: they take what a forward pass leaves."""
    if model.device.type != "cuda":
        return KV_CACHE_BYTES
    return agreed(int(0.6 * torch.cuda.mem_get_info(model.device)[0])) if processes > 1 else None


def _tokens_per_batch(model: Any) -> int:
    """On a CPU what stays in its cache; on a GPU what fits: about 40 activations of the model's width per token, in a quarter of the free
    memory. More than 16,384 tokens no longer gain."""
    if model.device.type != "cuda":
        return 1024
    free, _ = torch.cuda.mem_get_info(model.device)
    per_token = 40 * model.config.get_text_config().hidden_size * model.dtype.itemsize
    return int(min(16384, max(512, free / 4 // per_token)))
