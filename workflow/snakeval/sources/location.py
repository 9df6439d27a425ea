"""Where models and documents come from: the sources of the configuration, their names in the results folder, and signatures of local files.

Imported by the Snakefile: standard library only, and nothing here opens a network connection.
"""

import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from snakeval.errors import UserError

ROOT = Path(__file__).resolve().parents[3]  # of the repository, which holds resources/demo
MODEL_SCHEMES = ("demo", "path", "hf", "modelscope", "recorded")
DATA_SCHEMES = ("path", "hf", "modelscope", "generator")
SCHEMES = ("demo", "path", "hf", "modelscope", "generator", "recorded")

# What loading a model takes; all else in its folder (README, optimizer states, other formats of weights) is neither fetched nor counted.
MODEL_TEXTS = (
    "*.json",
    "*.txt",
    "*.model",
    "*.jinja",
    "*.tiktoken",
    "*.spm",
    "*.vocab",
    "*.bpe",
    "*.py",
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

PLACEHOLDER = re.compile(r"\{(name|split)\}")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_WHOLE = 1 << 20  # bytes; files up to this size are read whole for a signature
_BLOCK = 64 << 10
_BLOCKS = 16


@dataclass(frozen=True)
class Source:
    """`scheme:location` of the configuration; the location is a name, a path or a repository, by scheme."""

    scheme: str
    location: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.location}"


def parse(text: str, where: str, schemes: tuple[str, ...] = SCHEMES) -> Source:
    """The source that `text`, found under the configuration key `where`, names. Raises UserError when it is none of `schemes`."""
    scheme, colon, location = (part.strip() for part in text.partition(":"))
    if not colon:
        raise UserError(f"{where}: {text!r} has no scheme; write {_with_scheme(text)}")
    if scheme not in schemes:
        near = difflib.get_close_matches(scheme.lower(), schemes, 1)
        hint = (
            f"did you mean {near[0]}:{location}?"
            if near
            else f"write one of {', '.join(f'{name}:…' for name in schemes)}"
        )
        raise UserError(f"{where}: unknown source {text!r}; {hint}")
    if not location:
        raise UserError(
            f"{where}: nothing follows {scheme}: ; name the {'file or folder' if scheme == 'path' else 'repository or name'}"
        )
    if scheme in ("hf", "modelscope") and (
        not _HUB_NAME.fullmatch(location) or ".." in location or "--" in location
    ):
        raise UserError(
            f"{where}: {location!r} is not a repository; write {scheme}:ORG/NAME, or path:FOLDER for files of your own"
        )
    if scheme == "demo" and not _NAME.fullmatch(location):
        raise UserError(
            f"{where}: {location!r} is not a name; after demo: come letters, digits, _ . and - only"
        )
    return Source(scheme, location)


def dataset_source(dataset_path: str) -> str:
    """Where a task's `dataset_path` leads by itself: where its scheme says, else to the hub."""
    return dataset_path if _has_scheme(dataset_path) else f"hf:{dataset_path}"


def is_generator_file(text: str) -> bool:
    """Whether a source is a generator in a Python file, not one of the library's."""
    return text.startswith("generator:") and text.endswith(".py")


def local_path(source: Source, root: Path = ROOT, base: Path = Path()) -> Path:
    """The file or folder of a `demo:`, `path:` or `recorded:` source.

    `root` is the repository's folder, which holds resources/demo; relative paths start from `base`, by default the working directory.
    Raises UserError for the home (`~NAME`) of a user who is not there.
    """
    if source.scheme == "demo":
        return root / "resources" / "demo" / source.location
    if source.scheme in ("path", "recorded"):
        try:
            return base / Path(source.location).expanduser()
        except RuntimeError:
            raise UserError(
                f"{source}: this machine knows no such home folder; write out the path"
            ) from None
    raise ValueError(f"{source} is not on this machine")


def task_folder(path: str, root: Path = ROOT, base: Path = Path()) -> Path:
    """The folder of an entry of `task_paths`, which starts from `base`, else from the repository's folder `root`."""
    folder = next((start / path for start in (base, root) if (start / path).is_dir()), None)
    if folder is None:
        raise UserError(
            f"task_paths: no folder {path}; correct the path or remove it from the list"
        )
    return folder


def local_signature(
    text: str, root: Path, where: str, base: Path = Path(), *, model: bool = False
) -> dict[str, str]:
    """{"signature": …} of a source on this machine, {} of any other, to stand in the settings of the job that reads it.

    Raises UserError, beginning with `where`, for an unknown source, missing files or (with `model`) a folder that holds no usable model.
    """
    source = parse(text, where, MODEL_SCHEMES if model else DATA_SCHEMES)
    if is_generator_file(text):
        return {"signature": signature(base / source.location)}
    if source.scheme not in ("demo", "path"):
        return {}
    if model:
        return {"signature": signature(model_folder(source, root, where, base))}
    path = local_path(source, root, base)
    if not signed_files(path):
        raise UserError(f"{where}: {_nothing_at(path, source)}")
    return {"signature": signature(path)}


def model_folder(source: Source, root: Path, where: str, base: Path = Path()) -> Path:
    """The folder of a local model. Raises UserError when it is missing, or holds no config.json or no weights that can be read safely."""
    folder = local_path(source, root, base)
    if folder.is_file():
        raise UserError(
            f"{where}: {folder} ({source}) is a file; give the folder that holds the model's config.json"
        )
    if not folder.is_dir():
        raise UserError(f"{where}: {_nothing_at(folder, source)}")
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{where}: no config.json in {folder} ({source}); give a model's folder as save_pretrained writes it"
        )
    model_files([entry.name for entry in folder.iterdir() if entry.is_file()], where, str(folder))
    return folder


def model_files(names: list[str], where: str, what: str) -> list[str]:
    """What loading a model takes, of the file `names` in its folder or repository `what`: one copy of the weights and small text files.

    Files in subfolders (other formats, checkpoints of the training) do not belong. Raises UserError when there are no weights in
    safetensors: pickled weights can run code when they are read.
    """
    own = sorted(name for name in names if "/" not in name and not name.startswith("."))
    weights = [name for name in own if name.endswith(".safetensors")]
    if not weights:
        pickled = next((name for name in own if matches(name, PICKLES)), None)
        if pickled:
            raise UserError(
                f"{where}: {what} holds pickled weights only ({pickled}), which can run code when loaded; "
                "convert them to safetensors (save_pretrained) or name a revision that has them"
            )
        raise UserError(
            f"{where}: no weights (*.safetensors) in {what}; name a folder or repository that holds them"
        )
    # Some repositories publish the same weights twice: consolidated.safetensors, model.fp16.safetensors beside model.safetensors.
    usual = [
        name
        for name in weights
        if re.fullmatch(r"(model|adapter_model)(-\d+-of-\d+)?\.safetensors", name)
    ]
    return sorted((usual or weights) + [name for name in own if matches(name, MODEL_TEXTS)])


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether the last part of a path fits one of the patterns."""
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in patterns)


def files(folder: Path) -> list[Path]:
    """Files below `folder`, relative to it, sorted; hidden files and folders are left out."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if not name.startswith(".") and name != "__pycache__"
        ]
        found += [
            Path(parent, name).relative_to(folder) for name in names if not name.startswith(".")
        ]
    return sorted(found, key=Path.as_posix)


def signed_files(path: Path) -> list[tuple[str, Path]]:
    """The files that a signature covers, with the names that go into it.

    `path` is a file, a folder (of a model's folder only what loading it takes), or a path with `{name}` or `{split}`, which stand for any
    text.
    """
    if path.is_dir():
        names = [entry.name for entry in path.iterdir() if entry.is_file()]
        if "config.json" in names and any(name.endswith(".safetensors") for name in names):
            return [(name, path / name) for name in model_files(names, str(path), str(path))]
        return [(file.as_posix(), path / file) for file in files(path)]
    if path.is_file():
        return [(path.name, path)]
    folder, pattern = split_pattern(path)
    found = sorted(folder.glob(PLACEHOLDER.sub("*", pattern))) if pattern else []
    return [(file.relative_to(folder).as_posix(), file) for file in found if file.is_file()]


def split_pattern(path: Path) -> tuple[Path, str]:
    """A path with placeholders as the folder before the first of them and the rest, which is empty where there are none."""
    parts = path.parts
    first = next(
        (index for index, part in enumerate(parts) if PLACEHOLDER.search(part)), len(parts)
    )
    return Path(*parts[:first]), "/".join(parts[first:])


def signature(path: Path) -> str:
    """Tells whether local files changed: a hash of their names, sizes and content, whatever their times.

    Files up to 1 MiB are read whole; of larger ones 16 evenly spread blocks of 64 KiB and the header of safetensors, so that a model's
    folder takes milliseconds. New weights are seen; an edit of a few bytes inside a large file that keeps its size may not be.
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
                # The format opens with the length of its JSON header: https://huggingface.co/docs/safetensors
                sha256.update(content.read(min(int.from_bytes(content.read(8), "little"), _WHOLE)))
            for block in range(_BLOCKS):
                content.seek(block * (size - _BLOCK) // (_BLOCKS - 1))
                sha256.update(content.read(_BLOCK))
    return sha256.hexdigest()


def sha256_of(file: Path) -> str:
    """Of the whole content, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def dataset_id(
    text: str, revision: str | None = None, options: Mapping[str, Any] | None = None
) -> str:
    """Name of a data set's folder: `cais--mmlu` for hf:cais/mmlu, `generator+arithmetic`, `mmlu@3f5a…` for path:data/mmlu.

    Different data sets have different names, also where case is ignored. `options` are what else decides which documents are read
    (columns, field …).
    """
    scheme, _, location = text.partition(":") if _has_scheme(text) else ("hf", ":", text)
    plain = (
        scheme != "path"
        and revision is None
        and not options
        and all(_PLAIN.fullmatch(part) for part in location.split("/"))
    )
    name = (
        split_pattern(Path(location))[0].name if scheme == "path" else location.replace("/", "--")
    )
    return _file_name(
        name if scheme in ("hf", "path") else f"{scheme}+{name}",
        [scheme, location, revision, options or {}],
        plain,
    )


def subset_id(name: str | None, kwargs: Mapping[str, Any]) -> str:
    """Name of a subset's folder: the subset's own name, `default` where it has none."""
    plain = not kwargs and (
        name is None or (_PLAIN.fullmatch(name.replace("_", "-")) is not None and name != "default")
    )
    return _file_name(name or "default", [name, dict(kwargs)], plain)


def split_id(split: str) -> str:
    """Name of a split's file without suffix: `test`; slices such as `train[:100]` become safe names."""
    return _file_name(split, [split], _PLAIN.fullmatch(split.replace("_", "-")) is not None)


def _has_scheme(text: str) -> bool:
    return ":" in text and text.partition(":")[0] in SCHEMES


def _file_name(text: str, identity: list, plain: bool) -> str:
    """`text` itself where it is plain, else what of it is safe, `@` (which no plain name holds) and a hash of `identity`."""
    if plain and len(text) <= 80:
        return text
    readable = re.sub(r"[^A-Za-z0-9+_.-]+", "-", text).strip("._-")[:60]
    return f"{readable or 'x'}@{hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]}"


def _with_scheme(text: str) -> str:
    if text.startswith(("/", ".", "~")) or text.count("/") > 1 or Path(text).exists():
        return f"path:{text}"
    return f"hf:{text} for the hub or path:{text} for files of your own"


def _nothing_at(path: Path, source: Source) -> str:
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, 1)
    return f"no file at {path} ({source}); " + (
        f"did you mean {near[0]}?" if near else "correct the path"
    )
