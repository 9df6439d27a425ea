"""Sequence-to-sequence and encoder engines against the plain model."""

from typing import get_args

import numpy as np
import pytest
import torch
import transformers
from builders import engine_models as tiny

from snakeval.backends.local import build
from snakeval.config.model import Model, settings
from snakeval.errors import UserError
from snakeval.models import architecture


def test_every_family_that_is_recognised_is_declared_in_a_module():
    assert set(build.families()) == set(architecture.FAMILIES)
    allowed = Model.model_fields["family"].annotation
    assert set(build.families()) | {"auto"} == set(get_args(allowed))


def test_int8_keys_and_values_are_for_causal_models(tmp_path):
    _, folder = bert_folder(tmp_path, transformers.AutoModelForSequenceClassification)
    with pytest.raises(UserError, match=r"kv_cache_dtype int8 is for causal models.*classifier"):
        build.load(folder, settings(kv_cache_dtype="int8"))


@pytest.fixture(scope="module", params=["t5", "bart"])
def seq2seq(request, tmp_path_factory):
    torch.manual_seed(3)
    shared = {
        "vocab_size": tiny.VOCABULARY,
        "d_model": 32,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    if request.param == "t5":
        config = transformers.T5Config(
            **shared, d_kv=8, d_ff=48, num_layers=2, num_heads=4, initializer_factor=5.0
        )
        model = transformers.T5ForConditionalGeneration(config)
    else:
        config = transformers.BartConfig(
            **shared, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
            max_position_embeddings=tiny.LENGTH, init_std=0.3, forced_eos_token_id=None,
            bos_token_id=0,
        )  # fmt: skip
        model = transformers.BartForConditionalGeneration(config)
    folder = tiny.save(model, tmp_path_factory.mktemp(request.param))
    return model.eval(), build.load(folder, settings(dtype="float32"))


def test_seq2seq_loglikelihoods(seq2seq):
    model, loaded = seq2seq
    assert loaded.family == "seq2seq"
    rng = np.random.default_rng(2)
    inputs = [tiny.tokens(rng, count) for count in (3, 17, 40)]
    rows = [
        tiny.call(f"{i}-{n}", ids, tiny.tokens(rng, n))
        for i, ids in enumerate(inputs)
        for n in (1, 2, 6)
    ]
    rows.append(tiny.call("empty", inputs[0], []))
    found = tiny.answers(loaded, tiny.table(rows))
    for row in rows[:-1]:
        labels = torch.tensor([row["continuation"]])
        with torch.inference_mode():
            scores = (
                model(input_ids=torch.tensor([row["context"]]), labels=labels)
                .logits[0]
                .log_softmax(-1)
            )
        assert found[row["key"]]["loglikelihood"] == pytest.approx(
            scores.gather(1, labels.T).sum().item(), rel=2e-6, abs=1e-4
        )
        assert found[row["key"]]["greedy"] == bool((scores.argmax(-1) == labels[0]).all())
    assert (
        found["empty"]["loglikelihood"],
        found["empty"]["greedy"],
        found["empty"]["n_tokens"],
    ) == (0.0, True, 0)


def test_a_decoder_starts_as_its_configuration_says_where_generation_settings_name_bos_alone(
    seq2seq,
):
    _, loaded = seq2seq
    rows = tiny.table([tiny.call("0", [5, 6, 7], [8, 9]), tiny.call("1", [5, 6, 7])])
    expected = tiny.answers(loaded, rows)
    settings = loaded.strategy.model.generation_config
    before = settings.decoder_start_token_id, settings.bos_token_id
    settings.decoder_start_token_id, settings.bos_token_id = None, 4
    try:
        assert tiny.answers(loaded, rows) == expected
    finally:
        settings.decoder_start_token_id, settings.bos_token_id = before


def test_seq2seq_greedy_texts_are_those_of_generate(seq2seq):
    model, loaded = seq2seq
    rng = np.random.default_rng(4)
    rows = [tiny.call(f"{index}", tiny.tokens(rng, 3 + 8 * index)) for index in range(4)]
    found = tiny.answers(loaded, tiny.table(rows))
    for row in rows:
        ids = model.generate(
            torch.tensor([row["context"]]), max_new_tokens=12, do_sample=False, num_beams=1
        )[0, 1:]
        assert found[row["key"]]["text"] == tiny.tokenizer().decode(ids, skip_special_tokens=True)


def bert(tmp_path, auto, **config_keys):
    model, folder = bert_folder(tmp_path, auto, **config_keys)
    return model, build.load(folder, settings(dtype="float32"))


def bert_folder(tmp_path, auto, **config_keys):
    torch.manual_seed(5)
    config = transformers.BertConfig(
        vocab_size=tiny.VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=tiny.LENGTH, initializer_range=0.3,
        **config_keys,
    )  # fmt: skip
    model = auto.from_config(config).eval()
    return model, tiny.save(model, tmp_path)


def test_labels_of_a_classifier(tmp_path):
    model, loaded = bert(tmp_path, transformers.AutoModelForSequenceClassification, num_labels=3)
    assert loaded.family == "classifier"
    rng = np.random.default_rng(6)
    texts = [tiny.tokens(rng, count) for count in (4, 30, 11)]
    types = [[0] * (len(text) // 2) + [1] * (len(text) - len(text) // 2) for text in texts]
    rows = [
        tiny.call(f"{i}-{label}", texts[i], [label], token_types=types[i])
        for i in range(3)
        for label in range(3)
    ]
    found = tiny.answers(loaded, tiny.table(rows))
    for i, text in enumerate(texts):
        with torch.inference_mode():
            scores = (
                model(input_ids=torch.tensor([text]), token_type_ids=torch.tensor([types[i]]))
                .logits[0]
                .log_softmax(-1)
            )
        for label in range(3):
            assert found[f"{i}-{label}"]["loglikelihood"] == pytest.approx(
                scores[label].item(), abs=1e-5
            )
            assert found[f"{i}-{label}"]["greedy"] == (scores.argmax() == label)
    assert loaded.counters.computed_tokens <= 3 * 30  # each text read once, not once per label


def test_a_classifier_needs_labels(tmp_path):
    with pytest.raises(UserError, match="num_labels is 1"):
        bert(tmp_path, transformers.AutoModelForSequenceClassification, num_labels=1)


def test_best_span_of_a_passage(tmp_path):
    model, loaded = bert(tmp_path, transformers.AutoModelForQuestionAnswering)
    assert loaded.family == "extractive"
    rng = np.random.default_rng(7)
    passage = "".join(chr(97 + i % 26) for i in range(40))
    rows = []
    for index, count in enumerate((5, 40, 1)):
        question = tiny.tokens(rng, 6)
        offsets = [-1, -1] * 6 + [bound for place in range(count) for bound in (place, place + 1)]
        rows.append(
            tiny.call(
                f"{index}",
                question + tiny.tokens(rng, count),
                kind="extract",
                offsets=offsets,
                passage=passage,
            )
        )
        for none in range(6):  # the token that stands for no answer
            mapped = [-1, -1] * none + [-1, 0] + offsets[2 * none + 2 :]
            rows.append(
                tiny.call(
                    f"{index} or {none}",
                    rows[-1]["context"],
                    kind="extract",
                    offsets=mapped,
                    passage=passage,
                )
            )
    rows.append(tiny.call("nothing", [3, 4], kind="extract", offsets=[-1] * 4, passage=passage))
    found = tiny.answers(loaded, tiny.table(rows))
    empty = 0
    for row in rows[:-1]:
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([row["context"]]))
        start, end = out.start_logits[0].log_softmax(-1), out.end_logits[0].log_softmax(-1)
        spans = {
            (i, j): (start[i] + end[j]).item()
            for i in range(6, len(start))
            for j in range(i, min(i + 30, len(end)))
        }
        (i, j), best = max(spans.items(), key=lambda item: item[1])
        none = max(
            [
                (start[token] + end[token]).item()
                for token in range(6)
                if row["offsets"][2 * token + 1] == 0
            ],
            default=-np.inf,
        )
        assert found[row["key"]]["text"] == ("" if none > best else passage[i - 6 : j - 5])
        assert found[row["key"]]["loglikelihood"] == pytest.approx(max(none, best), abs=1e-5)
        empty += none > best
    assert 0 < empty < 3 * 6  # both happen
    assert (found["nothing"]["text"], found["nothing"]["loglikelihood"]) == ("", -np.inf)
