"""The printed table as LaTeX for booktabs: the best score in bold, intervals as indices."""

from collections.abc import Sequence
from pathlib import Path

from snakeval.analysis.exports.printed import Printed, Score

SUFFIX = "tex"
_CHARACTERS = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {character: f"\\{character}" for character in "&%$#_{}"}
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--", "†": r"$^\dagger$", "∞": r"$\infty$"}
)
_LEGEND = (
    r"% Needs \usepackage{booktabs}. Bold: best; dagger: not to be told from the best "
    "(paired tests, Holm-adjusted per task, 5 %).\n"
    "% Indices and exponents: ends of the 95 % interval.\n"
)


def write(printed: Printed, path: Path) -> None:
    form = "".join("r" if name in printed.numeric else "l" for name in printed.head)
    lines = [
        rf"\begin{{tabular}}{{{form}}}",
        r"\toprule",
        _line([escaped(name) for name in printed.head]),
        r"\midrule",
        *(_line([_cell(cell) for cell in line]) for line in printed.body),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    legend = _LEGEND if printed.legend else ""
    path.write_text(legend + "\n".join(lines) + "\n", encoding="utf-8")


def escaped(text: str) -> str:
    """Any text as LaTeX shows it, on one line.

    >>> escaped("a_b & 5 %")
    'a\\_b \\& 5 \\%'
    """
    return " ".join(text.split()).translate(_CHARACTERS)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: str | Score | None) -> str:
    if isinstance(cell, str):
        return escaped(cell)
    if cell is None or not cell.value:
        return "--"
    value, low, high = (text.replace("∞", r"\infty") for text in (cell.value, cell.low, cell.high))
    shown = rf"\mathbf{{{value}}}" if cell.best else value
    mark = r"\,\dagger" if cell.tied else ""
    ends = rf"_{{{low}}}^{{{high}{mark}}}" if low else rf"^{{{mark}}}" if mark else ""
    return f"${shown}{ends}$"
