"""A results folder as one file.

Unpack it next to a clone on another machine, check it with `snakemake verify`, and continue there.
"""

import tarfile
from pathlib import Path

OF_THIS_MACHINE = ("logs", "bundle")  # nothing is made from them


def pack(results: Path, file: Path) -> None:
    """Write the files of `results` as `results/…` of a tar file.

    It keeps the files' times, by which Snakemake knows what is up to date, and names no user. It
    is not compressed, for nearly all files are Parquet. Raises OSError where it cannot be written.
    """
    with tarfile.open(file, "w") as tar:
        for part in sorted(results.iterdir()):
            if part.name not in OF_THIS_MACHINE:
                tar.add(part, f"results/{part.name}", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """A member without its owner; None for temporary files, whose writers may be alive."""
    if member.name.rpartition("/")[2].startswith("."):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
