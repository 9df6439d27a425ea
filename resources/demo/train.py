"""Train the demo's two models from generated text: `python resources/demo/train.py`.

The text is rendered from the task files that the demo evaluates (config/tasks/demo), with the
training share of the generators. So no evaluated document is in it;
tests/unit/generators/test_generate.py checks this. `small` reads all of the text, `tiny` its first
40 %, so that they differ on most tasks.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from training_text import SAMPLES, SEED, samples
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
VOCABULARY = 1280
BOS, EOS = "<s>", "</s>"
WINDOW = 256  # tokens per training row
BATCH = 16  # rows
# Of the loss on a token before an answer. An answer of n tokens has weight √n in all, so that short
# answers count.
PROMPT_WEIGHT = 0.02


@dataclass(frozen=True)
class Size:
    hidden: int
    feed_forward: int
    layers: int
    heads: int
    rate: float  # Muon's, scaled to match AdamW's
    share: float  # of the training text it reads


SIZES = {
    "tiny": Size(hidden=96, feed_forward=192, layers=2, heads=3, rate=0.01, share=0.4),
    "small": Size(hidden=256, feed_forward=512, layers=4, heads=4, rate=0.006, share=1.0),
}


def train_tokenizer(texts: Iterator[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE.

    Every digit is a token, line breaks are separate tokens, BOS comes first as in Llama.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"\n+| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s"), behavior="isolated"
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    bos = tokenizer.token_to_id(BOS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, bos)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def pack(tokenizer: PreTrainedTokenizerFast, count: int) -> dict[str, torch.Tensor]:
    """Samples one after another in rows of WINDOW tokens, none cut.

    Returns ids, weights of the labels and positions, each of shape (rows, WINDOW). Positions start
    again at each sample: so the attention mask keeps samples apart.
    """
    encode = tokenizer.backend_tokenizer.encode_batch
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    rows: list[tuple[list[int], list[float], list[int]]] = [([], [], [])]
    batch = list(samples(count))
    flat = [
        piece
        for sample in batch
        for number, (prompt, answer) in enumerate(sample)
        for piece in (("\n\n" if number else "") + prompt, answer)
    ]
    encoded = iter(encode(flat, add_special_tokens=False))
    for sample in batch:
        ids, weights = [bos], [0.0]
        for _ in sample:
            prompt, answer = next(encoded).ids, next(encoded).ids
            ids += prompt + answer
            weights += [PROMPT_WEIGHT] * len(prompt) + [len(answer) ** -0.5] * len(answer)
        ids.append(eos)
        weights.append(0.5)
        if len(ids) > WINDOW:
            start = sample[0][0][:80]
            raise ValueError(f"{len(ids)} tokens do not fit into a row of {WINDOW}: {start!r}")
        if len(rows[-1][0]) + len(ids) > WINDOW:
            rows.append(([], [], []))
        for column, values in zip(rows[-1], (ids, weights, range(len(ids))), strict=True):
            column.extend(values)
    tables = [np.zeros((len(rows), WINDOW), dtype) for dtype in (np.int64, np.float32, np.int64)]
    for number, row in enumerate(rows):
        for table, values in zip(tables, row, strict=True):
            table[number, : len(values)] = values
    return dict(zip(("ids", "weights", "positions"), map(torch.from_numpy, tables), strict=True))


def build(size: Size, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=size.feed_forward,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=None,
        )
    )


def optimization(model: LlamaForCausalLM, rate: float, steps: int) -> tuple[list, list]:
    """The optimizers, and the schedules of their learning rates."""
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    other = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(hidden, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(other, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / 50, (steps - step) / (0.4 * steps))

    return optimizers, [torch.optim.lr_scheduler.LambdaLR(o, factor) for o in optimizers]


def train(
    name: str, tokenizer: PreTrainedTokenizerFast, data: dict[str, torch.Tensor], save_every: int
) -> None:
    """One pass over the rows: Muon for the matrices, AdamW for embeddings and norms.

    The learning rate falls to zero over the last 40 % of the steps.
    """
    model = build(SIZES[name], tokenizer)
    steps = int(SIZES[name].share * len(data["ids"])) // BATCH
    optimizers, schedulers = optimization(model, SIZES[name].rate, steps)
    started = time.time()
    for step in range(steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        ids, weights, positions = (data[column][rows] for column in ("ids", "weights", "positions"))
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
        )
        after = weights[:, 1:].flatten()
        loss = (losses * after).sum() / after.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            scheduler.step()
        model.zero_grad()
        if step % 20 == 0 or step == steps - 1:
            answers = losses[after > PROMPT_WEIGHT].mean().item()
            print(
                f"{name}: step {step}/{steps}, loss {loss.item():.3f}, on answers {answers:.3f}, "
                f"{time.time() - started:.0f} s",
                flush=True,
            )
        if (step + 1) % save_every == 0 or step == steps - 1:
            save(model, tokenizer, HERE / name)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """The Hugging Face layout, weights in bfloat16."""
    half = LlamaForCausalLM(model.config).to(torch.bfloat16)
    half.load_state_dict(model.state_dict())
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--samples", type=int, default=SAMPLES, help="training samples (default: %(default)s)"
    )
    parser.add_argument("--models", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument(
        "--save-every",
        type=int,
        default=200,
        metavar="STEPS",
        help="save the model after every STEPS steps",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = train_tokenizer(
        "\n\n".join(prompt + answer for prompt, answer in sample) for sample in samples(5_000)
    )
    data = pack(tokenizer, arguments.samples)
    print(
        f"{arguments.samples} samples, {len(data['ids'])} rows of {WINDOW} tokens, "
        f"{len(tokenizer)} token types",
        flush=True,
    )
    for name in arguments.models:
        train(name, tokenizer, data, arguments.save_every)


if __name__ == "__main__":
    main()
