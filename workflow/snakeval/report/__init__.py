"""The report: one page that says which model is better, by how much, and shows every answer."""

from snakeval.report.page import write

__all__ = ["write"]
