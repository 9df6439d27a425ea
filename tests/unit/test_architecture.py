"""Family and longest sequence, from configurations of real architectures."""

import json
from types import SimpleNamespace

import pytest
from transformers import BertConfig, GPT2Config, LlamaConfig, RobertaConfig, T5Config

from snakeval.architecture import configuration, family, max_length
from snakeval.errors import UserError


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


@pytest.mark.parametrize("architectures", [None, [], ["BertModel"]])
def test_unknown_family_is_an_error(architectures):
    with pytest.raises(UserError, match="no known family; set `family`"):
        family(SimpleNamespace(architectures=architectures, name_or_path="own"))


def _tokenizer(limit):
    return SimpleNamespace(model_max_length=limit)


CONFIGURATIONS = [GPT2Config(n_positions=77), LlamaConfig(max_position_embeddings=99), T5Config(n_positions=512), T5Config()]


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: type(config).__name__)
@pytest.mark.parametrize("limit", [64, 10**30, None])
def test_the_longest_sequence_is_that_of_the_harness(config, limit):
    from lm_eval.models.utils import resolve_max_length

    limit = 1000000000000000019884624838656 if limit == 10**30 else limit
    assert max_length(config, _tokenizer(limit), "causal") == resolve_max_length(config, _tokenizer(limit))


def test_a_nested_text_model_counts_first():
    config = SimpleNamespace(max_position_embeddings=10, text_config=SimpleNamespace(max_position_embeddings=20))
    assert max_length(config, _tokenizer(5), "causal") == 20


def test_an_encoder_does_not_use_positions_that_no_token_can_have():
    assert max_length(RobertaConfig(max_position_embeddings=514), _tokenizer(512), "classifier") == 512
    assert max_length(BertConfig(max_position_embeddings=512), _tokenizer(10**30), "extractive") == 512


def test_a_folder_without_a_usable_configuration_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        configuration(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json: cannot be used"):
        configuration(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such"}))
    with pytest.raises(UserError, match=r"config\.json: cannot be used"):
        configuration(tmp_path)
