"""The metrics of a task, resolved from its `metric_list`."""

from dataclasses import replace

from builders.scoring_tables import settings

from snakeval.scoring.task_metrics import resolve


def test_the_item_of_metric_list_decides_over_the_metrics_own():
    items = ["mcc", {"metric": "acc", "aggregation": "median"}]
    metrics = resolve(settings("multiple_choice", items))
    assert metrics.aggregation_of("mcc").name == "matthews_corrcoef"
    assert metrics.aggregation_of("acc").name == "median"
    assert metrics.aggregation_of("acc").proportion
    assert metrics.aggregation_of("never_listed").name == "mean"
    items = ["brier_score", {"metric": "acc", "higher_is_better": False}]
    scoring = settings("multiple_choice", items)
    metrics = resolve(scoring)
    assert not metrics.aggregation_of("brier_score").higher_is_better
    assert not metrics.aggregation_of("acc").higher_is_better
    own = resolve(replace(scoring, process_results={"!function": "a.b"}))
    assert not own.aggregation_of("acc").proportion


def test_names_a_function_gives_take_its_aggregation():
    item = {
        "metric": {"!function": "code.pass_at_k", "file": "t.yaml", "digest": None},
        "aggregation": "nanmean",
        "higher_is_better": True,
    }
    scoring = settings("generate_until", ["bleu", item])
    assert resolve(scoring).aggregation_of("pass@1").name == "nanmean"
    own = resolve(replace(scoring, process_results={"!function": "code.f"}))
    assert own.aggregation_of("pass@1").name == "mean"


def test_an_item_is_resolved_with_name_metric_and_options():
    items = [{"metric": "exact_match", "ignore_case": True, "aggregation": "median"}]
    items += [{"metric": "some/metric", "by": 1}, {"metric": "bleu", "hf_evaluate": True}]
    first, second, third = resolve(settings("generate_until", items)).items
    assert first.metric.name == first.name == "exact_match"
    assert first.options == {"ignore_case": True} and first.aggregation.name == "median"
    assert first.aggregation is first.aggregation
    assert (second.name, second.metric, second.reference) == ("metric", None, "some/metric")
    assert second.options == {"by": 1}
    assert third.metric is None
