"""Files that are whole or absent, also where several processes write one.

They are written under a temporary name in the same folder, then renamed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name for a file that becomes `path` at the end of the block.

    On an error the file is removed. The folder is made where it is missing. A killed process may
    leave a file `.{name}.*.tmp`. Raises OSError.

        with replacing(path) as temporary:
            temporary.write_bytes(content)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, in UTF-8. Raises OSError."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
