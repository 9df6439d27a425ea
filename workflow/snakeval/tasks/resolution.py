"""From a benchmark of the configuration to leaf tasks and groups.

Members of a group, their overrides and their names follow lm-evaluation-harness
(`lm_eval/tasks/_factory.py`). The keys of a group that do not describe the group itself override
those of its members. An outer group's keys win over an inner one's. A member's own keys in the
group win over both.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from snakeval.errors import UserError
from snakeval.tasks import index, loader
from snakeval.tasks.definition import Task
from snakeval.tasks.keys import did_you_mean

GROUP_KEYS = ("group", "group_alias", "task", "aggregate_metric_list", "metadata")
_AGGREGATE_KEYS = ("metric", "filter_list", "aggregation", "weight_by_size")


@dataclass(frozen=True)
class Group:
    """An average over tasks and groups.

    `metrics`: dicts of metric, filter_list (None: all), aggregation and weight_by_size.
    """

    name: str
    alias: str
    members: list[str]
    metrics: list[dict[str, Any]]
    version: str | None = None


@dataclass(frozen=True)
class ResolvedBenchmark:
    """The leaf tasks of a benchmark in order, and its groups, outer before inner.

    A tag has tasks but no group.
    """

    name: str
    tasks: list[Task] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


def resolve(
    benchmark: dict[str, Any], task_paths: "Catalogue | Iterable[Path | str]"
) -> ResolvedBenchmark:
    """The tasks that a benchmark of the configuration names. The first folder with a name counts.

    `benchmark` has these keys:

    - name: of a task, group or tag, or of a group's inline member (`group::member`); or the path of
      a task file;
    - num_fewshot: None: as in the task; ignored where the task says 0, as in lm-evaluation-harness;
    - overrides: task keys.

    Reads only task files: no data, no network, no Python of a task. Raises UserError for an unknown
    name, an unknown or unsupported key, a cycle or a wrong value.
    """
    catalogue = task_paths if isinstance(task_paths, Catalogue) else Catalogue(task_paths)
    build = _Builder(catalogue, benchmark.get("num_fewshot"))
    where, name = f"tasks: {benchmark['name']}", benchmark["name"]
    overrides = _Overrides(benchmark.get("overrides") or {}, f"{where}: overrides")
    # A member that is written inside a group is found through the group.
    outer = name if catalogue.find(name) else name.partition("::")[0]
    build.named(outer, overrides, None, where)
    found = ResolvedBenchmark(name, list(build.tasks.values()), list(build.groups.values()))
    return found if name == outer else _part(found, where)


def _part(found: "ResolvedBenchmark", where: str) -> "ResolvedBenchmark":
    """The groups and tasks of one member of a group, `group::member`."""

    def inside(name: str) -> bool:
        return name == found.name or name.startswith(f"{found.name}::")

    part = replace(
        found,
        tasks=[t for t in found.tasks if inside(t.name)],
        groups=[g for g in found.groups if inside(g.name)],
    )
    if not part.tasks:
        known = [g.name for g in found.groups] + [t.name for t in found.tasks]
        raise UserError(
            f"{where}: no such member.{did_you_mean(found.name, known)} "
            f"Members are {', '.join(known[:8])} …"
        )
    return part


class _Overrides(NamedTuple):
    """Keys that replace those of a task, and where they are written."""

    keys: dict[str, Any]
    origin: str
    origins: Mapping[str, str] = {}

    def under(self, inner: "_Overrides") -> "_Overrides":
        """Both, `inner` winning."""
        return _Overrides(self.keys | inner.keys, inner.origin, self.where() | inner.where())

    def where(self) -> dict[str, str]:
        return {key: self.origins.get(key, self.origin) for key in self.keys}


class Catalogue:
    """The folders of task files. Each is indexed when a name is first looked up in it."""

    def __init__(self, folders: Iterable[Path | str]):
        self._folders = [str(folder) for folder in folders]
        self._indices: dict[str, index.Index] = {}

    def indices(self) -> Iterator[index.Index]:
        for folder in self._folders:
            if folder not in self._indices:
                self._indices[folder] = index.build(folder)
            yield self._indices[folder]

    def find(self, name: str) -> index.Index | None:
        return next((found for found in self.indices() if name in found), None)

    def unknown(self, name: str, where: str) -> UserError:
        """The error for a name that no folder has."""
        known = {
            item for found in self.indices() for item in [*found.tasks, *found.groups, *found.tags]
        }
        close = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
        folders = ", ".join(self._folders) or "task_paths, which is empty"
        hint = f"Did you mean {', '.join(close)}?" if close else f"Names come from {folders}."
        return UserError(f"{where}: no task, group or tag {name!r}. {hint}")


class _Builder:
    """Collects the leaf tasks and groups below a name."""

    def __init__(self, catalogue: Catalogue, num_fewshot: int | None):
        self._catalogue = catalogue
        self._num_fewshot = num_fewshot
        self.tasks: dict[str, Task] = {}
        self.groups: dict[str, Group] = {}
        self._above: list[str] = []

    def named(self, name: str, overrides: _Overrides, parent: str | None, where: str) -> list[str]:
        """Add the task, group or tag `name`.

        Returns the names that a group lists: itself, or a tag's tasks.
        """
        found = self._catalogue.find(name)
        if found is None:
            is_path = parent is None and name.endswith((".yaml", ".yml"))
            if is_path and loader.locate(name).is_file():
                return self._from_file(name, overrides)
            raise self._catalogue.unknown(name, where)
        if name in found.groups:
            return self._group(name, loader.load(found.groups[name]), overrides)
        if name in found.tasks:
            return self._task(loader.load(found.tasks[name]), overrides)
        return [
            added
            for task in found.tags[name]
            for added in self._task(loader.load(found.tasks[task]), overrides)
        ]

    def _from_file(self, path: str, overrides: _Overrides) -> list[str]:
        file = loader.load(path)
        if "group" in file.keys:
            return self._group(str(file.keys["group"]), file, overrides)
        return self._task(file, overrides)

    def _task(self, file: loader.File, overrides: _Overrides) -> list[str]:
        settings = file.keys | overrides.keys
        settings.pop("tag", None)
        settings.pop("group", None)
        origins = file.origins | overrides.where()
        name = settings.get("task")
        if not isinstance(name, str) or not name:
            where = next(iter(file.origins.values()), overrides.origin)
            raise UserError(f"{where}: task: {name!r} is not a name. Give the task a name.")
        own = settings.get("num_fewshot")
        num_fewshot = own if own == 0 or self._num_fewshot is None else self._num_fewshot
        count = num_fewshot if isinstance(num_fewshot, int) else 0
        task = Task(name, settings, count, file.name, origins)
        task.check()
        if self.tasks.setdefault(name, task) != task:
            raise UserError(
                f"{origins['task']}: {name} is twice in one benchmark, with different settings. "
                "Make two benchmarks."
            )
        return [name]

    def _group(self, name: str, file: loader.File, overrides: _Overrides) -> list[str]:
        origin = file.origins.get("group", overrides.origin)
        if name in self._above:
            cycle = " contains ".join([*self._above[self._above.index(name) :], name])
            raise UserError(f"{origin}: group: a cycle, {cycle}. Remove one.")
        keys = file.keys
        members = keys.get("task") or []
        own = {key: value for key, value in keys.items() if key not in (*GROUP_KEYS, "tag")}
        passed = _Overrides(own, origin, file.origins).under(overrides)
        metadata = keys.get("metadata")
        version = metadata.get("version") if isinstance(metadata, dict) else None
        group = Group(
            name,
            str(keys.get("group_alias") or name),
            [],
            _aggregates(keys, file.origins),
            None if version is None else str(version),
        )
        self.groups.setdefault(name, group)
        self._above.append(name)
        where = file.origins.get("task", origin)
        for member in [members] if isinstance(members, str | dict) else members:
            for added in self._member(member, name, passed, where, metadata):
                if added not in group.members:
                    group.members.append(added)
        self._above.pop()
        return [name]

    def _member(
        self, member: Any, group: str, overrides: _Overrides, where: str, metadata: Any
    ) -> list[str]:
        """Add a member of a group.

        `metadata` is the group's, for members written in it that have none.
        """
        if isinstance(member, str):
            return self.named(member, overrides, group, f"{where}: task")
        named = isinstance(member, dict) and member.get("group", member.get("task"))
        if not isinstance(named, str):
            raise UserError(
                f"{where}: task: {member!r} is not a name. "
                "Give a name, or a mapping with `task:` or `group:`."
            )
        if "group" in member:
            return self._member_group(member, group, overrides, where, metadata)
        name = member["task"]
        own = {key: value for key, value in member.items() if key != "task"}
        if "include" in own or self._catalogue.find(name) is None:
            needed = {"dataset_path", "custom_dataset", "include"}
            if not needed & (own.keys() | overrides.keys.keys()):
                raise self._catalogue.unknown(name, f"{where}: task")
            return self._inline(f"{group}::{name}", own, overrides, where, metadata)
        return self.named(name, overrides.under(_Overrides(own, where)), group, f"{where}: task")

    def _member_group(
        self, member: dict[str, Any], group: str, overrides: _Overrides, where: str, metadata: Any
    ) -> list[str]:
        """Add a group inside a group: one with a file and overrides, or one written here."""
        name = member["group"]
        found = self._catalogue.find(name)
        if found is None or name not in found.groups:
            member = {"metadata": metadata} | member
            source = where.rpartition(":")[0]
            written = loader.File(source, member, dict.fromkeys(member, where))
            return self._group(f"{group}::{name}", written, overrides)
        file = loader.load(found.groups[name])
        own = {key: value for key, value in member.items() if key in GROUP_KEYS}
        passed = {key: value for key, value in member.items() if key not in GROUP_KEYS}
        changed = loader.File(file.name, file.keys | own, file.origins)
        return self._group(name, changed, overrides.under(_Overrides(passed, where)))

    def _inline(
        self, name: str, keys: dict[str, Any], overrides: _Overrides, where: str, metadata: Any
    ) -> list[str]:
        """Add a task that is written inside a group. Its own keys win over the group's."""
        source = where.rpartition(":")[0]
        base = loader.File(source, {"metadata": metadata}, {})
        included = keys.pop("include", None)
        for item in included if isinstance(included, list) else [included] if included else []:
            file = loader.load(loader.relative_to(source, item))
            base.keys.update(file.keys)
            base.origins.update(file.origins)
        own = _Overrides(keys | {"task": name}, where)
        return self._task(base, overrides.under(own))


def _aggregates(keys: dict[str, Any], origins: dict[str, str]) -> list[dict[str, Any]]:
    """`aggregate_metric_list` with its defaults."""
    where = origins.get("aggregate_metric_list", "group")
    given = keys.get("aggregate_metric_list") or []
    aggregates = []
    for item in [given] if isinstance(given, dict) else given:
        if not isinstance(item, dict) or not item.get("metric"):
            raise UserError(
                f"{where}: aggregate_metric_list: each item needs `metric: name`, not {item!r}. "
                "Correct it."
            )
        for key in item:
            if key not in _AGGREGATE_KEYS:
                hint = did_you_mean(str(key), _AGGREGATE_KEYS) or " Remove it."
                raise UserError(f"{where}: aggregate_metric_list.{key}: unknown key.{hint}")
        filters = item.get("filter_list")
        aggregation = item.get("aggregation", "mean")
        if aggregation != "mean":
            is_function = isinstance(aggregation, dict)
            named = f"!function {aggregation['!function']}" if is_function else repr(aggregation)
            raise UserError(
                f"{where}: aggregate_metric_list.aggregation: {named}: only the mean has an "
                "interval. Write mean."
            )
        aggregates.append(
            {
                "metric": item["metric"],
                "filter_list": [filters] if isinstance(filters, str) else filters,
                "aggregation": aggregation,
                "weight_by_size": item.get("weight_by_size", True),
            }
        )
    return aggregates
