"""What a model's configuration tells about how it is asked: its family and the longest sequence it takes."""

from pathlib import Path
from typing import Any

from snakeval.errors import UserError

FAMILIES = ("causal", "seq2seq", "classifier", "extractive")
DEFAULT_MAX_LENGTH = 2048  # where neither configuration nor tokenizer names one, as in lm-evaluation-harness
_UNLIMITED = 10**9  # tokenizers without a limit name an absurd one

_SUFFIXES = {
    "ForSequenceClassification": "classifier",
    "ForQuestionAnswering": "extractive",
    "ForConditionalGeneration": "seq2seq",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
}


def configuration(folder: Path | str, trust_remote_code: bool = False) -> Any:
    """The model's transformers configuration. Raises UserError when there is none or it cannot be read."""
    from transformers import AutoConfig

    if not (Path(folder) / "config.json").is_file():
        raise UserError(f"{folder}: no config.json; give a folder in the Hugging Face layout")
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{Path(folder) / 'config.json'}: cannot be used: {' '.join(str(error).split())}") from error


def family(config: Any) -> str:
    """One of FAMILIES, from the class name in the configuration. Raises UserError when it tells nothing."""
    from transformers.models.auto import modeling_auto as auto

    architecture = (getattr(config, "architectures", None) or [""])[0]
    known = {
        "classifier": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "extractive": auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
        "seq2seq": auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "causal": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    for name, classes in known.items():
        if any(architecture in (value if isinstance(value, tuple) else (value,)) for value in classes.values()):
            return name
    for suffix, name in _SUFFIXES.items():  # a class of the model's own code
        if architecture.endswith(suffix):
            return "causal" if name == "seq2seq" and not getattr(config, "is_encoder_decoder", False) else name
    where = getattr(config, "name_or_path", "") or "config.json"
    raise UserError(f"{where}: architecture {architecture or 'missing'!r} is of no known family; set `family` to {', '.join(FAMILIES)}")


def in_low_precision(folder: Path | str, dtype: str, trust_remote_code: bool = False) -> bool:
    """Whether a model computes in less than float32 when asked for `dtype` (auto: as its configuration says), or is quantised."""
    config = configuration(folder, trust_remote_code)
    saved = str(getattr(config.get_text_config(), "dtype", None) or getattr(config, "dtype", None)).removeprefix("torch.")
    return (saved if dtype == "auto" else dtype) not in ("float32", "float64", "None") or hasattr(config, "quantization_config")


def max_length(config: Any, tokenizer: Any, family: str) -> int:
    """Tokens of the longest sequence.

    For language models in the order of lm-evaluation-harness 0.4.13 (`resolve_max_length`): the text model's n_positions,
    max_position_embeddings, n_ctx, then the tokenizer's limit. An encoder takes the smaller of the two: RoBERTa counts two positions
    that no token can have.
    """
    text = getattr(config, "text_config", None) or config
    lengths = [getattr(text, name, None) for name in ("n_positions", "max_position_embeddings", "n_ctx")]
    configured = next((int(length) for length in lengths if length is not None), None)
    limit = getattr(tokenizer, "model_max_length", None)
    of_tokenizer = int(limit) if limit is not None and limit < _UNLIMITED else None
    if family in ("classifier", "extractive") and configured and of_tokenizer:
        return min(configured, of_tokenizer)
    return configured or of_tokenizer or DEFAULT_MAX_LENGTH
