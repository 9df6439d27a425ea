"""Data that travels with the page, in a form that can be neither read as markup nor run.

A page from a file:// address may not fetch, but it may load scripts. So each file is one call,
`snakevalFile(name, packed)`, and its payload is base64 of deflated JSON: hostile text is never in a
script as text. `static/load.js` unpacks.
"""

import base64
import json
import zlib
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup


def pack(content: str) -> str:
    """Text as base64 of zlib."""
    return base64.b64encode(zlib.compress(content.encode(), 6)).decode()


def write(path: Path, content: str) -> None:
    """Write JSON text as a script, known to the page by its folder and the stem of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = json.dumps(quote(f"{path.parent.name}/{path.stem}"))
    path.write_text(f'snakevalFile({name},"{pack(content)}")\n', encoding="ascii")


def json_text(data: object) -> str:
    """Data as JSON without spaces; raises ValueError for a number that JSON cannot hold."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def json_block(data: object) -> Markup:
    """JSON for a <script type="application/json">: no <, > or & that HTML could read as markup."""
    content = json_text(data).replace("&", "\\u0026")
    return Markup(content.replace("<", "\\u003c").replace(">", "\\u003e"))
