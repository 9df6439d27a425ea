"""Few-shot examples as the turns of a prompt.

The texts and what stands between them are those of lm-evaluation-harness (`lm_eval/api/task.py`, `build_qa_turn`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from snakeval.prompts.turns import joined
from snakeval.requests.fields import FieldError, Fields
from snakeval.requests.pool import Document, Pool
from snakeval.requests.samplers import Sampler

Turn = dict[str, Any]


@dataclass(frozen=True)
class Examples:
    """The examples of a task: `choose` gives positions in `rows`, which are rows of `pool`; `settings` say how an example is written.

    `choosing_texts`: the question is an index of the choices, the target what follows either of them (as in WinoGrande).
    """

    settings: dict[str, Any]
    fields: Fields
    pool: Pool
    rows: Sequence[int]
    choose: Sampler
    choosing_texts: bool
    _made: dict[int, list[Turn]] = field(default_factory=dict)

    def before(self, document: Document, text: str) -> list[Turn]:
        """The turns that stand before a document, whose JSON is `text`. Raises FieldError, and TooFew of the sampler."""
        return [
            turn
            for position in self.choose(document, text)
            for turn in self._example(self.rows[position])
        ]

    def _example(self, row: int) -> list[Turn]:
        if row not in self._made:
            try:
                self._made[row] = self._turns(row, self.pool[row])
            except FieldError as error:
                raise FieldError(error.key, f"few-shot example {row}: {error.problem}") from error
        return self._made[row]

    def _turns(self, row: int, document: Document) -> list[Turn]:
        s = self.settings
        question: Any = self.fields.text(s["doc_to_text"], document)
        choices = (
            [] if s["doc_to_choice"] is None else self.fields.choices(s["doc_to_choice"], document)
        )
        target = self.fields.target(s["doc_to_target"], document)
        prefix = (
            self.fields.plain(s["gen_prefix"], document, "gen_prefix") if s["gen_prefix"] else ""
        )
        if self.choosing_texts:
            question, choices = _pick(choices, question, "doc_to_text"), []
        if not isinstance(question, str):
            raise FieldError("doc_to_text", f"gave {question!r}, which is no text")
        delimiter = before_prefix(question, prefix, s["target_delimiter"])
        if target is None or target == "":
            return [turn("user", question, delimiter, row)] + (
                [turn("assistant", prefix, "", row)] if prefix else []
            )
        return [
            turn("user", question, delimiter if prefix else s["target_delimiter"], row),
            turn(
                "assistant",
                joined(prefix, _answer(target, choices), " "),
                s["fewshot_delimiter"],
                row,
            ),
        ]


def turn(role: str, text: str, delimiter: str = "", document: int | None = None) -> Turn:
    """A turn as the REQUESTS table has it."""
    return {"role": role, "text": text, "delimiter": delimiter, "document": document}


def before_prefix(question: str, prefix: str, delimiter: str) -> str:
    """What stands between a question and the start of its answer: the delimiter, unless white space is there or one of them empty."""
    if not prefix or not question or question[-1].isspace() or prefix[0].isspace():
        return ""
    return delimiter


def _answer(target: Any, choices: list[Any]) -> str:
    """The text of a right answer; of several the first."""
    if choices and isinstance(target, int):
        answer = _pick(choices, target, "doc_to_target")
    else:
        answer = target[0] if isinstance(target, list) and target else target
    if not isinstance(answer, str):
        raise FieldError("doc_to_target", f"gave {target!r}, which is no text to show as an answer")
    return answer


def _pick(choices: list[Any], index: Any, key: str) -> Any:
    try:
        return choices[index]
    except (IndexError, TypeError):
        raise FieldError(
            key, f"gave {index!r}, which is no index of {len(choices)} choices"
        ) from None
