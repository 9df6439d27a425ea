"""What is asked, once: calls, the store of what was answered, and responses. Never torch."""
