"""A real SLURM of one node on this machine.

It uses loopback only and fake GPUs, and has no accounting database and no cgroups.

    python tests/builders/slurm_cluster.py install | start | stop

It needs root on Debian or Ubuntu; `start` installs missing packages.

Everything it writes is in one folder, but for three links in /etc/slurm: the job steps of the SLURM
plugin do not pass on SLURM_CONF.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path("/tmp/snakeval-slurm")
ETC = Path("/etc/slurm")
PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
}
CPUS, MEMORY, GPUS, PORT = (
    8,
    16_000,
    2,
    17_817,
)  # more CPUs than there are, so that waiting is for GPUs alone

CONF = """
ClusterName=snakeval
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={port_of_node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
MailProg=/bin/true
MpiDefault=none
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.own.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool
SlurmdPidFile={folder}/slurmd.own.pid
SlurmdLogFile={folder}/slurmd.log
# Processes are followed through /proc; memory is sampled, and too much of it ends the job.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
PropagateResourceLimits=NONE
KillWait=3
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# Without an accounting database the controller itself has to remember jobs that ended.
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=43200
# Snakemake retries jobs, not SLURM; a job that can never run is refused at once.
JobRequeue=0
EnforcePartLimits=ALL
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=60
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:fake:{gpus} \
  State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} Default=NO MaxTime=INFINITE State=UP
"""


def start() -> None:
    """Start the daemons that do not run yet, and wait until the node accepts jobs.

    Raises RuntimeError without root, and where a daemon does not start.
    """
    if os.getuid():
        raise RuntimeError(
            "SLURM's daemons need root. Run the tests as root, for example in a container."
        )
    install()
    _configure_cluster(socket.gethostname().partition(".")[0])
    _start_munge()
    start_daemons()


def _configure_cluster(host: str) -> None:
    """Write keys, devices and configuration."""
    FOLDER.mkdir(exist_ok=True)
    for name in ("state", "spool"):
        (FOLDER / name).mkdir(exist_ok=True)
    key = FOLDER / "munge.key"
    if not key.exists():
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
    # SLURM needs a character device whose name ends in its number.
    for gpu in range(GPUS):
        (FOLDER / f"gpu{gpu}").unlink(missing_ok=True)
        (FOLDER / f"gpu{gpu}").symlink_to("/dev/null")
    settings = {
        "host": host,
        "port": PORT,
        "port_of_node": PORT + 1,
        "folder": FOLDER,
        "cpus": CPUS,
        "memory": MEMORY,
        "gpus": GPUS,
    }
    _configure("slurm.conf", CONF.format(**settings))
    _configure("gres.conf", f"Name=gpu Type=fake AutoDetect=off File={FOLDER}/gpu[0-{GPUS - 1}]\n")
    _configure("cgroup.conf", "")
    try:
        socket.gethostbyname(host)
    except OSError:
        with Path("/etc/hosts").open("a") as hosts:
            hosts.write(f"127.0.0.1 {host}\n")


def _start_munge() -> None:
    """Start the authentication daemon."""
    endings = {"key-file": "key", "pid-file": "own.pid", "seed-file": "seed"}
    endings |= {"log-file": "log", "socket": "socket"}
    places = [f"--{name}={FOLDER}/munge.{ending}" for name, ending in endings.items()]
    _launch("munged", "--foreground", "--force", "--num-threads=2", *places)
    _wait_for(lambda: _says(["munge", "-n", "-S", f"{FOLDER}/munge.socket"], "MUNGE"), "munged")


def start_daemons() -> None:
    """Start controller and node where they do not run."""
    _launch("slurmctld", "-D", "-f", str(ETC / "slurm.conf"))
    _wait_for(lambda: _says(["scontrol", "ping"], "is UP"), "slurmctld")
    _launch("slurmd", "-D", "-f", str(ETC / "slurm.conf"))
    _wait_for(
        lambda: any(
            _says(["sinfo", "-h", "-o", "%T"], state) for state in ("idle", "mixed", "allocated")
        ),
        "slurmd",
    )


def kill_daemons() -> None:
    """End controller and node as a power cut does; jobs that run go on."""
    for name in ("slurmctld", "slurmd"):
        if pid := _pid(name):
            os.kill(pid, signal.SIGKILL)
            _wait_for(lambda name=name: not _pid(name), f"the end of {name}")


def stop() -> None:
    """Cancel all jobs, end the daemons this file started, remove what was written."""
    if _pid("slurmctld"):
        subprocess.run(["scancel", "--user=root"], timeout=30, check=False)
        _wait_for(lambda: not jobs("PENDING,RUNNING,COMPLETING"), "the end of all jobs")
    for name in ("slurmctld", "slurmd", "munged"):
        if pid := _pid(name):
            os.kill(pid, signal.SIGTERM)
            _wait_for(lambda name=name: not _pid(name), f"the end of {name}")
    for link in (ETC / "slurm.conf", ETC / "gres.conf", ETC / "cgroup.conf"):
        if link.is_symlink() and FOLDER in link.readlink().parents:
            link.unlink()
    shutil.rmtree(FOLDER, ignore_errors=True)


def jobs(states: str = "all") -> list[dict[str, str]]:
    """SLURM's jobs as `scontrol` lists them, also those that ended."""
    listed = _run("squeue", "-h", "-t", states, "-o", "%A").split()
    blocks = [_run("scontrol", "-d", "-o", "show", "job", job) for job in dict.fromkeys(listed)]
    return [dict(part.split("=", 1) for part in block.split() if "=" in part) for block in blocks]


def install() -> None:
    """Install missing packages of SLURM, without their services.

    Raises RuntimeError without apt-get.
    """
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise RuntimeError(
            f"{', '.join(missing)}: not installed, and there is no apt-get to install them with"
        )
    guard = Path("/usr/sbin/policy-rc.d")  # keeps the packages from starting daemons of their own
    mine = not guard.exists()
    if mine:
        guard.write_text("#!/bin/sh\nexit 101\n")
        guard.chmod(0o755)
    try:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(
            ["apt-get", "update", "-qq"], check=False, env=environment, capture_output=True
        )
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(install, check=True, env=environment, capture_output=True)
    finally:
        if mine:
            guard.unlink()


def _configure(name: str, text: str) -> None:
    (FOLDER / name).write_text(text)
    ETC.mkdir(exist_ok=True)
    link = ETC / name
    if link.exists() and not link.is_symlink():
        raise RuntimeError(f"{link} belongs to another SLURM; these tests do not touch it")
    link.unlink(missing_ok=True)
    link.symlink_to(FOLDER / name)


def _launch(name: str, *arguments: str) -> None:
    if not _pid(name):
        with (FOLDER / f"{name}.out").open("w") as output:
            process = subprocess.Popen(
                [name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        (FOLDER / f"{name}.pid").write_text(str(process.pid))


def _pid(name: str) -> int | None:
    """The process of a daemon that this file started, if it lives."""
    try:
        pid = int((FOLDER / f"{name}.pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid if f"({name})" in state and ") Z " not in state else None


def _wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            logs = "\n".join(
                f"{log}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:])
                for log in FOLDER.glob("*.log")
            )
            raise RuntimeError(f"{what}: not within {seconds:g} s\n{logs}")
        time.sleep(0.1)


def _says(command: list[str], word: str) -> bool:
    return (
        word
        in subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        ).stdout
    )


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


if __name__ == "__main__":
    {"install": install, "start": start, "stop": stop}[sys.argv[1]]()
