"""Uncertainty of scores: numbers in, numbers out. docs/explanation/statistics.md has formulas.

intervals     of a proportion, of a mean, and of their averages over subtasks
means         of independent estimates
bootstrap     of any function of summed statistics, or of resampled items
comparisons   of two models on the same documents
multiplicity  adjusted p-values and ranks over many comparisons
sample_size   what a number of documents can show

No module here imports the rest of the library.
"""
