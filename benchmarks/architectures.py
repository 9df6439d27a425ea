"""Which strategy answers for each causal and sequence-to-sequence architecture of the installed
transformers, and whether its answers are right.

    python benchmarks/architectures.py [--write] [--processes 2] [--strategy auto] [model_type …]

Each architecture is built from its own configuration class, some layers deep and 32 wide, with
random weights, in a process of its own. The engine's outputs to calls of many shapes are compared
with those of the plain model, asked one call at a time; its texts with those of `model.generate`.
`--write` puts the table into docs/explanation/architectures.md.
"""

import argparse
import inspect
import multiprocessing
import sys
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import page
import torch
import transformers
from transformers.models.auto import modeling_auto as auto

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from builders import engine_models as tiny  # noqa: E402

from snakeval.backends.local.ending import Ending  # noqa: E402
from snakeval.backends.local.engine import TableEngine  # noqa: E402
from snakeval.backends.local.seq2seq import Seq2Seq  # noqa: E402
from snakeval.backends.protocol import Counters  # noqa: E402

FAMILIES = {
    "causal": (auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, transformers.AutoModelForCausalLM),
    "seq2seq": (
        auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        transformers.AutoModelForSeq2SeqLM,
    ),
}
SECONDS = 120  # for one architecture
PARAMETERS = 30_000_000  # more is not tiny
# Of a token's log-likelihood. Tokens whose logits differ by less than ten times that are tied.
TOLERANCE = 1e-4
GENERATED = 16  # at most; half as many for every next text, so that a batch gets narrower
WINDOW = 24  # shorter than most requests

# What configurations call their sizes. Only names that a configuration has are set.
SIZES: dict[str, Any] = {}
for value, names in {
    tiny.VOCABULARY: (
        "vocab_size decoder_vocab_size src_vocab_size tgt_vocab_size vocab_size_per_layer_input "
        "unpadded_vocab_size"
    ),
    tiny.LENGTH: (
        "max_position_embeddings n_positions n_ctx max_seq_len model_max_length context_length "
        "max_target_positions max_source_positions max_encoder_position_embeddings "
        "max_decoder_position_embeddings original_max_position_embeddings"
    ),
    32: (
        "hidden_size d_model n_embd dim_model emb_dim embed_dim embedding_size embedding_dim "
        "input_embedding_size output_embedding_size word_embed_proj_dim attention_hidden_size "
        "lru_width hidden_size_global output_dim"
    ),
    48: (
        "intermediate_size moe_intermediate_size shared_expert_intermediate_size "
        "shared_intermediate_size encoder_ffn_dim decoder_ffn_dim ffn_dim d_ff dff dim_ff d_inner "
        "ffn_hidden_size feed_forward_size expert_ffn_hidden_size intermediate_size_mlp mlp_dim "
        "dense_intermediate_size moe_shared_expert_intermediate_size "
        "shared_experts_intermediate_size"
    ),
    4: (
        "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers "
        "num_decoder_layers num_encoder_layers num_blocks num_attention_heads num_heads n_head "
        "n_heads encoder_attention_heads decoder_attention_heads attention_heads num_experts "
        "num_local_experts n_routed_experts moe_num_experts num_encoder_attention_heads "
        "num_decoder_attention_heads linear_num_value_heads n_mamba_heads mamba_n_heads "
        "linear_num_heads swa_num_attention_heads index_n_heads linear_num_key_heads"
    ),
    2: (
        "num_key_value_heads num_experts_per_tok num_experts_per_token moe_topk moe_top_k moe_k "
        "kv_n_heads num_kv_heads num_query_groups swa_num_key_value_heads mamba_dt_rank "
        "index_topk_blocks"
    ),
    8: (
        "rotary_dim query_pre_attn_scalar head_dim qk_rope_head_dim qk_nope_head_dim v_head_dim "
        "d_kv d_head dim_head linear_key_head_dim linear_value_head_dim kv_channels "
        "attention_head_size swa_head_dim linear_head_dim mamba_d_state ssm_state_size state_size"
    ),
    16: (
        "kv_lora_rank q_lora_rank index_head_dim o_lora_rank index_topk mamba_d_head "
        "index_block_size"
    ),
    WINDOW: (
        "sliding_window attention_window_size window_size attention_chunk_size local_attention "
        "sliding_window_size keep_window_size"
    ),
    # Large, so that errors show and greedy texts vary.
    0.3: "initializer_range init_std initializer_factor",
    0: "bos_token_id decoder_start_token_id",
    64: "mamba_d_ssm",
    1: (
        "n_shared_experts eos_token_id pad_token_id n_group topk_group num_expert_group "
        "first_k_dense_replace"
    ),
}.items():
    SIZES |= dict.fromkeys(names.split(), value)
SIZES["is_decoder"] = True

# What else an architecture needs: sizes that depend on one another.
MORE: dict[str, dict[str, Any]] = {
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"num_heads": 4, "head_dim": 16, "n_groups": 1},
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="model types; left out: all")
    strategies = ("auto", "packed", "padded")
    parser.add_argument("--strategy", default="auto", choices=strategies, help="of causal models")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--write", action="store_true", help="write docs/explanation/architectures.md"
    )
    options = parser.parse_args()
    jobs = [
        (family, name)
        for family, (names, _) in FAMILIES.items()
        for name in names
        if name in (options.names or names)
    ]
    lines, outcomes = [], Counter[str]()
    with ThreadPoolExecutor(options.processes) as pool:
        for job, (outcome, reason) in zip(
            jobs, pool.map(lambda job: _apart(*job, options.strategy), jobs), strict=True
        ):
            outcomes[outcome] += 1
            lines.append(f"| {job[1]} | {job[0]} | {outcome} | {reason.replace('|', '/')} |\n")
            print(lines[-1], end="", flush=True)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    table = f"transformers {transformers.__version__}: {counts}.\n\n"
    table += "| architecture | family | strategy | why not packed |\n|---|---|---|---|\n"
    table += "".join(lines)
    print(f"\n{counts}")
    if options.write:
        page.write("architectures.md", "benchmarks/architectures.py --write", table)
    return int(bool(outcomes["wrong"] or outcomes["crash"]))


def _apart(family: str, name: str, strategy: str) -> tuple[str, str]:
    """The outcome for an architecture, in a process that may crash or hang.

    It is forked, because importing transformers takes seconds.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def send() -> None:
        warnings.simplefilter("ignore")
        transformers.logging.set_verbosity(transformers.logging.CRITICAL)
        there.send(outcome(family, name, strategy))

    process = context.Process(target=send)
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(SECONDS) else ("crash", f"not done in {SECONDS} s")
    except EOFError:
        return "crash", "the process died"
    finally:
        process.kill()
        process.join()


def outcome(family: str, name: str, strategy: str = "auto") -> tuple[str, str]:
    """What became of an architecture, and why it is not packed, if so."""
    try:
        model = _tiny(family, name)
    except Exception as error:  # configurations and models refuse sizes in any way
        return "not built", _in_words(error)
    rows = _rows()
    try:
        if family == "causal" and not _is_causal(model):
            return "not causal", "what a token predicts depends on later ones"
        expected = {row["key"]: _expected(family, model, row) for row in rows}
    except Exception as error:
        return "not built", f"the plain model fails: {_in_words(error)}"
    try:
        engine = _engine(family, model, strategy)
        found = tiny.answers(engine, tiny.table(rows))
    except Exception as error:
        return "crash", _in_words(error)
    differ = [row for row in rows if not _agree(expected[row["key"]], found[row["key"]])]
    keys = [row["key"] for row in differ]
    pairs = [(row, expected[row["key"]], found[row["key"]]) for row in differ]
    rounded = [_rounded(family, model, *pair) for pair in pairs]
    if wrong := [key for key, fine in zip(keys, rounded, strict=True) if not fine]:
        return "wrong", f"{len(wrong)} of {len(rows)}, {engine.description}; {' '.join(wrong)}"
    found_strategy, _, reason = engine.strategy.description.partition(" (")
    return found_strategy, reason.removesuffix(")")


def _engine(family: str, model: Any, strategy: str) -> TableEngine:
    if family == "causal":
        return tiny.engine_of(model, strategy)
    ending = Ending.of_model(model, tiny.tokenizer())
    return TableEngine(family, Seq2Seq(model, ending, Counters(), 1024), model, tiny.LENGTH)


@torch.inference_mode()
def _expected(family: str, model: Any, row: dict) -> dict[str, Any]:
    """The answer of the plain model to one call by itself, with how near to a tie it is."""
    context = torch.tensor([row["context"]])
    if row["kind"] == "generate":
        written = model.generate(
            context, max_new_tokens=row["generation"]["max_new_tokens"], do_sample=False
        )[0]
        tokens = written[context.shape[1] if family == "causal" else 1 :].tolist()
    else:
        tokens = row["continuation"]
    if not tokens:
        return {"loglikelihood": 0.0, "greedy": True, "tokens": 0, "margin": 1.0}
    if family == "causal":
        logits = (
            model(torch.tensor([row["context"] + tokens]), use_cache=False)
            .logits[0, len(row["context"]) - 1 : -1]
            .double()
        )
    else:
        logits = (
            model(context, decoder_input_ids=torch.tensor([[0, *tokens[:-1]]]), use_cache=False)
            .logits[0]
            .double()
        )
    scores = logits.log_softmax(-1)
    top = scores.topk(2).values
    return {
        "loglikelihood": scores.gather(1, torch.tensor([tokens]).T).sum().item(),
        "greedy": scores.argmax(-1).tolist() == tokens,
        "tokens": len(tokens),
        "margin": (top[:, 0] - top[:, 1]).min().item(),
    } | (
        {"text": tiny.tokenizer().decode(tokens, skip_special_tokens=True)}
        if row["kind"] == "generate"
        else {}
    )


def _agree(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether outputs agree.

    A text of `generate` that is not the plain model's likeliest one is not a reference, for example
    where it counts positions in another way.
    """
    tied = expected["margin"] < 10 * TOLERANCE
    if "text" in expected:
        return tied or not expected["greedy"] or found["text"] == expected["text"]
    off = abs(found["loglikelihood"] - expected["loglikelihood"])
    near = off <= TOLERANCE * max(1, expected["tokens"])
    return near and (tied or found["greedy"] == expected["greedy"])


def _rounded(
    family: str, model: Any, row: dict, expected: dict[str, Any], found: dict[str, Any]
) -> bool:
    """Whether an output differs by no more than twice the plain model's own rounding in float32.

    That is its difference from the plain model in float64.
    """
    if "text" in expected:
        return False
    exact = _expected(family, model.double(), row)["loglikelihood"]
    off, plainly_off = (abs(each["loglikelihood"] - exact) for each in (found, expected))
    return off <= 2 * plainly_off and found["greedy"] == expected["greedy"]


def _tiny(family: str, name: str) -> Any:
    """Raises whatever configurations and models raise for sizes that do not suit them."""
    config = transformers.CONFIG_MAPPING[name](
        **(_sizes(transformers.CONFIG_MAPPING[name]()) | MORE.get(name, {}))
    )
    loader = FAMILIES[family][1]
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in loader.from_config(config).parameters())
    if parameters > PARAMETERS:
        raise ValueError(f"{parameters:,} parameters")
    torch.manual_seed(7)
    model = loader.from_config(config, dtype=torch.float32, attn_implementation=None).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases of 0 and norms of 1 would hide that they are left out
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif parameter.std() < 0.1:
                parameter.normal_(0, 0.3)
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=0, eos_token_id=1, pad_token_id=1, decoder_start_token_id=0
    )
    return model


def _sizes(config: Any) -> dict[str, Any]:
    """Settings that make a configuration of this class tiny. Every kind of layer stays."""
    found: dict[str, Any] = {}
    depth = getattr(config, "num_hidden_layers", None)
    for name in inspect.signature(type(config).__init__).parameters:
        value = vars(config).get(name)
        if isinstance(value, transformers.PreTrainedConfig):
            found[name] = {"model_type": value.model_type} | _sizes(value)
        elif name in SIZES:
            found[name] = SIZES[name]
        elif isinstance(value, list | tuple) and len(value) == depth:
            found[name] = list(islice(cycle(dict.fromkeys(value)), SIZES["num_hidden_layers"]))
    if "kv_lora_rank" in found:  # latent attention has no groups of heads
        found["num_key_value_heads"] = found["num_attention_heads"]
    return found


def _rows() -> list[dict]:
    rng = np.random.default_rng(3)
    header = tiny.tokens(rng, 60)
    prompts = [header * (n % 3 > 0) + tiny.tokens(rng, 3 + 4 * n) for n in range(4)]
    texts = [
        tiny.call(f"text-{n}", prompt, max_new_tokens=GENERATED >> n)
        for n, prompt in enumerate(prompts)
    ]
    return [*(row for row in tiny.mixture() if not row["key"].endswith(("-2", "-3"))), *texts]


@torch.inference_mode()
def _is_causal(model: Any) -> bool:
    tokens = torch.tensor([tiny.tokens(np.random.default_rng(4), 200)])
    whole = model(tokens, use_cache=False).logits[:, :100]
    return torch.allclose(
        model(tokens[:, :100], use_cache=False).logits, whole, atol=1e-3, rtol=1e-3
    )


def _in_words(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {words} ({Path(where.filename).name}:{where.lineno})"


if __name__ == "__main__":
    sys.exit(main())
