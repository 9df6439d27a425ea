"""From a row of REQUESTS to the prompt of each question: one text, or the turns of a chat.

The order is that of lm-evaluation-harness (`lm_eval/api/task.py`, `fewshot_context`): system
prompt, description, few-shot examples, question, start of the answer (`gen_prefix`). In a chat the
start of the answer is an assistant turn, which the model continues.
"""

from typing import Any

# Between a system prompt and a description, when no few-shot example shows another one.
DESCRIPTION_DELIMITER = "\n\n"


def plain(
    request: dict[str, Any], drop_shots: int = 0, system_prompt: str | None = None
) -> list[str]:
    """The prompt as text, one per question. A rolling log-likelihood has none.

    `drop_shots` is how many few-shot examples to leave out, the last first. A `system_prompt` goes
    before everything else.
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
    """The turns of a chat (`{"role", "content"}`), one list per question.

    A rolling log-likelihood has none. The last turn is the user's, or the assistant's where
    `gen_prefix` opens the answer. The chat template must leave that turn open
    (`continue_final_message=True`, `add_generation_prompt=False`). Without `fewshot_as_multiturn`,
    the examples and the question are one user turn.
    """
    system, examples = _preamble(request, drop_shots, system_prompt)
    opening = [{"role": "system", "content": system}] if system else []
    prefix = request["gen_prefix"]
    answer = [{"role": "assistant", "content": prefix}] if prefix else []
    before = ""
    if fewshot_as_multiturn:
        opening += [{"role": turn["role"], "content": turn["text"]} for turn in examples]
    else:
        before = "".join(turn["text"] + turn["delimiter"] for turn in examples)
    return [
        [*opening, {"role": "user", "content": before + question}, *answer]
        for question in request["questions"]
    ]


def shots(request: dict[str, Any]) -> int:
    """How many few-shot examples the prompt has."""
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
    """The position of each few-shot example: its user turn."""
    return [position for position, turn in enumerate(turns) if turn["role"] == "user"]


def joined(before: str, after: str, delimiter: str) -> str:
    """Both texts, with the delimiter between them.

    There is no delimiter where one text is empty or there is white space already.
    """
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return before + after
    return before + delimiter + after
