"""Answers become scores. Never a formula: those are metrics."""
