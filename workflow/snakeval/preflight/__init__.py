"""Errors that would ruin a run, found before a model is asked: in the real requests and tokens.

documents   of a task: duplicates, few-shot examples with the answer, answers that cannot be written
rehearsal   of its scoring, with made-up answers: metrics, filters, functions and the sandbox
prompts     of a model: BOS, chat template, truncated prompts
forecast    tokens, memory and time of each model and benchmark
findings    all findings, as a table and as text
"""
