"""Every table of the workflow: one Arrow schema each, one line of meaning per column.

A column without `null` in its meaning holds no nulls. Tables travel between stages only as these; whatever reads or writes one goes
through `snakeval.parquet`, which checks the schema.
"""

import pyarrow as pa

INT_LIST = pa.list_(pa.int32())
STR_LIST = pa.list_(pa.string())
NO_GOLD = -100  # in `gold` of REQUESTS: a right answer that is not among the choices, as lm-evaluation-harness has it


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema([pa.field(name, type_, nullable="null" in meaning, metadata={"meaning": meaning}) for name, type_, meaning in columns])


TURN = pa.struct(
    [
        ("role", pa.string()),  # system, user or assistant
        ("text", pa.string()),
        ("delimiter", pa.string()),  # what follows the text in a plain prompt; a chat template replaces it
        ("document", pa.int64()),  # row of the few-shot split this example comes from; null: not an example
    ]
)

GENERATION = pa.struct(
    [
        ("until", STR_LIST),  # generation ends before the first of these strings
        ("max_new_tokens", pa.int32()),
        ("do_sample", pa.bool_()),
        ("temperature", pa.float64()),
        ("top_p", pa.float64()),
        ("top_k", pa.int32()),  # 0: all tokens
        ("repetition_penalty", pa.float64()),
        ("samples", pa.int32()),  # answers per document
        ("seed", pa.int64()),
    ]
)

MODEL_FILES = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("source", pa.string(), "as configured: demo:small, hf:org/name, path:folder"),
    ("revision", pa.string(), "commit of the hub repository that came down; null for local folders"),
    ("folder", pa.string(), "where the files lie on this machine"),
    ("file", pa.string(), "path inside the folder"),
    ("size", pa.int64(), "bytes"),
    ("sha256", pa.string(), "of the file's content"),
)

DOCUMENT_FILES = _schema(
    ("source", pa.string(), "as configured: hf:org/name, path:file, generator:name"),
    ("revision", pa.string(), "commit of the hub repository that came down; null for local files and generators"),
    ("subset", pa.string(), "folder of the subset: its name, made safe"),
    ("name", pa.string(), "of the subset; null: it has none"),
    ("split", pa.string(), "as the task calls it"),
    ("file", pa.string(), "path inside the data set's folder"),
    ("documents", pa.int64(), "rows of the file"),
    ("digest", pa.string(), "sha256 of the file's content"),
)

ENTRY_FILES = _schema(
    ("entry", pa.string(), "entry of the configuration"),
    ("file", pa.string(), "its file, relative to the folder of this list"),
    ("digest", pa.string(), "sha256 of the file's content"),
    ("fingerprint", pa.string(), "of everything the file was made from"),
)

REQUESTS = _schema(
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "row of the evaluated split, after process_docs"),
    ("kind", pa.string(), "multiple_choice, loglikelihood, loglikelihood_rolling or generate_until"),
    ("preamble", pa.list_(TURN), "system turn (description) and few-shot examples, as user and assistant turns"),
    ("questions", STR_LIST, "the last user turn; one per choice where the contexts vary; empty for rolling"),
    ("question_delimiter", pa.string(), "between question and gen_prefix in a plain prompt"),
    ("gen_prefix", pa.string(), "start of the answer, part of the prompt; null: none"),
    (
        "continuations",
        pa.list_(pa.struct([("question", pa.int32()), ("text", pa.string())])),
        "texts whose log-likelihood is asked, after questions[question]; question -1: after nothing; empty: generation",
    ),
    ("target_delimiter", pa.string(), "put before each continuation in a plain prompt"),
    ("chat_target_delimiter", pa.string(), "put before each continuation after a chat template"),
    ("choices", STR_LIST, "answers to choose from, in the order of the first continuations; empty: not a choice"),
    ("gold", INT_LIST, "indices of the right choices; empty where references say it"),
    ("references", STR_LIST, "right answers as text"),
    (
        "segments",
        STR_LIST,
        "what an encoder reads: one text or a pair; to extract answers question, passage, and '' where there may be none",
    ),
    ("generation", GENERATION, "settings of generate_until; null for other kinds"),
    ("cluster", pa.string(), "documents that share a passage or subject are not independent; null: independent"),
    ("document", pa.string(), "the document as JSON, for process_results and for the eye"),
)

NO_ANSWER = (-1, 0)  # offsets of the token that an extractive model points at where the passage holds no answer

TOKENS = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("kind", pa.string(), "as in requests"),
    ("prompts", STR_LIST, "each context as text, exactly as the model reads it, special tokens included"),
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
    ("generation", GENERATION, "as in requests, max_new_tokens cut to what fits; null for other kinds"),
    ("dropped_shots", pa.int32(), "few-shot examples left out to fit"),
    ("truncated_tokens", pa.int32(), "tokens cut from the left of the contexts to fit, summed"),
)

ASKS = _schema(
    ("key", pa.string(), "content address of the request: see snakeval.store"),
    ("kind", pa.string(), "loglikelihood (one continuation), generate or extract"),
    ("context", INT_LIST, "token ids"),
    ("continuation", INT_LIST, "token ids to score; for a classifier the one label id; empty for generate and extract"),
    ("token_types", INT_LIST, "null unless an encoder uses them"),
    ("offsets", INT_LIST, "extract: as in tokens; null otherwise"),
    ("passage", pa.string(), "extract: as in tokens; null otherwise"),
    ("generation", GENERATION, "null unless generate"),
    ("sample", pa.int32(), "index of the answer when several are asked"),
)

ANSWERS = _schema(
    ("key", pa.string(), "content address of the request"),
    ("loglikelihood", pa.float64(), "natural logarithm, summed over the continuation; extract: of the span; null for generate"),
    ("greedy", pa.bool_(), "every token of the continuation is the most likely one; null for generate and extract"),
    ("text", pa.string(), "generated or extracted text; null for loglikelihood"),
    ("finish_reason", pa.string(), "stop (stop string), eos, length; null for loglikelihood"),
    ("n_tokens", pa.int32(), "tokens scored or generated"),
)

RESPONSES = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("kind", pa.string(), "as in requests"),
    ("loglikelihoods", pa.list_(pa.float64()), "one per continuation of the tokens table; empty for generation"),
    ("greedy", pa.list_(pa.bool_()), "one per continuation: every token is the most likely one; empty: recorded answers that do not tell"),
    ("n_tokens", INT_LIST, "tokens per continuation or per generated text; empty: recorded answers that do not tell"),
    ("texts", STR_LIST, "generated or extracted, one per sample; empty for log-likelihoods"),
    ("finish_reasons", STR_LIST, "stop, eos or length, one per text; empty: recorded answers, which do not tell"),
)

RECORDED = _schema(
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

SCORES = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "as in requests"),
    ("filter", pa.string(), "name of the answer-extraction pipeline; none for choices"),
    ("metric", pa.string(), "name of the metric"),
    ("value", pa.float64(), "the document's own score; null where only the corpus has one"),
    ("statistics", pa.list_(pa.float64()), "what a corpus metric sums over documents; null for plain means"),
    ("item", pa.string(), "JSON that a task's own aggregation function takes; null otherwise"),
    ("prediction", pa.string(), "the answer that was scored, after the filter; null for rolling"),
    ("extracted", pa.bool_(), "whether the filter found an answer at all"),
    ("cluster", pa.string(), "as in requests; null: independent"),
)

SCORE_TABLE = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("entry", pa.string(), "entry of the configuration this row belongs to"),
    ("task", pa.string(), "leaf task or group"),
    ("parent", pa.string(), "group this row is averaged into; null at the top"),
    ("is_group", pa.bool_(), "an average over subtasks"),
    ("filter", pa.string(), "answer-extraction pipeline"),
    ("metric", pa.string(), "name of the metric"),
    ("num_fewshot", pa.int32(), "examples in the prompt; null where subtasks differ"),
    ("version", pa.string(), "of the task, from its metadata; null: none given"),
    ("n", pa.int64(), "documents"),
    ("value", pa.float64(), "the score; null where it is undefined"),
    ("stderr", pa.float64(), "standard error; null where undefined"),
    ("ci_low", pa.float64(), "lower end of the 95 % interval; null where undefined"),
    ("ci_high", pa.float64(), "upper end of the 95 % interval; null where undefined"),
    ("ci_method", pa.string(), "wilson, t, bootstrap-bca, cluster-t, delta …"),
    ("higher_is_better", pa.bool_(), "direction"),
    ("chance", pa.float64(), "expected score of guessing; null where unknown"),
    ("rank_low", pa.int32(), "best rank this model may have among the run's models; null for a single model"),
    ("rank_high", pa.int32(), "worst rank; models whose ranges overlap cannot be told apart; null for a single model"),
    ("primary", pa.bool_(), "the metric that leads the leaderboard for this task"),
    ("target", pa.float64(), "the published figure, or the score to reach, from the file of targets; null: none"),
    ("delta", pa.float64(), "score minus target; null without"),
)

TARGETS = _schema(
    ("model", pa.string(), "as the file of targets names it"),
    ("entry", pa.string(), "entry of the configuration whose score was compared; null: none"),
    ("task", pa.string(), "as the file of targets names it: task, group or entry"),
    ("filter", pa.string(), "answer-extraction pipeline; null: no score, and none named"),
    ("metric", pa.string(), "name of the metric; null: no score, and none named"),
    ("target", pa.float64(), "the published figure"),
    ("percent", pa.bool_(), "it, its tolerance, and value, delta and interval here are in percent"),
    ("tolerance", pa.float64(), "how far ours may be off"),
    ("target_n", pa.int64(), "documents the figure is over; null: unknown"),
    ("value", pa.float64(), "our score; null: none"),
    ("delta", pa.float64(), "ours minus the figure; null without a score"),
    ("ci_low", pa.float64(), "lower end of our 95 % interval; null where undefined"),
    ("ci_high", pa.float64(), "upper end; null where undefined"),
    ("n", pa.int64(), "documents of ours; null without a score"),
    ("status", pa.string(), "regenerated, differs, other documents, no score; of a score to reach: reached, not reached"),
    ("reason", pa.string(), "why"),
    ("source", pa.string(), "where the figure was published; null: not said"),
    ("note", pa.string(), "what the file of targets says of it; null: nothing"),
)

COMPARISONS = _schema(
    ("entry", pa.string(), "entry of the configuration"),
    ("task", pa.string(), "leaf task or group"),
    ("filter", pa.string(), "answer-extraction pipeline"),
    ("metric", pa.string(), "name of the metric"),
    ("model_a", pa.string(), "first model, by name"),
    ("model_b", pa.string(), "second model"),
    ("n", pa.int64(), "documents both answered"),
    ("scale", pa.string(), "of the difference: score, or log, where it is ln(score of a) - ln(score of b), as for perplexities"),
    ("difference", pa.float64(), "score of a minus score of b, on that scale; null where undefined"),
    ("ci_low", pa.float64(), "lower end of its 95 % interval; null where undefined"),
    ("ci_high", pa.float64(), "upper end; null where undefined"),
    ("only_a", pa.int64(), "documents right for a alone; null unless right or wrong"),
    ("only_b", pa.int64(), "documents right for b alone; null unless right or wrong"),
    ("p", pa.float64(), "two-sided p of no difference; null where undefined"),
    ("p_holm", pa.float64(), "adjusted over all pairs of models of the run, listed or not (Holm); null where undefined"),
    ("p_bh", pa.float64(), "the same after Benjamini and Hochberg; null where undefined"),
    ("effect", pa.float64(), "difference in standard deviations of a document's difference; null where undefined"),
    ("detectable", pa.float64(), "smallest true difference found with 80 % power at 5 %; null where undefined"),
    ("test", pa.string(), "mcnemar-exact, permutation, bootstrap …"),
)

GATE = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("baseline", pa.string(), "the model or the earlier results folder it is held against"),
    ("entry", pa.string(), "entry of the configuration"),
    ("task", pa.string(), "leaf task or group"),
    ("filter", pa.string(), "answer-extraction pipeline; null where the baseline has no scores"),
    ("metric", pa.string(), "name of the metric; null where the baseline has no scores"),
    ("scale", pa.string(), "of loss and margin: score or log, as in comparisons"),
    ("n", pa.int64(), "documents compared"),
    ("changed", pa.int64(), "documents of the entry that are others than before, and left out"),
    ("before", pa.float64(), "score of the baseline on that scale; null where undefined"),
    ("now", pa.float64(), "score of the model; null where undefined"),
    ("loss", pa.float64(), "by how much the model is worse, negative where it is better; null where undefined"),
    ("loss_low", pa.float64(), "lower end of its interval, one-sided at alpha; null where undefined"),
    ("loss_high", pa.float64(), "upper end, one-sided at alpha; null where undefined"),
    ("margin", pa.float64(), "largest acceptable loss"),
    ("alpha", pa.float64(), "chance of passing a loss of the margin"),
    ("verdict", pa.string(), "same, passed, worse, undecided, or new where there is nothing to compare with"),
    ("reason", pa.string(), "why; null where the numbers say it"),
)

FLIPS = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("entry", pa.string(), "entry of the configuration"),
    ("task", pa.string(), "leaf task"),
    ("filter", pa.string(), "answer-extraction pipeline of the leading metric"),
    ("metric", pa.string(), "the leading metric"),
    ("doc_id", pa.int64(), "as in requests"),
    ("before", pa.float64(), "the document's score in the baseline"),
    ("now", pa.float64(), "its score now"),
    ("worse", pa.bool_(), "for the worse"),
    ("prediction_before", pa.string(), "the answer that was scored; null for rolling"),
    ("prediction_now", pa.string(), "the answer that is scored; null for rolling"),
)

POWER = _schema(
    ("entry", pa.string(), "entry of the configuration"),
    ("task", pa.string(), "leaf task or group"),
    ("filter", pa.string(), "answer-extraction pipeline"),
    ("metric", pa.string(), "name of the metric"),
    ("n", pa.int64(), "documents"),
    ("scale", pa.string(), "of the differences: score or log, as in comparisons"),
    ("basis", pa.string(), "what tells how much a document's difference varies"),
    ("detectable", pa.float64(), "smallest true difference that so many documents show"),
    ("difference", pa.float64(), "wanted difference"),
    ("documents", pa.int64(), "that it needs"),
    ("enough", pa.bool_(), "there are as many"),
)

HEALTH = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("entry", pa.string(), "entry of the configuration"),
    ("task", pa.string(), "leaf task"),
    ("n", pa.int64(), "documents"),
    ("truncated", pa.int64(), "documents whose prompt was cut"),
    ("dropped_shots", pa.int64(), "documents that lost few-shot examples"),
    ("cut_answers", pa.int64(), "documents with an answer ended by the length limit"),
    ("empty_answers", pa.int64(), "documents with an answer of no text"),
    ("extraction_failed", pa.int64(), "documents where some filter found no answer"),
    ("refusals", pa.int64(), "documents with an answer whose first words decline to answer, in English"),
    ("repeating", pa.int64(), "documents with an answer that ends in the same text over and over"),
    ("missing", pa.int64(), "documents that a file of recorded answers has no answer to; they are not scored, and not in n"),
    ("surplus", pa.int64(), "recorded answers that belong to no document"),
)

PREFLIGHT = _schema(
    ("model", pa.string(), "name in the configuration; null: whatever model answers"),
    ("entry", pa.string(), "entry of the configuration"),
    ("task", pa.string(), "leaf task"),
    ("check", pa.string(), "what was looked for: see snakeval.preflight"),
    ("severity", pa.string(), "error: the model is not asked; or warning"),
    ("documents", pa.int64(), "documents it was found in"),
    ("of", pa.int64(), "documents of the task"),
    ("example", pa.int64(), "doc_id of the first of them; null: not of single documents"),
    ("message", pa.string(), "what it is and what to do"),
)

FORECAST = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("entry", pa.string(), "entry of the configuration"),
    ("documents", pa.int64(), "documents"),
    ("requests", pa.int64(), "continuations to score and answers to generate"),
    ("prompt_tokens", pa.int64(), "tokens to read, each context once"),
    ("scored_tokens", pa.int64(), "tokens of continuations"),
    ("generated_tokens", pa.int64(), "tokens to write at most"),
    ("longest", pa.int64(), "tokens of the longest context with the longest continuation or answer"),
    ("parameters", pa.int64(), "of the model; null: unknown"),
    ("weights_bytes", pa.int64(), "of its files"),
    ("cache_numbers", pa.int64(), "numbers kept per token of a sequence; null: unknown"),
    ("memory_bytes", pa.int64(), "weights and the longest sequence, the least that is needed; null: unknown"),
    ("gpus", pa.int32(), "that the time is for, as configured when it was forecast; 0: on the CPU; null: not yet forecast"),
    ("threads", pa.int32(), "CPU cores that the time is for, where there is no GPU; null: not yet forecast"),
    ("seconds", pa.float64(), "about, on these devices, of all shards together, for answers of full length; null: unknown"),
)

NUMERICS = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("entry", pa.string(), "entry of the configuration"),
    ("documents", pa.int64(), "documents that were asked again, each request alone"),
    ("loglikelihoods", pa.int64(), "of them, computed again"),
    ("largest_change", pa.float64(), "of a log-likelihood; null: none"),
    ("largest_change_per_token", pa.float64(), "of a log-likelihood divided by its tokens; null: none"),
    ("decisions", pa.int64(), "likeliest continuations, or whether the only one is what the model would have written"),
    ("flipped_decisions", pa.int64(), "of them, others than in batches"),
    ("texts", pa.int64(), "greedy texts generated again"),
    ("changed_texts", pa.int64(), "of them, others than in batches"),
)

TIMINGS = _schema(
    ("model", pa.string(), "name in the configuration"),
    ("entry", pa.string(), "entry of the configuration"),
    ("identity", pa.string(), "who answered, as the store knows it: see snakeval.identity"),
    ("engine", pa.string(), "engine and path that answered, or null when all came from the store"),
    ("device", pa.string(), "its name, or null when all came from the store"),
    ("precision", pa.string(), "of computation and, where they differ, of weights and cached keys and values; null as above"),
    ("requests", pa.int64(), "answers the file needs"),
    ("asked_alone", pa.int64(), "some of them that were asked again, each alone: see numerics"),
    ("duplicates", pa.int64(), "of them asked once for several documents"),
    ("from_store", pa.int64(), "known before"),
    ("prompt_tokens", pa.int64(), "tokens of the requests sent, each counted whole"),
    ("stored_tokens", pa.int64(), "tokens of the requests known before, each counted whole: saved by the store"),
    (
        "computed_tokens",
        pa.int64(),
        "of prompt_tokens those that went through the layers, padding included: the rest was saved by sharing",
    ),
    ("generated_tokens", pa.int64(), "tokens decoded"),
    ("flops", pa.float64(), "floating-point operations of the layers' matrix products over computed and generated tokens"),
    ("peak_flops", pa.float64(), "operations per second of a large matrix product on the device; null when all came from the store"),
    ("load_seconds", pa.float64(), "loading the model, counted at the first file of a job"),
    ("prefill_seconds", pa.float64(), "computing log-likelihoods"),
    ("decode_seconds", pa.float64(), "generating texts, their prompts' prefill included"),
    ("seconds", pa.float64(), "answering, planning and storing included"),
    ("peak_bytes", pa.int64(), "largest memory on the device (GPU) or of the process (CPU)"),
    ("energy_joules", pa.float64(), "used while answering by the GPUs, or by the whole processors; null: they do not tell"),
)
