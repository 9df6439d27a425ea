"""Family and longest sequence, from configurations of real architectures."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from transformers import (
    CONFIG_MAPPING,
    AutoTokenizer,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    RobertaConfig,
    T5Config,
)

from snakeval.config.model import Model
from snakeval.errors import UserError
from snakeval.models.architecture import (
    configuration,
    family,
    in_low_precision,
    leave_out_torch,
    max_length,
    tensors,
)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("LlamaForCausalLM", "causal"),
        ("GPT2LMHeadModel", "causal"),
        ("T5ForConditionalGeneration", "seq2seq"),
        ("BertForSequenceClassification", "classifier"),
        ("DistilBertForQuestionAnswering", "extractive"),
        ("OwnForCausalLM", "causal"),
        ("OwnForSequenceClassification", "classifier"),
    ],
)
def test_family(architecture, expected):
    assert family(SimpleNamespace(architectures=[architecture])) == expected


def test_names_that_tell_by_their_end_tell_what_transformers_lists():
    from transformers.models.auto import modeling_auto as auto

    tables = {
        "classifier": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "extractive": auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
        "seq2seq": auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "causal": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    listed: dict[str, tuple[str, str]] = {}  # of each class the first family and a model type
    for expected, table in tables.items():
        for kind, classes in table.items():
            for name in classes if isinstance(classes, tuple) else (classes,):
                listed.setdefault(name, (expected, kind))
    wrong = []
    for name, (expected, kind) in listed.items():
        config = SimpleNamespace(
            architectures=[name],
            is_encoder_decoder=getattr(CONFIG_MAPPING[kind], "is_encoder_decoder", False),
        )
        wrong += [(name, family(config), expected)] if family(config) != expected else []
    assert len(listed) > 300
    assert not wrong


@pytest.mark.parametrize(
    ("settings", "there"),
    [({}, False), ({"family": "causal"}, False), ({"trust_remote_code": True}, True)],
)
def test_a_tokenizer_needs_no_torch(repository, settings, there):
    program = f"""
import sys
from snakeval.config.model import Model
from snakeval.models import architecture
from snakeval.tokens.encode import load_encoder
from snakeval.schemas.model import MODEL_FILES
import pyarrow as pa

folder = {str(repository / "resources/demo/tiny")!r}
model = Model(source="path:a", **{settings!r})
architecture.leave_out_torch(folder, model)
row = dict.fromkeys(MODEL_FILES.names, "") | {{"model": "m", "folder": folder, "size": 1}}
files = pa.Table.from_pylist([row], MODEL_FILES)
encoder = load_encoder(files, model)
ids = encoder.tokenizer.encode("a b")
print(sys.modules.get("torch") is not None, encoder.family, encoder.max_length, ids)
"""
    run = [sys.executable, "-c", program]
    done = subprocess.run(
        run,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(repository / "workflow")},
        check=True,
    )
    tokenizer = AutoTokenizer.from_pretrained(repository / "resources/demo/tiny")
    assert done.stdout.strip() == f"{there} causal 512 {tokenizer.encode('a b')}"


@pytest.mark.parametrize("architectures", [None, [], ["BertModel"]])
def test_unknown_family_is_an_error(architectures):
    with pytest.raises(UserError, match=r"no known family\. Set `family`"):
        family(SimpleNamespace(architectures=architectures, name_or_path="own"))


def _tokenizer(limit):
    return SimpleNamespace(model_max_length=limit)


CONFIGURATIONS = [
    GPT2Config(n_positions=77),
    LlamaConfig(max_position_embeddings=99),
    T5Config(n_positions=512),
    T5Config(),
]


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: type(config).__name__)
@pytest.mark.parametrize("limit", [64, 10**30, None])
def test_the_longest_sequence_is_that_of_the_harness(config, limit):
    from lm_eval.models.utils import resolve_max_length

    limit = 1000000000000000019884624838656 if limit == 10**30 else limit
    assert max_length(config, _tokenizer(limit), "causal") == resolve_max_length(
        config, _tokenizer(limit)
    )


def test_a_nested_text_model_counts_first():
    config = SimpleNamespace(
        max_position_embeddings=10, text_config=SimpleNamespace(max_position_embeddings=20)
    )
    assert max_length(config, _tokenizer(5), "causal") == 20


def test_an_encoder_does_not_use_positions_that_no_token_can_have():
    assert (
        max_length(RobertaConfig(max_position_embeddings=514), _tokenizer(512), "classifier") == 512
    )
    assert (
        max_length(BertConfig(max_position_embeddings=512), _tokenizer(10**30), "extractive") == 512
    )


def test_a_folder_without_a_usable_configuration_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        configuration(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such"}))
    with pytest.raises(UserError, match=r"config\.json: cannot be used"):
        configuration(tmp_path)


def safetensors(tensors, data=32):
    header = {
        name: dict(zip(("dtype", "shape", "data_offsets"), fields, strict=True))
        for name, fields in tensors.items()
    }
    text = json.dumps({"__metadata__": {}, **header}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


@pytest.mark.parametrize(
    ("config", "weights", "asked", "low"),
    [
        ({"dtype": "bfloat16"}, "F32", "auto", True),
        ({"torch_dtype": "float16"}, "F32", "auto", True),
        ({"torch_dtype": "float16"}, "F32", "float32", False),
        ({"dtype": "float32"}, "F32", "bfloat16", True),
        (
            {"dtype": "float32"},
            "BF16",
            "auto",
            False,
        ),  # transformers loads as the configuration says
        ({"text_config": {"dtype": "bfloat16"}}, "F32", "auto", True),
        ({}, "BF16", "auto", True),
        ({}, "F32", "auto", False),
        ({}, "I64", "auto", False),
        (
            {"dtype": "float32", "quantization_config": {"quant_method": "gptq"}},
            "F32",
            "auto",
            True,
        ),
    ],
)
def test_low_precision_is_seen_in_files(tmp_path, config, weights, asked, low):
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(
        safetensors({"ids": ("I64", [1], [0, 8]), "w": (weights, [2, 3], [8, 32])})
    )
    assert (
        in_low_precision(tmp_path, Model(source="path:a", dtype=asked, kv_cache_dtype="auto"))
        == low
    )
    assert in_low_precision(tmp_path, Model(source="path:a", dtype=asked, kv_cache_dtype="int8"))


WHOLE = safetensors({"w": ("F32", [2, 3], [0, 24])}, data=24)


def test_the_header_of_weights(tmp_path):
    (tmp_path / "w").write_bytes(WHOLE)
    assert tensors(tmp_path / "w") == {
        "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    }


@pytest.mark.parametrize(
    "content",
    [
        *(b"", WHOLE[:5], WHOLE[:20], WHOLE[:-1], b"\xff" * 40, (2).to_bytes(8, "little") + b"[]"),
        *(
            safetensors({"w": fields})
            for fields in (
                ("F32", [2], 7),
                ("F32", 6, [0, 24]),
                (["F32"], [6], [0, 24]),
                ("F32", ["6"], [0, 24]),
            )
        ),
    ],
)
def test_weights_that_are_incomplete_are_an_error(tmp_path, content):
    (tmp_path / "w").write_bytes(content)
    expected = r"w: incomplete, or not a safetensors file\. Download the model again"
    with pytest.raises(UserError, match=expected):
        tensors(tmp_path / "w")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"text_config": [1]}'])
def test_a_file_that_is_no_configuration_is_an_error(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    for ask in (
        lambda: configuration(tmp_path),
        lambda: leave_out_torch(tmp_path, {}),
        lambda: in_low_precision(tmp_path, Model(source="path:a")),
    ):
        expected = r"config\.json: not (JSON|the configuration of a model)"
        with pytest.raises(UserError, match=expected):
            ask()


@pytest.mark.parametrize("architectures", [[None], "LlamaForCausalLM", [["x"]], {"a": 1}])
def test_odd_names_of_architectures_are_none(architectures):
    with pytest.raises(UserError, match="architecture 'missing' is of no known family"):
        family(SimpleNamespace(architectures=architectures, name_or_path="m"))
