"""Names of data sets, subsets and splits in the results.

They are readable, safe as file names, and different for different data.

The Snakefile imports this module. It imports only the standard library.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from snakeval.sources.location import has_scheme
from snakeval.sources.schemes.registry import SCHEMES

_PLAIN = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


def dataset_id(
    text: str, revision: str | None = None, options: Mapping[str, Any] | None = None
) -> str:
    """Name of a data set's folder.

        dataset_id("hf:cais/mmlu") == "cais--mmlu"
        dataset_id("generator:boolean") == "generator+boolean"
        dataset_id("path:data/mmlu") == "mmlu@…"    # followed by a hash

    Different data sets have different names, also where upper and lower case are the same.
    `options` are the other keys that decide which documents are read (columns, field …).
    """
    scheme, _, location = text.partition(":") if has_scheme(text) else ("hf", ":", text)
    plain = (
        SCHEMES[scheme].fixed
        and revision is None
        and not options
        and all(_PLAIN.fullmatch(part) for part in location.split("/"))
    )
    name = SCHEMES[scheme].label(location, scheme)
    return _file_name(name, [scheme, location, revision, options or {}], plain)


def subset_id(name: str | None, kwargs: Mapping[str, Any]) -> str:
    """Name of a subset's folder: the subset's own name, `default` where it has none."""
    plain = not kwargs and (
        name is None or (_PLAIN.fullmatch(name.replace("_", "-")) is not None and name != "default")
    )
    return _file_name(name or "default", [name, dict(kwargs)], plain)


def split_id(split: str) -> str:
    """Name of a split's file without suffix: `test`.

    Slices such as `train[:100]` become safe names.
    """
    return _file_name(split, [split], _PLAIN.fullmatch(split.replace("_", "-")) is not None)


def _file_name(text: str, identity: list, plain: bool) -> str:
    """`text` itself where it is plain, else its safe characters, `@` and a hash of `identity`.

    No plain name contains `@`.
    """
    if plain and len(text) <= 80:
        return text
    readable = re.sub(r"[^A-Za-z0-9+_.-]+", "-", text).strip("._-")[:60] or "x"
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{readable}@{digest[:12]}"
