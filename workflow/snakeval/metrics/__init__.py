"""Metrics: what an answer scores, and how a task's score follows. One file per kind."""
