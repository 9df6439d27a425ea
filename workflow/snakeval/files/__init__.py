"""How bytes reach the disk: tables, lists of files, whole files, YAML, and the digest of code. Never what a table means.

parquet          tables with a declared schema, checked on the way in and out
benchmark_files  jobs that write one file per benchmark, and the index that lists them
atomic           files that are whole or absent
yaml_file        YAML without its surprises: duplicate keys, endless nesting
code_digest      what a stage's code means, as one digest
neighbours       the modules of a folder that users add to
"""
