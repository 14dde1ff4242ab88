"""What Python's own snapshots answer: nothing of mtrace's memory, and native frames as the command does.

    PYTHON answers.py PACKAGE_FOLDER COMMAND
"""

import json
import os
import tempfile
import unittest
from pathlib import Path

from package_under_test import PACKAGE_FOLDER, python, top

OWN = '''
import json, sys
import mtrace
mtrace.start(int(sys.argv[1]))
import argparse, csv, difflib, email.parser, html.parser, http.cookies, logging.handlers, optparse, statistics, uuid
import tempfile, os
folder = tempfile.mkdtemp()
path = os.path.join(folder, "series.zst")
held = [mtrace.take_snapshot(), mtrace.take_snapshot()]
answers = [held[1].compare_to(held[0], "lineno"), held[0].statistics("traceback")]
blocks = list(held[0].traces[:2000])
texts = [line for block in blocks[:50] for line in block.traceback.format()]
held[0].dump(path); held.append(mtrace.Snapshot.load(path))
held[0].write(path); held.append(mtrace.Snapshot.load(path))
for _ in range(3): mtrace.write_snapshot(path)
with mtrace.budget(): pass
last = mtrace.take_snapshot()
own = [str(s) for s in last.statistics("lineno") if "/mtrace/" in s.traceback[0].filename]
grown = sum(s.size_diff for s in last.compare_to(held[0], "filename"))
left = [str(s) for s in last.filter_traces([mtrace.Filter(False, mtrace.__file__)]).statistics("lineno")
        if "/mtrace/" in s.traceback[0].filename]
current = mtrace.get_traced_memory()[0]
# What the program does with the answers is its own again.
kept = [s.size for s in answers[1]] + [bytes(5000)]
mine = mtrace.get_object_traceback(kept[-1])
os.unlink(path); os.rmdir(folder)
print(json.dumps({"own": own, "grown": grown, "left": left, "current": current,
                  "sum": sum(s.size for s in last.statistics("filename")), "mine": mine[-1].lineno}))
'''

NATIVE = '''
import sys
import mtrace
mtrace.start(25, native=True)
def block(n):
    return bytearray(3000 + n % 7)
kept = [block(n) for n in range(500)]
mtrace.write_snapshot(sys.argv[1])
taken = mtrace.take_snapshot()
taken.write(sys.argv[2])
for snapshot in taken, mtrace.Snapshot.load(sys.argv[1]), mtrace.Snapshot.load(sys.argv[2]):
    print([str(s) for s in snapshot.statistics("lineno")[:1]])
print([str(s) for s in mtrace.Snapshot.load(sys.argv[1]).statistics("lineno")])
'''


class OwnMemory(unittest.TestCase):
    def test_answers(self):
        for frames in 1, 25:
            with self.subTest(frames=frames):
                done = python("-c", OWN, frames)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                answer = json.loads(done.stdout)
                self.assertEqual((answer["own"], answer["left"]), ([], []))
                self.assertLess(abs(answer["grown"]), 60_000)
                self.assertAlmostEqual(answer["sum"], answer["current"], delta=20_000)
                line = OWN.splitlines().index("kept = [s.size for s in answers[1]] + [bytes(5000)]")
                self.assertEqual(answer["mine"], line + 1)

    def test_import(self):
        """Of a program that is traced before it imports the package."""
        program = "import _mtrace; _mtrace.start(1); import mtrace; print(sum(s.size for s in mtrace.take_snapshot().statistics('lineno') if '/mtrace/' in s.traceback[0].filename))"
        done = python("-c", program, PYTHONPATH=os.pathsep.join([PACKAGE_FOLDER, PACKAGE_FOLDER + "/mtrace"]))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertLess(int(done.stdout), 1000)


class NativeSnapshots(unittest.TestCase):
    def test_as_the_command(self):
        with tempfile.TemporaryDirectory() as folder:
            written, taken = Path(folder, "written.zst"), Path(folder, "taken.zst")
            program = Path(folder, "program.py")
            program.write_text(NATIVE)
            done = python(program, written, taken)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            *firsts, everything = done.stdout.splitlines()
            for first in firsts:
                self.assertRegex(first, r"program\.py:6: size=1467 KiB, count=500|program\.py:6: size=14\d\d KiB, count=\d+")
            self.assertEqual(eval(everything), top(written))  # noqa: S307  a list of texts
            self.assertTrue(top(taken)[0].startswith(f"{program}:6: "), top(taken)[0])


if __name__ == "__main__":
    unittest.main()
