"""The section of a model without a configuration file."""

import pytest

from snakeval.config.model import Model, settings
from snakeval.errors import UserError


def test_keys_left_out_have_their_defaults():
    found = settings(dtype="float32", gpus=2)
    assert found == Model(source="path:.", dtype="float32", gpus=2)
    assert settings(source="demo:small").source == "demo:small"


def test_all_wrong_keys_are_in_one_error():
    with pytest.raises(UserError) as caught:
        settings(wings=2, dtype="int3", tokens_per_batch=1)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 and lines[0].startswith("settings of a model: ")
    assert "wings: no such key" in lines[0] and "dtype: " in lines[0] and "'int3'" in lines[0]
    assert "tokens_per_batch: " in lines[0] and "Keys: source, " in lines[0]
