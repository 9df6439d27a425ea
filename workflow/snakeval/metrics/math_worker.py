"""The program that `mathematics` runs: pairs of JSON texts in, `true` or `false` out, a line each, until it breaks a limit and is ended."""

import json
import logging
import resource
import sys


def main(seconds: int, memory: int) -> None:
    from math_verify import parse, verify

    logging.disable()  # of warnings that its own time limits, which cannot stop a long multiplication, are off
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
