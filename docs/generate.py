"""Tables of the documents that are written from the code.

A page asks for a table with a line `<!-- generated: NAME -->`; `docs/hooks.py` puts it there when
the site is built, so no page can disagree with the code. NAME is a key of GENERATED.

    python docs/generate.py messages     # print one of them
    python docs/generate.py --write      # put the keys into config/README.md, which has a copy
"""

import sys
from collections.abc import Callable

from generate_text import LIBRARY, ROOT

sys.path.insert(0, str(LIBRARY.parent))  # the library next to these files, whatever is installed

import generate_keys
import generate_lists

COPY = ROOT / "config" / "README.md"
BEGIN, END = "<!-- written by docs/generate.py --write -->", "<!-- end -->"
GENERATED: dict[str, Callable[[], str]] = {
    "configuration": generate_keys.configuration,
    "tables": generate_lists.tables,
    "metrics": generate_lists.metrics,
    "aggregations": generate_lists.aggregations,
    "filters": generate_lists.filters,
    "ready-tasks": generate_lists.ready_tasks,
    "rooms": generate_lists.rooms,
    "rules": generate_lists.rules,
    "stages": generate_lists.stages,
    "messages": generate_lists.messages,
}


def copy() -> str:
    """config/README.md with the tables of keys as the code has them."""
    before, _, rest = COPY.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{generate_keys.configuration(letters=False)}\n\n{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        COPY.write_text(copy(), encoding="utf-8")
    elif len(sys.argv) == 2 and sys.argv[1] in GENERATED:
        print(GENERATED[sys.argv[1]]())
    else:
        sys.exit(f"give --write, or one of {', '.join(GENERATED)}")
