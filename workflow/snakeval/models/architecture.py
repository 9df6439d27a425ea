"""What a model's files show about how it is asked: its family, longest sequence and precision."""

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

from snakeval.config.model import Model
from snakeval.errors import UserError

FAMILIES = ("causal", "seq2seq", "classifier", "extractive")
# Tokens, where configuration and tokenizer name no length, as in lm-evaluation-harness.
DEFAULT_MAX_LENGTH = 2048
HEADER_BYTES = 100_000_000  # of a safetensors file at most, by its format
_UNLIMITED = 10**9  # tokenizers without a limit name an absurdly large one

_SUFFIXES = {
    "ForSequenceClassification": "classifier",
    "ForQuestionAnswering": "extractive",
    "ForConditionalGeneration": "seq2seq",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
}


def configuration(folder: Path | str, trust_remote_code: bool = False) -> Any:
    """The model's configuration as transformers has it.

    Raises UserError when there is none, or it cannot be used.
    """
    from transformers import AutoConfig

    config_json(folder)
    try:
        return AutoConfig.from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except Exception as error:  # the file may hold anything, and errors come from anywhere
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        file = Path(folder) / "config.json"
        raise UserError(f"{file}: cannot be used: {reason}. Download the model again.") from error


def config_json(folder: Path | str) -> dict[str, Any]:
    """The content of a folder's config.json. Raises UserError when it is missing or damaged."""
    file = Path(folder) / "config.json"
    try:
        config = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no config.json. Name a folder in the Hugging Face layout."
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error}). Download the model again.") from None
    if not isinstance(config, dict) or not isinstance(config.get("text_config") or {}, dict):
        raise UserError(f"{file}: not the configuration of a model. Download the model again.")
    return config


def family(config: Any) -> str:
    """One of FAMILIES, by the class name in the configuration. Raises UserError for unknown names.

    The end of nearly all names shows the family. The tables of transformers show the others, but
    they need PyTorch.
    """
    architecture = _first_name(getattr(config, "architectures", None))
    if found := _by_its_end(architecture, getattr(config, "is_encoder_decoder", False)):
        return found
    if listed := _listed(architecture):
        return listed
    if architecture.endswith("ForConditionalGeneration"):  # of the model's own code, no encoder
        return "causal"
    where = getattr(config, "name_or_path", "") or "config.json"
    raise UserError(
        f"{where}: architecture {architecture or 'missing'!r} is of no known family. "
        f"Set `family` to one of {', '.join(FAMILIES)}."
    )


def leave_out_torch(folder: Path | str, model: Model) -> None:
    """Make transformers load without PyTorch in this process, for a job that needs only a model's
    tokenizer and configuration.

    Importing PyTorch takes longer than encoding most tasks. It is not left out where code of the
    model may need it, where the architecture can only be found in tables that need it, and where it
    has been imported already.
    """
    config = config_json(folder)
    name = _first_name(config.get("architectures"))
    found = _by_its_end(name, config.get("is_encoder_decoder", False))
    if (found or model.family != "auto") and not model.trust_remote_code:
        # Of transformers, which would warn that PyTorch is missing.
        os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"
        # "import torch" then fails, so transformers takes it as missing.
        sys.modules.setdefault("torch", None)  # type: ignore[arg-type]


def _first_name(architectures: Any) -> str:
    name = architectures[0] if isinstance(architectures, list) and architectures else None
    return name if isinstance(name, str) else ""


def _by_its_end(architecture: str, is_encoder_decoder: bool) -> str | None:
    for suffix, name in _SUFFIXES.items():
        if architecture.endswith(suffix) and (name != "seq2seq" or is_encoder_decoder):
            return name
    return None


def _listed(architecture: str) -> str | None:
    """The family under which transformers lists a class."""
    from transformers.models.auto import modeling_auto as auto

    known = {
        "classifier": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "extractive": auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
        "seq2seq": auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "causal": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    for name, classes in known.items():
        for value in classes.values():
            if architecture in (value if isinstance(value, tuple) else (value,)):
                return name
    return None


def in_low_precision(folder: Path | str, model: Model) -> bool:
    """Whether a model computes in less than float32 under its settings, or it or its cache is
    quantised.

    Known from its files alone, because importing transformers takes seconds. `dtype` auto: as the
    weights were saved.
    """
    config, dtype = config_json(folder), model.dtype
    parts = (config.get("text_config") or {}, config)
    named = (part.get(name) for part in parts for name in ("dtype", "torch_dtype"))
    saved = next((str(name) for name in named if name), None) or _dtype_of_weights(Path(folder))
    computed = saved.removeprefix("torch.") if dtype == "auto" else dtype
    quantised = bool(config.get("quantization_config")) or model.kv_cache_dtype != "auto"
    return quantised or computed not in ("float32", "float64")


def _dtype_of_weights(folder: Path) -> str:
    """That of the first floating-point tensor, as in transformers where the configuration names
    none."""
    names = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    files = sorted(folder.glob("*.safetensors"))
    dtypes = (header["dtype"] for file in files for header in tensors(file).values())
    return next((names[dtype] for dtype in dtypes if dtype in names), "float32")


def tensors(file: Path) -> dict[str, dict[str, Any]]:
    """The header of a safetensors file: dtype, shape and place of each tensor.

    The format is at github.com/huggingface/safetensors#format. Raises UserError where there is no
    header, or the file ends before the last tensor does.
    """
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, HEADER_BYTES)))
        found = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = 8 + length + max((tensor["data_offsets"][1] for tensor in found.values()), default=0)
        valid = (_is_dtype_and_shape(each["dtype"], each["shape"]) for each in found.values())
        whole = size >= end and all(valid)
    except (struct.error, ValueError, AttributeError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{file}: incomplete, or not a safetensors file. Download the model again.")
    return found


def _is_dtype_and_shape(dtype: Any, shape: Any) -> bool:
    sizes = shape if isinstance(shape, list) else [None]
    return isinstance(dtype, str) and all(isinstance(size, int) for size in sizes)


def max_length(config: Any, tokenizer: Any, family: str) -> int:
    """Tokens of the longest sequence.

    For language models in the order of lm-evaluation-harness 0.4.13 (`resolve_max_length`): the
    text model's n_positions, max_position_embeddings, n_ctx, then the tokenizer's limit. An encoder
    takes the smaller of the two, because RoBERTa counts two positions that no token can have.
    """
    text = getattr(config, "text_config", None) or config
    names = ("n_positions", "max_position_embeddings", "n_ctx")
    lengths = [getattr(text, name, None) for name in names]
    configured = next((int(length) for length in lengths if length is not None), None)
    limit = getattr(tokenizer, "model_max_length", None)
    of_tokenizer = int(limit) if limit is not None and limit < _UNLIMITED else None
    if family in ("classifier", "extractive") and configured and of_tokenizer:
        return min(configured, of_tokenizer)
    return configured or of_tokenizer or DEFAULT_MAX_LENGTH
