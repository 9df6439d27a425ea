"""Query results with SQL in the browser: `make view`, or `python workflow/view.py RESULTS`."""

from pathlib import Path

from snakeval.report import sql

if __name__ == "__main__":
    sql.main(Path(__file__))
