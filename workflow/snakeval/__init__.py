"""Evaluate language models: the library behind the workflow. It can be used without Snakemake.

A room is a step of the pipeline, or a thing that users add to. It imports only from rooms above it:

errors      the one exception a user meets
schemas     the columns of every table
files       how bytes reach the disk
jobs        what any job needs to run
config      the configuration that a user writes
generators  synthetic documents
tasks       the task language
sources     where models and documents come from
prompts     what is said to a model, as text or chat turns
requests    a document becomes a request
models      what is true of a model before it runs
tokens      text becomes token ids
backends    who answers a call
inference   what is asked, once
sandbox     programs that nobody trusts
metrics     what an answer scores
scoring     answers become scores
statistics  numbers in, numbers out
analysis    tables of the run
preflight   what ruins a run, found before a model is asked
report      the page that shows a run
transfer    a run taken elsewhere
planning    from a configuration to jobs
"""

__version__ = "0.1.0"
