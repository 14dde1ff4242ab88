"""Tests with ceilings in a framework for C++ tests: those within their limits pass, and what the others
print names the lines that took most."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ONLY = {"doctest": "--test-case={}:*", "googletest": "--gtest_filter={}.*", "catch2": "{}:*"}
DOCUMENTS = Path(__file__).resolve().parent / "documents.cpp"


def line_with(text):
    return next(number for number, line in enumerate(DOCUMENTS.read_text().splitlines(), 1) if text in line)


def run(options, which):
    command = [options.program, ONLY[options.framework].format(which)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # Catch2 wraps lines, also within names.
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


def expect(condition, output):
    if not condition:
        sys.exit(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--framework", choices=ONLY, required=True)
    options = parser.parse_args()
    status, output = run(options, "within")
    expect(status == 0, output)
    expect("exceeds" not in output, output)
    status, output = run(options, "beyond")
    expect(status != 0, output)
    copies, scratch = line_with("// a copy"), line_with("// the scratch")
    grown = re.findall(rf"documents\.cpp:{copies} in index_documents[^:]*: \+97\.7 KiB in 100 blocks", output)
    expect(len(grown) >= 2, output)
    expect("memory growth 97.7 KiB (100000 bytes) exceeds the limit of 50.0 KiB (51200 bytes)" in output, output)
    peak = re.search(r"memory peak 9\d\d(\.\d)? KiB \((\d+) bytes\) exceeds the limit of 50\.0 KiB \(51200 bytes\)", output)
    expect(peak and 1_000_000 <= int(peak[2]) < 1_000_100, output)
    expect(re.search(rf"documents\.cpp:{scratch} in sort_in_memory[^:]*: \+977 KiB in 1 block", output), output)
    print(f"{options.framework}: within and beyond limits, with the lines")


if __name__ == "__main__":
    main()
