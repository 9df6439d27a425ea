"""The task language: YAML task files, as those of lm-evaluation-harness. Never looks at documents.

loader            one task file, with what it includes
index             which file of a folder defines a task, group or tag
resolution        from a benchmark's name to its tasks and groups
keys              the keys of a task file and their values
definition        a task, its checks and its settings
request_settings  the settings that shape a task's requests
functions         Python functions that task files name
metric_names      names of metrics in the scores
run               a configuration with its benchmarks resolved
"""
