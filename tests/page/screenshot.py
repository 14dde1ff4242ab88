#!/usr/bin/env python3
"""Draws README's picture: the difference between the two snapshots that its examples use, in Chromium.

    tests/page/screenshot.py --mtrace PATH [PICTURE]
"""

import argparse
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

from chromium import Browser, find

ROOT = Path(__file__).resolve().parents[2]
READMES = ROOT / "testdata" / "readme"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, type=Path, help="the command that makes the page")
    parser.add_argument("picture", nargs="?", default=READMES / "difference.png", type=Path)
    arguments = parser.parse_args()
    if not find():
        sys.exit("there is no Chromium")
    with tempfile.TemporaryDirectory(prefix="mtrace-picture-") as folder, Browser() as browser:
        for name in ("before.pickle", "after.pickle"):
            Path(folder, name).write_bytes(gzip.decompress((READMES / f"{name}.gz").read_bytes()))
        report = [arguments.mtrace.resolve(), "report", "before.pickle", "after.pickle", "--mine", "--source-dir", ROOT / "tests" / "demo"]
        subprocess.run([*report, "-o", "page.html"], cwd=folder, check=True)
        page = browser.page()
        page.look(1100, 1000)
        page.open(f"file://{folder}/page.html")
        page.screenshot(arguments.picture, whole=False)
    print(arguments.picture)


if __name__ == "__main__":
    main()
