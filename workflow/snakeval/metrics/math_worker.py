"""The program that `mathematics` runs, until it breaks a limit and the kernel ends it.

It reads pairs of texts as JSON and writes `true` or `false`, one line each.
"""

import json
import logging
import resource
import sys


def main(seconds: int, memory: int) -> None:
    """Compare pairs; `seconds` of CPU time per pair, `memory` bytes of address space."""
    from math_verify import parse, verify

    # it warns that its own time limits are off; they cannot stop a long multiplication
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", flush=True)
    for line in sys.stdin:
        reference, answer = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU,
            (int(used.ru_utime + used.ru_stime) + 1 + seconds, resource.RLIM_INFINITY),
        )
        gold, given = (parse(text, parsing_timeout=None) for text in (reference, answer))
        print("true" if verify(gold, given, timeout_seconds=None) else "false", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
