"""The view of tasks: one chart for each."""
