"""The settings of a task that shape its requests: plain data that JSON can hold."""

from dataclasses import dataclass
from typing import Any

Field = Any
"""A column, a template, a number, a list, or a reference to a function (a dictionary)."""


@dataclass(frozen=True)
class Generation:
    """How an answer is generated, in the names of the GENERATION struct, without the seed."""

    until: list[str]
    max_new_tokens: int
    do_sample: bool
    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    samples: int


@dataclass(frozen=True)
class FewShot:
    """How few-shot examples are chosen and written."""

    sampler: str
    """hash, lm_eval or first_n"""
    split: str | None
    """The split that holds the examples; None: they are `samples`."""
    samples: Any
    """Examples written in the task file, or a reference to a function that makes them."""
    indices: list[int] | None
    """Rows that may be examples; None: all."""
    excluding: bool
    """Whether lm_eval's sampler leaves the evaluated document out."""
    process_docs: dict[str, Any] | None
    doc_to_text: Field
    doc_to_choice: Field
    doc_to_target: Field
    gen_prefix: str | None
    fewshot_delimiter: str | None
    target_delimiter: str | None


@dataclass(frozen=True)
class RequestSettings:
    """Everything in a task that shapes prompts and continuations, defaults filled in.

    The fields are the keys of the task file; `snakeval.tasks.keys` explains our own. Read them back
    from JSON with pydantic:

        TypeAdapter(RequestSettings).validate_json(text)
    """

    task: str
    file: str | None
    """The task file, for messages."""
    output_type: str
    split: str
    """The evaluated split."""
    process_docs: dict[str, Any] | None
    doc_to_text: Field
    doc_to_target: Field
    doc_to_choice: Field
    description: str
    target_delimiter: str
    gen_prefix: str | None
    num_fewshot: int
    fewshot: FewShot | None
    generation: Generation | None
    """Of generate_until only."""
    mutual_information: bool
    """Whether choices are also scored without a question, for acc_mutual_info."""
    own_scoring: bool
    """Whether the task scores answers with a function of its own."""
    cluster: str | None
    encoder_inputs: list[str]
