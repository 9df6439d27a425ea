"""Parts of a model computed in another, faster way, with the same result."""
