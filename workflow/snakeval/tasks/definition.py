"""What the keys of a task mean: their defaults, their checks, and the settings that later stages take.

The language is that of lm-evaluation-harness 0.4.13 (`lm_eval/config/task.py`). Keys of our own, all optional:

- `cluster`: column or template; documents with equal values are not independent (a shared passage or subject);
- `encoder_inputs`: one or two templates, the segments an encoder reads; with an empty third one an extractive model may answer nothing;
- `fewshot_config.sampler: hash`: examples chosen by a hash of task, document and seed, whatever else is evaluated;
- `primary_metric`: the metric that leads the leaderboard; `chance`: the expected score of guessing.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakeval.errors import UserError
from snakeval.tasks.loader import PACKAGE
from snakeval.tasks.metric_names import name_of
from snakeval.tasks.scoring_settings import ScoringSettings

OUTPUT_TYPES = ("multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until")
SAMPLERS = ("hash", "lm_eval", "default", "first_n")
DEFAULT_METRICS = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
}
MAX_NEW_TOKENS = 256
_MAX_NEW_TOKENS_KEYS = (
    "max_gen_toks",
    "max_new_tokens",
    "max_tokens",
    "max_completion_tokens",
)  # the first given one counts
_TOO_LARGE = 2**31  # for whole numbers in the tables


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_LARGE


def _number(value: Any) -> float:
    """A number, also one that YAML takes for text, as 1e-5; nan, which lies in no range, for anything else."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _function(value: Any) -> bool:
    return isinstance(value, dict) and "!function" in value


def _named(value: Any) -> bool:
    """Whether something is named: one of ours by a text, a task's own by !function."""
    return (_text(value) and value != "") or _function(value)


def _is_pipeline(item: Any) -> bool:
    """Whether an item of `filter_list` is one: a name, and steps that each name their function."""
    steps = item.get("filter") if isinstance(item, dict) and _text(item.get("name")) else None
    return isinstance(steps, list) and all(
        isinstance(step, dict) and _named(step.get("function")) for step in steps
    )


def _any(value: Any) -> bool:
    return True


def _field(value: Any) -> bool:
    return isinstance(value, str | int | list | dict)


_Check = tuple[Callable[[Any], bool], str]
_TEXT: _Check = (_text, "a text")
_COUNT: _Check = (_count, "a whole number, 0 or more")
_POSITIVE: _Check = (lambda value: _count(value) and value > 0, "a whole number, 1 or more")
_BOOLEAN: _Check = (lambda value: isinstance(value, bool), "true or false")
_FUNCTION: _Check = (_function, "!function module.name")
_ANY: _Check = (_any, "anything")
_FIELD: _Check = (_field, "a column, a template, a number, a list or !function module.name")
_MAPPING: _Check = (lambda value: isinstance(value, dict) and not _function(value), "a mapping")
_LIST: _Check = (lambda value: isinstance(value, list), "a list")

KEYS: dict[str, _Check] = {
    "task": _TEXT,
    "task_alias": _TEXT,
    "tag": _ANY,
    "group": _ANY,
    "custom_dataset": _FUNCTION,
    "dataset_path": _TEXT,
    "dataset_name": _TEXT,
    "dataset_kwargs": _MAPPING,
    "training_split": _TEXT,
    "validation_split": _TEXT,
    "test_split": _TEXT,
    "fewshot_split": _TEXT,
    "process_docs": _FUNCTION,
    "doc_to_text": _FIELD,
    "doc_to_target": _FIELD,
    "doc_to_choice": _FIELD,
    "unsafe_code": _BOOLEAN,
    "process_results": _FUNCTION,
    "description": _TEXT,
    "target_delimiter": _TEXT,
    "fewshot_delimiter": _TEXT,
    "fewshot_config": _MAPPING,
    "num_fewshot": _COUNT,
    "metric_list": _LIST,
    "output_type": (lambda value: value in OUTPUT_TYPES, " or ".join(OUTPUT_TYPES)),
    "generation_kwargs": _MAPPING,
    "repeats": _POSITIVE,
    "filter_list": _LIST,
    "should_decontaminate": _ANY,
    "doc_to_decontamination_query": _ANY,
    "gen_prefix": _TEXT,
    "metadata": _ANY,
    "cluster": _TEXT,
    "encoder_inputs": (
        lambda value: (
            isinstance(value, list) and (0 < len(value) < 3 or (len(value) == 3 and value[2] == ""))
        ),
        "a list of one or two templates, or of two and an empty text",
    ),
    "primary_metric": _TEXT,
    "chance": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "a number",
    ),
}
UNSUPPORTED = {
    "doc_to_image": "tasks with images are not supported",
    "doc_to_audio": "tasks with audio are not supported",
    "class": "tasks written as a Python class are not supported",
    "use_prompt": "promptsource prompts are not supported; write the prompt as doc_to_text",
}
FEWSHOT_KEYS: dict[str, _Check] = {
    "sampler": (lambda value: value in SAMPLERS, " or ".join(SAMPLERS)),
    "split": _TEXT,
    "process_docs": _FUNCTION,
    "fewshot_indices": (
        lambda value: isinstance(value, list) and all(map(_count, value)),
        "a list of row numbers",
    ),
    "samples": (
        lambda value: isinstance(value, list) or _function(value),
        "a list of documents or !function module.name",
    ),
    "doc_to_text": _FIELD,
    "doc_to_choice": _FIELD,
    "doc_to_target": _FIELD,
    "gen_prefix": _TEXT,
    "fewshot_delimiter": _TEXT,
    "target_delimiter": _TEXT,
}


GENERATION_KEYS: dict[str, _Check] = {
    **dict.fromkeys(_MAX_NEW_TOKENS_KEYS, _POSITIVE),
    "until": (
        lambda value: _text(value) or (isinstance(value, list) and all(map(_text, value))),
        "a text or a list of texts",
    ),
    "do_sample": _BOOLEAN,
    "temperature": (lambda value: 0 <= _number(value) < math.inf, "a number, 0 or more"),
    "top_p": (lambda value: 0 < _number(value) <= 1, "a number above 0, 1 at most"),
    "top_k": _COUNT,
    "repetition_penalty": (lambda value: 0 < _number(value) < math.inf, "a number above 0"),
    "num_beams": _POSITIVE,
}


@dataclass(frozen=True)
class Task:
    """One leaf task: its merged keys, its file, and where each key was written (`file:line`). `num_fewshot` is the one that counts."""

    name: str
    settings: dict[str, Any]
    num_fewshot: int = 0
    file: str | None = None
    origins: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def dataset(self) -> dict[str, Any]:
        """What must be downloaded: `path`, `name`, `kwargs` for load_dataset, the `splits` that are used, or `custom`, a !function ref.

        A custom data set is what that function gives for `arguments`: a dict of splits.
        """
        s = self.settings
        fewshot = self._fewshot()
        splits = [self._evaluated_split(), fewshot["split"] if fewshot else None]
        kwargs = {
            key: value
            for key, value in (s.get("dataset_kwargs") or {}).items()
            if key != "trust_remote_code"
        }
        wanted: dict[str, Any] = {
            "path": s.get("dataset_path"),
            "name": s.get("dataset_name"),
            "kwargs": kwargs,
            "splits": list(dict.fromkeys(split for split in splits if split)),
        }
        if s.get("custom_dataset"):
            wanted |= {"custom": s["custom_dataset"], "arguments": {**_metadata(s), **kwargs}}
        return wanted

    def request_settings(self) -> dict[str, Any]:
        """The settings that shape prompts and continuations, defaults filled in, and nothing else; plain JSON."""
        s = self.settings
        kind = s.get("output_type") or "generate_until"
        return {
            "task": self.name,
            "file": self.file,
            "output_type": kind,
            "split": self._evaluated_split(),
            "process_docs": s.get("process_docs"),
            "doc_to_text": s.get("doc_to_text"),
            "doc_to_target": s.get("doc_to_target"),
            "doc_to_choice": s.get("doc_to_choice"),
            "description": s.get("description") or "",
            "target_delimiter": _or(s.get("target_delimiter"), " "),
            "gen_prefix": s.get("gen_prefix"),
            "num_fewshot": self.num_fewshot,
            "fewshot": self._fewshot(),
            "generation": self._generation() if kind == "generate_until" else None,
            "mutual_information": kind == "multiple_choice"
            and any(m["metric"] == "acc_mutual_info" for m in self._metrics()),
            "own_scoring": s.get("process_results") is not None,
            "cluster": s.get("cluster"),
            "encoder_inputs": s.get("encoder_inputs") or [],
        }

    def scoring_settings(self) -> ScoringSettings:
        """The settings that turn outputs into scores, defaults filled in."""
        s = self.settings
        version = _metadata(s).get("version")
        return ScoringSettings(
            task=self.name,
            task_alias=s.get("task_alias"),
            output_type=s.get("output_type") or "generate_until",
            metric_list=self._metrics(),
            filter_list=s.get("filter_list") or None,
            process_results=s.get("process_results"),
            repeats=s.get("repeats") or 1,
            num_fewshot=self.num_fewshot,
            version=None if version is None else str(version),
            unsafe_code=bool(s.get("unsafe_code")),
            primary_metric=s.get("primary_metric"),
            chance=s.get("chance"),
        )

    def check(self) -> None:
        """Raise UserError for a key that is unknown, of a wrong type or not supported, and for splits or a data set not given."""
        s = self.settings
        for key in s:
            if key in UNSUPPORTED and s[key] is not None:
                raise UserError(f"{self._where(key)}: {UNSUPPORTED[key]}")
        self._check_keys(s, {**KEYS, **dict.fromkeys(UNSUPPORTED, _ANY)}, "")
        self._check_keys(s.get("fewshot_config") or {}, FEWSHOT_KEYS, "fewshot_config.")
        if not s.get("dataset_path") and not s.get("custom_dataset"):
            raise UserError(
                f"{self._where('task')}: {self.name}: no dataset_path; say where the documents come from"
            )
        if not self._evaluated_split():
            raise UserError(
                f"{self._where('task')}: {self.name}: neither test_split nor validation_split; name the split to evaluate"
            )
        for key in (
            ("doc_to_text", "doc_to_target")
            if s.get("output_type") != "loglikelihood_rolling"
            else ("doc_to_target",)
        ):
            if s.get(key) is None:
                raise UserError(
                    f"{self._where('task')}: {self.name}: no {key}; give a column, a template or !function module.name"
                )
        if s.get("output_type") == "multiple_choice" and s.get("doc_to_choice") is None:
            raise UserError(f"{self._where('output_type')}: multiple_choice needs doc_to_choice")
        if self.num_fewshot and s.get("output_type") != "loglikelihood_rolling":
            self._fewshot()
        self._generation()
        metrics = [name_of(item) for item in self._metrics()]
        if (
            s.get("primary_metric")
            and s["primary_metric"] not in metrics
            and s.get("process_results") is None
        ):
            raise UserError(
                f"{self._where('primary_metric')}: {s['primary_metric']!r} is not in metric_list"
            )
        if twice := _first_twice(metrics):
            raise UserError(
                f"{self._where('metric_list')}: {twice} stands twice, and scores are known by their names; make two tasks"
            )
        for item in s.get("filter_list") or []:
            if not _is_pipeline(item):
                raise UserError(
                    f"{self._where('filter_list')}: each item needs `name` and `filter`, a list of `function: NAME`, not {item!r}"
                )
        if twice := _first_twice([item["name"] for item in s.get("filter_list") or []]):
            raise UserError(
                f"{self._where('filter_list')}: two items are called {twice!r}, and scores are known by it; rename one"
            )

    def _where(self, key: str) -> str:
        """`file:line: key` for an error about a key."""
        origin = self.origins.get(key.partition(".")[0]) or self.origins.get("task")
        return f"{origin}: {key}" if origin else f"{self.name}: {key}"

    def _check_keys(self, given: dict[str, Any], known: dict[str, _Check], prefix: str) -> None:
        for key, value in given.items():
            if key not in known:
                raise UserError(
                    f"{self._where(prefix + str(key))}: unknown key{did_you_mean(str(key), known)}"
                )
            check, wanted = known[key]
            if value is not None and not check(value):
                raise UserError(f"{self._where(prefix + key)}: {value!r} is not {wanted}")

    def _evaluated_split(self) -> str | None:
        return self.settings.get("test_split") or self.settings.get("validation_split")

    def _fewshot(self) -> dict[str, Any] | None:
        """How few-shot examples are chosen and written; None where there are none."""
        s = self.settings
        if not self.num_fewshot or s.get("output_type") == "loglikelihood_rolling":
            return None
        own = s.get("fewshot_config") or {}
        inherited = ("process_docs", "doc_to_text", "doc_to_choice", "doc_to_target", "gen_prefix")
        given = {key: s.get(key) for key in inherited}
        given |= {
            "fewshot_delimiter": _or(s.get("fewshot_delimiter"), "\n\n"),
            "target_delimiter": _or(s.get("target_delimiter"), " "),
        }
        given |= {
            key: value
            for key, value in own.items()
            if key not in ("sampler", "split", "samples", "fewshot_indices")
        }
        for key in ("doc_to_text", "doc_to_target"):
            given[key] = _or(given[key], s.get(key))
        split = own["split"] if "split" in own else s.get("fewshot_split")
        named = (
            split is not None
        )  # a split that is named can be told to be the evaluated one; see `excluding`
        samples = own.get("samples") if split is None else None
        if split is None and samples is None:
            split = s.get("training_split") or s.get("validation_split") or s.get("test_split")
            given["process_docs"] = s.get("process_docs")
        sampler = own.get("sampler") or (
            "lm_eval" if (self.file or "").startswith(f"{PACKAGE}/") else "hash"
        )
        return given | {
            "sampler": "lm_eval" if sampler == "default" else sampler,
            "split": split,
            "samples": samples,
            "indices": own.get("fewshot_indices"),
            # lm-eval leaves the evaluated document out where the names of the two splits are equal, both unset included
            "excluding": (split if named else None) == s.get("test_split"),
        }

    def _generation(self) -> dict[str, Any]:
        """The settings of generate_until in the names of the GENERATION struct, the seed aside."""
        s = self.settings
        given = s.get("generation_kwargs") or {}
        for key in given:
            if key not in GENERATION_KEYS:
                raise UserError(
                    f"{self._where(f'generation_kwargs.{key}')}: not supported{did_you_mean(str(key), GENERATION_KEYS)}"
                )
        self._check_keys(given, GENERATION_KEYS, "generation_kwargs.")
        if given.get("num_beams", 1) != 1:
            raise UserError(
                f"{self._where('generation_kwargs.num_beams')}: beam search is not supported; set it to 1 or leave it out"
            )
        until = given.get("until", [_or(s.get("fewshot_delimiter"), "\n\n")])
        temperature = _number(_or(given.get("temperature"), 1.0 if given.get("do_sample") else 0.0))
        do_sample = _or(given.get("do_sample"), temperature > 0)
        if do_sample and not temperature:
            where = self._where("generation_kwargs")
            raise UserError(
                f"{where}: do_sample is true and temperature 0; set do_sample to false or the temperature above 0"
            )
        return {
            "until": [until] if isinstance(until, str) else until or [],
            "max_new_tokens": next(
                (given[key] for key in _MAX_NEW_TOKENS_KEYS if given.get(key) is not None),
                MAX_NEW_TOKENS,
            ),
            "do_sample": do_sample,
            "temperature": temperature if do_sample else 0.0,
            "top_p": _number(_or(given.get("top_p"), 1.0)),
            "top_k": _or(given.get("top_k"), 0),
            "repetition_penalty": _number(_or(given.get("repetition_penalty"), 1.0)),
            "samples": s.get("repeats") or 1,
        }

    def _metrics(self) -> list[dict[str, Any]]:
        """`metric_list`, or the metrics of the output type; a metric itself knows the aggregation and direction that are not given."""
        given = self.settings.get("metric_list")
        if given is None:
            return [
                {"metric": name}
                for name in DEFAULT_METRICS[self.settings.get("output_type") or "generate_until"]
            ]
        for item in given:
            if not isinstance(item, dict) or not _named(item.get("metric")):
                raise UserError(
                    f"{self._where('metric_list')}: each item needs `metric: name`, not {item!r}"
                )
            if item.get("aggregation") is not None and not _named(item["aggregation"]):
                raise UserError(
                    f"{self._where('metric_list')}: aggregation: {item['aggregation']!r} is no name or !function module.name"
                )
        return given


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` for a word close to a known one, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def _first_twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _metadata(settings: dict[str, Any]) -> dict[str, Any]:
    metadata = settings.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
