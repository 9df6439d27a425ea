"""Documents of a task become requests: parts of the prompt, continuations, right answers.

Prompts and continuations are those of lm-evaluation-harness to the byte (`lm_eval/api/task.py`:
`fewshot_context`, `build_qa_turn`, `construct_requests`). `snakeval.prompts.turns` joins the parts.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
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
from snakeval.tasks.request_settings import FewShot, RequestSettings

_ROWS = 1024  # made into a table at a time

Row = dict[str, Any]


def build_requests(
    task: RequestSettings,
    splits: Mapping[str, Any],
    *,
    limit: int | None = None,
    seed: int = 1234,
    allow_functions: bool = True,
) -> pa.Table:
    """One leaf task's documents as REQUESTS.

    - `splits`: Arrow tables (or datasets.Dataset) by the names of `Task.dataset["splits"]`
    - `limit`: how many documents, from the first on
    - `seed`: of few-shot examples and sampled generation
    - `allow_functions`: whether to run the task's own Python

    Raises UserError for an empty split, a field that cannot be applied to a document, nothing to
    score, or too few examples.
    """
    made = tables(task, splits, limit=limit, seed=seed, allow_functions=allow_functions)
    return pa.concat_tables(made)


def tables(
    task: RequestSettings,
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
            raise UserError(
                f"{task.where(error.key)}document {doc_id}: {error}. Correct the task or its data."
            ) from error
        except TooFew:
            raise UserError(
                f"{task.where('num_fewshot')}document {doc_id}: the split has fewer than "
                f"{task.settings.num_fewshot} other documents for few-shot examples. "
                "Lower num_fewshot or choose a larger fewshot_split."
            ) from None


class _Task:
    """A task with its documents."""

    def __init__(
        self, settings: RequestSettings, splits: Mapping[str, Any], seed: int, allow_functions: bool
    ):
        self.settings = settings
        self._seed = seed
        self._splits = splits
        choosing = settings.doc_to_choice is not None
        self._any_column = Fields(frozenset(), choosing, allow_functions)
        self.documents = self._documents(settings.split, settings.process_docs)
        if not len(self.documents):
            raise UserError(
                f"{self.where('task')}split {settings.split}: no documents. "
                "Check the data set and the task's process_docs."
            )
        self._fields = Fields(frozenset(self.documents.columns), choosing, allow_functions)
        self._varying_contexts = self._contexts_vary()
        self._examples = None if settings.fewshot is None else self._few_shot(settings.fewshot)

    def where(self, key: str) -> str:
        """The start of an error: `file:line: ` of the key where it is known, and the task."""
        file, key, task = self.settings.file, key.partition(".")[0], self.settings.task
        written = loader.load(file) if file else loader.File("", {}, {})
        in_file = written.keys.get(key)
        # A different value was overridden somewhere else.
        known = key in written.origins and in_file == getattr(self.settings, key, in_file)
        return f"{written.origins[key]}: {task}: " if known else f"{task}: "

    def _documents(self, split: str, process_docs: dict[str, Any] | None) -> Pool:
        if split not in self._splits:
            raise UserError(
                f"{self.where('task')}no split {split!r}. Use one of {', '.join(self._splits)}."
            )
        function: Callable[[Any], Any] | None = None
        if process_docs is not None:
            function = lambda table: self._any_column.call(process_docs, "process_docs", table)  # noqa: E731
        try:
            return process(self._splits[split], function)
        except FieldError as error:
            raise UserError(
                f"{self.where('process_docs')}split {split}: {error}. Correct the function."
            ) from error

    def _contexts_vary(self) -> bool:
        """Whether doc_to_text chooses among texts: the first document decides, as in lm-eval."""
        s = self.settings
        if s.output_type == "loglikelihood_rolling" or s.doc_to_choice is None:
            return False
        try:
            return isinstance(self._fields.text(s.doc_to_text, self.documents[0]), int)
        except FieldError as error:
            raise UserError(
                f"{self.where('doc_to_text')}document 0: {error}. Correct the task or its data."
            ) from error

    def _few_shot(self, fewshot: FewShot) -> Examples:
        pool = self._example_pool(fewshot)
        rows = range(len(pool)) if fewshot.indices is None else fewshot.indices
        if rows and max(rows) >= len(pool):
            raise UserError(
                f"{self.where('fewshot_config')}fewshot_indices: no row {max(rows)}. "
                f"The split has {len(pool)} rows, the first is 0."
            )
        candidates = pool if fewshot.indices is None else Pool([pool[row] for row in rows])
        choose = sampler(
            fewshot.sampler,
            candidates,
            self.settings.num_fewshot,
            task=self.settings.task,
            seed=self._seed,
            excluding=fewshot.excluding,
        )
        return Examples(fewshot, self._fields, pool, rows, choose, self._varying_contexts)

    def _example_pool(self, fewshot: FewShot) -> Pool:
        """The documents that may be examples."""
        samples = fewshot.samples
        if fewshot.split is None:
            if functions.is_reference(samples):
                samples = self._any_column.call(samples, "fewshot_config.samples")
            return Pool(list(samples))
        evaluated = (self.settings.split, self.settings.process_docs)
        if (fewshot.split, fewshot.process_docs) == evaluated:
            return self.documents
        return self._documents(fewshot.split, fewshot.process_docs)

    def row(self, doc_id: int, document: Document) -> Row:
        """A document's row of REQUESTS. Raises FieldError and TooFew."""
        s, fields = self.settings, self._fields
        text = json.dumps(document, ensure_ascii=False, default=str)
        kind = s.output_type
        rolling, choosing = kind == "loglikelihood_rolling", kind == "multiple_choice"
        has_choices = s.doc_to_choice is not None and not rolling
        choices = fields.choices(s.doc_to_choice, document) if has_choices else []
        question = "" if rolling else fields.text(s.doc_to_text, document)
        target = fields.target(s.doc_to_target, document)
        questions = [] if rolling else self._questions(question, choices)
        gen_prefix = ""
        if s.gen_prefix is not None and not rolling:
            gen_prefix = fields.plain(s.gen_prefix, document, "gen_prefix")
        question_delimiter: str | None = ""
        if not self._varying_contexts:
            question_delimiter = before_prefix(str(question), gen_prefix, s.target_delimiter)
        answers = [str(choice) for choice in choices]
        delimiter = s.target_delimiter if choosing else ""
        open_turn = s.gen_prefix and not s.gen_prefix[-1].isspace()
        gold_of = question if self._varying_contexts else target
        return {
            "task": s.task,
            "doc_id": doc_id,
            "kind": kind,
            "preamble": [] if rolling else self._preamble(document, text),
            "questions": questions,
            "question_delimiter": question_delimiter,
            "gen_prefix": gen_prefix or None,
            "continuations": self._continuations(target, answers),
            "target_delimiter": delimiter,
            "chat_target_delimiter": delimiter if open_turn else "",
            "choices": answers if choosing else [],
            "gold": _gold(gold_of, choices) if choosing else [],
            "references": self._references(target, choices),
            "segments": [
                fields.plain(item, document, "encoder_inputs") for item in s.encoder_inputs
            ],
            "generation": s.generation and {**asdict(s.generation), "seed": self._seed},
            "cluster": s.cluster and fields.plain(s.cluster, document, "cluster"),
            "document": text,
        }

    def _questions(self, question: str | int, choices: list[Any]) -> list[str]:
        texts: list[Any] = choices if self._varying_contexts else [question]
        for text in texts:
            if not isinstance(text, str):
                key = "doc_to_choice" if self._varying_contexts else "doc_to_text"
                raise FieldError(key, f"gave {text!r}, which is not a text")
        return texts

    def _continuations(self, target: Any, answers: list[str]) -> list[Row]:
        kind = self.settings.output_type
        if kind == "generate_until":
            return []
        if kind == "multiple_choice":
            return self._choices(target, answers)
        if not isinstance(target, str):
            raise FieldError("doc_to_target", f"gave {target!r}, which is not a text")
        if not target and kind == "loglikelihood":
            problem = (
                "gave an empty text, which has no log-likelihood. Drop the document in process_docs"
            )
            raise FieldError("doc_to_target", problem)
        return [{"question": 0 if kind == "loglikelihood" else -1, "text": target}]

    def _choices(self, target: Any, answers: list[str]) -> list[Row]:
        """The continuations of multiple_choice; -1 is the question of those without a context."""
        if not answers:
            raise FieldError("doc_to_choice", "gave no choices")
        varying = self._varying_contexts
        if not self.settings.target_delimiter and "" in ([str(target)] if varying else answers):
            problem = (
                "an empty text after an empty target_delimiter cannot be scored "
                "(process_docs can drop the document)"
            )
            raise FieldError("doc_to_target" if varying else "doc_to_choice", problem)
        scored = [
            {"question": number if varying else 0, "text": str(target) if varying else answer}
            for number, answer in enumerate(answers)
        ]
        if self.settings.mutual_information:
            scored += [{"question": -1, "text": answer} for answer in answers]
        return scored

    def _references(self, target: Any, choices: list[Any]) -> list[str]:
        """The right answers as text. For a task that scores itself they are only shown."""
        generated = self.settings.output_type == "generate_until"
        scores_itself = generated and self.settings.own_scoring
        if choices and not self._varying_contexts and not scores_itself:
            gold = _gold(target, choices)
            if generated and NO_GOLD in gold:
                problem = f"gave {target!r}, which is not an index of {len(choices)} choices"
                raise FieldError("doc_to_target", problem)
            return [str(choices[index]) for index in gold if -len(choices) <= index < len(choices)]
        return [str(item) for item in target] if isinstance(target, list) else [str(target)]

    def _preamble(self, document: Document, text: str) -> list[Row]:
        description = self.settings.description
        if description:
            description = self._fields.plain(description, document, "description")
        system = [turn("system", description)] if description else []
        return system + (self._examples.before(document, text) if self._examples else [])


def _gold(target: Any, choices: list[Any]) -> list[int]:
    """Indices of the right choices.

    NO_GOLD stands for a target that is not among the choices. A target that is neither an index nor
    a text has none.
    """
    if isinstance(target, list):
        return [index for item in target for index in _gold(item, choices)]
    if isinstance(target, float) and target.is_integer():
        target = int(target)
    if isinstance(target, int):
        return [int(target) if -len(choices) <= target < len(choices) else NO_GOLD]
    if isinstance(target, str):
        return [choices.index(target) if target in choices else NO_GOLD]
    return []
