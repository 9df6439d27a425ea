"""Tables of the run: one file per table."""
