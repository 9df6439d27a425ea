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


def neighbours(
    name: str, declaring: str | None = None, inside: str | None = None
) -> Iterator[ModuleType]:
    """The modules and packages in the folder of the module `name`, in order, without that module.

    With `inside`, the module of that name in each folder there that has one, such as "view".
    With `declaring`, only those that have an attribute of that name, such as "METRICS".
    """
    package, _, own = name.rpartition(".")
    folder = Path(import_module(package).__path__[0])
    if inside is None:
        found = sorted(module.name for module in pkgutil.iter_modules([str(folder)]))
    else:
        found = sorted(f"{file.parent.name}.{inside}" for file in folder.glob(f"*/{inside}.py"))
    for each in found:
        if each == own:
            continue
        module = import_module(f"{package}.{each}")
        if declaring is None or hasattr(module, declaring):
            yield module
