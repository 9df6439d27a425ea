"""Local files that a task's metrics read, by the keys of `metric_list` that name them.

The Snakefile imports this: it needs the standard library only.
"""

from pathlib import Path


def module(name: str) -> Path | None:
    """The file or folder of the `evaluate` metric `name`; None where there is none.

    It is at that path, or in `metrics/` as in a bundle.
    """
    for path in (Path(name), Path("metrics", name)):
        if path.is_file() or (path / f"{path.name}.py").is_file():
            return path
    return None


def encoder(folder: str) -> Path | None:
    """The folder of bertscore's encoder; None where it holds no model."""
    return Path(folder) if Path(folder, "config.json").is_file() else None


def wordnet(nltk_data: str) -> Path | None:
    """METEOR's WordNet in a folder of nltk's data, unpacked or not; None where there is none."""
    places = (Path(nltk_data, "corpora", name) for name in ("wordnet", "wordnet.zip"))
    return next((path for path in places if path.exists()), None)


KEYS = {"metric": module, "encoder": encoder, "nltk_data": wordnet}
