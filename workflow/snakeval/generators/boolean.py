"""Boolean expressions as in BIG-Bench Hard: `not ( True and False ) or True` is True."""

import random

from snakeval.generators.generator import Generator


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Columns `input` (the expression) and `target` (True or False, equally often).

    The expression has at most difficulty + 1 operands.
    """
    target = rng.random() < 0.5
    while True:
        text, value = _expression(rng, rng.randint(2, difficulty + 1))
        if value == target:
            return {"input": text, "target": str(value)}


def _expression(rng: random.Random, operands: int) -> tuple[str, bool]:
    """Text and value.

    Every inner expression of two operands or more is in parentheses, so precedence never matters.
    """
    if operands == 1:
        value = rng.random() < 0.5
        return _maybe_negated(rng, str(value), value)
    left_operands = rng.randint(1, operands - 1)
    left, left_value = _operand(rng, left_operands)
    right, right_value = _operand(rng, operands - left_operands)
    if rng.random() < 0.5:
        return f"{left} and {right}", left_value and right_value
    return f"{left} or {right}", left_value or right_value


def _operand(rng: random.Random, operands: int) -> tuple[str, bool]:
    text, value = _expression(rng, operands)
    return (text, value) if operands == 1 else _maybe_negated(rng, f"( {text} )", value)


def _maybe_negated(rng: random.Random, text: str, value: bool) -> tuple[str, bool]:
    return (f"not {text}", not value) if rng.random() < 0.3 else (text, value)


GENERATORS = (Generator("boolean", document),)
