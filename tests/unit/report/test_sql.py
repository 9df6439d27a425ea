"""SQL over the results: what it finds, that it only reads, and serves this machine alone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as datasets
import pytest
from builders import report_run

from snakeval.report import sql

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("streamlit")


@pytest.fixture(scope="module")
def app(repository) -> Path:
    return repository / "workflow" / "view.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results of a run")
    report_run.make(folder, documents=6, hostile=True)
    return folder


@pytest.fixture
def page(app, results, monkeypatch):
    """The app as it is after the start, without a browser."""
    from streamlit import config
    from streamlit.testing.v1 import AppTest

    before = config.get_option("server.address")
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setattr(sys, "argv", [str(app), str(results)])
    yield AppTest.from_file(str(app), default_timeout=120)
    config.set_option("server.address", before)


def test_every_example_gives_rows_and_own_sql_is_answered(page):
    page.run()
    for example in sql.EXAMPLES:
        page.selectbox[0].select(example).run()
        assert not page.exception and not page.error, example
        assert page.caption[0].value != "0 rows" or example == "Differences beyond noise", example
    page.text_area[0].set_value("SELECT DISTINCT model FROM responses ORDER BY model").run()
    assert page.main.dataframe[-1].value["model"].tolist() == ["large", "small"]


def test_what_cannot_be_answered_is_shown_as_plain_text(page):
    page.run()
    page.text_area[0].set_value(
        "SELECT CAST('![](https://example.invalid/x.png)' AS INTEGER)"
    ).run()
    assert "![](https://example.invalid/x.png)" in page.code[0].value
    assert not any("example.invalid" in element.value for element in [*page.error, *page.markdown])
    page.text_area[0].set_value("CREATE TABLE mine AS SELECT 1").run()
    assert not page.exception


def test_a_folder_without_results_is_named_with_what_to_do(app, page, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [str(app), str(tmp_path / "nothing")])
    page.run()
    assert "make demo" in page.error[0].value
    done = subprocess.run(
        [sys.executable, app, tmp_path / "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"{tmp_path / 'nothing'}: no results here" in done.stderr and "RESULTS=" in done.stderr


def test_a_damaged_file_is_named_with_what_to_do(app, page, results, monkeypatch, tmp_path):
    shutil.copytree(results, tmp_path / "r")
    damaged = tmp_path / "r" / "tables/scores.parquet"
    damaged.write_bytes(damaged.read_bytes()[:100])
    monkeypatch.setattr(sys, "argv", [str(app), str(tmp_path / "r")])
    page.run()
    assert not page.exception
    assert "snakemake --cores 1 verify" in page.error[0].value
    assert str(damaged) in page.code[0].value


@pytest.mark.parametrize("address", [None, "0.0.0.0", "192.168.0.7", "::"])
def test_other_machines_are_not_served(page, address):
    from streamlit import config

    config.set_option("server.address", address)
    page.run()
    assert "this machine alone" in page.error[0].value
    assert not page.text_area and not page.dataframe


WAYS_OUT = """
COPY t TO '{folder}/out.csv'
COPY (SELECT 1) TO '{folder}/out.parquet'
COPY t TO '{folder}/data.parquet'
EXPORT DATABASE '{folder}/out'
ATTACH '{folder}/out.db'
SELECT * FROM read_text('{folder}/secret.txt')
SELECT * FROM read_csv('{folder}/secret.txt')
SELECT * FROM '{folder}/data.parquet'
SELECT * FROM read_parquet('{folder}/data.parquet')
SELECT * FROM glob('{folder}/*')
SELECT * FROM read_csv('http://{server}/x.csv')
SELECT * FROM 'https://{server}/x.parquet'
INSTALL httpfs
LOAD httpfs
INSTALL '{folder}/evil.duckdb_extension'
SET enable_external_access = true
SET temp_directory = '{folder}'
SET python_enable_replacements = true
SET lock_configuration = false
RESET lock_configuration
PRAGMA profiling_output = '{folder}/out.json'
SET log_query_path = '{folder}/out.log'
CALL enable_logging(storage = 'file', storage_path = '{folder}')
SELECT * FROM somewhere
IMPORT DATABASE '{folder}'
""".strip().splitlines()


def test_sql_can_neither_write_nor_reach_out(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    report_run.parquet.write(pa.table({"a": [1, 2]}), tmp_path / "data.parquet", None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    somewhere = pa.table({"a": [7]})  # a variable of Python, which DuckDB would otherwise find
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        table = datasets.dataset([str(tmp_path / "data.parquet")], format="parquet")
        connection = sql.connect({"t": table})
        assert connection.sql("SELECT sum(a) FROM t").fetchall() == [(3,)]
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for query in WAYS_OUT:
            with pytest.raises(duckdb.Error):
                print(query, connection.sql(query.format(folder=tmp_path, server=address)))
        with pytest.raises(TimeoutError):
            server.accept()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert somewhere.num_rows == 1


def test_the_server_listens_on_loopback_alone_and_sends_no_statistics(app, results, tmp_path):
    own = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    environment = own | {"HOME": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment["STREAMLIT_SERVER_PORT"] = str(port)
    log = tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, app, results],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while not (heard := re.search(r"https?://(\S+):\d+", log.read_text())):
            assert server.poll() is None, log.read_text()
        assert heard[1] == "127.0.0.1"
        assert "usage statistics" not in log.read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
            assert answer.status == 200
        assert _addresses_listening(port) == {"0100007F"}  # 127.0.0.1 as the kernel writes it
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _addresses_listening(port: int) -> set[str]:
    """Local addresses of the sockets that listen on a port, from the kernel's tables."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.split(":")[1], 16) == port:
                found.add(address.split(":")[0])
    return found


def test_make_view_starts_it(repository):
    make = shutil.which("make")
    done = subprocess.run(
        [make, "-n", "-C", repository, "view", "RESULTS=some where"], capture_output=True, text=True
    )
    assert 'workflow/view.py "some where"' in done.stdout
