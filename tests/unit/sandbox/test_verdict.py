"""What a program can claim, and what honest programs return."""

import pytest
from builders.honest_programs import HONEST
from builders.hostile_programs import CLAIMS, SEARCH, TESTS
from builders.sandboxed import RUN, SHORT, outcome

from snakeval.sandbox.execution import Runner


def test_a_right_program_passes_and_a_wrong_one_does_not():
    assert RUN("def add(a, b): return a + b", "assert add(2, 3) == 5").passed
    assert RUN("def add(a, b): return a * b", "assert add(2, 3) == 5").reason == "AssertionError: "
    assert RUN("def add(a, b)", "").reason.startswith("SyntaxError")
    assert RUN("", "assert add(2, 3) == 5").reason == "NameError: name 'add' is not defined"
    assert RUN("x = '\ud800'\0", "").passed is False


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("mode", ["sandbox", "weak"])
def test_a_verdict_cannot_be_claimed(claim, mode):
    assert not Runner(mode)(claim, TESTS, SHORT).passed


def test_an_iteration_cannot_be_ended_early():
    stop = "def right(x): raise StopIteration"
    assert RUN(stop, "assert all(map(right, [1, 2]))").reason.startswith("RuntimeError")


def test_the_program_does_not_hold_the_tests():
    tests = "assert search('53724tnemom') == [], search('53724tnemom')\nassert 'moment42735'"
    assert RUN(SEARCH, tests).passed


def test_tests_that_end_the_process_have_not_passed():
    assert RUN("", "import os; os._exit(0)").reason == "the tests ended the checker"
    assert RUN("", "import sys; sys.exit(0)").reason == "SystemExit: 0"
    assert RUN("", "while True: pass", SHORT).passed is False


@pytest.mark.parametrize(("program", "tests"), HONEST.values(), ids=HONEST)
def test_honest_programs_pass(program, tests):
    assert RUN(program, tests).reason == ""


def test_the_same_verdict_each_time():
    program = "import random\ndef draw(): return random.random(), list({'a', 'b', 'c'}), hash('x')"
    assert outcome("draw()", program) == outcome("draw()", program)
