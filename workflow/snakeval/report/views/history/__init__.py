"""The view of earlier runs: how scores changed."""
