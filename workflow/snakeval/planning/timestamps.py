"""Times of files from a clock that was ahead.

Snakemake fails a job whose input is newer than its output, which the job has just written.
"""

import os
import time
from pathlib import Path

from snakeval.errors import UserError

# Machines that share files may differ by less, for which Snakemake waits itself.
SECONDS = 3600.0
# The files that Snakemake knows.
KNOWN = (
    "settings/**/*.json",
    "requests/*.parquet",
    "index/**/*.parquet",
    "models/*.parquet",
    "tables/*.*",
    "report/*.*",
)


def bring_back(results: Path) -> list[Path]:
    """Set the time of files that are in the future to the present, and return these files.

    All get the same time, so that none is older than what it was made from. Raises UserError
    where a time cannot be changed.
    """
    now = time.time()
    files = [file for pattern in KNOWN for file in results.glob(pattern)]
    ahead = [file for file in files if file.stat().st_mtime > now + SECONDS]
    for file in ahead:
        try:
            os.utime(file, (now, now))
        except OSError as error:
            raise UserError(
                f"{file}: its time is in the future and cannot be changed ({error.strerror}). "
                "Correct it with `touch`."
            ) from None
    return ahead
