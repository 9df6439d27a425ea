"""Signatures of local files follow their content."""

import itertools
import json
import os
import time

import pytest

from snakeval.sources.signature import signature, signed_files


def test_signature_follows_content_alone(model_folder):
    first = signature(model_folder)
    os.utime(model_folder / "config.json", (1, 1))
    (model_folder / ".cache").mkdir()
    (model_folder / ".cache" / "lock").write_text("x")
    (model_folder / "README.md").write_text("not read by the model")
    (model_folder / "checkpoint-1").mkdir()
    (model_folder / "checkpoint-1" / "model.safetensors").write_text("x")
    assert signature(model_folder) == first
    (model_folder / "config.json").write_text("[]")
    changed = signature(model_folder)
    (model_folder / "generation_config.json").write_text("{}")
    assert len({first, changed, signature(model_folder)}) == 3


@pytest.mark.parametrize("position", [0.0, 0.13, 0.5, 1.0])
def test_signature_samples_large_files(tmp_path, position):
    content = bytearray(os.urandom(3 << 20))
    file = tmp_path / "weights.safetensors"
    file.write_bytes(content)
    before = signature(file)
    assert signature(file) == before
    start = int(position * (len(content) - (256 << 10)))
    content[start : start + (256 << 10)] = os.urandom(256 << 10)
    file.write_bytes(content)
    assert signature(file) != before


def test_signature_reads_the_header_of_safetensors(tmp_path):
    header = json.dumps({"a" * 200_000: {}, "b" * 200_000: {}}).encode()
    file = tmp_path / "x.safetensors"
    body = bytes(20 << 20)
    file.write_bytes(len(header).to_bytes(8, "little") + header + body)
    before = signature(file)
    file.write_bytes(len(header).to_bytes(8, "little") + header.replace(b"b", b"c", 1) + body)
    assert signature(file) != before


def test_signature_is_fast(tmp_path):
    for part in range(4):
        with (tmp_path / f"model-{part}-of-4.safetensors").open("wb") as file:
            file.truncate(500 << 20)  # sparse: no space is used
    (tmp_path / "config.json").write_text("{}")
    signature(tmp_path)
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        signature(tmp_path)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.05  # about 0.006 s on a free machine


def test_signature_of_placeholders(tmp_path):
    for split, name in itertools.product(["dev", "test"], ["a", "b"]):
        (tmp_path / split).mkdir(exist_ok=True)
        (tmp_path / split / f"{name}_{split}.csv").write_text("x")
    pattern = tmp_path / "{split}" / "{name}_{split}.csv"
    assert len(signed_files(pattern)) == 4
    before = signature(pattern)
    (tmp_path / "test" / "notes.txt").write_text("x")
    assert signature(pattern) == before
    (tmp_path / "test" / "a_test.csv").write_text("y")
    assert signature(pattern) != before
