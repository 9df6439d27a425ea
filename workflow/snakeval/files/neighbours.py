"""Folders that users add to: their modules are found by listing the folder.

    METRICS = {metric.name: metric for module in neighbours(__name__) for metric in module.METRICS}

The digest of a stage's code follows: a module that imports `neighbours` depends on every module of
its own folder and of the folders below (`snakeval.files.code_digest`).
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType


def neighbours(name: str, declaring: str | None = None) -> Iterator[ModuleType]:
    """The modules and packages in the folder of the module `name`, in order, without that module.

    With `declaring` only those that have an attribute of that name, such as "METRICS".
    """
    package, _, own = name.rpartition(".")
    folder = Path(import_module(package).__path__[0])
    for found in sorted(pkgutil.iter_modules([str(folder)]), key=lambda module: module.name):
        if found.name == own:
            continue
        module = import_module(f"{package}.{found.name}")
        if declaring is None or hasattr(module, declaring):
            yield module
