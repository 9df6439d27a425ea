"""Documents of a task become requests: the prompt in its parts, the continuations to score, the right answers.

Prompts and continuations are those of lm-evaluation-harness to the byte (`lm_eval/api/task.py`: `fewshot_context`, `build_qa_turn`,
`construct_requests`); `snakeval.prompts.turns` puts the parts together.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.requests.examples import Examples, before_prefix, turn
from snakeval.requests.fields import FieldError, Fields
from snakeval.requests.pool import Document, Pool, process
from snakeval.requests.samplers import TooFew, sampler
from snakeval.schemas.columns import NO_GOLD
from snakeval.schemas.task import REQUESTS
from snakeval.tasks import functions, loader

_ROWS = 1024  # made into a table at a time

Row = dict[str, Any]


def build_requests(
    task: dict[str, Any],
    splits: Mapping[str, Any],
    *,
    limit: int | None = None,
    seed: int = 1234,
    allow_functions: bool = True,
) -> pa.Table:
    """One leaf task's documents as REQUESTS.

    `task`: `Task.request_settings()`; `splits`: Arrow tables (or datasets.Dataset) by the names of `Task.dataset["splits"]`;
    `limit`: documents from the first on; `seed`: of few-shot examples and sampled generation;
    `allow_functions`: run the task's own Python.
    Raises UserError for an empty split, a field that cannot be applied to a document, nothing to score, too few examples.
    """
    return pa.concat_tables(
        tables(task, splits, limit=limit, seed=seed, allow_functions=allow_functions)
    )


def tables(
    task: dict[str, Any],
    splits: Mapping[str, Any],
    *,
    limit: int | None,
    seed: int,
    allow_functions: bool,
) -> Iterator[pa.Table]:
    """The same, some documents at a time."""
    rows = _rows(_Task(task, splits, seed, allow_functions), limit)
    while chunk := list(islice(rows, _ROWS)):
        yield pa.Table.from_pylist(chunk, schema=REQUESTS)


def _rows(task: "_Task", limit: int | None) -> Iterator[Row]:
    for doc_id, document in enumerate(task.documents.first(limit)):
        try:
            yield task.row(doc_id, document)
        except FieldError as error:
            raise UserError(f"{task.where(error.key)}document {doc_id}: {error}") from error
        except TooFew:
            raise UserError(
                f"{task.where('num_fewshot')}document {doc_id}: there are fewer than {task.settings['num_fewshot']} few-shot "
                f"examples besides the document itself; lower num_fewshot or name a larger fewshot_split"
            ) from None


class _Task:
    """A task with its documents at hand."""

    def __init__(
        self, settings: dict[str, Any], splits: Mapping[str, Any], seed: int, allow_functions: bool
    ):
        self.settings = settings
        self._seed = seed
        self._splits = splits
        self._any_column = Fields(
            frozenset(), settings["doc_to_choice"] is not None, allow_functions
        )
        self.documents = self._documents(settings["split"], settings["process_docs"])
        if not len(self.documents):
            raise UserError(
                f"{self.where('task')}split {settings['split']}: no documents; check the data set or the task's process_docs"
            )
        self._fields = Fields(
            frozenset(self.documents.columns),
            settings["doc_to_choice"] is not None,
            allow_functions,
        )
        self._varying_contexts = self._contexts_vary()
        self._examples = self._few_shot()

    def where(self, key: str) -> str:
        """What an error starts with: `file:line: ` of the key where it is known, and the task."""
        file, key = self.settings["file"], key.partition(".")[0]
        written = loader.load(file) if file else loader.File("", {}, {})
        known = written.keys.get(key) == self.settings.get(
            key, written.keys.get(key)
        )  # else it was overridden somewhere else
        return (
            f"{written.origins[key]}: {self.settings['task']}: "
            if key in written.origins and known
            else f"{self.settings['task']}: "
        )

    def _documents(self, split: str, process_docs: dict[str, Any] | None) -> Pool:
        if split not in self._splits:
            raise UserError(
                f"{self.where('task')}no split {split!r}; the data set has {', '.join(self._splits)}"
            )
        function: Callable[[Any], Any] | None = None
        if process_docs is not None:
            function = lambda table: self._any_column.call(process_docs, "process_docs", table)  # noqa: E731
        try:
            return process(self._splits[split], function)
        except FieldError as error:
            raise UserError(f"{self.where('process_docs')}split {split}: {error}") from error

    def _contexts_vary(self) -> bool:
        """Whether doc_to_text chooses among texts: the first document tells, as in lm-evaluation-harness."""
        if (
            self.settings["output_type"] == "loglikelihood_rolling"
            or self.settings["doc_to_choice"] is None
        ):
            return False
        try:
            return isinstance(
                self._fields.text(self.settings["doc_to_text"], self.documents[0]), int
            )
        except FieldError as error:
            raise UserError(f"{self.where('doc_to_text')}document 0: {error}") from error

    def _few_shot(self) -> Examples | None:
        fewshot = self.settings["fewshot"]
        if fewshot is None:
            return None
        if fewshot["split"] is None:
            samples = fewshot["samples"]
            given = (
                self._any_column.call(samples, "fewshot_config.samples")
                if functions.is_reference(samples)
                else samples
            )
            pool = Pool(list(given))
        elif (
            fewshot["split"] == self.settings["split"]
            and fewshot["process_docs"] == self.settings["process_docs"]
        ):
            pool = self.documents
        else:
            pool = self._documents(fewshot["split"], fewshot["process_docs"])
        rows = range(len(pool)) if fewshot["indices"] is None else fewshot["indices"]
        if rows and max(rows) >= len(pool):
            raise UserError(
                f"{self.where('fewshot_config')}fewshot_indices: no row {max(rows)}; there are {len(pool)}"
            )
        candidates = pool if fewshot["indices"] is None else Pool([pool[row] for row in rows])
        choose = sampler(
            fewshot["sampler"],
            candidates,
            self.settings["num_fewshot"],
            task=self.settings["task"],
            seed=self._seed,
            excluding=fewshot["excluding"],
        )
        return Examples(fewshot, self._fields, pool, rows, choose, self._varying_contexts)

    def row(self, doc_id: int, document: Document) -> Row:
        """A document's row of REQUESTS. Raises FieldError and TooFew."""
        s = self.settings
        text = json.dumps(document, ensure_ascii=False, default=str)
        kind = s["output_type"]
        rolling = kind == "loglikelihood_rolling"
        choices = (
            []
            if s["doc_to_choice"] is None or rolling
            else self._fields.choices(s["doc_to_choice"], document)
        )
        question = "" if rolling else self._fields.text(s["doc_to_text"], document)
        target = self._fields.target(s["doc_to_target"], document)
        questions = [] if rolling else self._questions(question, choices)
        gen_prefix = (
            self._fields.plain(s["gen_prefix"], document, "gen_prefix")
            if s["gen_prefix"] is not None and not rolling
            else ""
        )
        answers = [str(choice) for choice in choices]
        delimiter = s["target_delimiter"] if kind == "multiple_choice" else ""
        return {
            "task": s["task"],
            "doc_id": doc_id,
            "kind": kind,
            "preamble": [] if rolling else self._preamble(document, text),
            "questions": questions,
            "question_delimiter": ""
            if self._varying_contexts
            else before_prefix(str(question), gen_prefix, s["target_delimiter"]),
            "gen_prefix": gen_prefix or None,
            "continuations": self._continuations(target, answers),
            "target_delimiter": delimiter,
            "chat_target_delimiter": delimiter
            if s["gen_prefix"] and not s["gen_prefix"][-1].isspace()
            else "",
            "choices": answers if kind == "multiple_choice" else [],
            "gold": _gold(question if self._varying_contexts else target, choices)
            if kind == "multiple_choice"
            else [],
            "references": self._references(target, choices),
            "segments": [
                self._fields.plain(item, document, "encoder_inputs") for item in s["encoder_inputs"]
            ],
            "generation": s["generation"] and {**s["generation"], "seed": self._seed},
            "cluster": None
            if s["cluster"] is None
            else self._fields.plain(s["cluster"], document, "cluster"),
            "document": text,
        }

    def _questions(self, question: str | int, choices: list[Any]) -> list[str]:
        texts: list[Any] = choices if self._varying_contexts else [question]
        for text in texts:
            if not isinstance(text, str):
                raise FieldError(
                    "doc_to_choice" if self._varying_contexts else "doc_to_text",
                    f"gave {text!r}, which is no text",
                )
        return texts

    def _continuations(self, target: Any, answers: list[str]) -> list[Row]:
        kind = self.settings["output_type"]
        if kind == "generate_until":
            return []
        if kind != "multiple_choice":
            if not isinstance(target, str):
                raise FieldError("doc_to_target", f"gave {target!r}, which is no text")
            if not target and kind == "loglikelihood":
                raise FieldError(
                    "doc_to_target",
                    "gave an empty text, which has no log-likelihood; drop the document in process_docs",
                )
            return [{"question": 0 if kind == "loglikelihood" else -1, "text": target}]
        if not answers:
            raise FieldError("doc_to_choice", "gave no choices")
        if not self.settings["target_delimiter"] and "" in (
            [str(target)] if self._varying_contexts else answers
        ):
            key = "doc_to_target" if self._varying_contexts else "doc_to_choice"
            raise FieldError(
                key,
                "an empty text after an empty target_delimiter cannot be scored; correct it or drop the document in process_docs",
            )
        asked = [
            {
                "question": number if self._varying_contexts else 0,
                "text": str(target) if self._varying_contexts else answer,
            }
            for number, answer in enumerate(answers)
        ]
        return asked + [
            {"question": -1, "text": answer}
            for answer in answers
            if self.settings["mutual_information"]
        ]

    def _references(self, target: Any, choices: list[Any]) -> list[str]:
        """The right answers as text; what they are where the task scores itself is for the eye."""
        generated = self.settings["output_type"] == "generate_until"
        if (
            choices
            and not self._varying_contexts
            and not (generated and self.settings["own_scoring"])
        ):
            gold = _gold(target, choices)
            if generated and NO_GOLD in gold:
                raise FieldError(
                    "doc_to_target", f"gave {target!r}, which is no index of {len(choices)} choices"
                )
            return [str(choices[index]) for index in gold if -len(choices) <= index < len(choices)]
        return [str(item) for item in target] if isinstance(target, list) else [str(target)]

    def _preamble(self, document: Document, text: str) -> list[Row]:
        description = (
            self._fields.plain(self.settings["description"], document, "description")
            if self.settings["description"]
            else ""
        )
        system = [turn("system", description)] if description else []
        return system + (self._examples.before(document, text) if self._examples else [])


def _gold(target: Any, choices: list[Any]) -> list[int]:
    """Indices of the right choices; NO_GOLD for one that is not among them; none where the target is neither index nor text."""
    if isinstance(target, list):
        return [index for item in target for index in _gold(item, choices)]
    if isinstance(target, float) and target.is_integer():
        target = int(target)
    if isinstance(target, int):
        return [int(target) if -len(choices) <= target < len(choices) else NO_GOLD]
    if isinstance(target, str):
        return [choices.index(target) if target in choices else NO_GOLD]
    return []
