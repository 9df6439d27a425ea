"""Section `datasets`: where documents are read from."""

from typing import Annotated, Literal

from snakeval.config.types import IDENTITY, Located, Section


class DataSource(Section):
    """Where a data set is read from instead of the hub."""

    source: Annotated[Located, IDENTITY]
    """path:FILE_OR_FOLDER, hf:ORG/NAME, modelscope:ORG/NAME or generator:NAME.

    A path may hold {name} and {split} where they vary."""
    revision: Annotated[str | None, IDENTITY] = None
    """Commit, tag or branch of a hub repository."""
    splits: Annotated[dict[str, str], IDENTITY] = {}
    """Names of splits in files, where they differ from the task's names."""
    columns: Annotated[list[str] | None, IDENTITY] = None
    """Column names of a CSV or TSV file without a header."""
    field: Annotated[str | None, IDENTITY] = None
    """Key of a JSON document that holds its records."""
    text: Annotated[Literal["line", "file", "article"] | None, IDENTITY] = None
    """How plain text is cut into documents. article: at headings such as ` = Title = `."""
    types: Annotated[dict[str, Literal["int", "float", "bool"]], IDENTITY] = {}
    """Columns of a CSV or TSV file that are not text."""
    format: Annotated[
        Literal["parquet", "json", "jsonl", "csv", "tsv", "text"] | None, IDENTITY
    ] = None
    """Format of the files. null: by their names."""
