"""Packed passes of causal models: prefixes shared, no padding."""
