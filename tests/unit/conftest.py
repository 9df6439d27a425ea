"""Settings of the property tests: no time limit per example, the same examples in every run."""

from hypothesis import settings

settings.register_profile("snakeval", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("snakeval")
