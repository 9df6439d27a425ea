"""A results folder packed, carried to another machine, verified and continued there."""

import os
import tarfile
from collections import Counter

import pyarrow as pa
from builders.project import jobs_in

from snakeval.files import parquet
from snakeval.schemas.model import MODEL_FILES


def test_packed_moved_verified_and_continued(finished, unstarted, tmp_path):
    with tarfile.open(tmp_path / "results.tar.gz", "w:gz") as tar:
        tar.add(finished.results, "results")
    with tarfile.open(tmp_path / "results.tar.gz") as tar:
        tar.extractall(unstarted.folder, filter="data")
    models = unstarted.results / "models/tiny.parquet"
    files, made = parquet.read(models, MODEL_FILES), models.stat()
    elsewhere = pa.array(["/not/on/this/machine"] * len(files))
    parquet.write(
        files.set_column(files.column_names.index("folder"), "folder", elsewhere),
        models,
        MODEL_FILES,
    )
    os.utime(models, ns=(made.st_atime_ns, made.st_mtime_ns))
    verified = unstarted.snakemake("verify")
    assert "files are as they were written" in verified.stderr
    assert unstarted.planned() == Counter()

    unstarted.configure(limit=9)
    failed = unstarted.snakemake(check=False)
    output = failed.stdout + failed.stderr
    assert failed.returncode and "Delete results/models/tiny.parquet and run again" in output, (
        output
    )
    models.unlink()
    before = unstarted.answers()
    unstarted.run()
    assert before < unstarted.answers() < before + 50
    assert parquet.read(models, MODEL_FILES)["folder"][0].as_py().startswith(str(unstarted.folder))


def test_what_was_altered_is_named_and_rebuilt(project):
    before = project.tables()
    file = project.results / "responses/tiny/arithmetic.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = project.snakemake("verify", check=False)
    output = done.stdout + done.stderr
    assert done.returncode
    assert "results/responses/tiny/arithmetic.parquet: altered since it was written" in output
    remove = "rm results/index/responses/tiny.parquet results/responses/tiny/arithmetic.parquet"
    assert f"{remove} && snakemake --cores 1 all results/index/responses/tiny.parquet" in output
    for path in (file, project.results / "index/responses/tiny.parquet"):
        path.unlink()
    assert "responses tiny" in jobs_in(
        project.snakemake("all", "results/index/responses/tiny.parquet").stderr
    )
    assert project.tables() == before
    project.snakemake("verify")
