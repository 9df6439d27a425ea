"""Energy that the computing devices used, where they tell.

NVIDIA GPUs count it since the driver was loaded (NVML, from the Volta generation on); processors in their RAPL registers, which Linux shows
under /sys/class/powercap, mostly to root alone. Both count the whole device: a GPU is held by one job at a time, a processor is not.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
INTERVAL = 60.0  # seconds between readings: a register of 2^32 units of 61 µJ turns over after 4 minutes at 1 kW


@dataclass(frozen=True)
class Counter:
    """One device's energy so far."""

    read: Callable[[], int]  # microjoules; raises OSError where it cannot be read
    turn: int | None = None  # microjoules at which it begins again from 0; None: never


@contextmanager
def metered(device: str, interval: float = INTERVAL) -> Iterator[Callable[[], float | None]]:
    """Count energy inside the block; the function given tells the joules so far, or None where the device does not tell.

    `device` is that of the engine: "cuda…" means every GPU this process sees, anything else the processors of the machine.
    """
    counters = of_gpus() if device.startswith("cuda") else of_processors()
    spent, last, lost = [0] * len(counters), [0] * len(counters), not counters
    lock, over = threading.Lock(), threading.Event()

    def joules() -> float | None:
        nonlocal lost
        with lock:
            for i, counter in enumerate(counters if not lost else []):
                try:
                    now = counter.read()
                except OSError:  # a meter that fails costs its figure, not the answers
                    lost = True
                    break
                spent[i] += (now - last[i]) % counter.turn if counter.turn else now - last[i]
                last[i] = now
            return None if lost else sum(spent) / 1e6

    def keep_up() -> None:
        while not over.wait(interval):
            joules()

    joules()
    spent = [0] * len(counters)  # what was counted before the block
    watch = (
        threading.Thread(target=keep_up, daemon=True)
        if any(counter.turn for counter in counters)
        else None
    )
    if watch:
        watch.start()
    try:
        yield joules
    finally:
        over.set()
        if watch:
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
        names = [
            f"GPU-{torch.cuda.get_device_properties(i).uuid}"
            for i in range(torch.cuda.device_count())
        ]
        counters = [Counter(reading(pynvml.nvmlDeviceGetHandleByUUID(name))) for name in names]
    except pynvml.NVMLError:  # another maker's GPU, or a part of one
        return []
    return _readable(counters)


def of_processors(folder: Path = POWERCAP) -> list[Counter]:
    """A counter per processor package; none unless all of them may be read."""
    packages = [
        zone for zone in sorted(folder.glob("intel-rapl:*")) if (zone / "name").is_file()
    ]  # AMD's are called so too
    try:
        packages = [zone for zone in packages if (zone / "name").read_text().startswith("package")]
        turns = [int((zone / "max_energy_range_uj").read_text()) + 1 for zone in packages]
    except OSError:
        return []
    return _readable(
        [
            Counter(_of_file(zone / "energy_uj"), turn)
            for zone, turn in zip(packages, turns, strict=True)
        ]
    )


def _of_file(path: Path) -> Callable[[], int]:
    return lambda: int(path.read_text())


def _readable(counters: list[Counter]) -> list[Counter]:
    try:
        for counter in counters:
            counter.read()
    except OSError:
        return []
    return counters
