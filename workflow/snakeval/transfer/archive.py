"""A results folder as one file, to be unpacked beside a clone elsewhere, checked with `snakemake verify` and continued there."""

import tarfile
from pathlib import Path

OF_THIS_MACHINE = ("logs", "bundle")  # nothing is made from them


def pack(results: Path, file: Path) -> None:
    """Write the files of `results` with their times, which tell Snakemake what is up to date, as `results/…` of a tar file.

    They name no user; they are not compressed again, for nearly all are Parquet. Raises OSError where that cannot be written.
    """
    with tarfile.open(file, "w") as tar:
        for part in sorted(results.iterdir()):
            if part.name not in OF_THIS_MACHINE:
                tar.add(part, f"results/{part.name}", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if member.name.rpartition("/")[2].startswith("."):  # temporary files of living and dead writers
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
