"""Energy that the computing devices use, where they measure it.

NVIDIA GPUs count it since the driver was loaded (NVML, from the Volta generation on). Processors
count it in their RAPL registers, which Linux shows under /sys/class/powercap, mostly to root alone.
Both count the whole device. A GPU is held by one job at a time, a processor is not.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
# Seconds between readings: a register of 2^32 units of 61 µJ wraps after 4 minutes at 1 kW.
INTERVAL = 60.0


@dataclass(frozen=True)
class Counter:
    """One device's energy so far."""

    read: Callable[[], int]  # microjoules; raises OSError where it cannot be read
    turn: int | None = None  # microjoules at which the counter wraps to 0; None: never


class _Meter:
    """The energy that some counters have counted since the meter was made."""

    def __init__(self, counters: list[Counter]):
        self._counters = counters
        self._spent, self._last = [0] * len(counters), [0] * len(counters)
        self._lost = not counters
        self._lock = threading.Lock()
        self.joules()
        self._spent = [0] * len(counters)  # without what was counted before

    def joules(self) -> float | None:
        """Joules so far; None where a counter is missing or has failed."""
        with self._lock:
            for i, counter in enumerate(self._counters if not self._lost else []):
                try:
                    now = counter.read()
                except OSError:  # a counter that fails costs its figure, not the outputs
                    self._lost = True
                    break
                more = now - self._last[i]
                self._spent[i] += more % counter.turn if counter.turn else more
                self._last[i] = now
            return None if self._lost else sum(self._spent) / 1e6


@contextmanager
def metered(device: str, interval: float = INTERVAL) -> Iterator[Callable[[], float | None]]:
    """Count energy inside the block; gives a function that returns the joules so far, or None
    where the device does not count.

    `device` is that of the engine: "cuda…" stands for every GPU that this process sees, anything
    else for the processors of the machine. `interval`: seconds between readings of counters that
    wrap.
    """
    counters = of_gpus() if device.startswith("cuda") else of_processors()
    meter, over = _Meter(counters), threading.Event()

    def keep_up() -> None:
        while not over.wait(interval):
            meter.joules()

    watch = threading.Thread(target=keep_up, daemon=True)
    if any(counter.turn for counter in counters):
        watch.start()
    try:
        yield meter.joules
    finally:
        over.set()
        if watch.ident is not None:
            watch.join()


def of_gpus() -> list[Counter]:
    """A counter per GPU that this process sees; none unless all of them count."""
    import pynvml
    import torch

    def reading(handle: object) -> Callable[[], int]:
        def read() -> int:
            try:
                return 1000 * pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            except pynvml.NVMLError as error:
                raise OSError(f"NVML: {error}") from error

        return read

    try:
        pynvml.nvmlInit()
        devices = range(torch.cuda.device_count())
        names = [f"GPU-{torch.cuda.get_device_properties(i).uuid}" for i in devices]
        counters = [Counter(reading(pynvml.nvmlDeviceGetHandleByUUID(name))) for name in names]
    except pynvml.NVMLError:  # another maker's GPU, or a part of one
        return []
    return _readable(counters)


def of_processors(folder: Path = POWERCAP) -> list[Counter]:
    """A counter per processor package; none unless all of them may be read."""
    # The folders of AMD's processors have this name, too.
    zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if (zone / "name").is_file()]
    try:
        packages = [zone for zone in zones if (zone / "name").read_text().startswith("package")]
        turns = [int((zone / "max_energy_range_uj").read_text()) + 1 for zone in packages]
    except OSError:
        return []
    files = [_of_file(zone / "energy_uj") for zone in packages]
    return _readable([Counter(read, turn) for read, turn in zip(files, turns, strict=True)])


def _of_file(path: Path) -> Callable[[], int]:
    return lambda: int(path.read_text())


def _readable(counters: list[Counter]) -> list[Counter]:
    try:
        for counter in counters:
            counter.read()
    except OSError:
        return []
    return counters
