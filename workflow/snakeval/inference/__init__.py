"""Every call is asked once: calls, the store of their outputs, and responses. Never torch."""
