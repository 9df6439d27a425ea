"""Answers that hardly vary, and scores by cluster."""

from collections import Counter

from builders import report_run

from snakeval.analysis import variety


def test_clusters_are_averaged_per_model(tmp_path):
    settings = report_run.make(tmp_path, documents=12, hostile=True)
    inputs = report_run.inputs_of(tmp_path, settings)
    run = report_run.run_of(tmp_path, settings)
    files = inputs.requests, inputs.responses, inputs.document_scores
    found = variety.measure(run.models, *files, run.primary())
    assert found.clustered == []  # 12 documents in 6 passages are too few
    clusters = {"x": {"small": [1.0, 0.0] * 5}, "y": {"small": [1.0] * 10, "large": [0.5]}}
    clustered = variety.cluster_means("passages", "passages", clusters, ["small", "large"])
    assert clustered.means == {"small": [0.5, 1.0], "large": [None, 0.5]}
    assert clustered.sizes == [10, 10]


def test_clusters_of_enough_documents_are_found_in_the_files(tmp_path):
    settings = report_run.make(tmp_path, documents=40)
    inputs = report_run.inputs_of(tmp_path, settings)
    run = report_run.run_of(tmp_path, settings)
    files = inputs.requests, inputs.responses, inputs.document_scores
    (found,) = variety.measure(run.models, *files, run.primary()).clustered
    assert (found.benchmark, found.task, sum(found.sizes)) == ("passages", "passages", 40)
    row = next(row for row in run.rows if row.task == "passages" and row.primary)
    for model, means in found.means.items():
        total = sum(mean * n for mean, n in zip(means, found.sizes, strict=True))
        assert abs(total / 40 - row.cells[model].value) < 1e-9


def test_an_answer_given_to_most_documents_is_found():
    right = {("t", i): (f"choice {i % 4 + 1}", 4) for i in range(40)}
    often = Counter({"choice 1": 30, "choice 2": 10})
    found = variety.frequent_answer("m", "e", "t", often, right)
    assert (found.answer, found.share, found.reference_share) == ("choice 1", 0.75, 0.25)
    even = Counter({f"choice {i}": 10 for i in range(4)})
    assert variety.frequent_answer("m", "e", "t", even, right) is None
    same = {("t", i): ("yes", 2) for i in range(40)}
    assert variety.frequent_answer("m", "e", "t", Counter({"yes": 40}), same) is None
