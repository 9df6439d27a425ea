"""What is true of a model before it runs. Never runs inference."""
