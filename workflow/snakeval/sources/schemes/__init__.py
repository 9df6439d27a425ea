"""The schemes of sources, one per file. A new file with a `SCHEME` adds a scheme."""
