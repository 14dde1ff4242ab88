"""The frames of C functions between Python's, in their true order: mtrace run --native.

    PYTHON native_frames.py COMMAND LIBRARY
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LIBRARY = os.path.abspath(sys.argv.pop())
COMMAND = os.path.abspath(sys.argv.pop())

PROGRAM = """
import asyncio, ctypes, functools, sys, threading
library = ctypes.CDLL(sys.argv[1])
for function in library.native_allocate, library.native_allocate_deeper:
    function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
kept = []

def directly():
    return library.native_allocate(1_000_000)

def innermost():
    return library.native_allocate_deeper(2_000_000)
def called_back():
    innermost()
def calls_back():
    library.native_call_back(ctypes.CFUNCTYPE(None)(called_back))

def generator():
    yield from inner_generator()
def inner_generator():
    library.native_allocate(3_000_000)
    yield 1
def consumes():
    return list(generator())

async def coroutine():
    await asyncio.sleep(0)
    library.native_allocate(4_000_000)

def in_thread():
    # Twice through C, once without.
    functools.reduce(lambda a, b: once_more(), [1, 2])
def once_more():
    library.native_allocate(5_000_000)

class Counted:
    def __del__(self):
        library.native_allocate(6_000_000)
def drops():
    thing = Counted()
    del thing

def recursive(depth):
    if depth == 0:
        return library.native_allocate(7_000_000)
    return recursive(depth - 1)

directly()
calls_back()
consumes()
asyncio.run(coroutine())
thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
drops()
recursive(5)
def appends():
    for _ in range(50):
        kept.append(bytes(100_000))
appends()
"""

# What is shown, oldest first, from the program's first function on: C functions have a star.
EXPECTED = {
    1_000_000: ["directly", "*native_allocate"],
    2_000_000: ["calls_back", "*native_call_back", "called_back", "innermost", "*native_allocate_deeper",
                "*native_allocate"],
    3_000_000: ["consumes", "generator", "inner_generator", "*native_allocate"],
    4_000_000: ["coroutine", "*native_allocate"],
    5_000_000: ["in_thread", "<lambda>", "once_more", "*native_allocate"],
    6_000_000: ["drops", "__del__", "*native_allocate"],
    7_000_000: [*["recursive"] * 6, "*native_allocate"],
}  # fmt: skip


class NativeFrames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name).resolve()
        cls.program = cls.folder / "app.py"
        cls.program.write_text(PROGRAM)
        cls.run_traced("both.zst", "--native", "--nframe", "200")

    @classmethod
    def run_traced(cls, output, *options, program=()):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MTRACE", "PYTHON"))}
        command = [COMMAND, "run", "-o", output, *options, "--", sys.executable]
        done = subprocess.run([*command, *(program or [cls.program, LIBRARY])], cwd=cls.folder, env=inherited,
                              timeout=100, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr)

    def top(self, *options, path="both.zst"):
        done = subprocess.run([COMMAND, "top", "--format", "json", *options, path], cwd=self.folder, check=True,
                              stdout=subprocess.PIPE, universal_newlines=True)
        return json.loads(done.stdout)["statistics"]

    def tracebacks(self, *options, path="both.zst"):
        """[(frames, traceback)] by size, of the blocks that the library has allocated."""
        found = {}
        for row in self.top("-g", "traceback", "--domain", "native", "--min-size", "900000", *options, path=path):
            # sorted() and the like may be cut in two by where in it they call back.
            found.setdefault(row["size"] // row["count"], []).append(row["traceback"])
        return found

    def names(self, traceback):
        """As in EXPECTED."""
        names = []
        for frame in traceback:
            is_own = frame["filename"] == str(self.program)
            if is_own or "native_" in (frame["function"] or ""):
                names.append(("" if is_own else "*") + frame["function"].rpartition(".")[2])
        return names[names.index("<module>") + 1:] if "<module>" in names else names

    def test_true_order(self):
        found = self.tracebacks()
        for size, expected in EXPECTED.items():
            self.assertEqual([self.names(traceback) for traceback in found[size]], [expected], size)

    def test_every_frame_of_python_is_there(self):
        """Without the C functions it is the traceback that is recorded without --native."""
        self.run_traced("python.zst", "--nframe", "200")
        without, found = self.tracebacks(path="python.zst"), self.tracebacks("--raw-frames")
        for size in EXPECTED:
            expected = [(frame["filename"], frame["lineno"]) for frame in without[size][0]]
            frames = [(frame["filename"], frame["lineno"]) for frame in found[size][0]
                      if not frame["module"] or not frame["module"].startswith("/")]
            self.assertEqual(frames, expected, size)

    def test_interpreter_is_hidden_unless_asked_for(self):
        def modules(*options):
            return {os.path.basename(frame["module"] or "")
                    for tracebacks in self.tracebacks(*options).values()
                    for frame in tracebacks[0] if frame["module"]}
        self.assertIn(os.path.basename(LIBRARY), modules())
        self.assertFalse([name for name in modules() if "python3" in name or "ffi" in name])
        self.assertTrue([name for name in modules("--raw-frames") if "python3" in name])
        # The evaluator's own frames are those of Python.
        functions = {frame["function"] for tracebacks in self.tracebacks("--raw-frames").values()
                     for frame in tracebacks[0]}
        self.assertIn("native_allocate", functions)
        self.assertNotIn("_PyEval_EvalFrameDefault", functions)

    def test_python_blocks_belong_to_lines(self):
        line = PROGRAM.splitlines().index("        kept.append(bytes(100_000))") + 1
        rows = self.top("--domain", "python", "--include", f"{self.program}:{line}")
        self.assertEqual(sum(row["size"] for row in rows) // 100_000, 50)
        # Memory that the interpreter asks for before it runs a program belongs to its functions.
        hidden = [row for row in self.top() if row["traceback"][0]["filename"] == "<hidden>"]
        self.assertLess(sum(row["size"] for row in hidden), 10_000)

    def test_limit(self):
        self.run_traced("few.zst", "--native", "--nframe", "3")
        for row in self.top("-g", "traceback", "--raw-frames", path="few.zst"):
            addresses = [frame for frame in row["traceback"] if not frame.get("inlined")]
            self.assertLessEqual(len(addresses), 3)
        found = self.tracebacks(path="few.zst")[2_000_000]
        self.assertEqual(self.names(found[0]), ["*native_allocate_deeper", "*native_allocate"])

    def test_sampling(self):
        self.run_traced("sampled.zst", "--native", "--nframe", "200", "--sample", "1KiB")
        found = self.tracebacks(path="sampled.zst")
        self.assertIn([EXPECTED[2_000_000]], [[self.names(one) for one in each] for each in found.values()])


if __name__ == "__main__":
    unittest.main()
