"""`demo:` the two small models in resources/demo."""

import re
from pathlib import Path

from snakeval.errors import UserError
from snakeval.sources.scheme import FoundModel, Models, Places, Scheme, Source, WantedModel
from snakeval.sources.schemes.local import checked_model
from snakeval.sources.signature import model_sha256, signature


def _check(location: str, where: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", location, re.ASCII):
        raise UserError(
            f"{where}: {location!r} is not a name. "
            "Write demo: and then letters, digits, _ . and - only."
        )


def _path(source: Source, places: Places) -> Path:
    return places.root / "resources" / "demo" / source.location


def _model(wanted: WantedModel) -> FoundModel:
    folder = checked_model(_path(wanted.source, wanted.places), wanted.source, wanted.where)
    return FoundModel(model_sha256(folder, wanted.where), folder)


def _sign(source: Source, places: Places, where: str) -> str:
    return signature(checked_model(_path(source, places), source, where))


SCHEME = Scheme("demo", expects="name", check=_check, models=Models(_model, _sign), path=_path)
