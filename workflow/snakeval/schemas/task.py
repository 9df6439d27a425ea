"""Tables of a task: its documents and its requests."""

import pyarrow as pa

from snakeval.schemas.columns import GENERATION, INT_LIST, STR_LIST, TURN, schema

DOCUMENT_FILES = schema(
    ("source", pa.string(), "as configured: hf:org/name, path:file, generator:name"),
    (
        "revision",
        pa.string(),
        "commit of the hub repository; null for local files and generators",
    ),
    ("subset", pa.string(), "folder of the subset: its name, made safe"),
    ("name", pa.string(), "of the subset; null: it has none"),
    ("split", pa.string(), "as the task calls it"),
    ("file", pa.string(), "path inside the data set's folder"),
    ("documents", pa.int64(), "rows of the file"),
    ("digest", pa.string(), "sha256 of the file up to its footer, which holds it"),
)

REQUESTS = schema(
    ("task", pa.string(), "leaf task"),
    ("doc_id", pa.int64(), "row of the evaluated split, after process_docs"),
    (
        "kind",
        pa.string(),
        "multiple_choice, loglikelihood, loglikelihood_rolling or generate_until",
    ),
    (
        "preamble",
        pa.list_(TURN),
        "system turn (description) and few-shot examples, as user and assistant turns",
    ),
    (
        "questions",
        STR_LIST,
        "the last user turn; one per choice where the contexts vary; empty for rolling",
    ),
    ("question_delimiter", pa.string(), "between question and gen_prefix in a plain prompt"),
    ("gen_prefix", pa.string(), "start of the answer, part of the prompt; null: none"),
    (
        "continuations",
        pa.list_(pa.struct([("question", pa.int32()), ("text", pa.string())])),
        "texts to score after questions[question]; question -1: after nothing; empty: generation",
    ),
    ("target_delimiter", pa.string(), "put before each continuation in a plain prompt"),
    ("chat_target_delimiter", pa.string(), "put before each continuation after a chat template"),
    (
        "choices",
        STR_LIST,
        "answers to choose from, in the order of the first continuations; empty: not a choice",
    ),
    ("gold", INT_LIST, "indices of the right choices; empty where there are references"),
    ("references", STR_LIST, "right answers as text"),
    (
        "segments",
        STR_LIST,
        "for encoders: one text or a pair; extractive: question, passage, and '' where there may "
        "be no answer",
    ),
    ("generation", GENERATION, "settings of generate_until; null for other kinds"),
    (
        "cluster",
        pa.string(),
        "documents that share a passage or subject are not independent; null: independent",
    ),
    ("document", pa.string(), "the document as JSON, for process_results and for readers"),
)
