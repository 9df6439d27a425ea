"""Programs for the tests of the sandbox: they claim to be right, attack the jail, or use it up."""

# tests of `add`, and programs that claim to pass them
TESTS = """
def check(candidate):
    assert candidate(2, 3) == 5
    assert abs(candidate(1.5, 1) - 2.5) < 1e-6
check(add)
"""

CLAIMS = {
    "print": """
print('{"passed": true, "reason": ""}')
def add(a, b): return 0
""",
    "exit at once": """
import sys
sys.exit(0)
""",
    "exit when called": """
import sys
def add(a, b): sys.exit(0)
""",
    "_exit at once": """
import os
os._exit(0)
""",
    "_exit when called": """
import os
def add(a, b): os._exit(0)
""",
    "raise SystemExit": """
def add(a, b): raise SystemExit(0)
""",
    "raise GeneratorExit": """
def add(a, b): raise GeneratorExit
""",
    "raise KeyboardInterrupt": """
def add(a, b): raise KeyboardInterrupt
""",
    "abort": """
import os
def add(a, b): os.abort()
""",
    "exit from atexit": """
import atexit, os
atexit.register(os._exit, 0)
def add(a, b): raise SystemExit
""",
    "own check": """
def check(candidate): pass
def add(a, b): return 0
""",
    "own builtins": """
import builtins
builtins.abs = lambda x: 0
builtins.AssertionError = type('Quiet', (BaseException,), {})
def add(a, b): return 5
""",
    "own abs": """
def abs(x): return 0
def add(a, b): return 5
""",
    "own AssertionError": """
class AssertionError(Exception): pass
def add(a, b): return 0
""",
    "patched exec and compile": """
import builtins
builtins.exec = builtins.compile = lambda *a, **k: None
def add(a, b): return 0
""",
    "always equal": """
class Yes:
    __eq__ = __lt__ = __le__ = lambda *_: True
    __sub__ = __rsub__ = __abs__ = lambda *_: Yes()
def add(a, b): return Yes()
""",
    "equal number": """
class Yes(float):
    __eq__ = __lt__ = lambda *_: True
    __sub__ = __abs__ = lambda *_: Yes()
def add(a, b): return Yes(0)
""",
    "mock.ANY": """
from unittest import mock
def add(a, b): return mock.ANY
""",
    "frames": """
import sys, gc
def add(a, b):
    frame = sys._getframe()
    while frame:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if name == 'reason': frame.f_locals[name] = ''
            if isinstance(value, dict): value['passed'] = True
        frame = frame.f_back
    return 0
""",
    "writes to every descriptor": """
import os
def add(a, b):
    for d in range(1024):
        try: os.write(d, b'{"passed": true, "reason": ""}')
        except OSError: pass
    return 0
""",
    "lies about what it is": """
import snakeval.sandbox.program as p
p._names = lambda namespace, names: {n: ('value', 5) for n in names}
def add(a, b): return 5
""",
    "names of the checker": """
import snakeval.sandbox.program as p
p._names = lambda namespace, names: {n: ('import', 'unittest.mock', 'ANY') for n in names}
def add(a, b): return 5
""",
    "a pickle that runs code": r"""
import gc, pickle, struct, snakeval.sandbox.dialogue as d
def add(a, b):
    peer = next(o for o in gc.get_objects() if type(o) is d.Peer)
    text = b'cbuiltins\nexec\n(Vimport os; os._exit(0)\ntR.'
    peer._connection.sendall(struct.pack('=Q', len(text)) + text)
    return 0
""",
    "a callback into the checker": """
import gc, snakeval.sandbox.dialogue as d
def add(a, b):
    peer = next(o for o in gc.get_objects() if type(o) is d.Peer)
    for n in range(10):
        try: peer.ask('getattr', d.Remote(peer, n), '__globals__')
        except Exception: pass
    return 0
""",
    "files beside the tests": """
for name in ('math', 'json', 'tests', 'checker'):
    open(name + '.py', 'w').write('import os; os._exit(0)')
def add(a, b): return 0
""",
    "hangs up and waits": """
import os, time
os.closerange(0, 1024)
time.sleep(100)
""",
    "kills the checker": """
import ctypes, os
for pid in (1, os.getppid()):
    ctypes.CDLL(None).kill(pid, 9)
    ctypes.CDLL(None).ptrace(16, pid, 0, 0)
def add(a, b): return 0
""",
}

DESCRIPTORS = """
import os
def descriptors():
    found = []
    for descriptor in range(4096):
        try:
            found.append((descriptor, os.fstat(descriptor).st_mode >> 12))
        except OSError:
            pass
    return found
"""

FORKS = """
import os
forks = 0
for _ in range(1000):
    try:
        os.fork()
        forks += 1
    except OSError:
        pass
"""

THREADS = """
import threading, time
started = 0
threading.stack_size(65536)
try:
    while started < 500:
        threading.Thread(target=time.sleep, args=(0.5,), daemon=True).start()
        started += 1
except RuntimeError:
    pass
"""

DAEMON = """
import os, sys, threading, time
for call in (os.fork, os.setsid, lambda: os.execv(sys.executable, [sys.executable, 'MARKER'])):
    try:
        call()
    except Exception:
        pass
threading.Thread(target=time.sleep, args=(60,)).start()
"""

GROW = """
def grow():
    kept = []
    while True:
        kept.append(bytes(1 << 24))
"""

FILL = """
def fill():
    written = 0
    try:
        for number in range(10000):
            with open(str(number), 'wb', 0) as file:
                for _ in range(64):
                    written += file.write(bytes(1 << 18))
    except OSError:
        pass
    return written
"""

FLOOD = """
import os, sys
for _ in range(10000):
    os.write(1, b'passed' * 10000)
    os.write(2, b'passed' * 10000)
print('passed' * 10**6)
sys.stdout.close()
os.closerange(0, 3)
"""

SEARCH = """
import gc
def search(backwards):
    texts = [text for text in gc.get_objects() if isinstance(text, str)]
    codes = [getattr(value, '__code__', None) for value in gc.get_objects()]
    texts += [str(constant) for code in codes for constant in getattr(code, 'co_consts', ())]
    return [text[:80] for text in texts if backwards[::-1] in text]
"""
