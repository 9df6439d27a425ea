"""Text and numbers as a reader should see them.

All text that comes from data or models is hostile. Jinja2 escapes the markup, `visible` shows what
a browser would hide or obey. `static/text.js` does the same for text that the page loads later.
"""

import math
import re
import unicodedata

# Controls except tab and newline, direction marks and overrides, zero-width characters,
# separators that break lines, variation tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def visible(text: object) -> str:
    """The text with characters that are invisible, or turn its direction, written as ⟨U+202E⟩."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", str(text))


def shortened(text: str, width: int) -> str:
    """At most `width` columns of text, the middle left out; wide characters count double."""
    text = visible(text)
    if _columns(text) <= width:
        return text
    head, tail = text, text
    while _columns(head) > (width - 1) - (width - 1) // 2:
        head = head[:-1]
    while _columns(tail) > (width - 1) // 2:
        tail = tail[1:]
    return f"{head}…{tail}"


def number(value: float | None, digits: int = 3) -> str:
    """A score: `digits` decimals below 10, four significant digits above.

    – for None and nan, ∞ for infinity.
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e6:
        return f"{value:.3g}".replace("e+", "e")
    decimals = digits if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}".replace("-", "−").replace(",", " ")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign; a true minus, so that columns align."""
    return "–" if value is None else ("+" if value > 0 else "") + number(value, digits)


def probability(p: float | None) -> str:
    """A p value as it is printed in papers."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def integer(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}".replace(",", " ")


def percent(share: float) -> str:
    """A share with one decimal below ten percent, none above."""
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}\u00a0%"


def size(n: float | None) -> str:
    """Bytes in the largest binary unit that keeps a digit before the point."""
    if n is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def energy(joules: float | None) -> str:
    """Joules below a watt-hour, then Wh and kWh."""
    if joules is None:
        return "–"
    if joules < 3600:
        return f"{joules:.3g} J"
    hours = joules / 3600
    return f"{hours:.3g} Wh" if hours < 999.5 else f"{number(hours / 1000, 2)} kWh"


def names(items: list[str], most: int = 4) -> str:
    """A list in prose: a, b and c; beyond `most`, how many more."""
    shown = items if len(items) <= most else [*items[: most - 1], f"{len(items) - most + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return ", ".join(shown[:-1]) + " and " + shown[-1]


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
