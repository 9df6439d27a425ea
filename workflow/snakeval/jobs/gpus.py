"""GPUs of this machine, each for one job at a time.

Snakemake counts GPUs, if it is given a limit, but assigns no devices to jobs. So every job locks
its devices before torch is imported and holds the locks until the process ends. The kernel releases
them after any kind of death.
"""

import fcntl
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TextIO

from snakeval.errors import UserError


def claim(
    wanted: int,
    granted: int,
    terminal: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
) -> list[IO]:
    """Lock `wanted` devices and put their names into CUDA_VISIBLE_DEVICES.

    Returns the locks: keep them referenced while the devices are used. Waits while other jobs hold
    the devices. `granted` is what Snakemake gave the job, which is less than the job wants where
    the run's limit is smaller. With `wanted` 0 all devices are hidden, and `terminal` gets their
    names. Raises UserError when the machine has too few.
    """
    if wanted == 0:
        if terminal and (idle := _shown(environment)):
            print(
                "runs on the CPU; `gpus: 1` would take one of the GPUs that this machine shows "
                f"({', '.join(idle)})",
                file=terminal,
            )
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return []
    if granted < wanted:
        raise UserError(
            f"gpus: {wanted} configured, {granted} granted. "
            f"Start Snakemake with --resources gpu={wanted} or more."
        )
    devices = visible(environment)
    if len(devices) < wanted:
        shown = ", ".join(devices) or "none"
        raise UserError(
            f"gpus: {wanted} configured, this machine shows {len(devices)} ({shown}). "
            "Lower `gpus` or use another machine."
        )
    folder = _lock_folder(environment)
    reported = False
    while len(locks := _free(devices, folder, wanted)) < wanted:
        # Hold no lock while waiting, or two jobs could wait for each other for ever.
        for lock in locks.values():
            lock.close()
        if terminal and not reported:
            print(f"waiting for {wanted} of {len(devices)} GPUs, held by other jobs", file=terminal)
            reported = True
        time.sleep(random.uniform(0.5, 1.5))
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(locks)
    return list(locks.values())


def placement(
    count: int, device: str, device_map: str | None, tensor_parallel: int
) -> dict[str, Any]:
    """Settings of the engine for a model on `count` GPUs.

    On several GPUs, `tensor_parallel` slices the layers, or a map spreads them over the devices.
    """
    device = device if device != "auto" else "cuda" if count else "cpu"
    if tensor_parallel == 1 and device_map is None and count > 1 and device == "cuda":
        device_map = "auto"
    return {"device": device, "device_map": device_map, "tensor_parallel": tensor_parallel}


def visible(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Devices that this process may use.

    Those of CUDA_VISIBLE_DEVICES where it is set, else all that nvidia-smi lists; none without
    nvidia-smi. Raises UserError when nvidia-smi fails.
    """
    if (named := environment.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True, timeout=60
        ).stdout
    except FileNotFoundError:
        return []
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"gpus: nvidia-smi fails ({error}). "
            "Repair the driver, or name the devices in CUDA_VISIBLE_DEVICES."
        ) from None
    return [str(i) for i in range(sum(line.startswith("GPU ") for line in listed.splitlines()))]


def _shown(environment: Mapping[str, str]) -> list[str]:
    """The visible devices; none where the driver fails, which matters only to jobs on GPUs."""
    try:
        return visible(environment)
    except UserError:
        return []


def _lock_folder(environment: Mapping[str, str]) -> Path:
    """A folder on this node's own disk, shared by all users' jobs.

    Each SLURM allocation has its own, for SLURM numbers the devices of each one from 0.
    """
    allocation = environment.get("SLURM_JOB_ID", "machine")
    folder = Path(tempfile.gettempdir(), "snakeval-gpus", allocation)
    for part in (folder.parent, folder):
        part.mkdir(exist_ok=True)
        if part.stat().st_uid == os.getuid():
            part.chmod(0o1777)
    return folder


def _free(devices: list[str], folder: Path, wanted: int) -> dict[str, IO]:
    """Up to `wanted` devices that nobody holds, with their locks."""
    locks: dict[str, IO] = {}
    for device in devices:
        if len(locks) == wanted:
            break
        path = folder / f"{device.replace('/', '_')}.lock"
        with suppress(FileExistsError):
            path.touch(exist_ok=False)
            path.chmod(0o644)
        file = path.open("rb")  # a lock needs no more, and another user may own the file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            locks[device] = file
    return locks
