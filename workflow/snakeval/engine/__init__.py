"""Questions in, answers out: what runs a model.

`load` gives an `Engine` (see `protocol`), whose `plan` cuts the asks of an entry into batches and whose `answer` answers them. Which
engine it is depends on the model's family:

    causal      packed.py     prefixes shared, no padding; proven against padded.py on the run's own asks, which takes over where it fails
    seq2seq     seq2seq.py    the encoder runs once per input
    classifier  encoder.py    log-probabilities of labels
    extractive  encoder.py    the best span of a passage

`load` is imported from here on first use, since torch and transformers take seconds to import.
"""

from snakeval.engine.protocol import Counters, Engine

__all__ = ["Counters", "Engine", "load"]


def __getattr__(name: str):
    if name == "load":
        from snakeval.engine.loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
