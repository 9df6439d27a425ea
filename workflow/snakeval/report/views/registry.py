"""All views of the page, in its order."""

from snakeval.files.neighbours import neighbours
from snakeval.report.view import View


def _ordered() -> dict[str, View]:
    """Name -> view: groups by the lowest place in them, views by place within their group."""
    found = {
        module.__name__.split(".")[-2]: module.VIEW
        for module in neighbours(__name__, declaring="VIEW", inside="view")
    }
    first: dict[str, int] = {}
    for view in found.values():
        first[view.group] = min(view.place, first.get(view.group, view.place))
    return dict(
        sorted(found.items(), key=lambda item: (first[item[1].group], item[1].group, item[1].place))
    )


VIEWS = _ordered()
