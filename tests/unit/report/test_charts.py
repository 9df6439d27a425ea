"""Geometry of the charts, and their data as CSV."""

from snakeval.report import charts


def test_nice_ticks_are_round_and_inside():
    assert charts.nice_ticks(0.0, 1.0, 4) == [0.0, 0.5, 1.0]
    assert charts.nice_ticks(2.1, 9.7, 4) == [4.0, 6.0, 8.0]
    for low, high in ((-3.7, 12.0), (0.001, 0.0042), (5.0, 5.5)):
        ticks = charts.nice_ticks(low, high, 4)
        assert 2 <= len(ticks) <= 10
        assert all(low <= tick <= high for tick in ticks)


def test_csv_keeps_formulas_as_text():
    assert (
        charts.csv(("name", "value"), [("=1+1", 0.1234567), ('say "a, b"', None)])
        == 'name,value\n\'=1+1,0.123457\n"say ""a, b""",\n'
    )


def test_labels_are_moved_apart():
    assert charts.apart([10, 12, 40, 11], 10) == [10, 30.0, 40.0, 20.0]
