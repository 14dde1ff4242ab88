"""Python programs that know nothing of mtrace, under `mtrace run`.

    PYTHON attached.py COMMAND
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COMMAND = os.path.abspath(sys.argv.pop(1))

PROGRAM = """
import ctypes, os, sys
def make(count):
    return [bytes(1000) for _ in range(count)]  # line 4
kept = make(5000)
native = [ctypes.CDLL(None).malloc(200000) for _ in range(10)]  # line 6
print("mtrace" in sys.modules, sys.flags.isolated)
"""


class Attached(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.program = self.write("app.py", PROGRAM)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def run_traced(self, *words, options=(), status=0, **variables):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MTRACE", "PYTHON"))}
        command = [COMMAND, "run", "-o", "out.zst", *options, "--", sys.executable, *map(str, words)]
        done = subprocess.run(command, cwd=self.folder, env={**inherited, **variables}, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return done.stdout

    def top(self, *options, path="out.zst"):
        done = subprocess.run([COMMAND, "top", "--format", "json", *options, path], cwd=self.folder, check=True,
                              stdout=subprocess.PIPE, universal_newlines=True)
        return json.loads(done.stdout)

    def at_line(self, line, *options, file=None, path="out.zst"):
        """(size, count) of what was allocated at a line."""
        found = self.top(*options, "--include", f"{file or self.program}:{line}", path=path)["statistics"]
        return [(row["size"], row["count"]) for row in found]

    def test_lines(self):
        for switches in ([], ["-I", "-S"], ["-X", "dev"], ["-O"]):
            with self.subTest(switches):
                out = self.run_traced(*switches, self.program)
                self.assertIn("False", out)
                size, count = self.at_line(4, "--domain", "python")[0]
                self.assertEqual(size // 1_000_000, 5)
                self.assertLessEqual(abs(count - 5001), 10)
                functions = self.top("--group-by", "function", "--include", f"{self.program}:4")["statistics"]
                names = {row["traceback"][-1]["function"] for row in functions}
                # Before 3.11 a code knows only its own name, and that of a comprehension is another one.
                own = ("make", "<listcomp>") if sys.version_info < (3, 11) else "make"
                self.assertTrue(all(name.startswith(own) for name in names), names)

    def test_native_blocks_have_lines(self):
        self.run_traced(self.program)
        size, count = self.at_line(6, "--domain", "native")[0]
        self.assertGreaterEqual(size, 10 * 200_000)
        self.assertGreaterEqual(count, 10)

    def test_nothing_counts_twice(self):
        for options in ((), ("--mmap",)):
            with self.subTest(options):
                self.run_traced(self.program, options=options)
                self.assertLess(self.top()["total"]["size"], 5_200_000 + 10 * 200_000 + 8_000_000)
                domains = {row["domain"]: row["size"] for row in self.top("--group-by", "domain")["statistics"]}
                # What the interpreter's own arenas hold is in its objects.
                self.assertLess(domains.get(2, 0), 2_000_000)

    def test_modules_and_code(self):
        self.run_traced("-m", "app")
        self.assertTrue(self.at_line(4))
        self.run_traced("-c", "kept = [bytes(1000) for _ in range(500)]")
        self.assertTrue(self.at_line(1, file="<string>"))

    def test_every_way_to_end(self):
        for end, status in (("sys.exit(3)", 3), ("os._exit(4)", 4), ("os.abort()", 128 + 6), ("raise SystemExit", 0)):
            with self.subTest(end):
                self.run_traced(self.write("end.py", PROGRAM + end), status=status)
                self.assertTrue(self.at_line(4, file=self.folder / "end.py"))

    def test_nothing_comes_after_the_last_one(self):
        """Nor at an interval, while the interpreter takes its modules apart."""
        program = self.write("slow.py", """
import time
kept = [bytes(1000) for _ in range(5000)]
class Slow:
    def __del__(self, sleep=time.sleep):
        kept.clear()
        sleep(0.5)
slow = Slow()
""")
        self.run_traced(program, options=["--interval", "100ms"])
        self.assertGreaterEqual(sum(count for _, count in self.at_line(3, file=program)), 5000)

    def test_children(self):
        self.write("parent.py", PROGRAM + f"""
import multiprocessing, subprocess
def work():
    global more
    more = [bytes(2000) for _ in range(1000)]  # line 12
if __name__ == "__main__":
    subprocess.run([sys.executable, {str(self.program)!r}], check=True)
    for method in ("fork", "spawn"):
        child = multiprocessing.get_context(method).Process(target=work)
        child.start()
        child.join()
""")
        self.run_traced("parent.py", options=["--follow-fork"])
        paths = sorted(path.name for path in self.folder.glob("*.zst"))
        self.assertTrue(self.at_line(4, file=self.folder / "parent.py"))
        others = [path for path in paths if path != "out.zst"]
        forked = [path for path in others if self.at_line(12, file=self.folder / "parent.py", path=path)]
        executed = [path for path in others if self.at_line(4, path=path)]
        self.assertEqual((len(forked), len(executed)), (2, 1))
        for path in paths:
            os.unlink(self.folder / path)
        self.run_traced("parent.py")
        self.assertEqual([path.name for path in self.folder.glob("*.zst")], ["out.zst"])

    def test_threads(self):
        path = self.write("threads.py", """
import ctypes, threading
kept = []
def work():
    for _ in range(200):
        kept.append(bytes(3000))  # line 6
        kept.append(library.malloc(4000))  # line 7
library = ctypes.CDLL(None)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""")
        self.run_traced(path)
        self.assertEqual(self.at_line(6, file=path)[0][1] // 100, 16)
        self.assertGreaterEqual(self.at_line(7, "--domain", "native", file=path)[0][1], 1600)

    def test_sampling(self):
        path = self.write("small.py", "kept = [bytes(100) for _ in range(200_000)]\nold = kept.copy()")
        self.run_traced(path, options=["--sample", "64KiB"])
        size = sum(row[0] for row in self.at_line(1, "--domain", "python", file=path))
        self.assertLess(abs(size / (200_000 * 141) - 1), 0.4)


if __name__ == "__main__":
    unittest.main()
