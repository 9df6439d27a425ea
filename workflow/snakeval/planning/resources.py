"""How much memory and time a cluster should reserve for calling a model.

The estimates are generous, and grow with each attempt. They depend on the size of the weights and
the number of documents. One gigabyte of weights is half a gigaparameter in 16 bits. Per gigabyte,
reading a document of 500 tokens takes 5·10¹¹ operations, 5 ms at 100 TFLOP/s. Decoding 256 tokens
of 64 answers at once reads the weights 256 times, 4 ms per document at 1 TB/s. A GPU gets about
twice the sum of both, and a CPU core of 25 GFLOP/s gets 20 s.
"""

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from snakeval.files import parquet
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.run import BENCHMARK_FILES

# A process: Python with torch, and CUDA's share of the host's memory or, on a CPU, activations.
PROGRAM_MB = 3000
TEXTS_MB = 2150  # on a CPU: keys and values of texts being written, as the backend limits them
START_MINUTES = 15.0  # environment, weights from a shared file system, check of the backend
SECONDS_ON_GPU, SECONDS_ON_CORE = 0.02, 20.0  # per document and gigabyte of weights


def memory_mb(
    model_files: str | Path, tokens: str | Path, *, gpus: int, processes: int, attempt: int
) -> int:
    """Host memory of one job in MB.

    `model_files`: a MODEL_FILES table. `tokens`: the index of the token files. `processes`: of the
    model. `attempt`: 1, 2, …

    Weights pass through the host's memory on their way to a GPU. On a CPU they may be converted to
    another precision and another layout, which takes more copies. Raises FileNotFoundError while
    one of the tables is missing.
    """
    weights = _bytes(model_files) * (1 if gpus else 5)
    # Files are compressed: token ids take about ten times as much in memory.
    largest = max((path.stat().st_size for path in _files(tokens)), default=0)
    own = PROGRAM_MB + (0 if gpus else TEXTS_MB) + 20 * largest / 1e6
    return int((processes * own + weights / 1e6) * attempt)


def minutes(
    model_files: str | Path,
    tokens: str | Path,
    *,
    gpus: int,
    threads: int,
    shards: int,
    attempt: int,
) -> int:
    """Time of one job in minutes, for its share of the documents.

    `threads`: of the job. `shards`: jobs that share the documents. Other arguments and errors as
    `memory_mb`.
    """
    documents = sum(pq.read_metadata(path).num_rows for path in _files(tokens))
    per_document = SECONDS_ON_GPU if gpus else SECONDS_ON_CORE / threads
    work = documents / shards * _bytes(model_files) / 1e9 * per_document / 60
    return int((START_MINUTES + work) * attempt)


def _bytes(model_files: str | Path) -> int:
    """Size of the weights."""
    rows = _table(model_files, MODEL_FILES).to_pylist()
    return sum(row["size"] for row in rows if row["file"].endswith(".safetensors"))


def _files(index: str | Path) -> list[Path]:
    files = _table(index, BENCHMARK_FILES)["file"].to_pylist()
    return [Path(index).parent / file for file in files]


def _table(path: str | Path, schema: pa.Schema) -> pa.Table:
    if not Path(path).exists():
        # Snakemake recognises the name as an input that is still to be made.
        raise FileNotFoundError(errno.ENOENT, "not made yet", str(path))
    return parquet.read(path, schema)
