"""Energy: counters that wrap, cannot be read, or fail later; GPUs with a made-up driver."""

import os
import sys
import threading
import types

import pytest

from snakeval.inference import energy
from snakeval.inference.energy import Counter


def _zone(folder, name, kind, microjoules, turn=1000):
    zone = folder / name
    zone.mkdir(parents=True)
    for file, content in (
        ("name", kind),
        ("energy_uj", microjoules),
        ("max_energy_range_uj", turn - 1),
    ):
        (zone / file).write_text(f"{content}\n")
    return zone


def test_packages_are_summed_and_their_parts_are_not(tmp_path):
    first = _zone(tmp_path, "intel-rapl:0", "package-0", 10)
    second = _zone(tmp_path, "intel-rapl:1", "package-1", 990)
    _zone(tmp_path, "intel-rapl:0:0", "core", 5)
    _zone(tmp_path, "intel-rapl:2", "psys", 5)
    (tmp_path / "intel-rapl").mkdir()
    counters = energy.of_processors(tmp_path)
    assert [(counter.read(), counter.turn) for counter in counters] == [(10, 1000), (990, 1000)]
    (first / "energy_uj").write_text("35")
    (second / "energy_uj").write_text("7")
    assert [counter.read() for counter in counters] == [35, 7]


def test_a_machine_without_counters_counts_nothing(tmp_path, monkeypatch):
    assert energy.of_processors(tmp_path) == []
    monkeypatch.setattr(energy, "of_processors", list)
    with energy.metered("cpu") as joules:
        assert joules() is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_counters_for_root_alone_are_none(tmp_path):
    (_zone(tmp_path, "intel-rapl:0", "package-0", 10) / "energy_uj").chmod(0)
    assert energy.of_processors(tmp_path) == []


def test_one_package_that_cannot_be_read_leaves_none(tmp_path):
    _zone(tmp_path, "intel-rapl:0", "package-0", 10)
    (_zone(tmp_path, "intel-rapl:1", "package-1", 10) / "energy_uj").unlink()
    assert energy.of_processors(tmp_path) == []


def test_what_was_used_before_and_turns_of_the_register(monkeypatch):
    values = {"a": 900, "b": 5}
    monkeypatch.setattr(
        energy,
        "of_processors",
        lambda: [Counter(lambda: values["a"], 1000), Counter(lambda: values["b"])],
    )
    threads = threading.active_count()
    with energy.metered("cpu", interval=3600) as joules:
        assert joules() == 0
        values.update(a=950, b=25)
        assert joules() == pytest.approx(70e-6)
        values.update(a=100)  # 50 to the end of the register, 100 after it
        assert joules() == pytest.approx(220e-6)
    values.update(b=26)
    assert joules() == pytest.approx(221e-6)
    assert threading.active_count() == threads


def test_turns_between_two_looks_are_seen(monkeypatch):
    """The register turns over three times while nobody calls: the watch reads it in between."""
    readings, done = iter([0, 600, 200, 800, 400, 0, 600]), threading.Event()

    def read():
        value = next(readings, None)
        if value is None:
            done.set()
            return 600
        return value

    monkeypatch.setattr(energy, "of_processors", lambda: [Counter(read, 1000)])
    with energy.metered("cpu", interval=0.001) as joules:
        assert done.wait(30)
    assert joules() == pytest.approx(3600e-6)


def test_a_counter_that_fails_on_the_way_counts_nothing(monkeypatch):
    values = [1]

    def read():
        if not values:
            raise OSError("gone")
        return values.pop()

    monkeypatch.setattr(energy, "of_processors", lambda: [Counter(read)])
    with energy.metered("cpu") as joules:
        assert joules() is None
    assert joules() is None


class _Driver(types.ModuleType):
    """NVML as far as it is used: GPUs by their uuid, millijoules; a None cannot count."""

    class NVMLError(Exception):
        pass

    def __init__(self, gpus):
        super().__init__("pynvml")
        self.gpus = gpus

    def nvmlInit(self):
        if self.gpus is None:
            raise self.NVMLError("no driver")

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid not in self.gpus:
            raise self.NVMLError("not found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if self.gpus[handle] is None:
            raise self.NVMLError("not supported")
        return self.gpus[handle]


def _gpus(monkeypatch, seen, counted):
    import torch

    monkeypatch.setitem(sys.modules, "pynvml", _Driver(counted))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(seen))
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda i: types.SimpleNamespace(uuid=seen[i])
    )


def test_the_gpus_that_are_seen_are_counted_and_no_others(monkeypatch):
    counted = {"GPU-a": 5_000, "GPU-b": 70_000, "GPU-c": 1}
    _gpus(monkeypatch, ["b", "a"], counted)
    with energy.metered("cuda:0 a GPU") as joules:
        counted.update({"GPU-a": 6_000, "GPU-b": 72_500, "GPU-c": 99})
        assert joules() == pytest.approx(3.5)


@pytest.mark.parametrize("counted", [None, {}, {"GPU-a": 5, "GPU-b": None}])
def test_gpus_that_do_not_all_count_count_nothing(monkeypatch, counted):
    _gpus(monkeypatch, ["a", "b"], counted)
    with energy.metered("cuda:0") as joules:
        assert joules() is None
