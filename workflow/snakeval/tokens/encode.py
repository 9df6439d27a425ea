"""From REQUESTS to TOKENS: exactly the token ids that a model reads."""

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.config.model import Model
from snakeval.errors import UserError
from snakeval.models import architecture
from snakeval.prompts import chat
from snakeval.schemas.model import TOKENS
from snakeval.tokens import encoders, language, rows
from snakeval.tokens.encoding import Encoder

__all__ = ["Encoder", "encode_requests", "load_encoder"]

DOCUMENTS_AT_ONCE = 2000
COLUMNS = [  # of REQUESTS that shape tokens
    "task", "doc_id", "kind", "preamble", "questions", "question_delimiter", "gen_prefix",
    "continuations", "target_delimiter", "chat_target_delimiter", "choices", "segments",
    "generation",
]  # fmt: skip
ANSWERS_TO = {
    "causal": ("multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"),
    "seq2seq": ("multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"),
    "classifier": ("multiple_choice",),
    "extractive": ("generate_until",),
}
# Keys of a model that its encoder is made with.
_SETTINGS = ("chat", "system_prompt", "fewshot_as_multiturn", "add_bos", "on_overflow")


def load_encoder(model_files: pa.Table, model: Model) -> Encoder:
    """The tokenizer of a model, given its MODEL_FILES rows and its section of the configuration.

    Raises UserError when the folder has no tokenizer or configuration that transformers can load.
    """
    from transformers import AutoTokenizer

    folder, trusted = model_files["folder"][0].as_py(), model.trust_remote_code
    name = model_files["model"][0].as_py()
    config = architecture.configuration(folder, trusted)
    options = {} if model.add_bos is None else {"add_bos_token": model.add_bos}
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=trusted, local_files_only=True, **options
        )
    except Exception as error:  # the files may hold anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(
            f"{name}: {folder}: no tokenizer that transformers can load: {reason}. "
            "Add the tokenizer's files to the folder."
        ) from error
    family = architecture.family(config) if model.family == "auto" else model.family
    return Encoder(
        tokenizer=tokenizer,
        family=family,
        max_length=model.max_length or architecture.max_length(config, tokenizer, family),
        labels=dict(config.id2label) if family == "classifier" else {},
        **{key: value for key in _SETTINGS if (value := getattr(model, key)) is not None},
    )


def encode_requests(requests: pa.Table, encoder: Encoder, *, model: str) -> pa.Table:
    """TOKENS for REQUESTS rows, in their order. `model` is its name in the configuration.

    Raises UserError, with model, task and document, for a task that the model cannot answer and,
    with `on_overflow: error`, for a prompt that does not fit.
    """
    for kind in requests["kind"].unique().to_pylist():
        if kind not in ANSWERS_TO[encoder.family]:
            task = requests.filter(pc.equal(requests["kind"], kind))["task"][0]
            raise UserError(
                f"{model}: a {encoder.family} model cannot answer {task}, which is {kind}. "
                "Use a model of another family."
            )
    if encoder.chat and encoder.family in ("causal", "seq2seq"):
        chat.require_template(encoder.tokenizer, model)
    families = {"classifier": encoders.classify, "extractive": encoders.extract}
    encode = families.get(encoder.family, language.encode)
    tables = []
    for start in range(0, len(requests), DOCUMENTS_AT_ONCE):
        some = requests.slice(start, DOCUMENTS_AT_ONCE)
        encoded = encode(some.select(COLUMNS).to_pylist(), encoder, model)
        tables.append(rows.table(encoded, some, model))
    return pa.concat_tables(tables) if tables else TOKENS.empty_table()
