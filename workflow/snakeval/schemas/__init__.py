"""The columns of every table. Never code that reads or writes."""
