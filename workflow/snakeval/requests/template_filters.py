"""Filters of the templates in task files, next to Jinja2's own.

`regex_replace` is that of lm-evaluation-harness. With the others a task needs no Python module.
"""

import ast
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

_WIKITEXT_REPLACEMENTS = (
    ("s '", "s'"), (" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."),
    (" : ", ": "), (" ; ", "; "), (" . ", ". "), (" ! ", "! "), (" ? ", "? "), (" , ", ", "),
)  # fmt: skip
_WIKITEXT_PAIRS = (
    (r"\(\s*([^\)]*?)\s*\)", r"(\1)"), (r"\[\s*([^\]]*?)\s*\]", r"[\1]"),
    (r"{\s*([^}]*?)\s*}", r"{\1}"),
    (r"\"\s*([^\"]*?)\s*\"", r'"\1"'), (r"'\s*([^']*?)\s*'", r"'\1'"),
)  # fmt: skip
_WIKITEXT_REST = (
    ("= = = =", "===="), ("= = =", "==="), ("= =", "=="),
    (" \N{DEGREE SIGN} ", "\N{DEGREE SIGN}"),
    (" \n", "\n"), ("\n ", "\n"), (" N ", " 1 "), (" 's", "'s"),
)  # fmt: skip


def regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    """`re.sub`; `count` 0 replaces all matches."""
    return re.sub(pattern, replacement, text, count=count)


def literal(text: str) -> Any:
    """The value of a list, dictionary, number or text in Python syntax, as in some data sets."""
    return ast.literal_eval(text)


def shuffled(items: Sequence[Any], seed: int = 0) -> list[Any]:
    """The items, sorted by the hash of all texts, the seed and the position.

    So only the texts and the seed decide the order.
    """
    content = "\0".join(map(str, [seed, *items]))
    order = sorted(
        range(len(items)), key=lambda place: hashlib.sha256(f"{content}\0{place}".encode()).digest()
    )
    return [items[place] for place in order]


def detokenised_wikitext(text: str) -> str:
    """WikiText's spaced punctuation, numbers and headings in their usual form.

    The steps are those of Megatron-LM's zero-shot evaluation (github.com/NVIDIA/Megatron-LM,
    tasks/zeroshot_gpt/detokenizer.py).
    """
    for old, new in _WIKITEXT_REPLACEMENTS:
        text = text.replace(old, new)
    for pattern, without_space in _WIKITEXT_PAIRS:
        text = re.sub(pattern, without_space, text)
    for old, new in _WIKITEXT_REST:
        text = text.replace(old, new)
    return text


FILTERS: dict[str, Callable[..., Any]] = {
    "regex_replace": regex_replace,
    "literal": literal,
    "shuffled": shuffled,
    "detokenised_wikitext": detokenised_wikitext,
}
