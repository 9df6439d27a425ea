"""What ruins a run, found before a model is asked: over the real requests and tokens, without a GPU.

documents   of a task: duplicates, few-shot examples that give the answer away, answers that cannot be written
rehearsal   of its scoring, with made-up answers: metrics, filters, functions and the sandbox work, or fail now
prompts     of a model: BOS, chat template, what had to be cut
forecast    tokens, memory and time of each model and benchmark
findings    what is found as a table, and as text
"""
