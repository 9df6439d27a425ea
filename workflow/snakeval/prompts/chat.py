"""Chat templates: the turns of a conversation as the text the model was trained on."""

from typing import Any

from snakeval.errors import UserError

Turns = list[dict[str, str]]


def require_template(tokenizer: Any, where: str) -> None:
    """Raise UserError for a tokenizer without a usable chat template."""
    try:
        tokenizer.get_chat_template()
    except ValueError as error:
        raise UserError(
            f"{where}: chat: the tokenizer has no chat template to use "
            f"({' '.join(str(error).split())}). Set `chat: false`."
        ) from None


def render(tokenizer: Any, turns: Turns, where: str) -> str:
    """The conversation up to the start of the model's answer.

    A last turn of the assistant stays open, so that the model continues it. Some templates refuse a
    system turn (Gemma's does) or leave it out. Then its text goes before the first user turn, so
    that the prompt loses nothing. Raises UserError when the template refuses the conversation, or
    loses the turn that the model must continue.
    """
    from jinja2 import TemplateError

    attempts = [turns]
    if len(turns) > 1 and turns[0]["role"] == "system":
        together = f"{turns[0]['content']}\n\n{turns[1]['content']}"
        attempts.append([{"role": "user", "content": together}, *turns[2:]])
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
        f"{where}: the chat template refuses the conversation: {refusal}. "
        "Set `chat: false`, or change fewshot_as_multiturn."
    ) from refusal
