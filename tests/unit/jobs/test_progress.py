"""Progress says what is done, how fast and how long still, to terminals and to files."""

import io
import os
import subprocess
import sys

import pytest

from snakeval.jobs.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        raise OSError("not a real one")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def _run(terminal, steps, total=1000, known=0, error=None):
    clock = Clock()
    try:
        with Progress(
            "small mmlu", total=total, known=known, terminal=terminal, clock=clock
        ) as progress:
            for seconds, requests, tokens in steps:
                clock.now += seconds
                progress.advance(requests, tokens)
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    return terminal.getvalue() if terminal else ""


def test_a_file_gets_whole_lines_at_growing_intervals():
    lines = _run(io.StringIO(), [(1, 1, 100)] * 200).splitlines()
    assert lines[0] == "small mmlu: 10 of 1,000 requests (1 %), 1/s, 100 tokens/s, 16 min 30 s left"
    assert [int(line.split()[2]) for line in lines] == [10, 30, 70, 150, 200]
    state = "small mmlu: 200 of 1,000 requests (20 %), 1/s, 100 tokens/s, 13 min 20 s left"
    assert lines[-1] == f"{state}, done in 3 min 20 s"


def test_a_terminal_gets_one_refreshed_line():
    written = _run(Terminal(), [(0.3, 1, 10)] * 20, total=20)
    pieces = written.split("\r\x1b[2K")[1:]
    assert all(piece.endswith("\r") for piece in pieces[:-1])
    assert pieces[-1] == "small mmlu: 20 of 20 requests (100 %), 3.3/s, 33 tokens/s, done in 6 s\n"
    assert 5 < len(pieces) < 15
    assert all(len(piece) <= 80 for piece in pieces[:-1])


@pytest.mark.parametrize("terminal", [Terminal, io.StringIO])
def test_a_short_job_says_nothing(terminal):
    assert _run(terminal(), [(0.1, 500, 10), (0.1, 500, 10)]) == ""


def test_known_answers_count_as_done_but_not_as_speed():
    line = _run(io.StringIO(), [(10, 50, 0)], known=900).splitlines()[0]
    assert line == "small mmlu: 950 of 1,000 requests (95 %), 5/s, 0 tokens/s, 10 s left"


def test_an_error_is_not_called_done():
    assert "stopped after 10 s" in _run(io.StringIO(), [(10, 1, 1)], error=KeyboardInterrupt())


def test_without_a_terminal_it_is_silent():
    assert _run(None, [(100, 1, 1)]) == ""


def test_a_closed_terminal_does_not_stop_the_work():
    class Closed(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    with Progress("m t", total=2, terminal=Closed(), clock=(clock := Clock())) as progress:
        for _ in range(2):
            clock.now += 20
            progress.advance(1, 1)
    assert progress.done == 2


def test_several_jobs_do_not_tear_each_others_lines(tmp_path):
    code = (
        "import sys, os; from snakeval.jobs import progress\n"
        "progress.FIRST_INTERVAL = progress.LONGEST_INTERVAL = progress.SILENT_SECONDS = 0.0\n"
        "terminal = os.fdopen(os.dup(2), 'w', buffering=1)\n"
        "with progress.Progress(sys.argv[1] * 60, total=500, terminal=terminal) as job:\n"
        "    for _ in range(500): job.advance(1, 1)\n"
    )
    read, write = os.pipe()
    jobs = [subprocess.Popen([sys.executable, "-c", code, name], stderr=write) for name in "ab"]
    os.close(write)
    with os.fdopen(read) as pipe:
        lines = pipe.read().splitlines()
    assert [job.wait() for job in jobs] == [0, 0]
    assert len(lines) == 2 * 501
    assert all(
        line.startswith(("a" * 60 + ": ", "b" * 60 + ": ")) and line.count(":") == 1
        for line in lines
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (11040, "3 h 4 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
