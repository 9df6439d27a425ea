"""Evaluate language models: the library behind the workflow. It never imports Snakemake and can be used without it."""

__version__ = "0.1.0"
