"""Results on object storage: published with Snakemake's plugin, fetched, verified and continued."""

import tarfile
from collections import Counter

import boto3
import pytest
from builders.project import copy
from moto.server import ThreadedMotoServer

KEYS = {"aws_access_key_id": "key of the tests", "aws_secret_access_key": "planted-s3-secret"}


@pytest.fixture
def storage(monkeypatch):
    """A server that answers as S3 does, with an empty bucket `runs`.

    Snakemake finds it through its environment.
    """
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", KEYS["aws_access_key_id"])
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY", KEYS["aws_secret_access_key"])
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
    client.create_bucket(Bucket="runs")
    yield client
    server.stop()


def test_published_fetched_verified_and_continued(finished, unstarted, storage, tmp_path):
    project = copy(finished.folder, tmp_path / "published")
    project.configure(publish="s3://runs/first")
    said = project.snakemake("publish")
    stored = {
        benchmark["Key"].removeprefix("first/")
        for benchmark in storage.list_objects_v2(Bucket="runs")["Contents"]
    }
    assert stored > {
        "report/index.html",
        "tables/summary.md",
        "tables/scores.parquet",
        "tables/health.parquet",
        "results.tar",
    }
    page = storage.get_object(Bucket="runs", Key="first/report/index.html")["Body"].read()
    assert page == (project.results / "report/index.html").read_bytes()
    again = project.snakemake("publish", "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr, again.stdout + again.stderr
    assert KEYS["aws_secret_access_key"] not in said.stdout + said.stderr

    storage.download_file("runs", "first/results.tar", str(tmp_path / "results.tar"))
    with tarfile.open(tmp_path / "results.tar") as tar:
        tar.extractall(unstarted.folder, filter="data")
    unstarted.snakemake("verify")
    assert unstarted.planned() == Counter()
    assert unstarted.tables() == project.tables()
    assert KEYS["aws_secret_access_key"].encode() not in (tmp_path / "results.tar").read_bytes()


def test_without_a_place_there_is_nothing_to_publish_to(project):
    said = project.snakemake("publish", check=False)
    assert said.returncode and "publish" in said.stderr
