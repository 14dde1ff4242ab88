#!/usr/bin/env python3
"""clang-tidy on the project's sources, several in one run.

    tidy.py COMPILE_COMMANDS FILE...

Most of what clang-tidy costs is the headers, which it parses and checks anew for each source. Here sources of one
folder that are compiled alike are included into one, which takes a third of the time. Two sources that use one name
for different things do not go together: those that the compiler then names are run alone.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOGETHER = 12  # sources in one run: more of them save less, and leave a core without work at the end
FOUND_IN = re.compile(r"^(\S+?):\d+:\d+: error: ", re.MULTILINE)
NOT_COMPILED = "[clang-diagnostic-error]"

# What is found in a source counts, though another includes it. One source's names do not shadow the next one's.
FOR_INCLUDED = [
    r"--header-filter=/(src|include)/[a-z/]+/[a-z_0-9]+\.[ch]pp$",
    "--checks=-bugprone-suspicious-include",
    "--extra-arg=-Wno-shadow",
]


def options_of(entry):
    """What the entry's source is compiled with: all but the compiler, the source and the object."""
    words = shlex.split(entry["command"])[1:]
    source = words.index("-c")
    del words[source : source + 2]
    output = words.index("-o")
    del words[output : output + 2]
    # The compiler's precompiled headers are not clang-tidy's; sources include what they need anyway.
    while "-include" in words and words[words.index("-include") + 1].endswith("/cmake_pch.hxx"):
        include = words.index("-include")
        del words[include : include + 2]
    return tuple(words)


def groups_of(entries, files):
    """Lists of sources that are compiled alike, and their options."""
    alike = defaultdict(list)
    found = {}
    for entry in entries:
        found.setdefault(Path(entry["file"]), options_of(entry))
    for file in files:
        if file not in found:
            sys.exit(f"tidy.py: {file} is not compiled")
        alike[file.parent, found[file]].append(file)
    for (_, options), sources in alike.items():
        runs = -(-len(sources) // TOGETHER)
        for first in range(runs):
            yield sources[first::runs], options


def tidy(sources, options):
    """What clang-tidy says of these sources."""
    if len(sources) == 1:
        return clang_tidy(sources[0], options)
    with tempfile.TemporaryDirectory() as folder:
        # It appears beside the sources, whose settings are the ones that count, without being there.
        appears, together = sources[0].with_name("together.cpp"), Path(folder, "together.cpp")
        together.write_text("".join(f'#include "{source}"\n' for source in sources))
        overlay = Path(folder, "overlay.yaml")
        file = {"type": "file", "name": str(appears), "external-contents": str(together)}
        overlay.write_text(json.dumps({"version": 0, "roots": [file]}))
        output = clang_tidy(appears, options, f"--vfsoverlay={overlay}", *FOR_INCLUDED)
    return tidy_apart(sources, options, output) if output else ""


def clang_tidy(source, options, *more):
    """Its output if it found something, or nothing."""
    command = ["clang-tidy", "--quiet", "--extra-arg=-ferror-limit=0", *more, str(source), "--", *options]
    run = subprocess.run(command, capture_output=True, text=True)
    return "" if run.returncode == 0 else run.stdout or run.stderr


def tidy_apart(sources, options, output):
    """What is said of sources of which some have a fault, or do not go together: only what is found in each alone."""
    named = {Path(name) for name in FOUND_IN.findall(output)}
    parts = [[source] for source in sources if source in named]
    rest = [source for source in sources if source not in named]
    if not parts:
        parts = [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
    elif rest and NOT_COMPILED in output:
        parts.append(rest)
    return "".join(tidy(part, options) for part in parts)


def main():
    entries = json.loads(Path(sys.argv[1]).read_text())
    groups = sorted(groups_of(entries, [Path(name) for name in sys.argv[2:]]), key=lambda group: -len(group[0]))
    faulty = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for said in pool.map(lambda group: tidy(*group), groups):
            faulty = faulty or said != ""
            print(said, end="", flush=True)
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
