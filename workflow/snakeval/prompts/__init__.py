"""What is said to a model, as text or as chat turns. Never token ids."""
