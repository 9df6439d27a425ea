"""Time stamps from a clock that was ahead: Snakemake fails a job whose input is newer than what it has just written."""

import os
import time
from pathlib import Path

from snakeval.errors import UserError

SECONDS = (
    3600.0  # machines that share files may differ by less, which Snakemake's own patience covers
)
KNOWN = (
    "settings/**/*.json",
    "requests/*.parquet",
    "index/**/*.parquet",
    "models/*.parquet",
    "tables/*.*",
    "report/*.*",
)  # to Snakemake


def bring_back(results: Path) -> list[Path]:
    """Give files whose time lies ahead the present one, all the same, so that none is older than what it was made from. Returns them.

    Raises UserError where that is not permitted.
    """
    now = time.time()
    ahead = [
        file
        for pattern in KNOWN
        for file in results.glob(pattern)
        if file.stat().st_mtime > now + SECONDS
    ]
    for file in ahead:
        try:
            os.utime(file, (now, now))
        except OSError as error:
            raise UserError(
                f"{file}: its time lies ahead and cannot be changed ({error.strerror}); correct it with `touch`"
            ) from None
    return ahead
