"""`doc_to_*` and the other templates of a task, applied to a document.

A field is a number, a column, a Jinja2 template, a list, a mapping or a function. The values of
each form, and when text becomes a number or a list, are those of lm-evaluation-harness
(`lm_eval/api/task.py`, `doc_to_text` and its siblings).
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from snakeval.errors import UserError
from snakeval.requests.template_filters import FILTERS
from snakeval.tasks import functions

Document = dict[str, Any]
# What `ast.literal_eval` raises.
_NO_LITERAL = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


class FieldError(ValueError):
    """A field that cannot be applied to a document: the key, and why.

    The caller, which knows the document, adds its number.
    """

    def __init__(self, key: str, problem: str):
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


# Users share task files with templates. In a sandbox, templates can shape text and do nothing else.
_ENVIRONMENT = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
_ENVIRONMENT.filters |= FILTERS


@dataclass(frozen=True)
class Fields:
    """Applies fields to documents with these columns.

    `choosing`: the task has choices, so digits are an index.
    """

    columns: frozenset[str]
    choosing: bool
    allow_functions: bool = True

    def text(self, field: Any, document: Document, key: str = "doc_to_text") -> str | int:
        """The question. An int chooses among the texts of doc_to_choice."""
        if isinstance(field, str) and field not in self.columns:
            self._reject_lone_name(field, document, key)
            return self._number(render(field, document, key))
        return self._given(field, document, key)

    def target(self, field: Any, document: Document, key: str = "doc_to_target") -> Any:
        """The right answer: a text, a choice's index, or a list of them."""
        if isinstance(field, list):
            return field
        if not isinstance(field, str) or field in self.columns:
            return self._given(field, document, key)
        text = self._number(render(field, document, key))
        if isinstance(text, str) and len(text) > 1 and text[0] == "[" and text[-1] == "]":
            try:
                return ast.literal_eval(text)
            except _NO_LITERAL:
                return text
        return text

    def choices(self, field: Any, document: Document, key: str = "doc_to_choice") -> list[Any]:
        """The answers to choose from."""
        if isinstance(field, list):
            return field
        if isinstance(field, dict) and not functions.is_reference(field):
            return list(field.values())
        if isinstance(field, str) and field not in self.columns:
            self._reject_lone_name(field, document, key)
            text = render(field, document, key)
            try:
                found = ast.literal_eval(text)
            except _NO_LITERAL:
                raise FieldError(key, f"rendered to {_short(text)}, which is not a list") from None
        else:
            found = self._given(field, document, key)
        if not isinstance(found, list | tuple):
            raise FieldError(key, f"gave {_short(found)}, not a list of choices")
        return list(found)

    def plain(self, field: str, document: Document, key: str) -> str:
        """A column's value or a rendered template, as text; nothing for null."""
        if field not in document:
            return render(field, document, key)
        return "" if document[field] is None else str(document[field])

    def call(self, reference: dict[str, Any], key: str, *arguments: Any) -> Any:
        """The result of a task's function.

        Raises FieldError when it fails, and UserError when functions are not allowed.
        """
        function = self.function(reference, key)
        try:
            return function(*arguments)
        except Exception as error:  # the code of a task may fail in any way
            problem = f"!function {reference['!function']} raised {type(error).__name__}: {error}"
            raise FieldError(key, problem) from error

    def function(self, reference: dict[str, Any], key: str) -> Callable[..., Any]:
        """The function itself. Raises UserError when functions are not allowed."""
        if not self.allow_functions:
            raise UserError(
                f"{reference['file']}: {key}: !function {reference['!function']} is Python. "
                "Set `allow_functions: true` to run it."
            )
        return _function(reference["!function"], reference["file"], reference["digest"])

    def _given(self, field: Any, document: Document, key: str) -> Any:
        if isinstance(field, int):
            return field
        if isinstance(field, str):
            if field not in document:
                columns = ", ".join(map(str, document))
                raise FieldError(key, f"the document has no column {field!r}, only {columns}")
            return document[field]
        if functions.is_reference(field):
            return self.call(field, key, document)
        raise FieldError(key, f"{_short(field)} is not a column, a template or a function")

    def _number(self, text: str) -> str | int:
        try:
            return int(text) if self.choosing and text.isdecimal() else text
        except ValueError:  # more digits than Python reads: not an index
            return text

    def _reject_lone_name(self, field: str, document: Document, key: str) -> None:
        """Refuse a single word that is not a column: it is a mistake, not a constant prompt."""
        if field.isidentifier():
            raise FieldError(key, f"no column {field!r}, only {', '.join(map(str, document))}")


def render(template: str, document: Document, key: str) -> str:
    """A Jinja2 template with the columns of a document as its variables.

    Raises FieldError for a variable that is not a column, and for any other error.
    """
    try:
        return _compiled(template).render(document)
    except jinja2.UndefinedError as error:
        columns = ", ".join(map(str, document))
        raise FieldError(key, f"{error.message}. The document has {columns}") from None
    except jinja2.TemplateSyntaxError as error:
        raise FieldError(key, f"template, line {error.lineno}: {error.message}") from None
    except Exception as error:  # an expression of a template may fail in any way
        raise FieldError(key, f"template: {type(error).__name__}: {error}") from None


@cache
def _compiled(template: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(template)


@cache
def _function(qualified: str, source: str, digest: str | None) -> Callable[..., Any]:
    return functions.load({"!function": qualified, "file": source, "digest": digest})


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
