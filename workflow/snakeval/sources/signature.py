"""Signatures of local files: they change when the content of the files changes, and only then.

The Snakefile imports this module. It imports only the standard library.
"""

import difflib
import hashlib
import json
import os
import re
from pathlib import Path

from snakeval.errors import UserError
from snakeval.sources import model_folder
from snakeval.sources.scheme import Source

PLACEHOLDER = re.compile(r"\{(name|split)\}")
_WHOLE = 1 << 20  # bytes; files up to this size are read whole
_BLOCK = 64 << 10  # bytes
_BLOCKS = 16


def signature(path: Path) -> str:
    """Sha256 (hex) of the names, sizes and content of the files at `path`, whatever their times.

    Files up to 1 MiB are read whole. Of larger files, 16 evenly spread blocks of 64 KiB and the
    header of safetensors are read, so that a model's folder takes milliseconds. New weights change
    the signature. An edit of a few bytes inside a large file that keeps its size may not.
    """
    sha256 = hashlib.sha256()
    for name, file in signed_files(path):
        size = file.stat().st_size
        sha256.update(json.dumps([name, size]).encode())
        with file.open("rb") as content:
            if size <= _WHOLE:
                sha256.update(content.read())
                continue
            if file.suffix == ".safetensors":
                # The format opens with the length of its JSON header:
                # https://huggingface.co/docs/safetensors
                sha256.update(content.read(min(int.from_bytes(content.read(8), "little"), _WHOLE)))
            for block in range(_BLOCKS):
                content.seek(block * (size - _BLOCK) // (_BLOCKS - 1))
                sha256.update(content.read(_BLOCK))
    return sha256.hexdigest()


def checked_signature(path: Path, source: Source, where: str) -> str:
    """The signature of a source's files. Raises UserError when there are none."""
    if not signed_files(path):
        raise UserError(f"{where}: {nothing_at(path, source)}")
    return signature(path)


def signed_files(path: Path) -> list[tuple[str, Path]]:
    """The files that a signature covers, each with the name that enters it.

    `path` is a file, a folder, or a path with `{name}` or `{split}`, which match any text. Of a
    model's folder only the files that loading it needs are covered.
    """
    if path.is_dir():
        names = [entry.name for entry in path.iterdir() if entry.is_file()]
        if "config.json" in names and any(name.endswith(".safetensors") for name in names):
            wanted = model_folder.model_files(names, str(path), str(path))
            return [(name, path / name) for name in wanted]
        return [(file.as_posix(), path / file) for file in files(path)]
    if path.is_file():
        return [(path.name, path)]
    folder, pattern = split_pattern(path)
    found = sorted(folder.glob(PLACEHOLDER.sub("*", pattern))) if pattern else []
    return [(file.relative_to(folder).as_posix(), file) for file in found if file.is_file()]


def files(folder: Path) -> list[Path]:
    """Files below `folder`, relative to it, sorted. Hidden files and folders are left out."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if not name.startswith(".") and name != "__pycache__"
        ]
        found += [
            Path(parent, name).relative_to(folder) for name in names if not name.startswith(".")
        ]
    return sorted(found, key=Path.as_posix)


def split_pattern(path: Path) -> tuple[Path, str]:
    """A path with placeholders, cut before the first of them: a folder and the rest.

        split_pattern(Path("data/{split}/{name}.csv")) == (Path("data"), "{split}/{name}.csv")

    The rest is empty where the path has no placeholder.
    """
    parts = path.parts
    first = next(
        (index for index, part in enumerate(parts) if PLACEHOLDER.search(part)), len(parts)
    )
    return Path(*parts[:first]), "/".join(parts[first:])


def sha256_of(file: Path) -> str:
    """Sha256 (hex) of the whole content of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def model_sha256(folder: Path, where: str) -> dict[Path, str]:
    """The files that loading the model in `folder` needs, with the sha256 of each."""
    return {
        folder / name: sha256_of(folder / name) for name in model_folder.files_in(folder, where)
    }


def nothing_at(path: Path, source: Source) -> str:
    """The message for a path that does not exist, with a similar name from its folder if any."""
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, 1)
    hint = f"Did you mean {near[0]}?" if near else "Correct the path."
    return f"no file at {path} ({source}). {hint}"
