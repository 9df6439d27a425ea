"""A task: its merged keys, their checks, and the settings that later stages take from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakeval.errors import UserError
from snakeval.tasks.keys import (
    FEWSHOT_KEYS,
    GENERATION_KEYS,
    KEYS,
    MAX_NEW_TOKENS_KEYS,
    UNSUPPORTED,
    Check,
    did_you_mean,
    is_named,
    is_text,
    number,
)
from snakeval.tasks.loader import PACKAGE
from snakeval.tasks.metric_names import name_of
from snakeval.tasks.request_settings import FewShot, Generation, RequestSettings
from snakeval.tasks.scoring_settings import ScoringSettings

DEFAULT_METRICS = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
}
MAX_NEW_TOKENS = 256


@dataclass(frozen=True)
class Task:
    """One leaf task: its merged keys, its file, and where each key was written (`file:line`).

    `num_fewshot` is the number of examples after the configuration's override.
    """

    name: str
    settings: dict[str, Any]
    num_fewshot: int = 0
    file: str | None = None
    origins: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def dataset(self) -> dict[str, Any]:
        """What must be downloaded: `path`, `name`, `kwargs` for load_dataset and the used `splits`.

        A custom data set has also `custom`, a reference to a function, and its `arguments`. The
        function returns a dict of splits.
        """
        s = self.settings
        fewshot = self._fewshot()
        splits = [self._evaluated_split(), fewshot.split if fewshot else None]
        kwargs = dict(s.get("dataset_kwargs") or {})
        kwargs.pop("trust_remote_code", None)
        wanted: dict[str, Any] = {
            "path": s.get("dataset_path"),
            "name": s.get("dataset_name"),
            "kwargs": kwargs,
            "splits": list(dict.fromkeys(split for split in splits if split)),
        }
        if s.get("custom_dataset"):
            wanted |= {"custom": s["custom_dataset"], "arguments": {**_metadata(s), **kwargs}}
        return wanted

    def request_settings(self) -> RequestSettings:
        """The settings that shape prompts and continuations, and nothing else."""
        s = self.settings
        kind = self._output_type
        scores_choices_alone = any(m["metric"] == "acc_mutual_info" for m in self._metrics())
        return RequestSettings(
            task=self.name,
            file=self.file,
            output_type=kind,
            split=self._evaluated_split() or "",
            process_docs=s.get("process_docs"),
            doc_to_text=s.get("doc_to_text"),
            doc_to_target=s.get("doc_to_target"),
            doc_to_choice=s.get("doc_to_choice"),
            description=s.get("description") or "",
            target_delimiter=_or(s.get("target_delimiter"), " "),
            gen_prefix=s.get("gen_prefix"),
            num_fewshot=self.num_fewshot,
            fewshot=self._fewshot(),
            generation=self._generation() if kind == "generate_until" else None,
            mutual_information=kind == "multiple_choice" and scores_choices_alone,
            own_scoring=s.get("process_results") is not None,
            cluster=s.get("cluster"),
            encoder_inputs=s.get("encoder_inputs") or [],
        )

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
        """Raise UserError for an unknown or unsupported key, a wrong value, or a missing key."""
        for key, reason in UNSUPPORTED.items():
            if self.settings.get(key) is not None:
                raise UserError(f"{self._where(key)}: {reason}")
        supported = {key: value for key, value in self.settings.items() if key not in UNSUPPORTED}
        self._check_keys(supported, KEYS, "")
        self._check_keys(self.settings.get("fewshot_config") or {}, FEWSHOT_KEYS, "fewshot_config.")
        self._check_documents()
        if self.num_fewshot and self._output_type != "loglikelihood_rolling":
            self._fewshot()
        self._generation()
        self._check_metrics()
        self._check_filters()

    @property
    def _output_type(self) -> str:
        return self.settings.get("output_type") or "generate_until"

    def _where(self, key: str) -> str:
        """`file:line: key` for an error about a key."""
        origin = self.origins.get(key.partition(".")[0]) or self.origins.get("task")
        return f"{origin}: {key}" if origin else f"{self.name}: {key}"

    def _check_keys(
        self, given: Mapping[str, Any], known: Mapping[str, Check], prefix: str
    ) -> None:
        for key, value in given.items():
            if key not in known:
                hint = did_you_mean(str(key), known) or " Correct or remove it."
                raise UserError(f"{self._where(f'{prefix}{key}')}: unknown key.{hint}")
            is_right, wanted = known[key]
            if value is not None and not is_right(value):
                raise UserError(
                    f"{self._where(prefix + key)}: {value!r} is not {wanted}. Correct it."
                )

    def _check_documents(self) -> None:
        """Check the keys that every task needs: for its documents and for their text."""
        s, where = self.settings, f"{self._where('task')}: {self.name}"
        if not s.get("dataset_path") and not s.get("custom_dataset"):
            raise UserError(f"{where}: no dataset_path. Add the source of the documents.")
        if not self._evaluated_split():
            raise UserError(
                f"{where}: no test_split or validation_split. Add the split to evaluate."
            )
        rolling = self._output_type == "loglikelihood_rolling"
        for key in ("doc_to_target",) if rolling else ("doc_to_text", "doc_to_target"):
            if s.get(key) is None:
                raise UserError(
                    f"{where}: no {key}. Add a column, a template or !function module.name."
                )
        if self._output_type == "multiple_choice" and s.get("doc_to_choice") is None:
            raise UserError(
                f"{self._where('output_type')}: multiple_choice needs doc_to_choice. Add it."
            )

    def _check_metrics(self) -> None:
        names = [name_of(item) for item in self._metrics()]
        primary = self.settings.get("primary_metric")
        scores_itself = self.settings.get("process_results") is not None
        if primary and primary not in names and not scores_itself:
            raise UserError(
                f"{self._where('primary_metric')}: {primary!r} is not in metric_list. "
                f"Use one of {', '.join(names)}."
            )
        if twice := _first_twice(names):
            raise UserError(
                f"{self._where('metric_list')}: two items are named {twice}, and scores need "
                "different names. Make two tasks."
            )

    def _check_filters(self) -> None:
        pipelines = self.settings.get("filter_list") or []
        for item in pipelines:
            if not _is_pipeline(item):
                raise UserError(
                    f"{self._where('filter_list')}: each item needs `name` and `filter`, a list of "
                    f"`function: NAME`, not {item!r}. Correct it."
                )
        if twice := _first_twice([item["name"] for item in pipelines]):
            raise UserError(
                f"{self._where('filter_list')}: two items are named {twice!r}, and scores need "
                "different names. Rename one."
            )

    def _evaluated_split(self) -> str | None:
        return self.settings.get("test_split") or self.settings.get("validation_split")

    def _fewshot(self) -> FewShot | None:
        """How few-shot examples are chosen and written; None where there are none."""
        s = self.settings
        if not self.num_fewshot or s.get("output_type") == "loglikelihood_rolling":
            return None
        own = s.get("fewshot_config") or {}
        written = {
            "process_docs": s.get("process_docs"),
            "doc_to_text": s.get("doc_to_text"),
            "doc_to_choice": s.get("doc_to_choice"),
            "doc_to_target": s.get("doc_to_target"),
            "gen_prefix": s.get("gen_prefix"),
            "fewshot_delimiter": _or(s.get("fewshot_delimiter"), "\n\n"),
            "target_delimiter": _or(s.get("target_delimiter"), " "),
        }
        written |= {key: value for key, value in own.items() if key in written}
        for key in ("doc_to_text", "doc_to_target"):
            written[key] = _or(written[key], s.get(key))
        split = own["split"] if "split" in own else s.get("fewshot_split")
        named = split  # before defaults, for `excluding`
        samples = own.get("samples") if split is None else None
        if split is None and samples is None:
            split = s.get("training_split") or s.get("validation_split") or s.get("test_split")
            written["process_docs"] = s.get("process_docs")
        of_package = (self.file or "").startswith(f"{PACKAGE}/")
        sampler = own.get("sampler") or ("lm_eval" if of_package else "hash")
        return FewShot(
            sampler="lm_eval" if sampler == "default" else sampler,
            split=split,
            samples=samples,
            indices=own.get("fewshot_indices"),
            # lm-eval leaves the evaluated document out where the two splits have the same name,
            # and also where both names are missing.
            excluding=named == s.get("test_split"),
            **written,
        )

    def _generation(self) -> Generation:
        """The settings of generate_until. Raises UserError for a wrong or unsupported one."""
        s = self.settings
        given = s.get("generation_kwargs") or {}
        for key in given:
            if key not in GENERATION_KEYS:
                hint = did_you_mean(str(key), GENERATION_KEYS) or " Remove it."
                where = self._where(f"generation_kwargs.{key}")
                raise UserError(f"{where}: not supported.{hint}")
        self._check_keys(given, GENERATION_KEYS, "generation_kwargs.")
        if given.get("num_beams", 1) != 1:
            raise UserError(
                f"{self._where('generation_kwargs.num_beams')}: beam search is not supported. "
                "Set it to 1 or remove it."
            )
        until = given.get("until", [_or(s.get("fewshot_delimiter"), "\n\n")])
        temperature = number(_or(given.get("temperature"), 1.0 if given.get("do_sample") else 0.0))
        do_sample = _or(given.get("do_sample"), temperature > 0)
        if do_sample and not temperature:
            raise UserError(
                f"{self._where('generation_kwargs')}: do_sample is true but temperature 0. "
                "Set do_sample to false or the temperature above 0."
            )
        limits = [given[key] for key in MAX_NEW_TOKENS_KEYS if given.get(key) is not None]
        return Generation(
            until=[until] if isinstance(until, str) else until or [],
            max_new_tokens=limits[0] if limits else MAX_NEW_TOKENS,
            do_sample=do_sample,
            temperature=temperature if do_sample else 0.0,
            top_p=number(_or(given.get("top_p"), 1.0)),
            top_k=_or(given.get("top_k"), 0),
            repetition_penalty=number(_or(given.get("repetition_penalty"), 1.0)),
            samples=s.get("repeats") or 1,
        )

    def _metrics(self) -> list[dict[str, Any]]:
        """`metric_list`, or the metrics of the output type.

        A metric itself knows the aggregation and direction that are not given.
        """
        given = self.settings.get("metric_list")
        if given is None:
            return [{"metric": name} for name in DEFAULT_METRICS[self._output_type]]
        where = self._where("metric_list")
        for item in given:
            if not isinstance(item, dict) or not is_named(item.get("metric")):
                raise UserError(
                    f"{where}: each item needs `metric: name`, not {item!r}. Correct it."
                )
            aggregation = item.get("aggregation")
            if aggregation is not None and not is_named(aggregation):
                raise UserError(
                    f"{where}: aggregation: {aggregation!r} is not a name or "
                    "!function module.name. Correct it."
                )
        return given


def _is_pipeline(item: Any) -> bool:
    """Whether an item of `filter_list` has a name, and steps that each name their function."""
    steps = item.get("filter") if isinstance(item, dict) and is_text(item.get("name")) else None
    return isinstance(steps, list) and all(
        isinstance(step, dict) and is_named(step.get("function")) for step in steps
    )


def _first_twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _metadata(settings: Mapping[str, Any]) -> dict[str, Any]:
    metadata = settings.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
