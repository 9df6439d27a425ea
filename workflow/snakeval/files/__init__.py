"""How bytes reach the disk. Never what a table means.

parquet          tables with a declared schema, checked on the way in and out
benchmark_files  jobs that write one file per benchmark, and the index that lists them
atomic           files that are whole or absent
yaml_file        YAML that refuses duplicate keys and endless nesting
code_digest      what a stage's code means, as one digest
neighbours       the modules of a folder that users add to
"""
