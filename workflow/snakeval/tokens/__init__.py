"""Text becomes token ids, for local models. Never the network.

encode      requests to tokens, document by document
encoding    a tokenizer and its settings: text to ids, special tokens once
language    causal and sequence-to-sequence models: log-likelihoods, rolling texts, generation
encoders    classifiers and extractive models
rows        one document's tokens, and the table of them
"""
