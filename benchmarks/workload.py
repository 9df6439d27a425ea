"""What the benchmarks run: a model with random weights, and texts of invented words that are shaped
like known benchmarks.

So nothing is downloaded, and what counts is realistic: how long prompts are, what they share, and
how long answers get.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LENGTH = 2048
NEW_TOKENS = 128
STOPS = ["Question:", "zu", "</s>"]
SIZES = {
    "MMLU-like, 5-shot": 60,
    "HellaSwag-like, 0-shot": 200,
    "HellaSwag-like, 10-shot": 25,
    "rolling perplexity": 16,
    "GSM8K-like, 8-shot": 60,
}


@dataclass
class Work:
    """Requests of one kind, as texts: (context, continuation), (text,) or (prompt,)."""

    name: str
    kind: str  # loglikelihood, rolling or generation
    documents: int
    requests: list[tuple[str, ...]]


def works(documents: int | None = None) -> list[Work]:
    """The texts; `documents` of each work, by default SIZES."""
    kinds = dict(
        zip(
            SIZES,
            ("loglikelihood", "loglikelihood", "loglikelihood", "rolling", "generation"),
            strict=True,
        )
    )
    made = {name: documents_of(name, documents or size) for name, size in SIZES.items()}
    return [
        Work(
            name,
            kinds[name],
            len(made[name]),
            [request for doc in made[name] for request in REQUESTS[name](doc)],
        )
        for name in SIZES
    ]


def documents_of(name: str, count: int) -> list[dict[str, Any]]:
    """Documents of a work: what varies from one to the next, and what comes before all."""
    rng = random.Random(name)
    shots = {
        "MMLU-like, 5-shot": lambda: (
            f"{_words(rng, 75)}\nA. {_words(rng, 6)}\nB. {_words(rng, 6)}\nAnswer: A\n\n"
        ),
        "HellaSwag-like, 10-shot": lambda: f"{_words(rng, 60)}\n\n",
        "GSM8K-like, 8-shot": lambda: f"Question: {_words(rng, 50)}\nAnswer: {_words(rng, 45)}\n\n",
    }
    make: dict[str, Callable[[], dict[str, Any]]] = {
        "MMLU-like, 5-shot": lambda: {
            "question": _words(rng, rng.randint(40, 110)),
            "answer": rng.randrange(4),
        },
        "HellaSwag-like, 0-shot": lambda: {
            "question": _words(rng, rng.randint(20, 55)),
            "endings": [_words(rng, rng.randint(8, 35)) for _ in range(4)],
            "answer": rng.randrange(4),
        },
        "rolling perplexity": lambda: {"question": _words(rng, rng.randint(500, 3500))},
        "GSM8K-like, 8-shot": lambda: {
            "question": _words(rng, rng.randint(25, 75)),
            "answer": _words(rng, 2),
        },
    }
    make["HellaSwag-like, 10-shot"] = make["HellaSwag-like, 0-shot"]
    number = {"MMLU-like, 5-shot": 5, "HellaSwag-like, 10-shot": 10, "GSM8K-like, 8-shot": 8}.get(
        name, 0
    )
    header = "".join(shots[name]() for _ in range(number))
    return [{"header": header} | make[name]() for _ in range(count)]


REQUESTS: dict[str, Callable[[dict[str, Any]], list[tuple[str, ...]]]] = {
    "MMLU-like, 5-shot": lambda doc: [
        (f"{doc['header']}{doc['question']}\nAnswer:", f" {letter}") for letter in "ABCD"
    ],
    "HellaSwag-like, 0-shot": lambda doc: [
        (doc["question"], f" {ending}") for ending in doc["endings"]
    ],
    "HellaSwag-like, 10-shot": lambda doc: [
        (doc["header"] + doc["question"], f" {ending}") for ending in doc["endings"]
    ],
    "rolling perplexity": lambda doc: [(doc["question"],)],
    "GSM8K-like, 8-shot": lambda doc: [(f"{doc['header']}Question: {doc['question']}\nAnswer:",)],
}

_SYLLABLES = [
    a + b
    for a in ("b", "d", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl")
    for b in "aeiou"
]
_LEXICON = ["".join(random.Random(i).choices(_SYLLABLES, k=1 + i % 3)) for i in range(9000)]


def _words(rng: random.Random, count: int) -> str:
    return " ".join(
        _LEXICON[min(int(rng.paretovariate(0.6)) - 1, len(_LEXICON) - 1)] for _ in range(count)
    )


def make_model(folder: Path, small: bool = False) -> None:
    """A Llama of 8 layers, width 512 and vocabulary 8,192: 34 M parameters.

    Its byte-level tokenizer is trained on the invented words. `small`: 4 layers and width 128, 2 M
    parameters.
    """
    rng = random.Random(0)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8192,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        [" ".join(rng.sample(_LEXICON, 3000)) for _ in range(40)], trainer
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=8192,
        hidden_size=128 if small else 512,
        intermediate_size=352 if small else 1408,
        num_hidden_layers=4 if small else 8,
        num_attention_heads=4 if small else 8,
        max_position_embeddings=LENGTH,
        initializer_range=0.05,  # larger than for training, so that greedy texts vary
        bos_token_id=0,
        eos_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
