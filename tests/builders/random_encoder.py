"""A small BERT with random weights, for the tests of BERTScore."""

from collections.abc import Sequence
from pathlib import Path


def save(folder: Path, words: Sequence[str], longest: int) -> str:
    """Write a model and its tokenizer into `folder`; gives the folder's name.

    The tokenizer (WordPiece) knows `words` and reads `longest` tokens.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=longest).save_pretrained(folder)
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": longest}
    BertModel(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(folder)
    return str(folder)
