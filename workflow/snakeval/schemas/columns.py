"""What columns of several tables are made of.

Every table of the workflow is declared in this room: one Arrow schema each, and one line of meaning
per column. A column without `null` in its meaning holds no nulls. Tables travel between stages only
as these. Tables are read and written by `snakeval.files.parquet`, which checks the schema.
"""

import pyarrow as pa

INT_LIST = pa.list_(pa.int32())
STR_LIST = pa.list_(pa.string())
# In `gold` of REQUESTS, as in lm-evaluation-harness: a right answer that is not among the choices.
NO_GOLD = -100
# Offsets of the token that an extractive model points at where the passage holds no answer.
NO_ANSWER = (-1, 0)


def schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    """A table's columns: name, type and meaning.

    Only a column whose meaning contains `null` may hold nulls.
    """
    return pa.schema(
        [
            pa.field(name, type_, nullable="null" in meaning, metadata={"meaning": meaning})
            for name, type_, meaning in columns
        ]
    )


MESSAGE = pa.struct([("role", pa.string()), ("text", pa.string())])  # of a chat, as it is sent

TURN = pa.struct(
    [
        ("role", pa.string()),  # system, user or assistant
        ("text", pa.string()),
        ("delimiter", pa.string()),  # after the text in a plain prompt, but not in a chat
        ("document", pa.int64()),  # row of the few-shot split; null: not an example
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
        ("samples", pa.int32()),  # texts per document
        ("seed", pa.int64()),
    ]
)
