"""Files from the future come back to the present."""

import os
import time

from snakeval.planning import timestamps


def test_what_lies_ahead_gets_the_present_time(tmp_path):
    times = {
        "settings/tables.json": 9e5,
        "index/tokens/m.parquet": 9e6,
        "models/m.parquet": 60,
        "tables/summary.md": -60,
    }
    now = time.time()
    for name, seconds in times.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now, now + seconds))
    assert timestamps.bring_back(tmp_path) == [
        tmp_path / "settings/tables.json",
        tmp_path / "index/tokens/m.parquet",
    ]
    found = {name: (tmp_path / name).stat().st_mtime for name in times}
    assert found["settings/tables.json"] == found["index/tokens/m.parquet"] <= time.time()
    assert found["tables/summary.md"] < now < found["models/m.parquet"]
