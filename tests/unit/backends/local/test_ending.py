import pytest
from builders import engine_models as tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from snakeval.backends.calls import Call
from snakeval.backends.local import sampling
from snakeval.backends.local.ending import Ending


def row(until, budget=1000):
    asked = tiny.call("key", [3], until=until, max_new_tokens=budget)
    return sampling.start(
        Call(
            "key",
            "generate",
            asked["context"],
            asked["context"][:0],
            None,
            None,
            None,
            asked["generation"],
            0,
        ),
        [],
    )


def written(ending, until, tokens, budget=1000):
    """Feed tokens until the row ends; the number of tokens taken, the text and the reason."""
    text = row(until, budget)
    for token in tokens:
        text.take(token)
        if found := ending.of([text]):
            return len(text.tokens), found[0].text, found[0].finish_reason
    return None


BYTES = tiny.tokenizer()
ENDING = Ending(BYTES, frozenset([1]))


@settings(deadline=None, max_examples=200)
@given(
    st.text("ab é\n日#", min_size=1, max_size=30),
    st.lists(st.text("ab é\n日#", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_a_text_ends_with_the_token_that_completes_a_stop_string(text, until):
    tokens = BYTES(text, add_special_tokens=False).input_ids
    ends = [
        count
        for count in range(1, len(tokens) + 1)
        if any(stop in BYTES.decode(tokens[:count]) for stop in until)
    ]
    found = written(ENDING, until, tokens)
    if not ends:
        assert found is None
    else:
        whole = BYTES.decode(tokens[: ends[0]])
        assert found == (
            ends[0],
            whole[: min(whole.index(stop) for stop in until if stop in whole)],
            "stop",
        )


def test_end_of_sequence_and_length():
    a, b = BYTES("ab").input_ids
    assert written(ENDING, [], [a, b, 1]) == (3, "ab", "eos")
    assert written(ENDING, [], [a, b, a], budget=2) == (2, "ab", "length")
    assert written(ENDING, ["b"], [a, b], budget=2) == (2, "a", "stop")
    assert written(ENDING, [""], [a, b, 1]) == (3, "ab", "eos")


def test_a_decoder_that_drops_the_first_space():
    vocabulary = {"<unk>": 0, "▁a": 1, "▁b": 2, "c": 3, "##": 4}
    built = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    built.decoder = decoders.Metaspace()
    ending = Ending(PreTrainedTokenizerFast(tokenizer_object=built, unk_token="<unk>"), frozenset())
    assert written(ending, [" b"], [1, 3, 2, 3]) == (3, "ac", "stop")
    assert written(ending, ["a "], [1, 2, 3]) == (2, "", "stop")
    assert written(ending, ["c##"], [1, 3, 4]) == (3, "a", "stop")


@pytest.mark.parametrize("stop", ["<|im_end|>", "</s>"])
def test_a_stop_string_that_is_a_special_token(stop):
    tokenizer = tiny.tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    a, b = tokenizer("ab").input_ids
    ending = Ending(tokenizer, frozenset())
    assert written(ending, [stop], [a, b, tokenizer.convert_tokens_to_ids(stop), a]) == (
        3,
        "ab",
        "stop",
    )
