"""Chat templates: the turns of a conversation as the text the model was trained on."""

from typing import Any

from snakeval.errors import UserError

Turns = list[dict[str, str]]


def require_template(tokenizer: Any, where: str) -> None:
    """Raises UserError for a tokenizer that has no chat template to use."""
    try:
        tokenizer.get_chat_template()
    except ValueError as error:
        raise UserError(
            f"{where}: chat: the tokenizer has no chat template to use ({' '.join(str(error).split())}); set `chat: false`"
        ) from None


def render(tokenizer: Any, turns: Turns, where: str) -> str:
    """The conversation up to where the model's answer begins; a last turn of the assistant is left open for the model to go on.

    Where the template refuses a system turn (Gemma's does) or leaves it out, its text goes before the first user turn, as no prompt may
    lose a part unseen. Raises UserError when the template refuses the conversation, or loses the turn that is to be gone on with.
    """
    from jinja2 import TemplateError

    attempts = [turns]
    if len(turns) > 1 and turns[0]["role"] == "system":
        attempts.append(
            [
                {"role": "user", "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"},
                *turns[2:],
            ]
        )
    refusal = None
    for attempt in attempts:
        answered = attempt[-1]["role"] == "assistant"
        try:
            text = tokenizer.apply_chat_template(
                attempt,
                tokenize=False,
                add_generation_prompt=not answered,
                continue_final_message=answered,
            )
        except (TemplateError, ValueError) as error:  # ValueError: the open turn is not in the text
            refusal = refusal or error
            continue
        if attempt is attempts[-1] or attempt[0]["content"].strip() in text:
            return text
    raise UserError(
        f"{where}: the chat template refuses the conversation: {refusal}; set `chat: false` or another few-shot form"
    ) from refusal
