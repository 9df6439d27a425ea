"""The view of published figures, next to those of this run."""
