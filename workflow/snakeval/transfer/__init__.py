"""Take a run elsewhere, and check what arrived."""
