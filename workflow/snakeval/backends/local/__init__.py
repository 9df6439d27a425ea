"""Models on this machine: `build.load` makes an engine of a folder of weights.

Which strategy answers depends on the model's family:

causal      packed/packed.py  prefixes shared, no padding; proven against padded.py on the run's own calls, which takes over where it fails
seq2seq     seq2seq.py        the encoder runs once per input
classifier  encoder.py        log-probabilities of labels
extractive  encoder.py        the best span of a passage
"""
