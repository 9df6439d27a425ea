"""Outputs become scores: `score` and its `inputs`, `task_metrics`, `task_functions`, `filters/`.

No formula is here: those are metrics.
"""
