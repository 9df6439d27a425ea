"""`recorded:` answers that exist already, in files on this machine."""

from pathlib import Path

from snakeval.sources.scheme import FoundModel, Models, Scheme, WantedModel
from snakeval.sources.schemes.local import path_of
from snakeval.sources.signature import sha256_of


def _files(wanted: WantedModel) -> FoundModel:
    return FoundModel({Path(file): sha256_of(Path(file)) for file in wanted.files})


# No `sign`: the plan signs each file of answers.
SCHEME = Scheme("recorded", expects="file", models=Models(_files), path=path_of)
