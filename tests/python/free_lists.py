"""Objects from the interpreter's free lists carry the line that made them last: as tracemalloc says.

    PYTHON free_lists.py PACKAGE_FOLDER COMMAND LIBRARY

LIBRARY has a tracer of references for CPython 3.13 and later: a neighbour in its only slot.
"""

import json
import sys
import tempfile
import unittest
from pathlib import Path

LIBRARY = sys.argv.pop()
from package_under_test import python  # noqa: E402

# Serves requests that fill the free lists, then keeps objects of one kind. What it prints: bytes and
# blocks by line of this program, for each kind.
PROGRAM = '''
import asyncio, contextvars, gc, importlib, json, sys

tracer, frames = importlib.import_module(sys.argv[1]), int(sys.argv[2])

def serve(n):
    message = json.loads('{"n": %d, "words": ["x", "y"], "at": [0.5, 2.25]}' % n)
    pairs = tuple(message.items())
    ratio = sum(value / 3 for value in message["at"])
    return [*pairs], {**message}, slice(n, ratio), store.append, contextvars.copy_context(), lambda: ratio

class Thing:
    def __init__(self, n): self.n, self.half = n, n / 2
async def wait(n): await asyncio.sleep(0); return [n]
def fail(n):
    try: raise ValueError(n)
    except ValueError as error: return error
async def numbers(n): yield n

MAKERS = {
    "dict": lambda n: {"n": n},
    "empty dict": lambda n: {},
    "tuples": lambda n: ((n,), (n, n), (n, n, n, n, n)),
    "lists": lambda n: [[n], [], [n] * 7],
    "set": lambda n: {n},
    "closure": lambda n: (lambda: n),
    "float": lambda n: n / 7,
    "complex": lambda n: complex(n, 1),
    "exception": fail,
    "thing": Thing,
    "text": lambda n: f"text {n}",
    "context": lambda n: contextvars.copy_context(),
    "bound": lambda n: store.append,
    "builtin": lambda n: str(n).join,
    "generator": lambda n: (x for x in store),
    "asynchronous": lambda n: numbers(n),
    "coroutine": lambda n: asyncio.run(wait(n)) if n % 500 == 0 else n,
    "slice": lambda n: slice(n, n + 1),
    "cell": lambda n: [(lambda: x) for x in (n, n)],
    "iterators": lambda n: [iter([n]), reversed((n,)), enumerate([n]), zip((n,)), range(n).__iter__()],
    "frame": lambda n: sys._getframe(),
    "bytes": lambda n: bytes([n % 256, 1]),
    "resized": lambda n: tuple(x for x in range(n % 9)),
    "recursive": lambda n: deepen(n % 15),
}
def deepen(n): return [n] if n == 0 else (deepen(n - 1),)

def work(make, numbers):
    for n in numbers:
        serve(n)
        store[n] = make(n)

def lines(snapshot):
    kept = snapshot.filter_traces([tracer.Filter(True, serve.__code__.co_filename)])
    return {tuple(map(str, s.traceback)): (s.size, s.count) for s in kept.statistics("traceback")}

def grown(make):
    for n in range(200): serve(n); make(n)
    gc.collect()  # empties the lists: what was in them is not known
    tracer.start(frames)
    work(make, range(250))
    old = lines(tracer.take_snapshot())
    work(make, range(250, 1000))
    new = lines(tracer.take_snapshot())
    tracer.stop()
    return [[list(k), v[0] - old.get(k, (0, 0))[0], v[1] - old.get(k, (0, 0))[1]] for k, v in new.items()]

answers = {}
for kind, make in MAKERS.items():
    store = [None] * 1000
    answers[kind] = grown(make)
print(json.dumps(answers))
'''

# A leak out of a free list that is told of right, whoever else traces; prints the line's blocks.
NEIGHBOURS = '''
import ctypes, gc, sys, tracemalloc
import mtrace
events = (ctypes.c_long * 4)()
library = ctypes.CDLL(sys.argv[1])
def foreign(on):
    tracer = ctypes.cast(library.count_references, ctypes.c_void_p) if on else None
    assert ctypes.pythonapi.PyRefTracer_SetTracer(tracer, events if on else None) == 0
def current():
    data = ctypes.c_void_p()
    ctypes.pythonapi.PyRefTracer_GetTracer.restype = ctypes.c_void_p
    return ctypes.pythonapi.PyRefTracer_GetTracer(ctypes.byref(data)), data.value
kept = []
def old(): return [tuple([n, n]) for n in range(1500)]
def leak():
    old()
    for n in range(400): kept.append((n, n))  # leaks
line = leak.__code__.co_firstlineno + 2
def blocks_of(tracer):
    found = [s for s in tracer.take_snapshot().statistics("lineno")
             if s.traceback[0].filename == leak.__code__.co_filename and s.traceback[0].lineno == line]
    return found[0].count if found else 0
def check(tracer, what):
    before = blocks_of(tracer)
    leak()
    grown = blocks_of(tracer) - before
    assert 340 <= grown <= 1500, (what, tracer.__name__, grown)
def check_both(what):
    check(mtrace, what)
    check(tracemalloc, what)
'''
BOTH = {
    "after": "mtrace.start(3); check(mtrace, 1); gc.collect(); tracemalloc.start(3); check_both(2); tracemalloc.stop(); check(mtrace, 3)",
    "before": "tracemalloc.start(3); mtrace.start(3); check_both(1); tracemalloc.stop(); check(mtrace, 2)",
    "ours ends first": "mtrace.start(3); tracemalloc.start(3); check_both(1); mtrace.stop(); check(tracemalloc, 2);"
    " gc.collect(); mtrace.start(); check_both(3); tracemalloc.stop(); check(mtrace, 4)",
    "within": "tracemalloc.start(3); mtrace.start(3); check_both(1); mtrace.stop(); check(tracemalloc, 2);"
    " tracemalloc.stop(); gc.collect(); tracemalloc.start(); check(tracemalloc, 3)",
    "in turns": "\nfor n in range(5):\n  gc.collect(); mtrace.start(); tracemalloc.start(); check_both(n); tracemalloc.stop();"
    " check(mtrace, n); mtrace.stop()",
    "unseen": "mtrace.start(3); assert not tracemalloc.is_tracing(); assert tracemalloc.get_traced_memory() == (0, 0);"
    " assert tracemalloc.get_object_traceback(kept) is None; tracemalloc.clear_traces(); tracemalloc.stop();"
    " assert tracemalloc.get_traceback_limit() == 1; tracemalloc.start(7); assert tracemalloc.is_tracing();"
    " x = bytes(999); assert tracemalloc.get_object_traceback(x)[0].lineno; assert tracemalloc.get_traceback_limit() == 7;"
    " tracemalloc.stop(); assert not tracemalloc.is_tracing(); check(mtrace, 1)",
    "refused": "mtrace.start(3)\ntry: tracemalloc.start(0)\nexcept ValueError: pass\nelse: raise SystemExit('?')\n"
    "assert not tracemalloc.is_tracing(); check(mtrace, 1)",
    "asked": "mtrace.start(3); tracemalloc.start(3); x = {}; first = str(mtrace.get_object_traceback(x))\n"
    "tracemalloc.get_object_traceback(x)\nassert str(mtrace.get_object_traceback(x)) == first",
}
SLOT = {
    "before": "foreign(True); mtrace.start(); check(mtrace, 1); n = events[0]; assert n > 400, n; mtrace.stop();"
    " assert current()[1] == ctypes.addressof(events); foreign(False)",
    "after": "mtrace.start(); foreign(True); check(mtrace, 1); assert events[0] > 400; foreign(False);"
    " check(mtrace, 2); n = events[0]; leak(); assert events[0] == n",
    "put back": "mtrace.start(); was = current(); foreign(True); check(mtrace, 1)\n"
    "ctypes.pythonapi.PyRefTracer_SetTracer(ctypes.c_void_p(was[0]), ctypes.c_void_p(was[1]))\n"
    "n = events[0]; check(mtrace, 2); assert events[0] == n",
}


class FreeLists(unittest.TestCase):
    def lines(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "program.py")
            path.write_text(PROGRAM)
            done = python(path, *words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return json.loads(done.stdout.replace(folder, ""))

    def test_same_lines_and_sizes(self):
        for frames in (1, 25):
            theirs, ours = self.lines("tracemalloc", frames), self.lines("mtrace", frames)
            self.assertGreater(len(theirs), 20)
            for kind in theirs:
                with self.subTest(kind, frames=frames):
                    self.compare(theirs[kind], ours[kind])

    def compare(self, theirs, ours):
        """Equal, but for the few objects that wait in free lists and blocks that a tracer holds."""
        ours = {tuple(key): (size, count) for key, size, count in ours}
        theirs = {tuple(key): (size, count) for key, size, count in theirs}
        for key in {*ours, *theirs}:
            (size, count), (their_size, their_count) = ours.get(key, (0, 0)), theirs.get(key, (0, 0))
            self.assertAlmostEqual(count, their_count, delta=100 + their_count * 0.005, msg=str(key))
            self.assertAlmostEqual(size, their_size, delta=24000 + their_size * 0.005, msg=str(key))

    def test_beside_tracemalloc(self):
        for name, steps in BOTH.items():
            with self.subTest(name):
                done = python("-c", NEIGHBOURS + steps, LIBRARY)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_beside_the_switch(self):
        """tracemalloc begins with the interpreter."""
        steps = "assert tracemalloc.is_tracing(); mtrace.start(); check(mtrace, 1); tracemalloc.stop(); check(mtrace, 2)"
        done = python("-X", "tracemalloc=2", "-c", NEIGHBOURS + steps, LIBRARY)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipIf(sys.version_info < (3, 13), "there is no slot")
    def test_beside_another_tracer(self):
        for name, steps in SLOT.items():
            with self.subTest(name):
                done = python("-c", NEIGHBOURS + steps, LIBRARY)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_deep_nesting_and_end(self):
        """The trashcan works, and the interpreter ends, with both tracers and with one."""
        deep = "\nx = None\nfor n in range(300000): x = [x] if n % 2 else (x,)\ndel x\nprint('done')"
        for start in "mtrace.start()", "mtrace.start(); tracemalloc.start()", "tracemalloc.start(); mtrace.start()":
            with self.subTest(start):
                done = python("-c", f"import tracemalloc, mtrace\n{start}" + deep, PYTHONMALLOC="debug")
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "done\n", ""))


if __name__ == "__main__":
    unittest.main()
