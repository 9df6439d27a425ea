"""Metrics and aggregations: what an output scores, and how a task's score follows.

One file per kind of metric. A file declares METRICS, AGGREGATIONS or both; `registry` finds the
files by listing this folder, so adding a kind touches one file.
"""
