"""Take a run elsewhere, and check what arrived.

bundle   a folder with all that a configuration needs, to run without a network
archive  a results folder as one file
verify   a results folder, checked byte by byte
"""
