"""The configuration, checked: every mistake at once, one line each, with what was probably meant."""

import difflib
import json
import os
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from snakeval.errors import UserError
from snakeval.nesting import refuse_deep

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")  # files are called so, with endings


def _file_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("names a folder: use at most 200 letters, digits and . _ + -, beginning with a letter or digit")
    return name


def _expanded(text: str) -> str:
    """`${NAME}` replaced by the environment variable of that name, `~` by the home. Raises ValueError for what can be no path."""

    def value(match: re.Match[str]) -> str:
        if not os.environ.get(match[1]):
            raise ValueError(f"the environment variable {match[1]} is not set; export {match[1]}=… or write the path itself")
        return os.environ[match[1]]

    if not text or "\0" in text:
        raise ValueError("is empty or holds the character NUL; name a file, folder or source")
    expanded = os.path.expanduser(re.sub(r"\$\{(\w+)\}", value, text))  # noqa: PTH111 - a source is no path
    if len(os.fsencode(expanded)) > 4095 or any(len(os.fsencode(part)) > 255 for part in expanded.split("/")):
        raise ValueError("is longer than a path or a part of it may be; name a file, folder or source")
    return expanded


def _without_braces(path: str) -> str:
    if "{" in path or "}" in path:
        raise ValueError("braces are wildcards to Snakemake; choose a path without them")
    return path


def _plain_path(path: str) -> str:
    """Without what makes two paths of one: Snakemake knows files by their names."""
    return os.path.normpath(path)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON holds too, as the settings of jobs do: not YAML's dates."""

    def refuse(value: object) -> None:
        raise ValueError(f"{value} is to YAML a {type(value).__name__}; put it into quotes")

    try:
        json.dumps(values, default=refuse, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"{error}; give texts as keys") from None
    return values


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} is no number")  # pydantic would make 1 of it
    return value


Name = Annotated[str, AfterValidator(_file_name)]
Located = Annotated[str, AfterValidator(_expanded)]
Place = Annotated[Located, AfterValidator(_without_braces)]
Folder = Annotated[Place, AfterValidator(_plain_path)]
Whole = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True)


class Answers(_Section):
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


class Model(_Section):
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
    path: Literal["auto", "packed", "padded"] = "auto"
    """Engine of causal models: packed (fast, exact, checked at start), padded (plain), auto: packed unless the check fails."""
    numerics: Annotated[Whole, Field(ge=0)] = 16
    """Documents of an entry that are asked again alone, in lower precision than float32, to see what batches change. 0: none."""
    kv_cache_dtype: Literal["auto", "int8"] = "auto"
    """Precision in which the keys and values of texts being written are kept; int8: half of bfloat16's memory, and answers of its own."""
    static_kv_cache: bool = False
    """Take the memory for the longest text at the start, so that it runs out then or never. Changes no answer."""
    tokens_per_batch: Annotated[Whole, Field(ge=16)] | None = None
    """Tokens computed at once; null: fitted to the machine. Changes speed, not answers."""


class TaskEntry(_Section):
    """A task, group or tag to run, and what is changed about it."""

    name: str
    """Task, group or tag found in `task_paths`."""
    id: Name | None = None
    """Name of this entry in files and tables; null: the name. Needed when one task stands twice."""
    num_fewshot: Annotated[Whole, Field(ge=0)] | None = None
    """Examples in the prompt; null: as the task file says."""
    limit: Annotated[Whole, Field(ge=1)] | None = None
    """Documents per leaf task; null: the run's limit."""
    overrides: Annotated[dict[str, Any], AfterValidator(_plain)] = {}
    """Keys of the task file to replace."""


class DataSource(_Section):
    """Where a data set is read from instead of the hub."""

    source: Located
    """path:FILE_OR_FOLDER (with {name} and {split} where they vary), hf:ORG/NAME, modelscope:ORG/NAME or generator:NAME."""
    revision: str | None = None
    """Commit, tag or branch of a hub repository."""
    splits: dict[str, str] = {}
    """Names of splits in files, where they differ from what the task calls them."""
    columns: list[str] | None = None
    """Column names of a CSV or TSV file without a header."""
    field: str | None = None
    """Key under which a JSON document holds its records."""
    text: Literal["line", "file", "article"] | None = None
    """How plain text is cut into documents; article: at headings such as ` = Title = `."""
    types: dict[str, Literal["int", "float", "bool"]] = {}
    """Columns of a CSV or TSV file that are not text."""
    format: Literal["parquet", "json", "jsonl", "csv", "tsv", "text"] | None = None
    """How files are read, where their names do not tell."""


class Gate(_Section):
    """When a model counts as worse than the baseline: `snakemake gate`."""

    margin: dict[str, Annotated[Number, Field(ge=0)]] = {}
    """Largest loss that is acceptable, by task or group, in the score's unit (perplexities: of the logarithm); `default`: 0.02."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    """Chance of passing a model that lost as much as the margin."""
    undecided: Literal["fail", "pass"] = "fail"
    """What becomes of a task with too few documents to exclude a loss of the margin."""


class Power(_Section):
    """What the number of documents can show: `snakemake power`."""

    differences: Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=1)] = [0.01, 0.02, 0.05]
    """Differences between two models to find, in the score's unit."""
    power: Annotated[Number, Field(gt=0.5, lt=1)] = 0.8
    """Chance to find a difference that is there."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    """Chance to find one that is not, two-sided, of a single comparison."""


def _entry(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _source(value: object) -> object:
    return {"source": value} if isinstance(value, str) else value


class Config(_Section):
    """A run: models, tasks and where results go."""

    results: Folder = "results"
    """Folder of everything the run writes."""
    title: str = "Evaluation"
    """Heading of the report."""
    seed: Annotated[Whole, Field(ge=-(2**63), lt=2**63)] = 1234
    """Of few-shot examples, sampling and resampling."""
    limit: Annotated[Whole, Field(ge=1)] | None = None
    """Documents per leaf task; null: all."""
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    """The models by name."""
    tasks: Annotated[list[Annotated[TaskEntry, BeforeValidator(_entry)]], Field(min_length=1)]
    """What they are asked: names, or mappings with name and changes."""
    task_paths: list[Located] = ["config/tasks"]
    """Folders of task files; `lm_eval` stands for the files in the installed lm-evaluation-harness."""
    datasets: dict[str, Annotated[DataSource, BeforeValidator(_source)]] = {}
    """Where to read a task's dataset_path from, instead of the hub."""
    metric_files: list[Located] = []
    """Python files that define metrics of your own, which task files may name. A changed one scores again; what it imports is not seen."""
    allow_functions: bool = False
    """Import the Python that task files name, with !function or as a generator's file. Only for authors you trust."""
    allow_code: Literal[False, "sandbox", "weak"] = False
    """Run programs that models write: in a sandbox, or, weak, as your user with limits alone. Tasks with unsafe_code need it."""
    targets: Located | None = None
    """File of published figures; every one is compared with ours, and told as regenerated or not."""
    baseline: Folder | None = None
    """What all models are held against: a model of this run, or the results folder of an earlier one."""
    history: list[Folder] = []
    """Results folders of earlier runs, oldest first: the report shows how scores moved since, and marks what got worse."""
    gate: Gate = Gate()
    """When `snakemake gate` fails."""
    power: Power = Power()
    """What `snakemake power` tells."""
    publish: Place | None = None
    """Where `snakemake publish` puts report, tables and an archive of all results: a prefix such as s3://BUCKET/RUN."""

    def entries(self) -> dict[str, TaskEntry]:
        """The entries of `tasks` by their id."""
        return {task.id or task.name: task for task in self.tasks}


def check(values: Mapping[str, Any], where: str) -> Config:
    """The configuration of plain `values`. Raises UserError with one line for each mistake; `where` names the file."""
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        lines = [f"{where}: {_describe(detail)}" for detail in error.errors()]
        raise UserError("\n".join(lines)) from None
    for name, model in config.models.items():
        recorded, odd = model.source.startswith("recorded:"), sorted(model.model_fields_set - {"source", "answers"})
        if recorded and odd:
            raise UserError(f"{where}: models.{name}.{odd[0]}: recorded answers are read, never asked for; remove the key")
        if recorded and (
            model.answers is None or not (model.answers.answer or model.answers.loglikelihoods or model.answers.format == "lm_eval")
        ):
            raise UserError(f"{where}: models.{name}.answers: say which column holds them: `answers: {{answer: COLUMN}}` or loglikelihoods")
        if model.tensor_parallel > 1 and model.gpus not in (0, model.tensor_parallel):
            raise UserError(
                f"{where}: models.{name}.tensor_parallel: {model.tensor_parallel} processes need as many `gpus`, not {model.gpus}"
            )
        if model.tensor_parallel > 1 and model.device_map is not None:
            raise UserError(f"{where}: models.{name}.device_map: lays whole layers over GPUs; remove it where tensor_parallel slices them")
        if model.kv_cache_dtype != "auto" and model.path == "padded":
            raise UserError(f"{where}: models.{name}.kv_cache_dtype: {model.kv_cache_dtype} is for the packed path; remove `path: padded`")
        if not recorded and model.answers is not None:
            raise UserError(f"{where}: models.{name}.answers: only a model with `source: recorded:FILE` has answers")
    ids = [task.id or task.name for task in config.tasks]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise UserError(f"{where}: tasks: two entries are called {', '.join(twice)}; give one of them an `id`")
    if odd := [i for i in ids if not NAME.fullmatch(i)]:
        raise UserError(f"{where}: tasks: {', '.join(odd)}: not usable as a file name (or longer than 200); give the entry an `id`")
    return config


def read_yaml(path: Path) -> Any:
    """A YAML file as plain values. Raises UserError for duplicate keys, bad syntax and what is not readable or not UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
        refuse_deep(text)
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); correct the path") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # characters, dates and numbers that are none, nesting without end
        raise UserError(f"{path}: not YAML ({str(error).splitlines()[0]}); correct the file") from None


def json_schema() -> dict[str, Any]:
    """JSON schema of the configuration file, for editors."""
    return Config.model_json_schema()


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain YAML would silently let the last of two equal keys win."""


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict:
    seen: set[object] = set()
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, Hashable):
            raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands where a key must; give a text", key.start_mark)
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {name!r} stands twice; remove one", key.start_mark)
        seen.add(name)
    loader.flatten_mapping(node)
    return {loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value}


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _describe(error: Any) -> str:
    """A pydantic error as one line: the key, what is wrong, what was probably meant."""
    place, name = error["loc"][:-1], str(error["loc"][-1]) if error["loc"] else ""
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(place)
            return f"{key}: no such key{_did_you_mean(name, known)}; known here: {', '.join(sorted(known))}"
        case "missing":
            return f"{key}: missing"
        case "literal_error":
            expected = error["ctx"]["expected"]
            return f"{key}: {error['input']!r} is not one of {expected}{_did_you_mean(error['input'], expected)}"
        case "value_error":
            return f"{key}: {error['ctx']['error']}"
        case _:
            return f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"


def _known_keys(place: Iterable[object]) -> set[str]:
    """Keys allowed at a place of the configuration, walking the sections' types along it."""
    section: Any = Config
    for part in place:
        if isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[str(part)].annotation if str(part) in section.model_fields else None
        else:  # a dict's key or a list's index leads to the type of its values
            section = get_args(section)[-1]
        while section is not None and (hasattr(section, "__metadata__") or type(None) in get_args(section)):
            section = get_args(section)[0]
    return set(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else set()


def _did_you_mean(name: object, known: str | Iterable[str]) -> str:
    names = re.findall(r"'([^']+)'", known) if isinstance(known, str) else known
    close = difflib.get_close_matches(str(name), names, 1)
    return f" (did you mean {close[0]}?)" if close else ""
