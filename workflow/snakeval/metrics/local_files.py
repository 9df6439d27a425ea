"""Local files that a task's metrics read, by the keys of `metric_list` that lead to them.

Imported by the Snakefile: standard library only.
"""

from pathlib import Path


def module(name: str) -> Path | None:
    """The file or folder of the `evaluate` metric `name`: at that path, or in `metrics/` as in a bundle; None: neither."""
    places = (Path(name), Path("metrics", name))
    return next(
        (path for path in places if path.is_file() or (path / f"{path.name}.py").is_file()), None
    )


def encoder(folder: str) -> Path | None:
    """The folder of bertscore's encoder; None where it holds no model."""
    return Path(folder) if Path(folder, "config.json").is_file() else None


def wordnet(nltk_data: str) -> Path | None:
    """METEOR's WordNet in a folder of nltk's data, unpacked or not; None: neither."""
    corpora = Path(nltk_data, "corpora")
    return next(
        (path for path in (corpora / "wordnet", corpora / "wordnet.zip") if path.exists()), None
    )


KEYS = {"metric": module, "encoder": encoder, "nltk_data": wordnet}
