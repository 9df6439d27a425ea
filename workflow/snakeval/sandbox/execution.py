"""The way in: run a program that a model wrote against tests, jailed, and learn whether it passes."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any

from snakeval.errors import UserError
from snakeval.sandbox import launch, seccomp
from snakeval.sandbox.confinement import Limits

_REMEDY = (
    "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, "
    "kernel.apparmor_restrict_unprivileged_userns=0; a container needs a seccomp profile that permits them), "
    "or set allow_code: weak to run them as your user"
)


@dataclass(frozen=True)
class Verdict:
    """Whether all tests passed; if not, the exception that ended them, "time", or how the program ended."""

    passed: bool
    reason: str


@dataclass(frozen=True)
class Runner:
    """How programs are run: `mode` sandbox or weak (see docs/security.md), so many at once."""

    mode: str = "sandbox"
    threads: int = 1

    def __call__(self, program: str, tests: str, limits: Limits | None = None) -> Verdict:
        """The verdict on a program: Python `tests` that use its names run to their end, or not.

        Raises UserError where this machine cannot confine programs as the mode demands.
        """
        if not seccomp.known():
            raise UserError(
                "programs that the model wrote are run on Linux on x86_64 or aarch64 only; remove the task, or score there"
            )
        with ExitStack() as stack:
            files = {
                "program": stack.enter_context(_file(program)),
                "tests": stack.enter_context(_file(tests)),
            }
            settings = {
                "mode": self.mode,
                "limits": asdict(limits or Limits()),
                "packages": list(
                    dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
                ),
                "scratch": stack.enter_context(tempfile.TemporaryDirectory())
                if self.mode == "weak"
                else None,
                **{name: file.fileno() for name, file in files.items()},
            }
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, *launch.FLAGS, launch.__file__, json.dumps(settings)],
                    stdin=subprocess.PIPE,  # at its end when this process is gone, however it went
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=launch.ENVIRONMENT
                    | {
                        name: os.environ[name] for name in (launch.LIBRARIES,) if name in os.environ
                    },
                    cwd="/",
                    pass_fds=[file.fileno() for file in files.values()],
                    start_new_session=True,
                )
            )
            assert process.stdout is not None and process.stderr is not None
            said, complaint = process.stdout.read(), process.stderr.read()
        if process.returncode or not said:
            raise RuntimeError(
                f"sandbox: the launcher failed ({process.returncode}): {complaint.decode(errors='replace')}"
            )
        answer = json.loads(said)
        if "refused" in answer:
            raise UserError(
                f"programs that the model wrote cannot be isolated on this machine ({answer['refused']}); {_REMEDY}"
            )
        return Verdict(**answer)

    def map(self, function: Callable[[Any], Any], arguments: Iterable[Any]) -> list[Any]:
        """What a function that runs programs gives for each argument; `threads` of them at once."""
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, arguments))

    def check(self) -> None:
        """Raises UserError where programs cannot be run, before there are any."""
        if not (verdict := self("", "")).passed:
            raise UserError(
                f"a program that does nothing cannot be run on this machine ({verdict.reason}); set allow_code: weak or false"
            )


@contextmanager
def _file(text: str) -> Iterator[IO[bytes]]:
    """A file without a name that holds the text, to be read from its start."""
    with tempfile.TemporaryFile() as file:
        file.write(text.encode("utf-8", "surrogatepass"))
        file.seek(0)
        yield file
