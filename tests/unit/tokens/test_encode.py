"""Tokens are those of lm-evaluation-harness, special tokens occur once, and cuts are counted."""

import time

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertTokenizerFast, LlamaConfig, PreTrainedTokenizerFast

from snakeval.config.model import Model
from snakeval.errors import UserError
from snakeval.schemas.model import MODEL_FILES, TOKENS
from snakeval.schemas.task import REQUESTS
from snakeval.tokens.encode import Encoder, encode_requests, load_encoder
from snakeval.tokens.language import rolling_windows

TEXT = [
    "The quick brown fox jumps over the lazy dog. ",
    "Question: what is it?\nAnswer: a fox\n\n",
    "naïve café — 12 + 30 = 42, ",
    "  two  spaces  ",
]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
GENERATION = {
    "until": ["\n"], "max_new_tokens": 8, "do_sample": False, "temperature": 0.0, "top_p": 1.0,
    "top_k": 0, "repetition_penalty": 1.0, "samples": 1, "seed": 1,
}  # fmt: skip


def _tokenizer(style, bos="<s>", eos="</s>", **more):
    """A small BPE tokenizer.

    `gpt` adds nothing, `llama` puts BOS before a text, `both` adds EOS too. `space` is like
    SentencePiece.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    special = [token for token in (bos, eos, "<unk>") if token]
    if style == "space":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        alphabet = sorted(set("".join(TEXT)) | set("abcdefghijklmnopqrstuvwxyz<>/ "))
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TEXT * 5,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    if style in ("llama", "space", "both"):
        single = f"{bos} $A {eos}" if style == "both" else f"{bos} $A"
        pairs = [(token, tokenizer.token_to_id(token)) for token in special]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=pairs
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, **more)


STYLES = {
    "gpt": _tokenizer("gpt", bos=None),
    "bos not added": _tokenizer("gpt"),
    "llama": _tokenizer("llama", chat_template=TEMPLATE),
    "space": _tokenizer("space"),
}


def _harness(tokenizer, max_length=1000, backend="causal", add_bos=None):
    """lm-evaluation-harness up to the token ids, without a model."""
    from lm_eval.models.huggingface import HFLM

    class Reference(HFLM):
        def __init__(self):
            self.tokenizer, self.backend, self._max_length = tokenizer, backend, max_length
            self.add_bos_token, self.custom_prefix_token_id = add_bos, None
            self.enable_thinking = False

        def _loglikelihood_tokens(self, requests, **_):
            return [(context, continuation) for _, context, continuation in requests]

    return Reference()


def _pairs(tokenizer, pairs, backend="causal", add_bos=None):
    from lm_eval.api.instance import Instance

    instances = [Instance("loglikelihood", {}, pair, 0) for pair in pairs]
    return _harness(tokenizer, backend=backend, add_bos=add_bos).loglikelihood(
        instances, disable_tqdm=True
    )


def _request(kind="multiple_choice", question="", answers=(), **more):
    row = {
        "task": "t", "doc_id": 3, "kind": kind, "preamble": [], "questions": [question],
        "question_delimiter": "", "gen_prefix": None,
        "continuations": [{"question": 0, "text": answer} for answer in answers],
        "target_delimiter": "", "chat_target_delimiter": "", "choices": list(answers), "gold": [0],
        "references": [], "segments": [], "generation": None, "cluster": None, "document": "{}",
    }  # fmt: skip
    return row | more


def _shots(n):
    turns = []
    for shot in range(n):
        question = f"Question: {shot}?\nAnswer:"
        turns.append({"role": "user", "text": question, "delimiter": " ", "document": shot})
        turns.append({"role": "assistant", "text": "a fox", "delimiter": "\n\n", "document": shot})
    return turns


def _encode(rows, tokenizer, family="causal", max_length=1000, **options):
    encoder = Encoder(tokenizer=tokenizer, family=family, max_length=max_length, **options)
    table = encode_requests(pa.Table.from_pylist(rows, REQUESTS), encoder, model="m")
    assert table.schema.equals(TOKENS)
    return table.to_pylist()


def _asked(row):
    return [(row["contexts"][piece["context"]], piece["ids"]) for piece in row["continuations"]]


PAIRS = [
    ("The quick", " brown"), ("The quick ", "brown"), ("The quick \n\t ", "brown fox"),
    ("", "The"), ("", " The"), ("  ", "The"), ("naïve", " café —"), ("Answer:", "\n"),
    ("<s>The", " fox"), ("</s>The", " fox"), ("", "<s>The fox"), ("", "</s>The fox"),
    ("two", "  "), ("日本語", "のテスト"), ("a", "b"), ("x" * 300, "y" * 50),
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("add_bos", [None, False])
def test_pairs_are_those_of_the_harness(style, add_bos):
    tokenizer = STYLES[style]
    # Without special tokens the harness fails on a context of white space.
    pairs = [pair for pair in PAIRS if pair[0] != "  " or tokenizer.encode("")]
    if add_bos is False:
        pairs = [pair for pair in pairs if pair[0] != "  "]
    rows = _encode(
        [_request("loglikelihood", context, [text]) for context, text in pairs],
        tokenizer,
        add_bos=add_bos,
    )
    assert [_asked(row) for row in rows] == [
        [pair] for pair in _pairs(tokenizer, pairs, add_bos=add_bos)
    ]


def _comparable(tokenizer, context, text):
    """Whether the harness can score: it stops where no token is left."""
    try:
        (pair,) = _pairs(tokenizer, [(context, text)])
    except IndexError:
        return None
    return pair if pair[0] and pair[1] else None


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(STYLES)),
    st.text("ab \n.é<s>", max_size=12),
    st.text("ab \n.é<s>", min_size=1, max_size=8),
)
@example("llama", "<s>", "<s>")
def test_any_pair_is_that_of_the_harness(style, context, text):
    expected = _comparable(STYLES[style], context, text)
    if expected is not None:
        (row,) = _encode([_request("loglikelihood", context, [text])], STYLES[style])
        assert _asked(row) == [expected]


def test_a_continuation_that_merges_into_its_context_is_still_scored():
    tokenizer = _tokenizer("gpt")
    context, text = "The quic", "k"
    assert _comparable(tokenizer, context, text) is None, "the harness scores nothing here"
    (row,) = _encode([_request("loglikelihood", context, [text])], tokenizer)
    ((before, scored),) = _asked(row)
    assert before + scored == tokenizer.encode(context + text)
    assert tokenizer.encode(context)[: len(before)] == before
    assert scored


def test_white_space_as_context_without_bos_follows_the_prefix_token():
    tokenizer = STYLES["gpt"]
    (row,) = _encode([_request("loglikelihood", "  ", ["The"])], tokenizer)
    assert _asked(row) == [([tokenizer.eos_token_id], tokenizer.encode("  The"))]


def test_tokens_after_a_text_are_left_out_for_causal_models():
    """An EOS between prompt and answer would end the text, and would be scored in its place."""
    without, ending = STYLES["llama"], _tokenizer("both")
    assert ending.encode("The")[-1] == ending.eos_token_id
    requests = [
        _request(question="The quick ", answers=["fox", "brown dog"], target_delimiter=" "),
        _request(
            "loglikelihood_rolling",
            questions=[],
            continuations=[{"question": -1, "text": "The fox </s>"}],
        ),
        _request("generate_until", "The quick", generation=GENERATION),
    ]
    for options in ({}, {"add_bos": True}, {"add_bos": False}):
        assert _encode(requests, ending, **options) == _encode(requests, without, **options)


def test_a_tokenizer_that_drops_unknown_letters_keeps_all_others():
    letters = Tokenizer(models.BPE({"<s>": 0, "d": 1, "o": 2, "g": 3}, merges=[]))
    letters.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=letters, bos_token="<s>")
    assert tokenizer.encode("x") == [0]
    assert Encoder(tokenizer, "causal", 100).encode(["dog"])["dog"].tolist() == [0, 1, 2, 3]


def test_sequence_to_sequence_pairs_are_those_of_the_harness():
    tokenizer = _tokenizer("both")
    rows = _encode(
        [_request("loglikelihood", context, [text]) for context, text in PAIRS],
        tokenizer,
        "seq2seq",
    )
    assert [_asked(row) for row in rows] == [[pair] for pair in _pairs(tokenizer, PAIRS, "seq2seq")]


def test_choices_share_their_context_and_unconditional_ones_have_none():
    tokenizer = STYLES["llama"]
    choices = ["fox", "dog"]
    pieces = [{"question": question, "text": choice} for question in (0, -1) for choice in choices]
    (row,) = _encode(
        [_request(question="The ", answers=choices, continuations=pieces, target_delimiter=" ")],
        tokenizer,
    )
    assert _asked(row) == _pairs(
        tokenizer, [(context, f" {choice}") for context in ("The ", "") for choice in choices]
    )
    assert len(row["contexts"]) == 2
    assert row["prompts"] == ["<s>The", "<s>"]


def test_contexts_that_vary():
    tokenizer = STYLES["llama"]
    pieces = [{"question": number, "text": "jumps"} for number in (0, 1)]
    (row,) = _encode(
        [_request(questions=["The fox ", "The dog "], continuations=pieces, target_delimiter=" ")],
        tokenizer,
    )
    assert _asked(row) == _pairs(tokenizer, [("The fox ", " jumps"), ("The dog ", " jumps")])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("max_length", [1, 2, 3, 7, 50])
def test_rolling_windows_are_those_of_the_harness(style, max_length):
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    tokenizer = STYLES[style]
    texts = ["", "a", "The quick brown fox jumps over the lazy dog. " * 2, "<s>The", "café\n"]
    prefix = (
        tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    )
    requests = [
        _request(
            "loglikelihood_rolling", questions=[], continuations=[{"question": -1, "text": text}]
        )
        for text in texts
    ]
    for text, row in zip(texts, _encode(requests, tokenizer, max_length=max_length), strict=True):
        ids = tokenizer.encode(text, add_special_tokens=False)
        ids = ids[1:] if ids[:1] == [prefix] else ids  # the harness would predict a second BOS
        expected = [
            make_disjoint_window(window)
            for window in get_rolling_token_windows(ids, prefix, max_length, 1)
        ]
        assert _asked(row) == expected
        assert len(row["prompts"]) == len(row["contexts"]) == len(expected)


def test_every_token_of_a_rolling_text_is_predicted_once():
    import numpy as np

    for length in range(20):
        for limit in range(1, 8):
            windows = rolling_windows(np.arange(1, length + 1), 0, limit)
            assert [token for _, predicted in windows for token in predicted] == list(
                range(1, length + 1)
            )
            assert all(
                len(context) >= 1 and len(context) + len(predicted) <= limit + 1
                for context, predicted in windows
            )


def test_generation_is_cut_on_the_left_as_in_the_harness():
    tokenizer = STYLES["llama"]
    prompt = "The quick brown fox jumps over the lazy dog. " * 5
    (row,) = _encode(
        [_request("generate_until", prompt, generation=GENERATION)], tokenizer, max_length=30
    )
    expected = [_harness(tokenizer).tok_encode(prompt, left_truncate_len=30 - 8)]
    assert row["contexts"] == expected
    assert row["truncated_tokens"] == len(tokenizer.encode(prompt)) - 22
    assert row["prompts"] == [tokenizer.decode(row["contexts"][0])]
    assert row["generation"]["max_new_tokens"] == 8


def test_an_answer_that_alone_would_fill_the_model_is_shortened_not_the_prompt():
    tokenizer = STYLES["llama"]
    long = {**GENERATION, "max_new_tokens": 64}
    short, full = _encode(
        [
            _request("generate_until", text, generation=long)
            for text in ("The fox", "The fox " * 40)
        ],
        tokenizer,
        max_length=40,
    )
    assert (short["truncated_tokens"], short["generation"]["max_new_tokens"]) == (
        0,
        40 - len(short["contexts"][0]),
    )
    assert (len(full["contexts"][0]), full["generation"]["max_new_tokens"]) == (20, 20)


@pytest.mark.parametrize("max_length", [10, 40, 41, 42, 43, 200])
def test_log_likelihoods_are_cut_on_the_left_as_in_the_harness(max_length):
    tokenizer = STYLES["llama"]
    context, answers = (
        "The quick brown fox jumps over the lazy dog. " * 3,
        [" a", " the lazy dog", " fox"],
    )
    (row,) = _encode(
        [_request(question=context, answers=answers)], tokenizer, max_length=max_length
    )
    whole = _pairs(tokenizer, [(context, answer) for answer in answers])
    # What the harness passes to the model: (context + continuation)[-(max_length + 1):]
    assert [before + scored for before, scored in _asked(row)] == [
        (before + scored)[-(max_length + 1) :] for before, scored in whole
    ]
    assert [scored for _, scored in _asked(row)] == [scored for _, scored in whole]
    cut = {max(len(before) + len(scored) - max_length - 1, 0) for before, scored in whole}
    assert row["truncated_tokens"] == sum(cut)


def test_sequence_to_sequence_inputs_are_cut_alone():
    tokenizer = _tokenizer("both")
    (row,) = _encode(
        [_request(question="The fox " * 20, answers=[" fox"])], tokenizer, "seq2seq", max_length=10
    )
    assert row["contexts"] == [tokenizer.encode("The fox " * 19 + "The fox")[-10:]]


@pytest.mark.parametrize("kind", ["multiple_choice", "generate_until"])
def test_few_shot_examples_are_dropped_before_anything_is_cut(kind):
    tokenizer = STYLES["llama"]
    answers = ["fox", "dog"] if kind == "multiple_choice" else []
    request = _request(
        kind, "Question: 9?\nAnswer:", answers, preamble=_shots(5), target_delimiter=" "
    )
    request["generation"] = GENERATION if kind == "generate_until" else None
    (whole,) = _encode([request], tokenizer)
    length = len(whole["contexts"][0])
    for limit in range(length // 2, length + 12):
        (row,) = _encode([request], tokenizer, max_length=limit, on_overflow="drop_shots")
        room = (
            limit - 8
            if kind == "generate_until"
            else limit + 1 - max(len(piece["ids"]) for piece in row["continuations"])
        )
        kept = next(
            shots
            for shots in range(5, -1, -1)
            if len(_prompt_ids(tokenizer, request, shots)) <= room
        )
        assert (row["dropped_shots"], row["truncated_tokens"]) == (5 - kept, 0)
        assert row["contexts"] == [_prompt_ids(tokenizer, request, kept)]
    (row,) = _encode([request], tokenizer, max_length=8, on_overflow="drop_shots")
    assert row["dropped_shots"] == 5
    assert row["truncated_tokens"] > 0


def _prompt_ids(tokenizer, request, shots):
    before = "".join(turn["text"] + turn["delimiter"] for turn in request["preamble"][: 2 * shots])
    return tokenizer.encode(before + request["questions"][0])


@pytest.mark.parametrize("kind", ["multiple_choice", "generate_until"])
def test_overflow_can_be_an_error(kind):
    request = _request(
        kind, "The fox " * 30, ["fox"] if kind == "multiple_choice" else [], generation=GENERATION
    )
    with pytest.raises(
        UserError,
        match=r"m, t, document 3: \d+ tokens do not fit into the model's 20\. Set on_overflow",
    ):
        _encode([request], STYLES["llama"], max_length=20, on_overflow="error")
    assert _encode([request], STYLES["llama"], on_overflow="error")[0]["truncated_tokens"] == 0


def test_a_continuation_longer_than_the_model_is_an_error():
    with pytest.raises(
        UserError, match=r"document 3: a continuation of .* is longer than the model's 5"
    ):
        _encode(
            [_request(question="The", answers=[" the lazy dog" * 5])], STYLES["llama"], max_length=5
        )


@pytest.mark.parametrize("context", ["", "The"])
def test_an_answer_without_tokens_is_an_error(context):
    with pytest.raises(UserError, match=r"document 3: the answer .* has no token to score"):
        _encode([_request(question=context, answers=[""])], STYLES["llama"])


@pytest.mark.parametrize(
    "request_",
    [
        _request(question="", answers=["a"]),
        _request("loglikelihood_rolling", answers=["a"], questions=[]),
    ],
)
def test_without_bos_and_eos_an_empty_context_is_an_error(request_):
    tokenizer = _tokenizer("gpt", bos=None, eos=None)
    for piece in request_["continuations"]:
        piece["question"] = -1
    with pytest.raises(
        UserError, match="m, t, document 3: an empty context needs a BOS or EOS token"
    ):
        _encode([request_], tokenizer)
    assert _encode([_request(question="a", answers=[" b"])], tokenizer)[0]["contexts"] == [
        tokenizer.encode("a")
    ]


@pytest.mark.parametrize("style", STYLES)
def test_add_bos_gives_one_bos(style):
    tokenizer = STYLES[style]
    texts = ["The fox", "<s>The fox"]
    requests = [_request(question=text, answers=[" fox"]) for text in texts]
    if tokenizer.bos_token_id is None:
        with pytest.raises(UserError, match="no BOS token"):
            _encode(requests, tokenizer, add_bos=True)
        return
    for row in _encode(requests, tokenizer, add_bos=True):
        assert row["contexts"][0].count(tokenizer.bos_token_id) == 1
        assert row["contexts"][0][0] == tokenizer.bos_token_id
        assert row["prompts"] == ["<s>The fox"]
    without = _encode(requests[:1], tokenizer, add_bos=False)[0]
    assert tokenizer.bos_token_id not in without["contexts"][0]


def test_a_chat_has_bos_once_and_its_turns():
    tokenizer = STYLES["llama"]
    description = {"role": "system", "text": "Be brief.", "delimiter": "", "document": None}
    request = _request("generate_until", "9?", preamble=[description, *_shots(1)])
    request["generation"] = GENERATION
    (row,) = _encode([request], tokenizer, chat=True, system_prompt="Hi.")
    (prompt,) = row["prompts"]
    assert (
        prompt == "<s><system>Hi.\n\nBe brief.</><user>Question: 0?\n"
        "Answer:</><assistant>a fox</><user>9?</><assistant>"
    )
    assert row["contexts"] == [tokenizer.encode(prompt, add_special_tokens=False)]
    assert row["contexts"][0].count(tokenizer.bos_token_id) == 1
    (single,) = _encode([request], tokenizer, chat=True, fewshot_as_multiturn=False)
    assert single["prompts"][0].count("<user>") == 1


def test_a_chat_answer_follows_the_template_with_its_own_delimiter():
    tokenizer = STYLES["llama"]
    request = _request(
        question="9?", answers=["fox"], target_delimiter=" ", chat_target_delimiter=""
    )
    (row,) = _encode([request], tokenizer, chat=True)
    assert _asked(row) == _pairs(tokenizer, [("<s><user>9?</><assistant>", "fox")])


def test_the_start_of_an_answer_is_left_open():
    request = _request("generate_until", "9?", gen_prefix="It is", generation=GENERATION)
    (row,) = _encode([request], STYLES["llama"], chat=True)
    assert row["prompts"] == ["<s><user>9?</><assistant>It is"]


def test_a_template_that_leaves_system_turns_out_loses_nothing():
    silent = TEMPLATE.replace("for m in messages", "for m in messages if m['role'] != 'system'")
    tokenizer = _tokenizer("llama", chat_template=silent)
    (row,) = _encode(
        [_request(question="9?", answers=["a"])], tokenizer, chat=True, system_prompt=" Be brief.\n"
    )
    assert row["prompts"] == ["<s><user> Be brief.\n\n\n9?</><assistant>"]


def test_a_template_that_loses_the_start_of_an_answer_is_an_error():
    tokenizer = _tokenizer(
        "llama",
        chat_template=TEMPLATE.replace(
            "for m in messages", "for m in messages if m['role'] == 'user'"
        ),
    )
    with pytest.raises(
        UserError,
        match=r"m, t, document 3: the chat template refuses .* final message does not appear",
    ):
        _encode([_request(question="9?", answers=["a"], gen_prefix="It is")], tokenizer, chat=True)


def test_a_template_without_system_turns_loses_nothing():
    refusing = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + TEMPLATE
    )
    tokenizer = _tokenizer("llama", chat_template=refusing)
    (row,) = _encode(
        [_request(question="9?", answers=["a"])], tokenizer, chat=True, system_prompt="Be brief."
    )
    assert row["prompts"] == ["<s><user>Be brief.\n\n9?</><assistant>"]
    with pytest.raises(UserError, match=r"m, t, document 3: the chat template refuses .* never"):
        _encode(
            [_request(question="9?", answers=["a"])],
            _tokenizer("llama", chat_template="{{ raise_exception('never') }}"),
            chat=True,
        )


def test_chat_needs_a_template():
    with pytest.raises(UserError, match="m: chat: the tokenizer has no chat template"):
        _encode([_request(question="9?", answers=["a"])], STYLES["gpt"], chat=True)


WORDS = ["the", "quick", "brown", "fox", "jumps"]
BERT = BertTokenizerFast(
    vocab={
        token: number
        for number, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    }
)
LABELS = {0: "Negative", 1: "Positive"}


def _classify(rows, **options):
    return _encode(rows, BERT, "classifier", **{"labels": LABELS, "max_length": 16} | options)


def test_a_classifier_reads_segments_or_the_question():
    requests = [
        _request(question="the fox", answers=["negative", "positive"]),
        _request(
            question="x", answers=["positive", " NEGATIVE"], segments=["the fox", "jumps quick"]
        ),
        _request(question="x", answers=["a", "b"], segments=["the"]),
    ]
    single, pair, by_position = _classify(requests)
    assert single["contexts"] == [BERT.encode("the fox")]
    assert _asked(single) == [(single["contexts"][0], [0]), (single["contexts"][0], [1])]
    assert single["prompts"] == ["[CLS] the fox [SEP]"]
    expected = BERT("the fox", "jumps quick")
    assert (pair["contexts"], pair["token_types"]) == (
        [expected["input_ids"]],
        [expected["token_type_ids"]],
    )
    assert [piece["ids"] for piece in pair["continuations"]] == [[1], [0]]
    assert [piece["ids"] for piece in by_position["continuations"]] == [[0], [1]]


@pytest.mark.parametrize(
    "answers", [["positive", "neutral"], ["a", "b", "c"], ["positive", "positive"]]
)
def test_choices_that_do_not_match_the_labels_are_an_error(answers):
    with pytest.raises(
        UserError,
        match=r"m, t, document 3: choices .* do not match the model's labels Negative, Positive",
    ):
        _classify([_request(question="the", answers=answers)])


def test_a_long_text_to_classify_is_cut_and_counted():
    request = _request(question="the fox " * 20, answers=["negative", "positive"])
    (row,) = _classify([request])
    assert (len(row["contexts"][0]), row["truncated_tokens"]) == (16, 40 + 2 - 16)
    with pytest.raises(UserError, match="document 3: 26 tokens more"):
        _classify([request], on_overflow="error")


def test_an_extractive_model_reads_windows_that_cover_the_passage():
    passage = " ".join(WORDS[index % 5] for index in range(60))
    request = _request(
        "generate_until", "x", segments=["quick fox", passage], generation=GENERATION
    )
    short = _request(
        "generate_until", "x", segments=["quick fox", "the fox"], generation=GENERATION
    )
    long, one = _encode([request, short], BERT, "extractive", max_length=20)
    assert one["contexts"] == [BERT.encode("quick fox", "the fox")]
    assert one["offsets"] == [[-1, -1] * 4 + [0, 3, 4, 7] + [-1, -1]]
    assert one["token_types"] == [[0, 0, 0, 0, 1, 1, 1]]
    assert one["passage"] == "the fox"
    assert len(long["contexts"]) > 3
    covered = set()
    for ids, offsets, types in zip(
        long["contexts"], long["offsets"], long["token_types"], strict=True
    ):
        assert len(ids) <= 20 and len(offsets) == 2 * len(ids) and len(types) == len(ids)
        spans = [span for span in zip(offsets[::2], offsets[1::2], strict=True) if span[0] >= 0]
        inside = [token for token, start in zip(ids, offsets[::2], strict=True) if start >= 0]
        assert [passage[start:end] for start, end in spans] == BERT.convert_ids_to_tokens(inside)
        covered |= set(spans)
    assert len(covered) == 60


def test_the_first_token_stands_for_no_answer():
    passage = " ".join(WORDS[index % 5] for index in range(60))
    segments = ["quick fox", passage]
    request = _request("generate_until", "x", generation=GENERATION)
    requests = [request | {"segments": segments}, request | {"segments": [*segments, ""]}]
    with_answer, without = _encode(requests, BERT, "extractive", max_length=20)
    assert all(offsets[:4] == [-1] * 4 for offsets in with_answer["offsets"])
    assert without["offsets"] == [[-1, 0, *offsets[2:]] for offsets in with_answer["offsets"]]
    assert without["contexts"] == with_answer["contexts"]


def test_a_question_too_long_for_a_window_is_cut_and_counted():
    request = _request(
        "generate_until", "x", segments=["the fox " * 10, "the quick fox"], generation=GENERATION
    )
    (row,) = _encode([request], BERT, "extractive", max_length=15)
    assert row["truncated_tokens"] == 20 - 6
    assert all(len(ids) <= 15 for ids in row["contexts"])
    with pytest.raises(UserError, match="document 3: 14 tokens more"):
        _encode([request], BERT, "extractive", max_length=15, on_overflow="error")


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        *(
            ("classifier", kind)
            for kind in ("generate_until", "loglikelihood", "loglikelihood_rolling")
        ),
        *(
            ("extractive", kind)
            for kind in ("multiple_choice", "loglikelihood", "loglikelihood_rolling")
        ),
    ],
)
def test_a_task_that_a_family_cannot_answer_is_an_error(family, kind):
    with pytest.raises(UserError, match=f"m: a {family} model cannot answer t, which is {kind}"):
        _encode([_request(kind, "a", ["b"])], BERT, family)


def test_missing_needs_of_an_encoder_are_errors():
    unanswered = _request("generate_until", generation=GENERATION, segments=["what", "the fox", ""])
    with pytest.raises(UserError, match="the tokenizer puts no CLS token before a text"):
        _encode([unanswered], STYLES["gpt"], "extractive")
    with pytest.raises(UserError, match="an extractive model reads a question and a passage"):
        _encode([_request("generate_until", "a", generation=GENERATION)], BERT, "extractive")
    extra = [{"question": question, "text": "negative"} for question in (0, 0, -1, -1)]
    with pytest.raises(UserError, match="acc_mutual_info"):
        _classify([_request(question="a", answers=["negative", "positive"], continuations=extra)])


def test_an_empty_table():
    assert (
        len(
            encode_requests(
                REQUESTS.empty_table(), Encoder(STYLES["llama"], "causal", 10), model="m"
            )
        )
        == 0
    )


def test_a_document_has_the_same_tokens_alone_and_among_others():
    requests = [
        _request(question=f"The fox {number} " * (number % 7), answers=[" a", " b"], doc_id=number)
        for number in range(30)
    ]
    options = {"max_length": 25, "on_overflow": "drop_shots"}
    together = _encode(requests, STYLES["llama"], **options)
    assert together == [_encode([request], STYLES["llama"], **options)[0] for request in requests]


def test_many_short_requests_are_fast():
    requests = [
        _request(
            question=f"Question: what is {number}?\nAnswer:", answers=[" a", " b"], doc_id=number
        )
        for number in range(5000)
    ]
    table = pa.Table.from_pylist(requests, REQUESTS)
    start = time.process_time()
    assert len(encode_requests(table, Encoder(STYLES["llama"], "causal", 1000), model="m")) == 5000
    assert time.process_time() - start < 5


def _model_files(folder):
    row = {
        "model": "m",
        "source": "path:x",
        "revision": None,
        "folder": str(folder),
        "file": "config.json",
        "size": 1,
        "sha256": "0",
    }
    return pa.Table.from_pylist([row], MODEL_FILES)


def test_an_encoder_is_loaded_from_a_models_folder(tmp_path):
    config = BertConfig(
        max_position_embeddings=20,
        id2label={0: "no", 1: "yes"},
        architectures=["BertForSequenceClassification"],
    )
    config.save_pretrained(tmp_path)
    BERT.save_pretrained(tmp_path)
    loaded = load_encoder(
        _model_files(tmp_path),
        Model(source="path:a", on_overflow="error"),
    )
    assert (loaded.family, loaded.max_length, loaded.labels, loaded.on_overflow) == (
        "classifier",
        20,
        {0: "no", 1: "yes"},
        "error",
    )
    assert (
        load_encoder(
            _model_files(tmp_path), Model(source="path:a", max_length=7, family="extractive")
        ).max_length
        == 7
    )


def test_add_bos_is_passed_to_the_tokenizer(tmp_path):
    LlamaConfig(max_position_embeddings=20, architectures=["LlamaForCausalLM"]).save_pretrained(
        tmp_path
    )
    STYLES["bos not added"].save_pretrained(tmp_path)
    for add_bos, count in ((None, 0), (True, 1), (False, 0)):
        encoder = load_encoder(_model_files(tmp_path), Model(source="path:a", add_bos=add_bos))
        table = encode_requests(
            pa.Table.from_pylist([_request(question="The fox", answers=[" a"])], REQUESTS),
            encoder,
            model="m",
        )
        assert table["contexts"].to_pylist()[0][0].count(0) == count


@pytest.mark.parametrize("broken", [False, True])
def test_a_folder_without_a_tokenizer_is_an_error(tmp_path, broken):
    LlamaConfig(architectures=["LlamaForCausalLM"]).save_pretrained(tmp_path)
    if broken:
        (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"m: .*: no tokenizer that transformers can load"):
        load_encoder(_model_files(tmp_path), Model(source="path:a"))
