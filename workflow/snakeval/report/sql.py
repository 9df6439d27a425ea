"""Query results with SQL in the browser; `workflow/view.py` starts it.

Streamlit shows what DuckDB answers over the Parquet files of a results folder. The page can be
reached from this machine alone. DuckDB gets the files as Arrow data sets and may open nothing
itself. So no query can write, read elsewhere or send anything.
"""

import ipaddress
import os
import sys
from pathlib import Path

ROWS = 10_000  # shown of a result
SERVER = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
}
STAGES = {  # name in SQL -> folder
    "requests": "requests",
    "tokens": "tokens",
    "responses": "responses",
    "document_scores": "scores",
}
CLOSED = (  # no file, no network, no extension, no Python variable, and no way back
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
EXAMPLES = {
    "Scores": """
SELECT model, task, filter, metric, n, value, ci_low, ci_high
FROM scores WHERE "primary" ORDER BY task, value DESC""",
    "Differences beyond noise": """
SELECT task, metric, model_a, model_b, difference, ci_low, ci_high, p_holm
FROM comparisons WHERE p_holm < 0.05 ORDER BY p_holm""",
    "Documents that every model gets wrong": """
SELECT task, doc_id, count(*) AS models
FROM document_scores WHERE value IS NOT NULL
GROUP BY task, doc_id HAVING max(value) = 0 ORDER BY task, doc_id""",
    "Longest answers": """
SELECT model, task, doc_id, list_max(n_tokens) AS tokens, texts
FROM responses WHERE len(texts) > 0
ORDER BY tokens DESC LIMIT 50""",
    "Cost": """
SELECT model, sum(requests) AS requests, sum(from_store) AS from_store, sum(seconds) AS seconds
FROM efficiency GROUP BY model""",
}
NO_RESULTS = (
    "no results here. Run the workflow first (make demo), or name another folder: make view"
    " RESULTS=FOLDER"
)
DAMAGED = (
    "A file of the results cannot be read. This names each damaged file and how to repair it:"
    " snakemake --cores 1 verify"
)


def files(results: Path) -> dict[str, list[Path]]:
    """Name in SQL -> Parquet files: tables of the run, and stages of all models and benchmarks."""
    tables = {path.stem: [path] for path in sorted(results.glob("tables/*.parquet"))}
    stages = {
        name: sorted(results.glob(f"{folder}/**/[!.]*.parquet")) for name, folder in STAGES.items()
    }
    return tables | {name: found for name, found in stages.items() if found}


def connect(tables):
    """A connection of DuckDB that knows the `tables`, Arrow data sets by name, and no other."""
    import duckdb

    connection = duckdb.connect(":memory:")
    for name, table in tables.items():
        connection.register(name, table)
    for setting in CLOSED:
        connection.execute(setting)
    return connection


def show(results: Path) -> None:
    """The page."""
    import streamlit as st

    st.set_page_config(page_title="snakeval", layout="wide")
    if not _is_loopback(str(st.config.get_option("server.address") or "")):
        st.error(
            "This app shows everything in the results folder, so it serves this machine alone."
            " Start it with: make view"
        )
        return
    st.title("Results")
    st.text(str(results.resolve()))
    try:
        tables = _datasets(results)
    except (OSError, ValueError) as error:  # Arrow raises both
        st.error(DAMAGED)
        st.code(str(error), language=None)
        return
    if not tables:
        st.error(f"There are {NO_RESULTS}")
        return
    with st.sidebar:
        st.header("Tables")
        for name, table in tables.items():
            with st.expander(name):
                columns = {
                    "column": table.schema.names,
                    "type": [str(kind) for kind in table.schema.types],
                }
                st.dataframe(columns, hide_index=True)
    example = st.selectbox("Example", EXAMPLES)
    query = st.text_area("SQL", EXAMPLES[example].strip(), height=160, key=f"sql-{example}")
    _show_answer(tables, query)


def _show_answer(tables, query: str) -> None:
    """The rows that a query gives, or why it gives none."""
    import duckdb
    import streamlit as st

    try:
        relation = connect(tables).sql(query)
        found = relation.limit(ROWS).to_arrow_table() if relation is not None else None
    except duckdb.Error as error:
        st.error("DuckDB cannot answer this:")
        st.code(str(error), language=None)  # never as Markdown: it may quote what a model wrote
        return
    if found is None:
        st.info("This gives no rows.")
        return
    st.dataframe(found, hide_index=True, height=560)
    st.caption(f"{found.num_rows} rows{' (there may be more)' if found.num_rows == ROWS else ''}")


def start(app: Path, results: Path) -> None:
    """Become Streamlit's server of the script `app`."""
    options = [f"--{name}={value}" for name, value in SERVER.items()]
    command = [sys.executable, "-m", "streamlit", "run", *options, str(app), "--", str(results)]
    os.execv(sys.executable, command)


def main(app: Path) -> None:
    """Show the page where Streamlit runs the script `app`, else start Streamlit with it."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    try:
        from streamlit import runtime
    except ModuleNotFoundError:
        sys.exit("Streamlit is not installed. Run: make view, or pip install 'snakeval[view]'")
    if runtime.exists():
        show(folder)
    elif not files(folder):
        sys.exit(f"{folder}: {NO_RESULTS}")
    else:
        start(app, folder)


def _datasets(results: Path) -> dict:
    """Arrow data sets by name in SQL."""
    import pyarrow.dataset as datasets

    return {
        name: datasets.dataset([str(path) for path in paths], format="parquet")
        for name, paths in files(results).items()
    }


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
