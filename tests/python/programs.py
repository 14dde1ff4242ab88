"""Whole programs: python3 -m mtrace, and what MTRACE=... asks for.

    PYTHON programs.py PACKAGE_FOLDER COMMAND
"""

import os
import signal
import tempfile
import unittest
from pathlib import Path

from package_under_test import COMMAND, python, run

import mtrace
from mtrace.sessions import Series
from mtrace.start_options import StartOptions, parse_start_options, start_value

PROGRAM = '''
import sys
kept = [bytes(1000) for _ in range(500)]  # line 3
print(__name__, sys.argv, __file__, sys.path[0], __spec__ and __spec__.name)
'''
BLOCKS = 500


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def mtrace(self, *arguments, **variables):
        return python("-m", "mtrace", *arguments, cwd=self.folder, **variables)

    def names(self):
        return sorted(path.name for path in self.folder.glob("*.zst"))

    def kept(self, name, file, line):
        """The blocks that are alive at a line, in the snapshot `name`."""
        snapshot = mtrace.Snapshot.load(self.folder / name)
        here = [mtrace.Filter(True, f"*/{file}", line)]
        return sum(s.count for s in snapshot.filter_traces(here).statistics("filename"))


class Run(InFolder):
    def test_script_module_and_code(self):
        self.write("app.py", PROGRAM)
        self.write("package/__init__.py", "")
        self.write("package/__main__.py", PROGRAM)
        for program in (["app.py"], ["-m", "app"], ["-m", "package"], ["-c", PROGRAM], ["package"]):
            with self.subTest(program):
                arguments = [*program, "one", "--two", "-o", "x"]
                done = self.mtrace("run", "-o", "out.zst", "--nframe", "7", *arguments)
                plain = python(*arguments, cwd=self.folder)
                if program[0] == "-c":
                    self.assertIn("NameError: name '__file__'", done.stderr)
                    self.assertEqual((done.stdout, done.returncode), (plain.stdout, 1))
                    continue
                self.assertEqual((done.stderr, done.returncode), ("", 0))
                self.assertEqual(done.stdout, plain.stdout)
                snapshot = mtrace.Snapshot.load(self.folder / "out.zst")
                self.assertEqual(snapshot.traceback_limit, 7)
                name = "*.py" if "package" not in program else "*/__main__.py"
                here = snapshot.filter_traces([mtrace.Filter(True, name, 3)])
                count = sum(statistic.count for statistic in here.statistics("lineno"))
                self.assertTrue(BLOCKS <= count <= BLOCKS + 20, count)

    def test_ends_like_the_program(self):
        for text, status in (
            ("import sys; sys.exit(7)", 7),
            ("raise SystemExit('words')", 1),
            ("def f():\n    1 / 0\nf()", 1),
            ("import os; os._exit(9)", 9),
            ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
            ("import os, signal; os.kill(os.getpid(), signal.SIGHUP)", -signal.SIGHUP),
            ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
            ("x ==", 1),
        ):
            with self.subTest(text):
                path = self.write("app.py", text)
                done, plain = self.mtrace("run", "app.py"), python(path, cwd=self.folder)
                self.assertEqual((done.returncode, done.stdout), (plain.returncode, plain.stdout))
                self.assertEqual(done.returncode, status)
                self.assertEqual(done.stderr, plain.stderr)
                written = len(self.names())
                self.assertEqual(written, 0 if status == -signal.SIGKILL else 1, self.names())
                for name in self.names():
                    self.assertRegex(name, r"^mtrace\.python3?[\d.]*\.\d+\.zst$")
                    (self.folder / name).unlink()

    def test_what_is_said(self):
        self.write("app.py", "")
        done = self.mtrace("run", "-v", "-o", "out.zst", "app.py")
        self.assertEqual(done.stderr, "mtrace: wrote out.zst; next: mtrace top out.zst\n")
        # What the program takes away while it runs.
        self.write("app.py", "import shutil; shutil.rmtree('folder')")
        (self.folder / "folder").mkdir()
        done = self.mtrace("run", "-o", "folder/out.zst", "app.py")
        self.assertRegex(done.stderr, "^mtrace: no snapshot was written: .*folder.*\n$")
        self.assertEqual(done.returncode, 0)

    def test_what_is_wrong_is_said_before_anything_runs(self):
        self.write("app.py", "print('it runs')")
        for arguments, words in (
            ((), "a script, -m MODULE or -c CODE is missing"),
            (("missing.py",), "missing.py: No such file or directory"),
            (("-o", "missing/out.zst", "app.py"), "missing: No such file or directory"),
            (("-o", "app.py/out.zst", "app.py"), "app.py: Not a directory"),
            (("--nframe", "0", "app.py"), "1 to 65535 frames"),
            (("--interval", "soon", "app.py"), "invalid duration"),
            (("--on-signal", "NONE", "app.py"), "no signal"),
            (("--bogus", "app.py"), "--bogus"),
        ):
            with self.subTest(arguments):
                done = self.mtrace("run", *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, "^mtrace: .*\n$")
                self.assertIn(words, done.stderr)
                self.assertEqual(self.names(), [])
        # As Python itself says it.
        done = self.mtrace("run", "-m", "no_such_module")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No module named no_such_module", done.stderr)

    def test_native_frames(self):
        self.write("app.py", "kept = list(map(lambda x: bytes(100_000), [1, 2]))\n")
        self.mtrace("run", "-o", "out.zst", "--nframe", "99", "--native", "app.py")
        snapshot = mtrace.Snapshot.load(self.folder / "out.zst")
        functions = {frame.function for trace in snapshot.traces for frame in trace.traceback}
        self.assertLess({"__libc_start_main_impl", "<lambda>"}, functions)
        # What runs the program is none of its callers, and the interpreter is none of its frames.
        self.assertFalse({"run_script", "_run_code", "_PyEval_EvalFrameDefault"} & functions, functions)

    def test_processes_that_it_forks(self):
        self.write(
            "app.py",
            "import multiprocessing\n"
            "def work():\n"
            f"    global kept; kept = [bytes(1000) for _ in range({BLOCKS})]\n"
            "process = multiprocessing.get_context('fork').Process(target=work)\n"
            "process.start(); process.join(); print(process.pid)\n",
        )
        done = self.mtrace("run", "-o", "out.zst", "app.py")
        child = f"out.{done.stdout.strip()}.zst"
        self.assertEqual(self.names(), sorted([child, "out.zst"]), done.stderr)
        self.assertGreaterEqual(self.kept(child, "app.py", 3), BLOCKS)
        self.assertLess(self.kept("out.zst", "app.py", 3), BLOCKS)

    def test_signal_and_numbers(self):
        self.write(
            "app.py",
            "import os, signal\nkept = []\nfor i in range(4):\n"
            "    kept += [bytes(1000) for _ in range(100)]\n"
            "    os.kill(os.getpid(), signal.SIGUSR1)\n",
        )
        self.mtrace("run", "-o", "out.zst", "--on-signal", "USR1", "--keep", "3", "app.py")
        self.assertEqual(self.names(), ["out.3.zst", "out.4.zst", "out.zst"])
        self.assertEqual([self.kept(n, "app.py", 4) // 100 for n in self.names()], [3, 4, 4])
        self.mtrace("run", "-o", "n%n.zst", "--on-signal", "10", "--no-on-exit", "app.py")
        numbered = [name for name in self.names() if name[0] == "n"]
        self.assertEqual(numbered, [f"n{number:04}.zst" for number in (1, 2, 3, 4)])

    def test_takes_no_requests(self):
        code = "import os, subprocess, sys; subprocess.run([*sys.argv[1:], str(os.getpid())])"
        done = self.mtrace("run", "-c", code, COMMAND, "snapshot")
        self.assertRegex(done.stderr, "^mtrace: process [0-9]+: mtrace's Python package traces it, .* --on-signal\n$")

    def test_no_run_replaces_the_snapshots_of_another_one(self):
        self.write("app.py", PROGRAM)
        (self.folder / "out.zst").write_bytes(b"old")
        self.mtrace("run", "-o", "out.zst", "app.py")
        self.assertEqual(self.names(), ["out.1.zst", "out.zst"])
        self.assertEqual((self.folder / "out.1.zst").read_bytes(), b"old")
        self.mtrace("run", "-o", "out.zst", "app.py")
        self.assertEqual(self.names(), ["out.1.zst", "out.2.zst", "out.zst"])
        self.assertEqual((self.folder / "out.1.zst").read_bytes(), b"old")
        # Numbers go on behind those that are there, also where the newest was taken away.
        (self.folder / "out.zst").unlink()
        self.mtrace("run", "-o", "out.zst", "app.py")
        self.assertEqual(self.names(), ["out.1.zst", "out.2.zst", "out.zst"])
        self.mtrace("run", "-o", "out.zst", "--keep", "2", "app.py")
        self.assertEqual(self.names(), ["out.1.zst", "out.3.zst", "out.zst"])
        for number in (1, 2):
            self.mtrace("run", "-o", "n%n.zst", "app.py")
            numbered = [name for name in self.names() if name[0] == "n"]
            self.assertEqual(numbered, [f"n{n:04}.zst" for n in range(1, number + 1)])

    def test_interval(self):
        self.write("app.py", "import time; time.sleep(2.5)")
        self.mtrace("run", "-o", "out.zst", "--interval", "1", "app.py")
        self.assertEqual(self.names(), ["out.1.zst", "out.2.zst", "out.zst"])

    def test_other_commands_are_the_programs(self):
        self.write("app.py", PROGRAM)
        self.mtrace("run", "-o", "out.zst", "app.py")
        done = self.mtrace("top", "-n", "3", "out.zst")
        directly = run(COMMAND, "top", "-n", "3", "out.zst", cwd=self.folder)
        self.assertEqual(done.stdout, directly.stdout)
        self.assertIn("app.py:3", done.stdout)
        self.assertEqual(self.mtrace("--version").stdout, run(COMMAND, "--version").stdout)
        self.assertEqual(self.mtrace("tops").returncode, 2)


class Options(unittest.TestCase):
    def test_parsed(self):
        for value, expected in (
            ("", {}),
            ("10", {"frames": 10}),
            ("interval=5", {"interval": 5}),
            ("3,keep=2,exit=no", {"frames": 3, "keep": 2, "at_exit": False}),
            ("signal=10", {"signal": 10}),
            ("3,output=a,b=c.zst", {"frames": 3, "output": "a,b=c.zst"}),
            ("run=7/3", {"first_process": 7, "snapshots_so_far": 3}),
            ("9,mmap,follow-fork", {"frames": 9}),
            ("9,native", {"frames": 9, "native": True}),
            ("9,sample=512KiB", {"frames": 9, "sample": 524288}),
            ("sample=512,label=a=1,label=b=%2C=", {"sample": 512, "labels": ("a=1", "b=%2C=")}),
        ):
            self.assertEqual(parse_start_options(value), StartOptions(**expected), value)
        for value in (
            "0", "65536", "5x", "-1", "3,4", "interval=", "signal=1000", "outpu=x", "output=",
            "sample=much", "sample=-1", "label=a", "label==1",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=value):
                parse_start_options(value)

    def test_there_and_back(self):
        options = StartOptions(7, "/tmp/%p,x.zst", False, 5, 2, 10, True, 42)
        options.sample, options.labels = 4096, ("release=1%2C7", "a=")
        self.assertEqual(parse_start_options(start_value(options)), options)

    def test_names(self):
        with tempfile.TemporaryDirectory() as folder:
            def written(pattern, first, count=2, keep=0):
                series = Series(f"{folder}/{pattern}", keep, first)
                names = [Path(series.write(lambda path: None)).name for _ in range(count)]
                return [name.replace(str(os.getpid()), "PID") for name in names]

            self.assertEqual(written("a%n.zst", True), ["a0001.zst", "a0002.zst"])
            self.assertEqual(written("a%%%p.zst", False), ["a%PID.zst"] * 2)
            self.assertEqual(written("a.zst", False), ["a.PID.zst"] * 2)
            self.assertEqual(written("a", False), ["a.PID"] * 2)
            self.assertEqual(written("a%x", True), ["a%x"] * 2)
            self.assertRegex(written("", True)[0], r"^mtrace\.python[\d.]*\.PID\.zst$")


if __name__ == "__main__":
    unittest.main()
