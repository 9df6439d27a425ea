"""The filters that task files can name, found by listing this folder.

A module of the folder declares its filters at its top level, as an extension of the user does:

    FILTERS = {"lowercase": lowercase}      # name -> (answers, documents, **options) -> Answers
"""

from collections.abc import Callable, Iterable, Mapping

from snakeval.files import extensions
from snakeval.files.neighbours import neighbours
from snakeval.scoring.filters.answers import Answers

Filter = Callable[..., Answers]

FILTERS: dict[str, Filter] = {
    name: function
    for module in neighbours(__name__, "FILTERS")
    for name, function in module.FILTERS.items()
}


def known(own: Iterable[Mapping[str, str]] = ()) -> dict[str, Filter]:
    """The filters of the library and of extensions (items of `file` and `digest`), which go first.

    Raises UserError for an extension that cannot be loaded or whose declaration is wrong.
    """
    found = dict(FILTERS)
    for file, table in extensions.declared(own, "FILTERS"):
        found |= extensions.functions_of(file, "FILTERS", table)
    return found
