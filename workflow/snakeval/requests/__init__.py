"""A document becomes a request, the same for every model. Never knows a model.

build             the requests of a task
fields            templates, columns and functions of a task, applied to a document
pool              the documents of a split, read row by row
examples          few-shot examples as turns
samplers          which few-shot examples a document gets
template_filters  filters of the templates, next to Jinja2's own
"""
