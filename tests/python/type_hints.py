"""The package's type hints, by mypy: the package's own code, and a program that uses it.

    PYTHON type_hints.py SOURCE_FOLDER
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WRONG = 'import mtrace\nmtrace.start("25")\nsize: str = mtrace.get_traced_memory()[0]\n'


def check(source, *files):
    """What mypy says."""
    with tempfile.TemporaryDirectory() as cache:
        command = [shutil.which("mypy"), "--strict", "--python-version", "3.9", "--cache-dir", cache]
        done = subprocess.run([*command, *map(str, files)], cwd=source, env={**os.environ, "MYPYPATH": str(source)},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


def main():
    if shutil.which("mypy") is None:
        print("mypy is not installed")
        return 77
    source = Path(sys.argv[1]).resolve()
    said = check(source, "mtrace", "mtrace_startup.py", Path(__file__).resolve().parent / "typed_program.py")
    with tempfile.TemporaryDirectory() as folder:
        wrong = Path(folder) / "wrong.py"
        wrong.write_text(WRONG)
        refused = check(source, wrong)
    print(said, refused)
    return 0 if "Success" in said and refused.count("error:") == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
