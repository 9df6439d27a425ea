"""From a row of REQUESTS to what a model reads: one plain text, or the turns of a chat, per question.

The order of things is that of lm-evaluation-harness (`lm_eval/api/task.py`, `fewshot_context`): system prompt, description, few-shot
examples, question, and the start of the answer (`gen_prefix`), which is an assistant turn that the model has to go on with.
"""

from typing import Any

DESCRIPTION_DELIMITER = (
    "\n\n"  # between a system prompt and a description when no few-shot example shows another one
)


def plain(
    request: dict[str, Any], drop_shots: int = 0, system_prompt: str | None = None
) -> list[str]:
    """The prompt as text, one per question; none for a rolling log-likelihood.

    `drop_shots` leaves out that many few-shot examples, the last first. A `system_prompt` goes before everything else.
    """
    system, examples = _preamble(request, drop_shots, system_prompt)
    before = system + "".join(turn["text"] + turn["delimiter"] for turn in examples)
    after = (request["question_delimiter"] or "") + (request["gen_prefix"] or "")
    return [before + question + after for question in request["questions"]]


def messages(
    request: dict[str, Any],
    system_prompt: str | None = None,
    fewshot_as_multiturn: bool = True,
    drop_shots: int = 0,
) -> list[list[dict[str, str]]]:
    """The turns of a chat (`{"role", "content"}`), one list per question; none for a rolling log-likelihood.

    The last turn is the user's, or the assistant's where `gen_prefix` opens the answer: the chat template must leave that turn open
    (`continue_final_message=True`, `add_generation_prompt=False`). With `fewshot_as_multiturn` off, the examples and the question are one
    user turn.
    """
    system, examples = _preamble(request, drop_shots, system_prompt)
    opening = [{"role": "system", "content": system}] if system else []
    answer = (
        [{"role": "assistant", "content": request["gen_prefix"]}] if request["gen_prefix"] else []
    )
    if fewshot_as_multiturn:
        turns = [{"role": turn["role"], "content": turn["text"]} for turn in examples]
        return [
            [*opening, *turns, {"role": "user", "content": question}, *answer]
            for question in request["questions"]
        ]
    before = "".join(turn["text"] + turn["delimiter"] for turn in examples)
    return [
        [*opening, {"role": "user", "content": before + question}, *answer]
        for question in request["questions"]
    ]


def shots(request: dict[str, Any]) -> int:
    """How many few-shot examples the prompt holds."""
    return len(_starts(request["preamble"]))


def _preamble(
    request: dict[str, Any], drop_shots: int, system_prompt: str | None
) -> tuple[str, list[dict[str, Any]]]:
    """The system text, and the turns of the few-shot examples that are kept."""
    turns = request["preamble"]
    description = "".join(turn["text"] for turn in turns if turn["role"] == "system")
    answers = [turn["delimiter"] for turn in turns if turn["role"] == "assistant"]
    system = joined(
        system_prompt or "", description, answers[-1] if answers else DESCRIPTION_DELIMITER
    )
    starts = _starts(turns)
    if not 0 <= drop_shots <= len(starts):
        raise ValueError(
            f"{request['task']}: cannot drop {drop_shots} of {len(starts)} few-shot examples"
        )
    end = starts[len(starts) - drop_shots] if drop_shots else len(turns)
    return system, [turn for turn in turns[:end] if turn["role"] != "system"]


def _starts(turns: list[dict[str, Any]]) -> list[int]:
    """Where each few-shot example begins: at its user turn."""
    return [position for position, turn in enumerate(turns) if turn["role"] == "user"]


def joined(before: str, after: str, delimiter: str) -> str:
    """Both texts, with the delimiter between them only where neither is empty nor has white space at the joint."""
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return before + after
    return before + delimiter + after
