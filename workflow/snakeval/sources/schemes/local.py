"""`path:` models and documents in files on this machine."""

from pathlib import Path

from snakeval.errors import UserError
from snakeval.sources import model_folder
from snakeval.sources.scheme import (
    Documents,
    FoundDocuments,
    FoundModel,
    Models,
    Places,
    Scheme,
    Source,
    WantedDocuments,
    WantedModel,
)
from snakeval.sources.signature import (
    checked_signature,
    model_sha256,
    nothing_at,
    signature,
    split_pattern,
)


def path_of(source: Source, places: Places) -> Path:
    """The path after the colon, from `places.base`. Raises UserError for an unknown home folder."""
    try:
        return places.base / Path(source.location).expanduser()
    except RuntimeError:
        raise UserError(
            f"{source}: no such home folder on this machine. Write the full path."
        ) from None


def checked_model(folder: Path, source: Source, where: str) -> Path:
    """The folder of a local model. Raises UserError when it is missing or holds no usable model."""
    if not folder.exists():
        raise UserError(f"{where}: {nothing_at(folder, source)}")
    model_folder.check_folder(folder, source, where)
    return folder


def _model(wanted: WantedModel) -> FoundModel:
    folder = checked_model(path_of(wanted.source, wanted.places), wanted.source, wanted.where)
    return FoundModel(model_sha256(folder, wanted.where), folder)


def _sign_model(source: Source, places: Places, where: str) -> str:
    return signature(checked_model(path_of(source, places), source, where))


def _documents(wanted: WantedDocuments) -> FoundDocuments:
    from snakeval.sources import split_files
    from snakeval.sources.file_formats import Reading

    path = path_of(wanted.source, wanted.places)
    data = split_files.LocalData(path, wanted.split_names, Reading(**wanted.reading))
    return FoundDocuments(
        (name, split, split_files.read(data, subset.name, split, only_subset=wanted.only_subset))
        for name, subset in wanted.subsets.items()
        for split in subset.splits
    )


def _sign_documents(source: Source, places: Places, where: str) -> str:
    return checked_signature(path_of(source, places), source, where)


def _folder_name(location: str, scheme: str) -> str:
    return split_pattern(Path(location))[0].name


SCHEME = Scheme(
    "path",
    expects="file or folder",
    models=Models(_model, _sign_model),
    documents=Documents(_documents, _sign_documents),
    path=path_of,
    label=_folder_name,
    fixed=False,
)
