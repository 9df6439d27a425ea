"""A folder with a small model, for the tests of sources."""

import json

import pytest


@pytest.fixture
def model_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    header = json.dumps(
        {"weight": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}
    ).encode()
    (folder / "model.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + bytes(12)
    )
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return folder
