"""Uncertainty of scores: intervals, paired tests, ranks and power. Plain functions of numpy arrays; docs/statistics.md gives the formulas.

- `intervals`: of a proportion, a mean, and their averages over subtasks
- `bootstrap`: of any function of summed statistics, or of resampled items
- `comparisons`: of two models on the same documents
- `multiplicity`: adjusted p-values and ranks over many comparisons
- `power`: what a number of documents can show
"""
