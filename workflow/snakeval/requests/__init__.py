"""A document becomes a request, the same for every model. Never knows a model."""
