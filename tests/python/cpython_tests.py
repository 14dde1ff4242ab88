"""CPython's own tests of tracemalloc, with mtrace in its place.

    PYTHON cpython_tests.py PACKAGE_FOLDER

PACKAGE_FOLDER holds the package `mtrace` with its extension module for this PYTHON. The tests are
those that came with it: in Debian, the package libpython3.11-testsuite.
"""

import os
import sys
import tempfile
import unittest
import warnings

SWITCH = "tests CPython's own switch (-X tracemalloc, PYTHONTRACEMALLOC) in another process"
HOOK = "tests that CPython's private C function can be called without the global lock"

# What is left out, and why: whole classes, or single tests.
LEFT_OUT = {
    "TestCommandLine": SWITCH,
    "TestCAPI.test_track_without_gil": HOOK,
}
FEWEST_TESTS = 37
# One test looks at how deep the stack is. CPython's own runner calls tests from about so deep.
SUITES_AROUND = 6


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def reason_to_leave_out(test):
    kind = type(test).__name__
    return LEFT_OUT.get(kind) or LEFT_OUT.get(f"{kind}.{test.id().rpartition('.')[2]}")


def use_own_functions(tests, mtrace):
    """Has the tests of CPython's private C functions call mtrace's own."""
    _mtrace = mtrace.tracing._mtrace

    def refuse_unless_tracing():
        if not mtrace.is_tracing():
            raise RuntimeError("not tracing")

    # As the test has it: the traceback is that of the line behind get_frames().
    def track(self, release_gil=False, nframe=1):
        refuse_unless_tracing()
        frames = tests.get_frames(nframe, 1)
        _mtrace._track(self.domain, self.ptr, self.size)
        return frames

    def untrack(self):
        refuse_unless_tracing()
        _mtrace._untrack(self.domain, self.ptr)

    def get_traceback(self):
        found = _mtrace._get_block_traceback(self.domain, self.ptr)
        return None if found is None else mtrace.Traceback(*found)

    tests.TestCAPI.track = track
    tests.TestCAPI.untrack = untrack
    tests.TestCAPI.get_traceback = get_traceback


def main():
    sys.path.insert(0, os.path.abspath(sys.argv[1]))
    import mtrace

    # Whoever imports tracemalloc from here on gets mtrace.
    sys.modules["tracemalloc"] = mtrace
    try:
        from test import test_tracemalloc
    except ImportError as error:
        print(f"this Python comes without its tests: {error}")
        return 77
    if test_tracemalloc.tracemalloc is not mtrace:
        raise SystemExit("the tests did not get mtrace")
    use_own_functions(test_tracemalloc, mtrace)

    chosen, left_out = unittest.TestSuite(), {}
    for test in tests_of(unittest.defaultTestLoader.loadTestsFromModule(test_tracemalloc)):
        reason = reason_to_leave_out(test)
        if reason is None:
            chosen.addTest(test)
        else:
            left_out.setdefault(reason, []).append(test)
    count = chosen.countTestCases()
    for _ in range(SUITES_AROUND):
        chosen = unittest.TestSuite([chosen])
    # The tests write files into the current folder.
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        os.chdir(folder)
        # A test forks while threads of the tester may run.
        warnings.simplefilter("ignore", DeprecationWarning)
        result = unittest.TextTestRunner(verbosity=1).run(chosen)
        os.chdir("/")
    for reason, tests in left_out.items():
        print(f"left out, {len(tests)} tests: {reason}")
    skipped = [f"{test.id()}: {reason}" for test, reason in result.skipped]
    for line in skipped:
        print(f"skipped: {line}")
    print(f"Python {sys.version.split()[0]}: {count} tests")
    if count < FEWEST_TESTS or skipped:
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
