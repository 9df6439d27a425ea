"""Tables of a model: its files, its calls, its outputs and responses, and their scores."""

import pyarrow as pa

from snakeval.schemas.columns import GENERATION, INT_LIST, MESSAGE, STR_LIST, schema

MODEL_FILES = schema(
    ("model", pa.string(), "name in the configuration"),
    ("source", pa.string(), "as configured: demo:small, hf:org/name, path:folder"),
    ("revision", pa.string(), "commit of the hub repository; null for local folders"),
    ("folder", pa.string(), "where the files are on this machine"),
    ("file", pa.string(), "path inside the folder"),
    ("size", pa.int64(), "bytes"),
    ("sha256", pa.string(), "of the file's content"),
)

_CONTINUATION = pa.struct([("context", pa.int32()), ("ids", INT_LIST)])
TOKENS = schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("kind", pa.string(), "as in requests"),
    ("prompts", STR_LIST, "each context as the model reads it, special tokens included"),
    ("contexts", pa.list_(INT_LIST), "token ids before the continuation or the generated text"),
    (
        "continuations",
        pa.list_(_CONTINUATION),
        "token ids to score after contexts[context]; a rolling text has one per window",
    ),
    ("token_types", pa.list_(INT_LIST), "segment ids per context for encoders; null otherwise"),
    (
        "offsets",
        pa.list_(INT_LIST),
        "extractive: start and end character in the passage per token, -1 outside, or NO_ANSWER; "
        "null otherwise",
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
    ("key", pa.string(), "content address of the call: see snakeval.inference.store"),
    ("kind", pa.string(), "loglikelihood (one continuation), generate or extract"),
    ("context", INT_LIST, "token ids; empty for a call that is sent as text or turns"),
    (
        "continuation",
        INT_LIST,
        "token ids to score; of a classifier the id of one label; otherwise empty",
    ),
    ("token_types", INT_LIST, "null unless an encoder uses them"),
    ("offsets", INT_LIST, "extract: as in tokens; null otherwise"),
    ("passage", pa.string(), "extract: as in tokens; null otherwise"),
    ("generation", GENERATION, "null unless generate"),
    ("sample", pa.int32(), "index of the output when a document has several samples"),
    ("text", pa.string(), "the prompt, of a call that is sent as text; null otherwise"),
    (
        "continuation_text",
        pa.string(),
        "text to score after `text`, of a log-likelihood that is sent as text; null otherwise",
    ),
    ("turns", pa.list_(MESSAGE), "the turns of a call that is sent as a chat; null otherwise"),
)

OUTPUTS = schema(
    ("key", pa.string(), "content address of the call"),
    (
        "loglikelihood",
        pa.float64(),
        "natural logarithm, summed over the continuation; extract: of the span; null for generate",
    ),
    (
        "greedy",
        pa.bool_(),
        "every token of the continuation is the likeliest one; null for generate and extract",
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
        "one per continuation of the document; empty for generation",
    ),
    (
        "greedy",
        pa.list_(pa.bool_()),
        "one per continuation: every token is the likeliest one; empty: not recorded",
    ),
    ("n_tokens", INT_LIST, "tokens per continuation or per generated text; empty: not recorded"),
    ("texts", STR_LIST, "generated or extracted, one per sample; empty for log-likelihoods"),
    ("finish_reasons", STR_LIST, "stop, eos or length, one per text; empty: not recorded"),
)

RECORDED = schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("file", pa.string(), "recorded responses"),
    ("documents", pa.int64(), "of the task"),
    ("records", pa.int64(), "of this model in the file"),
    ("answered", pa.int64(), "documents with a response"),
    ("missing", pa.int64(), "documents without"),
    ("surplus", pa.int64(), "records that belong to no document"),
    ("missing_documents", STR_LIST, "numbers of the first of them"),
    ("surplus_records", STR_LIST, "how the first of them name their document"),
    ("reason", pa.string(), "why responses are missing, where that is known; null otherwise"),
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
    ("documents", pa.int64(), "documents whose calls were asked again, each call alone"),
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
        "likeliest continuations, or whether a single one is what the model would have written",
    ),
    ("flipped_decisions", pa.int64(), "decisions that differ from those in batches"),
    ("texts", pa.int64(), "greedy texts generated again"),
    ("changed_texts", pa.int64(), "texts that differ from those in batches"),
)

FORECAST = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("documents", pa.int64(), "documents"),
    ("requests", pa.int64(), "continuations to score and texts to generate"),
    ("prompt_tokens", pa.int64(), "tokens to read, each context once"),
    ("scored_tokens", pa.int64(), "tokens of continuations"),
    ("generated_tokens", pa.int64(), "tokens to write at most"),
    ("longest", pa.int64(), "tokens of the longest context with its continuation or text"),
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
        "that `seconds` is for, as configured at the forecast; 0: on the CPU; null: no forecast",
    ),
    (
        "threads",
        pa.int32(),
        "CPU cores that `seconds` is for, where there is no GPU; null: no forecast",
    ),
    (
        "seconds",
        pa.float64(),
        "about, on these devices, of all shards together, for texts of full length; null: unknown",
    ),
)

TIMINGS = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("identity", pa.string(), "of the model, as the store knows it: snakeval.models.identity"),
    ("engine", pa.string(), "engine and strategy; null when all outputs came from the store"),
    ("device", pa.string(), "its name; null when all outputs came from the store"),
    (
        "precision",
        pa.string(),
        "of computation and, where they differ, of weights and cached keys and values; "
        "null as above",
    ),
    ("requests", pa.int64(), "calls that the file needs"),
    ("asked_alone", pa.int64(), "some of them that were asked again, each alone: see numerics"),
    ("duplicates", pa.int64(), "of them asked once for several documents"),
    ("from_store", pa.int64(), "known before"),
    ("prompt_tokens", pa.int64(), "tokens of the calls sent, each counted whole"),
    (
        "stored_tokens",
        pa.int64(),
        "tokens of the calls known before, each counted whole: saved by the store",
    ),
    (
        "computed_tokens",
        pa.int64(),
        "of prompt_tokens those that went through the layers, padding included; "
        "sharing saved the rest",
    ),
    ("generated_tokens", pa.int64(), "tokens decoded"),
    (
        "flops",
        pa.float64(),
        "floating-point operations of the layers' matrix products over these tokens",
    ),
    (
        "peak_flops",
        pa.float64(),
        "operations per second of a large matrix product; null when all came from the store",
    ),
    ("load_seconds", pa.float64(), "loading the model, counted at the first file of a job"),
    ("prefill_seconds", pa.float64(), "computing log-likelihoods"),
    ("decode_seconds", pa.float64(), "generating texts, the prefill of their prompts included"),
    ("seconds", pa.float64(), "answering, planning and storing included"),
    ("peak_bytes", pa.int64(), "largest memory on the device (GPU) or of the process (CPU)"),
    (
        "energy_joules",
        pa.float64(),
        "of the GPUs, or of the whole processors, while answering; null: not measured",
    ),
)
