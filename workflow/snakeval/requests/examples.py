"""Few-shot examples as the turns of a prompt.

The texts and their delimiters are those of lm-evaluation-harness (`lm_eval/api/task.py`,
`build_qa_turn`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from snakeval.prompts.turns import joined
from snakeval.requests.fields import FieldError, Fields
from snakeval.requests.pool import Document, Pool
from snakeval.requests.samplers import Sampler
from snakeval.tasks.request_settings import FewShot

Turn = dict[str, Any]


@dataclass(frozen=True)
class Examples:
    """The examples of a task.

    `choose` gives positions in `rows`, which are rows of `pool`. `settings` say how an example is
    written. With `choosing_texts` the question is an index of the choices, and the target follows
    the chosen one (as in WinoGrande).
    """

    settings: FewShot
    fields: Fields
    pool: Pool
    rows: Sequence[int]
    choose: Sampler
    choosing_texts: bool
    _made: dict[int, list[Turn]] = field(default_factory=dict)

    def before(self, document: Document, text: str) -> list[Turn]:
        """The turns before a document, whose JSON is `text`. Raises FieldError and TooFew."""
        rows = [self.rows[position] for position in self.choose(document, text)]
        return [turn for row in rows for turn in self._example(row)]

    def _example(self, row: int) -> list[Turn]:
        if row not in self._made:
            try:
                self._made[row] = self._turns(row, self.pool[row])
            except FieldError as error:
                raise FieldError(error.key, f"few-shot example {row}: {error.problem}") from error
        return self._made[row]

    def _turns(self, row: int, document: Document) -> list[Turn]:
        s, fields = self.settings, self.fields
        question: Any = fields.text(s.doc_to_text, document)
        choices = [] if s.doc_to_choice is None else fields.choices(s.doc_to_choice, document)
        target = fields.target(s.doc_to_target, document)
        prefix = fields.plain(s.gen_prefix, document, "gen_prefix") if s.gen_prefix else ""
        if self.choosing_texts:
            question, choices = _pick(choices, question, "doc_to_text"), []
        if not isinstance(question, str):
            raise FieldError("doc_to_text", f"gave {question!r}, which is not a text")
        delimiter = before_prefix(question, prefix, s.target_delimiter)
        if target is None or target == "":
            asked = [turn("user", question, delimiter, row)]
            return [*asked, turn("assistant", prefix, "", row)] if prefix else asked
        answer = joined(prefix, _answer(target, choices), " ")
        return [
            turn("user", question, delimiter if prefix else s.target_delimiter, row),
            turn("assistant", answer, s.fewshot_delimiter, row),
        ]


def turn(role: str, text: str, delimiter: str | None = "", document: int | None = None) -> Turn:
    """A turn as the REQUESTS table has it."""
    return {"role": role, "text": text, "delimiter": delimiter, "document": document}


def before_prefix(question: str, prefix: str, delimiter: str | None) -> str | None:
    """The text between a question and the start of its answer.

    It is the delimiter, or nothing where there is white space or one of the two is empty.
    """
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
        raise FieldError(
            "doc_to_target", f"gave {target!r}, which is not a text to show as an answer"
        )
    return answer


def _pick(choices: list[Any], index: Any, key: str) -> Any:
    try:
        return choices[index]
    except (IndexError, TypeError):
        problem = f"gave {index!r}, which is not an index of {len(choices)} choices"
        raise FieldError(key, problem) from None
