"""The entry point: run a program that a model wrote against tests, jailed, and get a verdict."""

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
    "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, "
    "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0; a container needs a "
    "seccomp profile that permits them), or set allow_code: weak to run them as your user."
)


@dataclass(frozen=True)
class Verdict:
    """Whether all tests passed, and if not, why.

    The reason is the exception that ended the tests, "time", or how the program ended.
    """

    passed: bool
    reason: str


@dataclass(frozen=True)
class Runner:
    """How programs run, `threads` at once: sandbox or weak (docs/explanation/security.md)."""

    mode: str = "sandbox"
    threads: int = 1

    def __call__(self, program: str, tests: str, limits: Limits | None = None) -> Verdict:
        """Whether Python `tests` that use names of the `program` run to their end.

        Raises UserError where this machine cannot confine programs as the mode demands.
        """
        if not seccomp.known():
            raise UserError(
                "programs that the model wrote run on Linux on x86_64 or aarch64 only. "
                "Remove the task, or score there."
            )
        with ExitStack() as stack:
            given = {"program": program, "tests": tests}
            files = {name: stack.enter_context(_file(text)) for name, text in given.items()}
            settings = {
                "mode": self.mode,
                "limits": asdict(limits or Limits()),
                "packages": _package_folders(),
                "scratch": None,
                **{name: file.fileno() for name, file in files.items()},
            }
            if self.mode == "weak":
                settings["scratch"] = stack.enter_context(tempfile.TemporaryDirectory())
            answer = _launched(settings, [file.fileno() for file in files.values()])
        if "refused" in answer:
            raise UserError(
                "this machine cannot isolate programs that the model wrote "
                f"({answer['refused']}). {_REMEDY}"
            )
        return Verdict(**answer)

    def map(self, function: Callable[[Any], Any], arguments: Iterable[Any]) -> list[Any]:
        """The results of a function that runs programs; `threads` arguments at once."""
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, arguments))

    def check(self) -> None:
        """Raise UserError where programs cannot run, before there are any."""
        if not (verdict := self("", "")).passed:
            raise UserError(
                f"this machine cannot run a program that does nothing ({verdict.reason}). "
                "Set allow_code: weak or false."
            )


def _package_folders() -> list[str]:
    """The folders of installed packages."""
    return list(dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib")))


def _launched(settings: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """What the launcher writes: the fields of a verdict, or `refused`."""
    libraries = {name: os.environ[name] for name in (launch.LIBRARIES,) if name in os.environ}
    with subprocess.Popen(
        [sys.executable, *launch.FLAGS, launch.__file__, json.dumps(settings)],
        stdin=subprocess.PIPE,  # closed when this process is gone, however it ended
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=launch.ENVIRONMENT | libraries,
        cwd="/",
        pass_fds=descriptors,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        output, errors = process.stdout.read(), process.stderr.read()
    if process.returncode or not output:
        why = errors.decode(errors="replace")
        raise RuntimeError(f"sandbox: the launcher failed ({process.returncode}): {why}")
    return json.loads(output)


@contextmanager
def _file(text: str) -> Iterator[IO[bytes]]:
    """A file without a name that holds the text, positioned at its start."""
    with tempfile.TemporaryFile() as file:
        file.write(text.encode("utf-8", "surrogatepass"))
        file.seek(0)
        yield file
