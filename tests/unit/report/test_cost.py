"""What models cost, and what a better score costs."""

from dataclasses import replace

import pytest
from builders import report_run

from snakeval.files import parquet
from snakeval.report import board, cost
from snakeval.report.views.cost import view
from snakeval.schemas.model import TIMINGS


def test_costs_are_summed_and_the_cheaper_and_better_are_marked(tmp_path):
    settings = report_run.make(tmp_path, documents=12)
    inputs = report_run.inputs_of(tmp_path, settings)
    standings = [
        board.Standing("large", 0.8, 0.7, 0.9, 1, 1),
        board.Standing("small", 0.3, 0.2, 0.4, 0, 1),
    ]
    run = replace(report_run.run_of(tmp_path, settings), standings=standings)
    small = next(each for each in cost.of_models(run, inputs.efficiency) if each.model == "small")
    own = [
        line
        for line in parquet.read(inputs.efficiency, TIMINGS).to_pylist()
        if line["model"] == "small"
    ]
    total = {name: sum(line[name] for line in own) for name in cost.SUMMED}
    assert small.sent == total["requests"] - total["duplicates"] - total["from_store"]
    assert small.tokens_per_second == pytest.approx(
        (total["computed_tokens"] + total["generated_tokens"]) / total["seconds"]
    )
    assert small.precision == "bfloat16, gptq 4 bit"
    chart = view.content(run, efficiency=inputs.efficiency)["chart"]
    assert [point.strong for point in chart.points] == [
        True,
        True,
    ]  # small is cheaper, large better


def test_a_run_without_timings_has_no_view_of_costs(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=4)
    parquet.write(TIMINGS.empty_table(), tmp_path / "tables/efficiency.parquet", TIMINGS)
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    assert 'id="cost"' not in page and 'href="#cost"' not in page
    assert 'id="health"' in page and "Where the answers come from" not in page
