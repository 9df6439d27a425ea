"""The task language: task files in the YAML of lm-evaluation-harness, found by name and merged into plain settings. Never looks at documents."""
