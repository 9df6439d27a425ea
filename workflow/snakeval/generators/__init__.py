"""Synthetic documents: one file per data set. `generate` finds them and splits what they make."""
