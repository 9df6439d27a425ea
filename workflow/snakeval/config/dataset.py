"""Section `datasets`: where documents are read from."""

from typing import Literal

from snakeval.config.types import Located, Section


class DataSource(Section):
    """Where a data set is read from instead of the hub."""

    source: Located
    """path:FILE_OR_FOLDER (with {name} and {split} where they vary), hf:ORG/NAME, modelscope:ORG/NAME or generator:NAME."""
    revision: str | None = None
    """Commit, tag or branch of a hub repository."""
    splits: dict[str, str] = {}
    """Names of splits in files, where they differ from what the task calls them."""
    columns: list[str] | None = None
    """Column names of a CSV or TSV file without a header."""
    field: str | None = None
    """Key under which a JSON document holds its records."""
    text: Literal["line", "file", "article"] | None = None
    """How plain text is cut into documents; article: at headings such as ` = Title = `."""
    types: dict[str, Literal["int", "float", "bool"]] = {}
    """Columns of a CSV or TSV file that are not text."""
    format: Literal["parquet", "json", "jsonl", "csv", "tsv", "text"] | None = None
    """How files are read, where their names do not tell."""
