"""Where models and documents come from. Never renders a prompt."""
