"""Tables of the run: one file per table.

leaderboard    scores with intervals and ranks
lines          which metrics of which tasks and groups the table of scores shows
comparisons    pairs of models
targets        published figures, and whether the run regenerates them
answer_health  what could make a score mean less than it seems
gate           every model against a baseline, with a verdict
flips          documents whose score changed since the baseline
power          what the documents of the run can show
series         one model's scores of one metric, and their estimate
differences    two series: p-value, interval and effect
history        how scores changed since earlier runs
calibration    whether a model's confidence can be trusted
lengths        scores by the length of prompts and answers
variety        answers that hardly vary, scores by cluster
markdown       tables as text
export         tables in the formats of papers
"""
