"""Section `models`: a model and how it is asked."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from snakeval.config.types import Decides, Located, Section, Whole
from snakeval.errors import UserError

# What the keys of a model decide. Plan, store identity, rule parameters and engine follow from it.
FILES = Decides("A", ("models",))  # which files the model is made of
TOKENS = Decides("A", ("tokens",))  # how text becomes token ids
ANSWERS = Decides("A", ("calls",))  # how the answer to given token ids is computed
TOKENS_AND_ANSWERS = Decides("A", ("tokens", "calls"))
CHECKS = Decides("S", ("calls",))  # what is asked again as a check; no answer changes
RECORDS = Decides("A", ("recorded",))  # how recorded answers are read
RUNS = Decides("R")  # how it runs; no answer changes


class Answers(Section):
    """How the files of a `recorded:` model are read.

    Dots in a column lead into objects and lists: `choices.0.text`.
    """

    answer: str | list[str] | None = None
    """Column of the answer's text. A list of columns: several samples of each document."""
    loglikelihoods: str | None = None
    """Column of the log-likelihoods: a list with one number per choice, or one number."""
    greedy: str | None = None
    """Column that says for each log-likelihood whether greedy decoding would write the text."""
    id: str | None = None
    """Column that names the document. null: records are in the order of documents."""
    document_id: str | None = None
    """Field of the task's documents that `id` equals. null: the document's number, from 0."""
    same: dict[str, str] = {}
    """Columns that must equal fields of the document. Guards against answers to other questions."""
    where: dict[str, str | int | float | bool] = {}
    """Values of columns that choose the records of this model."""
    samples: bool = False
    """Several records of one document are its samples. false: an error."""
    files: dict[str, Located] = {}
    """Files of tasks that `{task}` in the source does not lead to."""
    format: Literal["lm_eval", "parquet", "json", "jsonl", "csv", "tsv", "text"] | None = None
    """Format of the files. null: by their names. lm_eval: its samples_*.jsonl."""
    field: str | None = None
    """Key of a JSON document that holds its records."""
    header: list[str] | None = None
    """Column names of a CSV or TSV file without a header."""


class Model(Section):
    """A model and how it is asked."""

    source: Annotated[Located, FILES]
    """Its place: demo:NAME, path:FOLDER, hf:ORG/NAME, modelscope:ORG/NAME or recorded:FILE.

    The FILE of recorded answers may hold {task} where it varies."""
    answers: Annotated[Answers | None, RECORDS] = None
    """Only for `recorded:` models: which column holds what."""
    revision: Annotated[str | None, FILES] = None
    """Commit, tag or branch of a hub repository. null: its main branch."""
    family: Annotated[
        Literal["auto", "causal", "seq2seq", "classifier", "extractive"], TOKENS_AND_ANSWERS
    ] = "auto"
    """What kind of model it is. auto: read from the model's config.json."""
    dtype: Annotated[Literal["auto", "float32", "bfloat16", "float16"], ANSWERS] = "auto"
    """Precision of the computation. auto: as the weights were saved."""
    gpus: Annotated[Whole, Field(ge=0), RUNS] = 0
    """GPUs that one job of this model needs. 0: it runs on the CPU."""
    device: Annotated[Literal["auto", "cuda", "cpu"], RUNS] = "auto"
    """Where it computes. auto: on its GPUs, or on the CPU if `gpus` is 0. No fallback."""
    threads: Annotated[Whole | None, Field(ge=1), RUNS] = None
    """CPU cores of one job. null: a share of `--cores`; 1 with GPUs or on a cluster."""
    shards: Annotated[Whole, Field(ge=1), RUNS] = 1
    """Jobs that share this model's calls, each with its own GPUs, on any machines."""
    tensor_parallel: Annotated[Whole, Field(ge=1), RUNS] = 1
    """Processes that share every token, each with one GPU and a slice of every layer. 1: none."""
    device_map: Annotated[str | None, RUNS] = None
    """How whole layers are placed on a model's GPUs. null: `auto` from two GPUs on."""
    max_length: Annotated[Whole | None, Field(ge=2), TOKENS] = None
    """Longest sequence in tokens. null: what the model was made for."""
    on_overflow: Annotated[Literal["truncate", "drop_shots", "error"], TOKENS] = "truncate"
    """A prompt that is too long loses its left end, or few-shot examples first, or stops the run.

    The report counts each."""
    add_bos: Annotated[bool | None, TOKENS] = None
    """Begin every prompt with the BOS token, never twice. null: as the tokenizer does by itself."""
    chat: Annotated[bool, TOKENS] = False
    """Ask through the tokenizer's chat template."""
    system_prompt: Annotated[str | None, TOKENS] = None
    """First turn of a chat, or first paragraph of a plain prompt."""
    fewshot_as_multiturn: Annotated[bool, TOKENS] = True
    """In a chat, few-shot examples are turns of their own. false: all in one user turn."""
    trust_remote_code: Annotated[bool, TOKENS_AND_ANSWERS] = False
    """Run Python code that comes with the model. Only for authors you trust."""
    strategy: Annotated[Literal["auto", "packed", "padded"], ANSWERS] = "auto"
    """How causal models compute. packed: fast and exact, checked at start. padded: plain batches.

    auto: packed unless the check fails."""
    numerics: Annotated[Whole, Field(ge=0), CHECKS] = 16
    """Documents of a benchmark that are asked again alone, below float32. 0: none.

    This shows what batches change."""
    kv_cache_dtype: Annotated[Literal["auto", "int8"], ANSWERS] = "auto"
    """Precision of the keys and values of texts being written.

    int8: half of bfloat16's memory, and other answers."""
    static_kv_cache: Annotated[bool, RUNS] = False
    """Allocate the cache for the longest text at start-up.

    If memory is too small, the run fails at once."""
    tokens_per_batch: Annotated[Whole | None, Field(ge=16), RUNS] = None
    """Tokens computed at once. null: fitted to the machine."""


def keys_of(stage: str, letters: str = "AS") -> tuple[str, ...]:
    """The keys of a model that a stage's files depend on, in order; of these `letters` only."""
    decisions = {
        name: [item for item in field.metadata if isinstance(item, Decides)]
        for name, field in Model.model_fields.items()
    }
    return tuple(
        name
        for name, (decides,) in decisions.items()
        if decides.letter in letters and stage in decides.stages
    )


def values_of(model: Model, stage: str) -> dict[str, Any]:
    """A model's values of the keys that a stage's files depend on."""
    return model.model_dump(include=set(keys_of(stage)))


def of_values(values: dict[str, Any]) -> Model:
    """A section of checked `values`, as `values_of` gives them, and defaults for other keys."""
    return Model.model_construct(**values)


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
