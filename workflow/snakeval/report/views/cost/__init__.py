"""The view of costs: tokens, time, memory and energy of each model."""
