"""Honest but unusual programs for the tests of the sandbox, and tests that they pass."""

HONEST = {
    "generator": (
        """
def f(n):
    yield from range(n)
""",
        """
assert list(f(3)) == [0, 1, 2]
""",
    ),
    "changed argument": (
        """
def f(x): x.sort()
""",
        """
x = [2, 1]
assert f(x) is None and x == [1, 2]
""",
    ),
    "returned argument": (
        """
def f(x): x['a'] = 1; return x
""",
        """
x = {}
assert f(x) is x and x == {'a': 1}
""",
    ),
    "callback": (
        """
def f(function, values): return [function(v) for v in values]
""",
        """
assert f(lambda v: v + 1, [1, 2]) == [2, 3]
""",
    ),
    "generator as argument": (
        """
def f(values): return sum(values)
""",
        """
assert f(n for n in range(4)) == 6
""",
    ),
    "closure": (
        """
def f(n): return lambda m: n + m
""",
        """
assert f(1)(2) == 3
""",
    ),
    "class": (
        """
class Pair:
    def __init__(self, a, b): self.a, self.b = a, b
def f(pairs): return max(p.b for p in pairs)
""",
        """
assert f([Pair(1, 2), Pair(3, 4)]) == 4
assert Pair(5, 6).a == 5
""",
    ),
    "own equality": (
        """
class P:
    def __init__(s, x): s.x = x
    def __eq__(s, o): return s.x == o.x
""",
        """
assert P(1) == P(1) and P(1) != P(2)
""",
    ),
    "namedtuple": (
        """
from collections import namedtuple
P = namedtuple('P', 'x y')
def f(): return P(1, 2)
""",
        """
assert f() == (1, 2) and f().y == 2
""",
    ),
    "enum": (
        """
from enum import IntEnum
class E(IntEnum):
    A = 1
def f(): return E.A
""",
        """
assert f() == 1 and f() < 2 and f() + 1 == 2 and 3 - f() == 2.0
""",
    ),
    "views": (
        """
def f(): return {1: 2}.keys(), {1: 2}.values()
""",
        """
assert f()[0] == {1} and list(f()[1]) == [2]
""",
    ),
    "exceptions": (
        """
class Own(ValueError): pass
def f(): raise Own('no')
""",
        """
try:
    f()
except ValueError as e:
    assert str(e) == 'no'
else: assert False
""",
    ),
    "numpy": (
        """
import numpy as np
def f(n): return np.arange(n), np.int64(n), np.float32(0.5)
""",
        """
import numpy as np
a, b, c = f(3)
assert (a == [0, 1, 2]).all() and b == 3 and np.isclose(c, 0.5) and a.dtype == int
""",
    ),
    "of the standard library": (
        """
from collections import *
from decimal import Decimal
from fractions import Fraction
import datetime
def f():
    counts = Counter('aab'), OrderedDict(a=1), defaultdict(int, a=1)
    containers = *counts, deque([1], 3), range(3), bytearray(b'x')
    numbers = Decimal('0.1'), Fraction(1, 3), 1j
    times = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3), datetime.timedelta(1)
    return *containers, *numbers, *times
""",
        """
containers = Counter('aab'), OrderedDict(a=1), {'a': 1}, deque([1]), range(3), b'x'
numbers = Decimal('0.1'), Fraction(1, 3), 1j
times = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3), datetime.timedelta(1)
assert f() == (*containers, *numbers, *times)
""",
    ),
    "a name that hides a built-in": (
        """
def sum(a, b): return a + b
""",
        """
assert sum(2, 3) == 5
""",
    ),
    "a constant": (
        """
LIMIT = 3
def f(): return LIMIT
""",
        """
assert f() == LIMIT
""",
    ),
    "special numbers": (
        """
def f(): return float('nan'), float('inf'), -0.0, 2**100
""",
        """
a, b, c, d = f()
assert a != a and b > 1e300 and str(c) == '-0.0' and d == 2**100
""",
    ),
    "not run as a script": (
        """
done = []
if __name__ == '__main__': done.append(1)
""",
        """
assert done == []
""",
    ),
    "unicode": (
        r"""
def f(): return 'ü\ud800'
""",
        r"""
assert f() == 'ü\ud800'
""",
    ),
}
