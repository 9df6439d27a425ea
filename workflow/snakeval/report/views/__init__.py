"""The views of the page, one folder each: `view.py`, `view.j2`, and own scripts and styles.

A new view is a new folder here. `registry` finds it. `snakeval.report.view` says what it declares.
"""
