"""BERTScore: how closely the contextual embeddings of two texts match, token by token.

(Zhang et al. 2020, arxiv.org/abs/1904.09675.) Any encoder in a folder on this machine will do;
scoring downloads nothing. The figures are those of the bert-score package without inverse document
frequencies and without rescaling. They compare only between runs with the same encoder and layer.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric


def bertscore(
    prediction: str,
    references: Sequence[str],
    encoder: str | None = None,
    layer: int | None = None,
    score: str = "f1",
) -> float:
    """BERTScore of the best reference: `score` is f1, precision or recall; 0 for an empty text.

    `encoder`: folder of the model and its tokenizer. `layer`: the hidden states that are compared,
    0 for the embeddings; null: the last. A token's precision is the largest cosine similarity to
    any token of the other text. Special tokens count as partners, not in the mean.
    """
    if encoder is None:
        raise UserError(
            "metric bertscore: it names no encoder. Give its folder: "
            "{metric: bertscore, encoder: models/roberta-large, layer: 17}"
        )
    if score not in ("f1", "precision", "recall"):
        raise UserError(f"metric bertscore: score: {score!r}. Use f1, precision or recall.")
    own, own_words = _embedded(encoder, layer, prediction)
    best = 0.0
    for number, reference in enumerate(references):
        other, other_words = _embedded(encoder, layer, reference)
        if not own_words.any() or not other_words.any():
            continue
        similarity = own @ other.T
        precision = float(similarity.max(axis=1)[own_words].mean())
        recall = float(similarity.max(axis=0)[other_words].mean())
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        value = {"f1": f1, "precision": precision, "recall": recall}[score]
        best = max(best, value) if number else value
    return best


def _embedded(encoder: str, layer: int | None, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (tokens, size) of a text, and which of the tokens are not special ones."""
    import torch

    tokenizer, model = _loaded(encoder)
    how = {"return_tensors": "pt", "truncation": True, "return_special_tokens_mask": True}
    ids = tokenizer(text.strip(), **how)
    words = ~ids.pop("special_tokens_mask")[0].numpy().astype(bool)
    with torch.inference_mode():
        states = model(**ids, output_hidden_states=True).hidden_states
    if layer is not None and not 0 <= layer < len(states):
        raise UserError(
            f"metric bertscore: layer: {layer}. Use one of {encoder}, 0 to {len(states) - 1}."
        )
    vectors = states[-1 if layer is None else layer][0].float().numpy()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), words


@cache
def _loaded(encoder: str) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    if not (Path(encoder) / "config.json").is_file():
        raise UserError(
            f"metric bertscore: {encoder} holds no encoder (config.json). "
            "Name the folder of one; scoring downloads nothing."
        )
    tokenizer: Any = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    model = AutoModel.from_pretrained(encoder, local_files_only=True).eval()
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions and tokenizer.model_max_length > positions:
        # a tokenizer without a limit of its own has an absurd one
        tokenizer.model_max_length = positions
    return tokenizer, model


METRICS = (Metric("bertscore", "generate_until", bertscore),)
