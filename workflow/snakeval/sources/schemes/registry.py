"""The schemes by name, found by listing this folder."""

from snakeval.files.neighbours import neighbours
from snakeval.sources.scheme import Scheme

SCHEMES: dict[str, Scheme] = {
    module.SCHEME.name: module.SCHEME for module in neighbours(__name__, "SCHEME")
}
