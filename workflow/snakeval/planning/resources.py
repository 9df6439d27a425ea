"""How much memory and time a cluster should set aside for asking a model: generous, and more at each attempt.

What counts is the size of the weights and the number of documents. Per gigabyte of weights, half a gigaparameter in 16 bits, a document
of 500 tokens takes 5·10¹¹ operations to read, 5 ms at 100 TFLOP/s; decoding 256 tokens of 64 answers at once reads the weights 256
times, 4 ms per document at 1 TB/s. Four times that is asked for on a GPU, and 20 s on a CPU core that does 25 GFLOP/s.
"""

import errno
from pathlib import Path

import pyarrow.parquet as pq

from snakeval.files import parquet
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.run import BENCHMARK_FILES

PROGRAM_MB = 3000  # a process: Python with torch, and CUDA's share of the host's memory or, on a CPU, activations
TEXTS_MB = 2150  # on a CPU: keys and values of texts being written, as `engine.loading` limits them
START_MINUTES = 15.0  # environment, weights from a shared file system, check of the engine
SECONDS_ON_GPU, SECONDS_ON_CORE = 0.02, 20.0  # per document and gigabyte of weights


def memory_mb(
    model_files: str | Path, tokens: str | Path, *, gpus: int, processes: int, attempt: int
) -> int:
    """Host memory of one job in MB. `model_files`: a MODEL_FILES table; `tokens`: the index of the token files; `processes`: of the model.

    Weights pass through the host's memory on their way to a GPU; on a CPU they may be held in another precision, and laid out a second
    time. Raises FileNotFoundError while one of the tables is not made yet.
    """
    files = _files(tokens)
    weights = _bytes(model_files) * (1 if gpus else 5)
    largest = max(
        (path.stat().st_size for path in files), default=0
    )  # compressed; token ids take about ten times that in memory
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
    """Time of one job in minutes, for its share of the documents. Arguments and errors as `memory_mb`."""
    documents = sum(pq.read_metadata(path).num_rows for path in _files(tokens))
    per_document = SECONDS_ON_GPU if gpus else SECONDS_ON_CORE / threads
    return int(
        (START_MINUTES + documents / shards * _bytes(model_files) / 1e9 * per_document / 60)
        * attempt
    )


def _bytes(model_files: str | Path) -> int:
    sizes = _table(model_files, MODEL_FILES)
    return sum(
        size
        for file, size in zip(sizes["file"].to_pylist(), sizes["size"].to_pylist(), strict=True)
        if file.endswith(".safetensors")
    )


def _files(index: str | Path) -> list[Path]:
    return [
        Path(index).parent / file for file in _table(index, BENCHMARK_FILES)["file"].to_pylist()
    ]


def _table(path: str | Path, schema):
    if not Path(path).exists():
        raise FileNotFoundError(
            errno.ENOENT, "not made yet", str(path)
        )  # by its name Snakemake knows it as an input to come
    return parquet.read(path, schema)
