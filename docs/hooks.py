"""MkDocs calls this when it builds the site: tables from the code go where pages ask for them."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from generate import GENERATED

PLACE = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with its tables. Raises KeyError for a name that is not in GENERATED."""
    return PLACE.sub(lambda place: GENERATED[place[1]](), markdown)
