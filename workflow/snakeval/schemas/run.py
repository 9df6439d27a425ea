"""Tables of the run: all models and tasks together."""

import pyarrow as pa

from snakeval.schemas.columns import schema

BENCHMARK_FILES = schema(
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("file", pa.string(), "its file, relative to the folder of this list"),
    ("digest", pa.string(), "sha256 of the file up to its footer, which holds it"),
    ("fingerprint", pa.string(), "of everything the file was made from; empty: the file has none"),
)

PREFLIGHT = schema(
    ("model", pa.string(), "name in the configuration; null: whatever model answers"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("task", pa.string(), "leaf task"),
    ("check", pa.string(), "what was looked for: see snakeval.preflight"),
    ("severity", pa.string(), "error (the model is not asked) or warning"),
    ("documents", pa.int64(), "documents in which it was found"),
    ("of", pa.int64(), "documents of the task"),
    ("example", pa.int64(), "doc_id of the first of them; null: not of single documents"),
    ("message", pa.string(), "what is wrong and what to do"),
)

SCORE_TABLE = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration this row belongs to"),
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
    (
        "rank_low",
        pa.int32(),
        "best rank this model may have among the run's models; null for a single model",
    ),
    (
        "rank_high",
        pa.int32(),
        "worst rank; models whose ranges overlap cannot be distinguished; null for a single model",
    ),
    ("primary", pa.bool_(), "the metric that leads the leaderboard for this task"),
    (
        "target",
        pa.float64(),
        "the published figure, or the score to reach, from the file of targets; null: none",
    ),
    ("delta", pa.float64(), "score minus target; null without"),
)

TARGETS = schema(
    ("model", pa.string(), "as the file of targets names it"),
    (
        "benchmark",
        pa.string(),
        "benchmark of the configuration whose score was compared; null: none",
    ),
    ("task", pa.string(), "as the file of targets names it: task, group or benchmark"),
    ("filter", pa.string(), "answer-extraction pipeline; null: no score, and none named"),
    ("metric", pa.string(), "name of the metric; null: no score, and none named"),
    ("target", pa.float64(), "the published figure"),
    ("percent", pa.bool_(), "target, tolerance, value, delta and interval are in percent"),
    ("tolerance", pa.float64(), "how far ours may be off"),
    ("target_n", pa.int64(), "documents the figure is over; null: unknown"),
    ("value", pa.float64(), "our score; null: none"),
    ("delta", pa.float64(), "ours minus the figure; null without a score"),
    ("ci_low", pa.float64(), "lower end of our 95 % interval; null where undefined"),
    ("ci_high", pa.float64(), "upper end; null where undefined"),
    ("n", pa.int64(), "documents of ours; null without a score"),
    (
        "status",
        pa.string(),
        "regenerated, differs, other documents, no score; or reached, not reached",
    ),
    ("reason", pa.string(), "why"),
    ("source", pa.string(), "where the figure was published; null: not said"),
    ("note", pa.string(), "what the file of targets says of it; null: nothing"),
)

COMPARISONS = schema(
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("task", pa.string(), "leaf task or group"),
    ("filter", pa.string(), "answer-extraction pipeline"),
    ("metric", pa.string(), "name of the metric"),
    ("model_a", pa.string(), "first model, by name"),
    ("model_b", pa.string(), "second model"),
    ("n", pa.int64(), "documents both answered"),
    (
        "scale",
        pa.string(),
        "of the difference: score, or log for ln(score of a) - ln(score of b), as for perplexities",
    ),
    (
        "difference",
        pa.float64(),
        "score of a minus score of b, on that scale; null where undefined",
    ),
    ("ci_low", pa.float64(), "lower end of its 95 % interval; null where undefined"),
    ("ci_high", pa.float64(), "upper end; null where undefined"),
    ("only_a", pa.int64(), "documents right for a alone; null unless right or wrong"),
    ("only_b", pa.int64(), "documents right for b alone; null unless right or wrong"),
    ("p", pa.float64(), "two-sided p of no difference; null where undefined"),
    (
        "p_holm",
        pa.float64(),
        "adjusted over all pairs of models of the run (Holm); null where undefined",
    ),
    ("p_bh", pa.float64(), "the same after Benjamini and Hochberg; null where undefined"),
    (
        "effect",
        pa.float64(),
        "difference in standard deviations of a document's difference; null where undefined",
    ),
    (
        "detectable",
        pa.float64(),
        "smallest true difference found with 80 % power at 5 %; null where undefined",
    ),
    ("test", pa.string(), "mcnemar-exact, permutation, bootstrap …"),
)

GATE = schema(
    ("model", pa.string(), "name in the configuration"),
    ("baseline", pa.string(), "the model or the earlier results folder to compare with"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("task", pa.string(), "leaf task or group"),
    ("filter", pa.string(), "answer-extraction pipeline; null where the baseline has no scores"),
    ("metric", pa.string(), "name of the metric; null where the baseline has no scores"),
    ("scale", pa.string(), "of loss and margin: score or log, as in comparisons"),
    ("n", pa.int64(), "documents compared"),
    ("changed", pa.int64(), "documents of the benchmark that changed; they are left out"),
    ("before", pa.float64(), "score of the baseline on that scale; null where undefined"),
    ("now", pa.float64(), "score of the model; null where undefined"),
    (
        "loss",
        pa.float64(),
        "by how much the model is worse, negative where it is better; null where undefined",
    ),
    (
        "loss_low",
        pa.float64(),
        "lower end of its interval, one-sided at alpha; null where undefined",
    ),
    ("loss_high", pa.float64(), "upper end, one-sided at alpha; null where undefined"),
    ("margin", pa.float64(), "largest acceptable loss"),
    ("alpha", pa.float64(), "chance of passing a loss of the margin"),
    (
        "verdict",
        pa.string(),
        "same, passed, worse, undecided, or new where there is nothing to compare with",
    ),
    ("reason", pa.string(), "why; null where the numbers show it"),
)

FLIPS = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("task", pa.string(), "leaf task"),
    ("filter", pa.string(), "answer-extraction pipeline of the leading metric"),
    ("metric", pa.string(), "the leading metric"),
    ("doc_id", pa.int64(), "as in requests"),
    ("before", pa.float64(), "the document's score in the baseline"),
    ("now", pa.float64(), "its score now"),
    ("worse", pa.bool_(), "whether the score is worse now"),
    ("prediction_before", pa.string(), "the answer that was scored; null for rolling"),
    ("prediction_now", pa.string(), "the answer that is scored; null for rolling"),
)

POWER = schema(
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("task", pa.string(), "leaf task or group"),
    ("filter", pa.string(), "answer-extraction pipeline"),
    ("metric", pa.string(), "name of the metric"),
    ("n", pa.int64(), "documents"),
    ("scale", pa.string(), "of the differences: score or log, as in comparisons"),
    ("basis", pa.string(), "how the variance of a document's difference is known"),
    ("detectable", pa.float64(), "smallest true difference that so many documents show"),
    ("difference", pa.float64(), "wanted difference"),
    ("documents", pa.int64(), "that it needs"),
    ("enough", pa.bool_(), "the benchmark has so many"),
)

HEALTH = schema(
    ("model", pa.string(), "name in the configuration"),
    ("benchmark", pa.string(), "benchmark of the configuration"),
    ("task", pa.string(), "leaf task"),
    ("n", pa.int64(), "documents"),
    ("truncated", pa.int64(), "documents whose prompt was cut"),
    ("dropped_shots", pa.int64(), "documents that lost few-shot examples"),
    ("cut_answers", pa.int64(), "documents with an answer ended by the length limit"),
    ("empty_answers", pa.int64(), "documents with an answer of no text"),
    ("extraction_failed", pa.int64(), "documents where some filter found no answer"),
    (
        "refusals",
        pa.int64(),
        "documents with an answer whose first words decline to answer, in English",
    ),
    ("repeating", pa.int64(), "documents with an answer that ends in a repeated text"),
    (
        "missing",
        pa.int64(),
        "documents without a recorded answer; they are not scored, and not counted in n",
    ),
    ("surplus", pa.int64(), "recorded answers that belong to no document"),
)
