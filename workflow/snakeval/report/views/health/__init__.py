"""The view of what went wrong: prompts, answers, findings of preflight, batches, the forecast."""
