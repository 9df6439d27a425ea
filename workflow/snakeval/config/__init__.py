"""The configuration that a user writes. Never reads data."""
