"""The package as it is installed: a wheel in a virtual environment, and a prefix.

    PYTHON installed.py PACKAGE_FOLDER COMMAND --cmake CMAKE --build BUILD
"""

import argparse
import base64
import csv
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

arguments = argparse.ArgumentParser()
arguments.add_argument("folder")
arguments.add_argument("command")
arguments.add_argument("--cmake", required=True)
arguments.add_argument("--build", required=True)
ARGUMENTS, sys.argv[1:] = arguments.parse_known_args()
ARGUMENTS.command = os.path.abspath(ARGUMENTS.command)
ARGUMENTS.build = os.path.abspath(ARGUMENTS.build)

PROGRAM = """import sys
kept = [bytes(1000) for _ in range(5000)]
print("mtrace" in sys.modules and sys.modules["mtrace"].is_tracing())
if "child" in sys.argv:
    import multiprocessing, subprocess
    process = multiprocessing.get_context("fork").Process(target=print, args=["forked"])
    process.start(); process.join()
    subprocess.run([sys.executable, __file__], check=True)
"""
TEST = """
import pytest
@pytest.mark.mtrace(max_peak="1M")
def test_it():
    two = bytes(1 << 21)
"""


def run(*words, cwd=None, status=0, **variables):
    """Runs a program that knows nothing of the build."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != status:
        raise AssertionError(f"{words} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name).resolve()
        run(ARGUMENTS.cmake, "--build", ARGUMENTS.build, "--target", "wheel")
        python = "cp{}{}".format(*sys.version_info)
        (cls.wheel,) = Path(ARGUMENTS.build).glob(f"mtrace-*-{python}-*.whl")
        (cls.folder / "app.py").write_text(PROGRAM)
        (cls.folder / "test_it.py").write_text(TEST)

    def check_trace(self, python, name, **variables):
        """A program is traced by MTRACE alone, and only by it."""
        app = self.folder / "app.py"
        self.assertEqual(run(python, app, cwd=self.folder, **variables), "False\n")
        output = self.folder / name
        self.assertFalse(output.exists())
        value = f"5,output={output}"
        self.assertEqual(run(python, app, cwd=self.folder, MTRACE=value, **variables), "True\n")
        printed = run(ARGUMENTS.command, "top", "-n", "1", output, cwd=self.folder)
        self.assertIn("app.py:2", printed)
        self.check_children(python, app, **variables)
        printed = run(python, "-E", app, cwd=self.folder, MTRACE=value, **variables)
        self.assertEqual(printed, "False\n")

    def check_children(self, python, app, **variables):
        """Processes that the program forks or starts write snapshots of their own."""
        with tempfile.TemporaryDirectory() as folder:
            for value, pattern in (
                (f"3,output={folder}/x.zst", r"x(\.\d+)?\.zst"),
                ("3", r"mtrace\..*\.zst"),
            ):
                run(python, app, "child", cwd=folder, MTRACE=value, **variables)
                names = [name for name in os.listdir(folder) if re.fullmatch(pattern, name)]
                self.assertEqual(len(names), 3, os.listdir(folder))

    def test_record_is_true(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            self.assertIsNone(wheel.testzip())
            names = wheel.namelist()
            record = next(name for name in names if name.endswith(".dist-info/RECORD"))
            lines = list(csv.reader(wheel.read(record).decode().splitlines()))
            self.assertEqual(sorted(line[0] for line in lines), sorted(names))
            for name, digest, size in lines:
                if name != record:
                    data = wheel.read(name)
                    expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
                    self.assertEqual(digest, "sha256=" + expected.decode().rstrip("="))
                    self.assertEqual(int(size), len(data))

    def test_wheel(self):
        environment = self.folder / "environment"
        run(sys.executable, "-m", "venv", "--system-site-packages", environment)
        python = environment / "bin" / "python"
        run(python, "-m", "pip", "install", "--no-index", "--quiet", self.wheel)
        self.assertIn("mtrace", run(python, "-m", "pip", "list"))
        self.check_trace(python, "wheel.zst")
        run(python, "-m", "mtrace", "run", "-o", "run.zst", "app.py", cwd=self.folder)
        printed = run(python, "-m", "mtrace", "top", "-n", "1", "run.zst", cwd=self.folder)
        self.assertIn("app.py:2", printed)
        self.assertEqual(
            run(environment / "bin" / "mtrace", "--version"), run(ARGUMENTS.command, "--version")
        )
        words = ("run", "-o", "preloaded.zst", "--", python, "app.py")
        self.assertEqual(run(environment / "bin" / "mtrace", *words, cwd=self.folder), "False\n")
        printed = run(ARGUMENTS.command, "top", "-n", "1", "preloaded.zst", cwd=self.folder)
        self.assertIn("app.py:2", printed)
        if importlib.util.find_spec("pytest") is not None:
            options = ("-p", "no:cacheprovider")
            printed = run(python, "-m", "pytest", *options, cwd=self.folder, status=1)
            self.assertIn("memory peak 20", printed)
        run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "mtrace")
        left = [
            path
            for path in [*environment.rglob("*mtrace*"), *environment.rglob("mtrace/**/*")]
            if path.is_file() and "__pycache__" not in path.parts
        ]
        self.assertEqual(left, [])

    def test_prefix(self):
        prefix = self.folder / "prefix"
        run(ARGUMENTS.cmake, "--install", ARGUMENTS.build, "--prefix", prefix)
        site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/*-packages/mtrace"
        (package,) = prefix.glob(site)
        found = {"PYTHONPATH": package.parent, "PYTHONDONTWRITEBYTECODE": "1"}
        printed = run(
            sys.executable, "-c",
            "import mtrace; mtrace.start(3); kept = bytes(5000); print(mtrace.__file__)\n"
            "print(mtrace.take_snapshot().statistics('lineno')[0].size > 5000)",
            **found,
        ).splitlines()  # fmt: skip
        self.assertEqual(printed, [str(package / "__init__.py"), "True"])
        # As a folder that the interpreter looks into by itself, with the file that starts tracing.
        code = (
            f"import site, sys; site.addsitedir({str(package.parent)!r})\n"
            "print(sys.modules.get('mtrace') is not None)"
        )
        self.assertEqual(run(sys.executable, "-c", code), "False\n")
        self.assertEqual(
            run(sys.executable, "-c", code, cwd=self.folder, MTRACE="5,output=prefix.zst"), "True\n"
        )
        self.assertTrue((self.folder / "prefix.zst").exists())
        printed = run(
            sys.executable, "-m", "mtrace", "info", "prefix.zst", cwd=self.folder, **found
        )
        self.assertIn("traceback limit   5 frames", printed)


if __name__ == "__main__":
    unittest.main()
