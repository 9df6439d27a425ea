"""Filters: from what a model wrote to the answer that is scored. One file per kind.

A filter is a function `(answers, documents, **options) -> answers` over all documents of a task.
A task names it in `filter_list`; names and options are those of lm-evaluation-harness. A file
declares FILTERS; `registry` finds the files by listing this folder, and `pipeline` applies them.

A filter that finds no answer leaves its fallback and marks the answer as not found, so a failed
extraction differs from a wrong answer. An answer that was not found stays so. The filters differ
from lm-eval 0.4.13 in three points:

- A filter after `take_first` works on the one answer, not on its characters. `take_first` twice is
  `take_first` once.
- A `group_select` beyond the matches is a failed extraction, not an error.
- The answers of a document get REGEX_SECONDS per filter, as a regular expression with nested
  repetition may take hours on a hostile answer. The error names the document (see `time_limit`).
"""
