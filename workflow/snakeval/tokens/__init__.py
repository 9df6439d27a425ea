"""Text becomes token ids, for local models. Never the network.

encode      requests to tokens, document by document
encoding    a tokenizer and its settings: text to ids, special tokens once
language    causal and sequence-to-sequence models: log-likelihoods, rolling texts, generation; what does not fit
encoders    classifiers and extractive models
rows        a document's tokens on their way into the table
"""
