"""The task language: task files in the YAML of lm-evaluation-harness, found by name and merged into plain settings."""

from snakeval.tasks.definition import Task
from snakeval.tasks.resolution import Catalogue, Group, ResolvedEntry, resolve

__all__ = ["Catalogue", "Group", "ResolvedEntry", "Task", "resolve"]
