"""Which files of a folder or repository make a model.

The Snakefile imports this module. It imports only the standard library.
"""

import re
from fnmatch import fnmatchcase
from pathlib import Path

from snakeval.errors import UserError

# Text files that loading a model may need. All other files of its folder (README, optimizer states,
# other formats of weights) are neither fetched nor counted.
MODEL_TEXTS = (
    *("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.spm", "*.vocab", "*.bpe"),
    "*.py",
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_USUAL_WEIGHTS = r"(model|adapter_model)(-\d+-of-\d+)?\.safetensors"


def model_files(names: list[str], where: str, what: str) -> list[str]:
    """The files that loading a model needs: one copy of the weights and small text files.

    `names` are the files of the folder or repository `what`. Files in subfolders (other formats,
    training checkpoints) are left out. Raises UserError when there are no weights in safetensors:
    pickled weights can run code when they are read.
    """
    own = sorted(name for name in names if "/" not in name and not name.startswith("."))
    weights = [name for name in own if name.endswith(".safetensors")]
    if not weights:
        pickled = next((name for name in own if matches(name, PICKLES)), None)
        if pickled:
            raise UserError(
                f"{where}: {what} has only pickled weights ({pickled}), which can run code when "
                "loaded. Convert them to safetensors (save_pretrained) or choose a revision with "
                "safetensors."
            )
        raise UserError(
            f"{where}: no weights (*.safetensors) in {what}. "
            "Give a folder or repository with weights."
        )
    # Some repositories publish the same weights twice, for example consolidated.safetensors or
    # model.fp16.safetensors next to model.safetensors.
    usual = [name for name in weights if re.fullmatch(_USUAL_WEIGHTS, name)]
    return sorted((usual or weights) + [name for name in own if matches(name, MODEL_TEXTS)])


def check_folder(folder: Path, source: object, where: str) -> None:
    """Raise UserError when a folder has no config.json or no weights that can be read safely."""
    if folder.is_file():
        raise UserError(
            f"{where}: {folder} ({source}) is a file. Give the folder with the model's config.json."
        )
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{where}: no config.json in {folder} ({source}). "
            "Give a model's folder as save_pretrained writes it."
        )
    files_in(folder, where)


def files_in(folder: Path, where: str) -> list[str]:
    """The names of the files that loading the model in `folder` needs. Raises as `model_files`."""
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    return model_files(names, where, str(folder))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether the last part of a path matches one of the patterns."""
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in patterns)
