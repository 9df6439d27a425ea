"""Tables of a model: its files, what it is asked, what it answers, and what its answers score."""

import pyarrow as pa

from snakeval.schemas.columns import GENERATION, INT_LIST, STR_LIST, schema

MODEL_FILES = schema(
    ("model", pa.string(), "name in the configuration"),
    ("source", pa.string(), "as configured: demo:small, hf:org/name, path:folder"),
    (
        "revision",
        pa.string(),
        "commit of the hub repository that came down; null for local folders",
    ),
    ("folder", pa.string(), "where the files lie on this machine"),
    ("file", pa.string(), "path inside the folder"),
    ("size", pa.int64(), "bytes"),
    ("sha256", pa.string(), "of the file's content"),
)

TOKENS = schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("kind", pa.string(), "as in requests"),
    (
        "prompts",
        STR_LIST,
        "each context as text, exactly as the model reads it, special tokens included",
    ),
    ("contexts", pa.list_(INT_LIST), "token ids before the continuation or the generated text"),
    (
        "continuations",
        pa.list_(pa.struct([("context", pa.int32()), ("ids", INT_LIST)])),
        "token ids to score after contexts[context]; a rolling text is cut into windows, one continuation each",
    ),
    ("token_types", pa.list_(INT_LIST), "segment ids per context for encoders; null otherwise"),
    (
        "offsets",
        pa.list_(INT_LIST),
        "extractive: start and end character in the passage per token, -1 outside, or NO_ANSWER; else null",
    ),
    ("passage", pa.string(), "extractive: the text an answer is cut from; null otherwise"),
    (
        "generation",
        GENERATION,
        "as in requests, max_new_tokens cut to what fits; null for other kinds",
    ),
    ("dropped_shots", pa.int32(), "few-shot examples left out to fit"),
    ("truncated_tokens", pa.int32(), "tokens cut from the left of the contexts to fit, summed"),
)

CALLS = schema(
    ("key", pa.string(), "content address of the request: see snakeval.inference.store"),
    ("kind", pa.string(), "loglikelihood (one continuation), generate or extract"),
    ("context", INT_LIST, "token ids"),
    (
        "continuation",
        INT_LIST,
        "token ids to score; for a classifier the one label id; empty for generate and extract",
    ),
    ("token_types", INT_LIST, "null unless an encoder uses them"),
    ("offsets", INT_LIST, "extract: as in tokens; null otherwise"),
    ("passage", pa.string(), "extract: as in tokens; null otherwise"),
    ("generation", GENERATION, "null unless generate"),
    ("sample", pa.int32(), "index of the answer when several are asked"),
)

OUTPUTS = schema(
    ("key", pa.string(), "content address of the request"),
    (
        "loglikelihood",
        pa.float64(),
        "natural logarithm, summed over the continuation; extract: of the span; null for generate",
    ),
    (
        "greedy",
        pa.bool_(),
        "every token of the continuation is the most likely one; null for generate and extract",
    ),
    ("text", pa.string(), "generated or extracted text; null for loglikelihood"),
    ("finish_reason", pa.string(), "stop (stop string), eos, length; null for loglikelihood"),
    ("n_tokens", pa.int32(), "tokens scored or generated"),
)

RESPONSES = schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("kind", pa.string(), "as in requests"),
    (
        "loglikelihoods",
        pa.list_(pa.float64()),
        "one per continuation of the tokens table; empty for generation",
    ),
    (
        "greedy",
        pa.list_(pa.bool_()),
        "one per continuation: every token is the most likely one; empty: recorded answers that do not tell",
    ),
    (
        "n_tokens",
        INT_LIST,
        "tokens per continuation or per generated text; empty: recorded answers that do not tell",
    ),
    ("texts", STR_LIST, "generated or extracted, one per sample; empty for log-likelihoods"),
    (
        "finish_reasons",
        STR_LIST,
        "stop, eos or length, one per text; empty: recorded answers, which do not tell",
    ),
)

RECORDED = schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("file", pa.string(), "recorded answers"),
    ("documents", pa.int64(), "of the task"),
    ("records", pa.int64(), "of this model in the file"),
    ("answered", pa.int64(), "documents with an answer"),
    ("missing", pa.int64(), "documents without"),
    ("surplus", pa.int64(), "records that belong to no document"),
    ("missing_documents", STR_LIST, "numbers of the first of them"),
    ("surplus_records", STR_LIST, "what the first of them call their document"),
    ("reason", pa.string(), "why answers are missing, where that is known; null otherwise"),
)

SCORES = schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("filter", pa.string(), "name of the answer-extraction pipeline; none for choices"),
    ("metric", pa.string(), "name of the metric"),
    ("value", pa.float64(), "the document's own score; null where only the corpus has one"),
    (
        "statistics",
        pa.list_(pa.float64()),
        "what a corpus metric sums over documents; null for plain means",
    ),
    ("item", pa.string(), "JSON that a task's own aggregation function takes; null otherwise"),
    ("prediction", pa.string(), "the answer that was scored, after the filter; null for rolling"),
    ("extracted", pa.bool_(), "whether the filter found an answer at all"),
    ("cluster", pa.string(), "as in requests; null: independent"),
)

NUMERICS = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("documents", pa.int64(), "documents that were asked again, each request alone"),
    ("loglikelihoods", pa.int64(), "of them, computed again"),
    ("largest_change", pa.float64(), "of a log-likelihood; null: none"),
    (
        "largest_change_per_token",
        pa.float64(),
        "of a log-likelihood divided by its tokens; null: none",
    ),
    (
        "decisions",
        pa.int64(),
        "likeliest continuations, or whether the only one is what the model would have written",
    ),
    ("flipped_decisions", pa.int64(), "of them, others than in batches"),
    ("texts", pa.int64(), "greedy texts generated again"),
    ("changed_texts", pa.int64(), "of them, others than in batches"),
)

FORECAST = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("documents", pa.int64(), "documents"),
    ("requests", pa.int64(), "continuations to score and answers to generate"),
    ("prompt_tokens", pa.int64(), "tokens to read, each context once"),
    ("scored_tokens", pa.int64(), "tokens of continuations"),
    ("generated_tokens", pa.int64(), "tokens to write at most"),
    (
        "longest",
        pa.int64(),
        "tokens of the longest context with the longest continuation or answer",
    ),
    ("parameters", pa.int64(), "of the model; null: unknown"),
    ("weights_bytes", pa.int64(), "of its files"),
    ("cache_numbers", pa.int64(), "numbers kept per token of a sequence; null: unknown"),
    (
        "memory_bytes",
        pa.int64(),
        "weights and the longest sequence, the least that is needed; null: unknown",
    ),
    (
        "gpus",
        pa.int32(),
        "that the time is for, as configured when it was forecast; 0: on the CPU; null: not yet forecast",
    ),
    (
        "threads",
        pa.int32(),
        "CPU cores that the time is for, where there is no GPU; null: not yet forecast",
    ),
    (
        "seconds",
        pa.float64(),
        "about, on these devices, of all shards together, for answers of full length; null: unknown",
    ),
)

TIMINGS = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("identity", pa.string(), "who answered, as the store knows it: see snakeval.models.identity"),
    ("engine", pa.string(), "engine and path that answered, or null when all came from the store"),
    ("device", pa.string(), "its name, or null when all came from the store"),
    (
        "precision",
        pa.string(),
        "of computation and, where they differ, of weights and cached keys and values; null as above",
    ),
    ("requests", pa.int64(), "answers the file needs"),
    ("asked_alone", pa.int64(), "some of them that were asked again, each alone: see numerics"),
    ("duplicates", pa.int64(), "of them asked once for several documents"),
    ("from_store", pa.int64(), "known before"),
    ("prompt_tokens", pa.int64(), "tokens of the requests sent, each counted whole"),
    (
        "stored_tokens",
        pa.int64(),
        "tokens of the requests known before, each counted whole: saved by the store",
    ),
    (
        "computed_tokens",
        pa.int64(),
        "of prompt_tokens those that went through the layers, padding included: the rest was saved by sharing",
    ),
    ("generated_tokens", pa.int64(), "tokens decoded"),
    (
        "flops",
        pa.float64(),
        "floating-point operations of the layers' matrix products over computed and generated tokens",
    ),
    (
        "peak_flops",
        pa.float64(),
        "operations per second of a large matrix product on the device; null when all came from the store",
    ),
    ("load_seconds", pa.float64(), "loading the model, counted at the first file of a job"),
    ("prefill_seconds", pa.float64(), "computing log-likelihoods"),
    ("decode_seconds", pa.float64(), "generating texts, their prompts' prefill included"),
    ("seconds", pa.float64(), "answering, planning and storing included"),
    ("peak_bytes", pa.int64(), "largest memory on the device (GPU) or of the process (CPU)"),
    (
        "energy_joules",
        pa.float64(),
        "used while answering by the GPUs, or by the whole processors; null: they do not tell",
    ),
)
