"""The documents' fenced blocks: files to write and commands to run, in the order of a page.

A block with `title="NAME"` is a file that the reader writes. A block of language `console` holds
commands after `$ ` and, below them, lines that they print, where `…` stands for anything. A comment
`<!-- not run: REASON -->` above such a block keeps tests from running it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^(?: *<!-- not run: (?P<reason>.+?) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title and text; `not_run` is the reason, or None."""

    language: str
    title: str | None
    text: str
    not_run: str | None

    @property
    def commands(self) -> list[str]:
        """The commands of a console block."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]

    @property
    def printed(self) -> list[str]:
        """The lines that the page shows below the commands."""
        lines = [line.strip() for line in self.text.splitlines() if not line.startswith("$ ")]
        return [line for line in lines if line not in ("", "…")]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page that name a language."""
    found = []
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        title = re.search(r'title="([^"]+)"', match["info"])
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(match["language"], title and title[1], text, match["reason"]))
    return found


def missing_in(printed: str, shown: list[str]) -> list[str]:
    """The lines of `shown` that `printed` has not; `…` in a line stands for anything."""
    lines = [re.sub(r"\s+", " ", line) for line in printed.splitlines()]
    wanted = {
        line: ".*".join(re.escape(re.sub(r"\s+", " ", part)) for part in line.split("…"))
        for line in shown
    }
    return [
        line
        for line, pattern in wanted.items()
        if not any(re.search(pattern, there) for there in lines)
    ]
