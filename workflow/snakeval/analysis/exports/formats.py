"""The formats of this folder: suffix -> module."""

from snakeval.files.neighbours import neighbours

FORMATS = {module.SUFFIX: module for module in neighbours(__name__, "SUFFIX")}
