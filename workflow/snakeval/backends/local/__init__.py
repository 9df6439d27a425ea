"""Models on this machine: `build.load` makes an engine from a folder of weights.

Each family of models declares itself in a module of this folder, as `FAMILY`:

causal      `causal`: packed (`packed/`), where prefixes are shared and nothing is padded. It is
            checked on the run's own calls against `padded`, which takes over where it is not exact.
seq2seq     `seq2seq`: the encoder runs once per input
classifier  `classifier`: log-probabilities of labels
extractive  `extractive`: the best span of a passage
"""
