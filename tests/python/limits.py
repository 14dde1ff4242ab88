"""Budgets: limits for a piece of code, with pytest and without.

    PYTHON limits.py PACKAGE_FOLDER
"""

import importlib.util
import json
import re
import tempfile
import unittest
from pathlib import Path

from package_under_test import python

import mtrace
from mtrace.sizes import format_size, parse_size

HERE = (lambda: None).__code__.co_filename
MEBI = 1 << 20

TESTS = '''
import unittest
import pytest

kept = []

@pytest.fixture
def big():
    return bytes(1 << 20)

@pytest.mark.mtrace(max_peak="3 MiB", max_growth="64 KiB")
def test_within():
    bytes(1 << 21)

@pytest.mark.mtrace(max_peak="64 KiB")
def test_fixtures_do_not_count(big):
    pass

@pytest.mark.mtrace(max_peak="1M")
def test_peak():
    two = bytes(1 << 21)  # at the peak

@pytest.mark.mtrace(max_growth="64 KiB")
def test_growth():
    kept.append([bytes(1000) for _ in range(100)])  # never let go

@pytest.mark.mtrace(max_growth="64 KiB")
def test_own_failure():
    kept.append([bytes(1000) for _ in range(100)])
    assert kept == "its own"

@pytest.mark.mtrace(max_grwth="1K")
def test_misspelled():
    pass

@pytest.mark.mtrace(max_peak="1 lot")
def test_no_size():
    pass

def test_part(mtrace):
    kept.append(bytes(1 << 20))
    with mtrace.budget(max_growth="1 KiB", max_peak="2 MiB") as usage:
        bytes(1 << 20)
    assert 1 << 20 <= usage.peak < 2 << 20 and usage.growth < 1024

@pytest.mark.mtrace(max_growth="64 KiB")
class TestGroup:
    @pytest.mark.mtrace(max_growth="1 MiB")
    def test_nearest_mark_counts(self):
        kept.append(bytes(100_000))

    def test_mark_of_the_class(self):
        kept.append(bytes(100_000))

class TestCase(unittest.TestCase):
    @pytest.mark.mtrace(max_peak="1M")
    def test_case(self):
        two = bytes(1 << 21)
'''


ALL_TESTS = '''
import pytest

kept = []

def test_small():
    kept.append(bytes(1000))

def test_keeps_2_mb():
    kept.append(bytes(2_000_000))

@pytest.mark.mtrace(max_growth=None)
def test_may():
    kept.append(bytes(2_000_000))

def test_fails():
    assert kept is None
'''


def validate(document):
    """Against its schema, where the interpreter has a validator."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return
    schema = json.loads((Path(__file__).resolve().parents[2] / "formats" / "tests.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)


class Sizes(unittest.TestCase):
    def test_parsed(self):
        for text, size in (
            ("0", 0), (17, 17), ("5 MiB", 5 * MEBI), ("5M", 5 * MEBI), ("1.5 KiB", 1536),
            ("2kB", 2000), (" 1 gib ", 1 << 30), ("1B", 1), ("1tb", 10**12), (".5K", 512),
        ):  # fmt: skip
            self.assertEqual(parse_size(text), size, text)
        for text in ("", "x", "-1", -1, "1 lot", "K", "1e3", None, 1.5, True, "1 5", "٣"):
            with self.assertRaises(ValueError, msg=repr(text)):
                parse_size(text)

    def test_formatted(self):
        self.assertEqual(format_size(10239), "10239 B")
        self.assertEqual(format_size(10240), "10.0 KiB")
        self.assertEqual(format_size(-5 * MEBI, True), "-5120 KiB")


class Budgets(unittest.TestCase):
    def setUp(self):
        self.addCleanup(mtrace.stop)

    def test_within(self):
        with mtrace.budget(max_peak="2 MiB", max_growth=1000) as usage:
            bytes(MEBI)
        self.assertTrue(MEBI <= usage.peak < 2 * MEBI, usage)
        self.assertLess(usage.growth, 1000)
        self.assertFalse(mtrace.is_tracing())

    def test_peak(self):
        with self.assertRaises(mtrace.BudgetExceeded) as caught:
            with mtrace.budget(max_peak="1 MiB"):
                bytes(2 * MEBI)  # this line
        message = str(caught.exception)
        self.assertRegex(message, r"memory peak 2048 KiB \(20\d+ bytes\) exceeds .* 1024 KiB")
        lines = message.splitlines()
        at = next(i for i, line in enumerate(lines) if "at the peak" in line)
        self.assertRegex(lines[at + 1], rf"{HERE}:\d+: size=2048 KiB \(\+2048 KiB\), count=")

    def test_growth(self):
        kept = []
        with self.assertRaises(mtrace.BudgetExceeded) as caught:
            with mtrace.budget(max_growth="10K"):
                kept += [bytes(1000) for _ in range(20)]  # this line
        message = str(caught.exception)
        self.assertRegex(message, r"memory growth .* exceeds the limit of 10.0 KiB")
        self.assertIn(f"  {HERE}:", message.partition("grew most")[2])
        self.assertIn("# this line", message.partition("calls")[2])
        self.assertNotIn("mtrace/tracing.py", message)

    def test_while_tracing_already(self):
        mtrace.start(2)
        kept = bytes(5 * MEBI)
        with mtrace.budget(max_peak="1 MiB", max_growth=1000) as usage:
            pass
        self.assertLess(usage.peak, 10_000)
        self.assertEqual(mtrace.get_traceback_limit(), 2)
        self.assertTrue(mtrace.is_tracing())
        with self.assertRaises(mtrace.BudgetExceeded) as caught:
            with mtrace.budget(max_peak="1 MiB"):
                bytes(2 * MEBI)
        self.assertNotIn("5120 KiB", str(caught.exception))
        del kept

    def test_own_exception_comes_first(self):
        with self.assertRaises(ZeroDivisionError):
            with mtrace.budget(max_peak=1):
                bytes(MEBI)
                1 / 0
        self.assertFalse(mtrace.is_tracing())

    def test_garbage_does_not_grow(self):
        with mtrace.budget(max_growth="20K"):
            loop = [bytes(MEBI)]
            loop.append(loop)
            del loop

    def test_wrong_limits(self):
        with self.assertRaises(ValueError):
            mtrace.budget(max_peak="1 lot")
        with self.assertRaises(TypeError):
            mtrace.budget("1M")


@unittest.skipUnless(importlib.util.find_spec("pytest"), "pytest is not installed")
class Pytest(unittest.TestCase):
    def test_marks_and_fixture(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_memory.py").write_text(TESTS)
            options = ("-p", "no:cacheprovider", "--strict-markers", "-rA", "--color=no")
            done = python("-m", "pytest", *options, cwd=folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="",
                          COLUMNS="200")  # fmt: skip
        named = re.findall(r"^(PASSED|FAILED) .*?::(\S+)", done.stdout, re.MULTILINE)
        passed = {name for outcome, name in named if outcome == "PASSED"}
        failed = {name for outcome, name in named if outcome == "FAILED"}
        self.assertEqual(
            passed,
            {"test_within", "test_fixtures_do_not_count", "test_part",
             "TestGroup::test_nearest_mark_counts"},
            done.stdout + done.stderr,
        )  # fmt: skip
        self.assertEqual(
            failed,
            {"test_peak", "test_growth", "test_own_failure", "test_misspelled", "test_no_size",
             "TestGroup::test_mark_of_the_class", "TestCase::test_case"},
        )  # fmt: skip
        line = TESTS[: TESTS.index("# at the peak")].count("\n") + 1
        for words in (
            "memory peak 20", "memory growth", "the lines that grew most:", "# never let go",
            "assert [[b", "max_grwth", "'1 lot' is an invalid size",
            f"test_memory.py:{line}: size=2048 KiB",
        ):  # fmt: skip
            self.assertIn(words, done.stdout)

    def run_all(self, *options, **files):
        """What pytest says of the tests that need no mark, and the JSON that it writes."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_all.py").write_text(ALL_TESTS)
            for name, text in files.items():
                Path(folder, name.replace("_", ".")).write_text(text)
            done = python("-m", "pytest", "-rA", "-p", "no:cacheprovider", "--color=no", "--mtrace-json=out.json",
                          *options, cwd=folder)  # fmt: skip
            out = Path(folder, "out.json")
            document = json.loads(out.read_text()) if out.exists() else None
        failed = set(re.findall(r"^FAILED .*?::(\S+)", done.stdout, re.MULTILINE))
        return failed, document, done

    def test_limits_of_all_tests(self):
        for options, files in (
            ([], {"mtrace_toml": '[pytest]\nmax_growth = "1 MiB"\n'}),
            # The nearest one counts.
            (["-o", "mtrace_max_growth=1 MiB"], {"mtrace_toml": "[pytest]\nmax_growth = 1\n"}),
            (["--mtrace-max-growth", "1 MiB"], {"pytest_ini": "[pytest]\nmtrace_max_growth = 1\n"}),
        ):
            failed, document, done = self.run_all(*options, **files)
            self.assertEqual(failed, {"test_keeps_2_mb", "test_fails"}, done.stdout + done.stderr)
            results = {test["name"].split("::")[1]: test for test in document["tests"]}
            self.assertEqual(
                {name: test["result"] for name, test in results.items()},
                {"test_small": "within", "test_keeps_2_mb": "over", "test_may": "within", "test_fails": "failed"},
            )
            self.assertEqual(results["test_keeps_2_mb"]["max_growth"], MEBI)
            self.assertIsNone(results["test_may"]["max_growth"])
            self.assertTrue(2_000_000 <= results["test_may"]["growth"] < 2_010_000)
            validate(document)

    def test_budgets_in_a_file(self):
        toml = """
[pytest]
max_growth = "1 MiB"

[[pytest.budget]]
tests = "*::test_keeps_*"
max_growth = "3 MiB"
reason = "two megabytes are kept"
expires = 2999-12-31

[[pytest.budget]]
tests = ["*::test_small", "elsewhere.py::*"]
max_growth = false
max_peak = 10
"""
        failed, document, done = self.run_all(mtrace_toml=toml)
        self.assertEqual(failed, {"test_small", "test_fails"}, done.stdout + done.stderr)
        small = next(test for test in document["tests"] if test["name"].endswith("test_small"))
        self.assertEqual((small["max_peak"], small["max_growth"], small["result"]), (10, None, "over"))

    def test_wrong_files(self):
        failed, document, done = self.run_all(mtrace_toml="[pytest]\nmax_growth = 'much'\n")
        self.assertEqual((done.returncode, failed, document), (4, set(), None))
        self.assertIn("'much' is an invalid size", done.stderr)
        import pytest_mtrace

        for toml, words in (
            ("[pytest]\nmax_grwth = 1\n", "unknown key 'max_grwth'; there are max_peak, max_growth"),
            ("[pytest\n", "mtrace.toml: "),
            ("[[pytest.budget]]\nmax_peak = 1\n", "number 1: needs tests"),
            ("[[pytest.budget]]\ntests = 'x'\nexpires = 2020-01-31\n", "expired on 2020-01-31"),
            ("pytest = 1\n", "pytest is a table"),
        ):
            with tempfile.TemporaryDirectory() as folder, self.assertRaises(pytest_mtrace._Wrong) as caught:
                Path(folder, "mtrace.toml").write_text(toml)
                pytest_mtrace._File(Path(folder, "mtrace.toml"))
            self.assertIn(words, str(caught.exception))

    def test_nothing_is_loaded_where_nothing_is_marked(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_memory.py").write_text(
                "import sys\ndef test_it():\n    assert 'mtrace' not in sys.modules\n"
            )
            done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
