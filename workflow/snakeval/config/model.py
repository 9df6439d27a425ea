"""Section `models`: a model and how it is asked."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from snakeval.config.types import Located, Section, Whole
from snakeval.errors import UserError


class Answers(Section):
    """How the files of a `recorded:` model are read. Dots lead into objects and lists: `choices.0.text`."""

    answer: str | list[str] | None = None
    """Column of the answer's text; a list: several samples of each document."""
    loglikelihoods: str | None = None
    """Column of the log-likelihoods, a list with one number per choice, or one number."""
    greedy: str | None = None
    """Column that tells of each log-likelihood whether greedy decoding would have written the text."""
    id: str | None = None
    """Column that tells the document; null: the n-th record is the n-th document, and there are as many."""
    document_id: str | None = None
    """Field of the task's documents that `id` equals; null: the document's number, from 0."""
    same: dict[str, str] = {}
    """Columns that must equal fields of the document, against answers to other questions."""
    where: dict[str, str | int | float | bool] = {}
    """Values of columns that choose the records which belong to this model."""
    samples: bool = False
    """Several records of one document are its samples; false: an error."""
    files: dict[str, Located] = {}
    """Files of tasks that `{task}` in the source does not lead to."""
    format: Literal["lm_eval", "parquet", "json", "jsonl", "csv", "tsv", "text"] | None = None
    """How files are read, where their names do not tell; lm_eval: samples_*.jsonl of lm-evaluation-harness, whose columns are known."""
    field: str | None = None
    """Key under which a JSON document holds its records."""
    header: list[str] | None = None
    """Column names of a CSV or TSV file without a header."""


class Model(Section):
    """A model and how it is asked."""

    source: Located
    """Where it comes from: demo:NAME, path:FOLDER, hf:ORG/NAME, modelscope:ORG/NAME, or recorded:FILE (with {task} where it varies)."""
    answers: Answers | None = None
    """Of a recorded model alone, which is never asked: what the columns of its files are."""
    revision: str | None = None
    """Commit, tag or branch of a hub repository; null: its default branch."""
    family: Literal["auto", "causal", "seq2seq", "classifier", "extractive"] = "auto"
    """What kind of model it is; auto reads it from the model's config.json."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Precision of the computation; auto: as the weights were saved."""
    gpus: Annotated[Whole, Field(ge=0)] = 0
    """Devices one job of this model needs; 0: it runs on the CPU."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where it computes; auto: on its GPUs, or on the CPU where `gpus` is 0. A device that is not there is an error."""
    threads: Annotated[Whole, Field(ge=1)] | None = None
    """CPU cores one job of this model uses; null: an equal share of `--cores` where it computes on the CPU, 1 with GPUs or on a cluster."""
    shards: Annotated[Whole, Field(ge=1)] = 1
    """Jobs that share this model's requests, each with GPUs of its own, on any machines. Changes speed, not answers."""
    tensor_parallel: Annotated[Whole, Field(ge=1)] = 1
    """Processes that compute every token together, each with a slice of every layer, one per GPU of the model; 1: none."""
    device_map: str | None = None
    """How layers are laid over a model's GPUs where they are not sliced; null: `auto` from two GPUs on."""
    max_length: Annotated[Whole, Field(ge=2)] | None = None
    """Longest sequence in tokens; null: what the model was made for."""
    on_overflow: Literal["truncate", "drop_shots", "error"] = "truncate"
    """A prompt that is too long loses its left end, or few-shot examples first, or stops the run. The report counts each."""
    add_bos: bool | None = None
    """Begin every prompt with the BOS token; null: as the tokenizer does by itself. Never twice."""
    chat: bool = False
    """Ask through the tokenizer's chat template."""
    system_prompt: str | None = None
    """First turn of a chat, or first paragraph of a plain prompt."""
    fewshot_as_multiturn: bool = True
    """In a chat, few-shot examples are turns of their own; false: all in one user turn."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for authors you trust."""
    strategy: Literal["auto", "packed", "padded"] = "auto"
    """Engine of causal models: packed (fast, exact, checked at start), padded (plain), auto: packed unless the check fails."""
    numerics: Annotated[Whole, Field(ge=0)] = 16
    """Documents of a benchmark that are asked again alone, in lower precision than float32, to see what batches change. 0: none."""
    kv_cache_dtype: Literal["auto", "int8"] = "auto"
    """Precision in which the keys and values of texts being written are kept; int8: half of bfloat16's memory, and answers of its own."""
    static_kv_cache: bool = False
    """Take the memory for the longest text at the start, so that it runs out then or never. Changes no answer."""
    tokens_per_batch: Annotated[Whole, Field(ge=16)] | None = None
    """Tokens computed at once; null: fitted to the machine. Changes speed, not answers."""


def settings(**keys: Any) -> Model:
    """The section of a model whose files are at hand: `settings(dtype="float32", gpus=1)`.

    Keys left out have their defaults; `source` may be left out, too. Raises UserError, one for all
    keys that are unknown or have a wrong value.
    """
    try:
        return Model.model_validate({"source": "path:."} | keys)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}, got {detail['input']!r}"
            if detail["type"] != "extra_forbidden"
            else f"{detail['loc'][-1]}: no such key"
            for detail in error.errors()
        ]
        known = ", ".join(Model.model_fields)
        raise UserError(f"settings of a model: {'; '.join(wrong)}. Keys: {known}.") from None
