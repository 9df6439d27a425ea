"""What a model's configuration tells about how it is asked: its family and the longest sequence it takes."""

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

from snakeval.config.model import Model
from snakeval.errors import UserError

FAMILIES = ("causal", "seq2seq", "classifier", "extractive")
DEFAULT_MAX_LENGTH = (
    2048  # where neither configuration nor tokenizer names one, as in lm-evaluation-harness
)
_UNLIMITED = 10**9  # tokenizers without a limit name an absurd one

_SUFFIXES = {
    "ForSequenceClassification": "classifier",
    "ForQuestionAnswering": "extractive",
    "ForConditionalGeneration": "seq2seq",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
}


HEADER_BYTES = 100_000_000  # of a safetensors file at most, as its format says


def configuration(folder: Path | str, trust_remote_code: bool = False) -> Any:
    """The model's transformers configuration. Raises UserError when there is none or it cannot be used."""
    from transformers import AutoConfig

    config_json(folder)
    try:
        return AutoConfig.from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except (
        Exception
    ) as error:  # the file may hold anything, and transformers stumbles over it anywhere
        raise UserError(
            f"{Path(folder) / 'config.json'}: cannot be used: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error


def config_json(folder: Path | str) -> dict[str, Any]:
    """What a folder's config.json says. Raises UserError when it is missing or is none."""
    file = Path(folder) / "config.json"
    try:
        config = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no config.json; give a folder in the Hugging Face layout"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: no JSON ({error}); fetch the model again") from None
    if not isinstance(config, dict) or not isinstance(config.get("text_config") or {}, dict):
        raise UserError(f"{file}: no configuration of a model; fetch the model again")
    return config


def family(config: Any) -> str:
    """One of FAMILIES, from the class name in the configuration. Raises UserError when it tells nothing.

    Nearly all names tell by their end, without PyTorch, which the tables of transformers need.
    """
    architecture = _first_name(getattr(config, "architectures", None))
    if told := _by_its_end(architecture, getattr(config, "is_encoder_decoder", False)):
        return told
    if listed := _listed(architecture):
        return listed
    if architecture.endswith(
        "ForConditionalGeneration"
    ):  # a class of the model's own code, without an encoder
        return "causal"
    where = getattr(config, "name_or_path", "") or "config.json"
    raise UserError(
        f"{where}: architecture {architecture or 'missing'!r} is of no known family; set `family` to {', '.join(FAMILIES)}"
    )


def leave_out_torch(folder: Path | str, model: Model) -> None:
    """Have transformers come without PyTorch into this process, for a job that needs a model's tokenizer and configuration alone.

    To import it takes longer than to encode most tasks. It stays where code that comes with the model may want it, or the architecture
    can only be looked up in tables that need it; and where it has been imported already.
    """
    config = config_json(folder)
    told = _by_its_end(
        _first_name(config.get("architectures")), config.get("is_encoder_decoder", False)
    )
    if (told or model.family != "auto") and not model.trust_remote_code:
        os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"  # that it is not there
        sys.modules.setdefault("torch", None)  # type: ignore[arg-type]  # "import torch" then fails, which transformers takes as its absence


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
        if any(
            architecture in (value if isinstance(value, tuple) else (value,))
            for value in classes.values()
        ):
            return name
    return None


def in_low_precision(folder: Path | str, model: Model) -> bool:
    """Whether a model computes in less than float32 under its settings (dtype auto: as it was saved), or is quantised, or its cache is.

    Told from its files alone, without the seconds that transformers takes to come.
    """
    config, dtype = config_json(folder), model.dtype
    named = (
        part.get(name)
        for part in (config.get("text_config") or {}, config)
        for name in ("dtype", "torch_dtype")
    )
    saved = next((str(name) for name in named if name), None) or _dtype_of_weights(Path(folder))
    computed = saved.removeprefix("torch.") if dtype == "auto" else dtype
    quantised = bool(config.get("quantization_config")) or model.kv_cache_dtype != "auto"
    return quantised or computed not in ("float32", "float64")


def _dtype_of_weights(folder: Path) -> str:
    """Of the first floating-point tensor, as transformers takes it where the configuration names none."""
    names = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    headers = (
        header for file in sorted(folder.glob("*.safetensors")) for header in tensors(file).values()
    )
    return next(
        (names[header["dtype"]] for header in headers if header["dtype"] in names), "float32"
    )


def tensors(file: Path) -> dict[str, dict[str, Any]]:
    """The header of a safetensors file: dtype, shape and place of each tensor (github.com/huggingface/safetensors#format).

    Raises UserError where there is none, or the file ends before the last tensor does.
    """
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, HEADER_BYTES)))
        found = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = 8 + length + max((tensor["data_offsets"][1] for tensor in found.values()), default=0)
        whole = size >= end and all(
            _is_dtype_and_shape(tensor["dtype"], tensor["shape"]) for tensor in found.values()
        )
    except (struct.error, ValueError, AttributeError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{file}: not whole, or no safetensors file; fetch the model again")
    return found


def _is_dtype_and_shape(dtype: Any, shape: Any) -> bool:
    return (
        isinstance(dtype, str)
        and isinstance(shape, list)
        and all(isinstance(size, int) for size in shape)
    )


def max_length(config: Any, tokenizer: Any, family: str) -> int:
    """Tokens of the longest sequence.

    For language models in the order of lm-evaluation-harness 0.4.13 (`resolve_max_length`): the text model's n_positions,
    max_position_embeddings, n_ctx, then the tokenizer's limit. An encoder takes the smaller of the two: RoBERTa counts two positions
    that no token can have.
    """
    text = getattr(config, "text_config", None) or config
    lengths = [
        getattr(text, name, None) for name in ("n_positions", "max_position_embeddings", "n_ctx")
    ]
    configured = next((int(length) for length in lengths if length is not None), None)
    limit = getattr(tokenizer, "model_max_length", None)
    of_tokenizer = int(limit) if limit is not None and limit < _UNLIMITED else None
    if family in ("classifier", "extractive") and configured and of_tokenizer:
        return min(configured, of_tokenizer)
    return configured or of_tokenizer or DEFAULT_MAX_LENGTH
