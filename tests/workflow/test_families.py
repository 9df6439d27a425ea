"""Sequence-to-sequence models, classifiers and extractive models through the whole workflow.

Each is made here with random weights.
"""

import json

import numpy as np
import pandas as pd
import pytest

WORDS = "the a red green blue ball box cup is in on what where good bad film fine dull".split()
WORDS += "yes no 0 1 2 3".split()
SENTENCES = [
    ("the film is good", 1),
    ("a dull film", 0),
    ("the film is bad", 0),
    ("a fine film", 1),
] * 4
PASSAGES = [
    {"passage": "the red ball is in the box", "question": "where is the ball", "answer": "the box"},
    {
        "passage": "a blue cup is on the box",
        "question": "what is on the box",
        "answer": "a blue cup",
    },
] * 4

SENTIMENT = """
task: sentiment
dataset_path: local/sentiment
test_split: test
output_type: multiple_choice
doc_to_text: "{{sentence}}"
doc_to_choice: [bad, good]
doc_to_target: label
encoder_inputs: ["{{sentence}}"]
metric_list:
  - {metric: acc}
  - {metric: f1}
"""
READING = """
task: reading
dataset_path: local/reading
test_split: test
output_type: generate_until
doc_to_text: "{{passage}} {{question}}"
doc_to_target: "{{answer}}"
encoder_inputs: ["{{question}}", "{{passage}}"]
generation_kwargs: {until: ["\\n"], max_gen_toks: 6, do_sample: false}
metric_list:
  - {metric: exact_match}
  - {metric: token_f1, aggregation: mean, higher_is_better: true}
"""


def tokenizer(folder, specials, template):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate([*specials.values(), *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token=specials["unk_token"]))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    ids = [(token, vocabulary[token]) for token in specials.values()]
    words.post_processor = processors.TemplateProcessing(
        single=template[0], pair=template[1], special_tokens=ids
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words, model_max_length=64, **specials
    ).save_pretrained(folder)
    return len(vocabulary)


def bert(folder, head, **options):
    import torch
    import transformers

    specials = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    size = tokenizer(folder, specials, ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"))
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=size,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        **options,
    )
    getattr(transformers, head)(config).save_pretrained(folder)


def t5(folder):
    import torch
    import transformers

    specials = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    size = tokenizer(folder, specials, ("$A </s>", "$A </s> $B </s>"))
    torch.manual_seed(1)
    config = transformers.T5Config(
        vocab_size=size,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)


@pytest.fixture
def families(unstarted):
    """A project with a model of each family and a task for each kind of answer."""
    folder = unstarted.folder
    (folder / "tasks").mkdir()
    (folder / "tasks/sentiment.yaml").write_text(SENTIMENT)
    (folder / "tasks/reading.yaml").write_text(READING)
    rows = [{"sentence": sentence, "label": label} for sentence, label in SENTENCES]
    (folder / "sentiment.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "reading.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PASSAGES))
    for name in ("t5", "classifier", "reader"):
        (folder / name).mkdir()
    t5(folder / "t5")
    bert(
        folder / "classifier",
        "BertForSequenceClassification",
        num_labels=2,
        id2label={0: "bad", 1: "good"},
        label2id={"bad": 0, "good": 1},
    )
    bert(folder / "reader", "BertForQuestionAnswering")
    return unstarted


def configure(project, models, tasks):
    project.configure(
        limit=None,
        models={model: {"source": f"path:{model}"} for model in models},
        tasks=tasks,
        task_paths=["tasks"],
        datasets={"local/sentiment": "path:sentiment.jsonl", "local/reading": "path:reading.jsonl"},
    )


def scores(project):
    table = pd.read_parquet(project.results / "tables/scores.parquet")
    return table.set_index(["model", "metric"])["value"].to_dict()


def test_a_classifier_and_a_sequence_to_sequence_model_choose(families):
    configure(families, ["classifier", "t5"], ["sentiment"])
    families.snakemake(cores=2)
    found = scores(families)
    for model in ("classifier", "t5"):
        answers = pd.read_parquet(families.results / f"responses/{model}/sentiment.parquet")
        chosen = np.stack(answers["loglikelihoods"]).argmax(axis=1)
        right = np.array([label for _, label in SENTENCES])
        assert found[model, "acc"] == pytest.approx((chosen == right).mean())
        both = ((chosen == 1) & (right == 1)).sum()
        assert found[model, "f1"] == pytest.approx(
            2 * both / max((chosen == 1).sum() + (right == 1).sum(), 1)
        )
    probabilities = np.exp(
        np.stack(
            pd.read_parquet(families.results / "responses/classifier/sentiment.parquet")[
                "loglikelihoods"
            ]
        )
    )
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_a_classifier_gives_what_transformers_gives(families):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    configure(families, ["classifier"], ["sentiment"])
    families.snakemake()
    encode = AutoTokenizer.from_pretrained(families.folder / "classifier")
    model = AutoModelForSequenceClassification.from_pretrained(
        families.folder / "classifier"
    ).eval()
    answers = pd.read_parquet(families.results / "responses/classifier/sentiment.parquet")
    with torch.no_grad():
        for (sentence, _), found in zip(SENTENCES, answers["loglikelihoods"], strict=True):
            expected = model(**encode(sentence, return_tensors="pt")).logits.log_softmax(-1)[0]
            assert found == pytest.approx(expected.numpy(), abs=1e-5)


def test_an_extractive_model_answers_out_of_the_passage(families):
    configure(families, ["reader", "t5"], ["reading"])
    families.snakemake(cores=2)
    answers = pd.read_parquet(families.results / "responses/reader/reading.parquet")
    for document, texts in zip(PASSAGES, answers["texts"], strict=True):
        assert texts[0]
        assert texts[0] in document["passage"]
    found = scores(families)
    assert 0 <= found["reader", "exact_match"] <= found["reader", "token_f1"] <= 1
    assert ("t5", "token_f1") in found


def test_a_model_that_cannot_answer_a_task_is_reported_at_once(families):
    configure(families, ["classifier"], ["reading"])
    done = families.snakemake(check=False)
    assert done.returncode != 0
    assert (
        "error: classifier: a classifier model cannot answer reading, which is generate_until"
        in done.stderr
    )
