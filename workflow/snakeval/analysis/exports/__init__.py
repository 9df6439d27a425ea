"""Formats of exported tables, one file each, found by listing the folder.

A format declares SUFFIX, the end of its files' names, and `write(printed, path)`.
`formats` finds them, `printed` is what they write.
"""
