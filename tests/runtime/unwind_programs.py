#!/usr/bin/env python3
"""The runtime's unwinder against libunwind on every stack from which real programs allocate.

    unwind_programs.py --compare libunwind_compare.so --scenarios unwind_scenarios [--long]

Runs the scenarios and what it finds of sqlite3, jq, xmllint, git, python3, perl and cc1plus with the
comparing library preloaded. Every stack must have the same frames, and be followed to its end.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SQL = """create table t(a,b);
with recursive c(x) as (select 1 union all select x+1 from c where x<2000)
  insert into t select x, hex(randomblob(20)) from c;
create index i on t(b);
select count(*), max(b) from t where a%3=1;
select length(group_concat(b)) from (select b from t order by b);"""
PYTHON = "import json,re,ctypes,decimal; json.loads(json.dumps([{'a':i} for i in range(3000)])); re.compile('a|b(c*)+')"
CPLUSPLUS = """#include <algorithm>
#include <map>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> map;
  for (int i = 0; i < 9; ++i) map[std::to_string(i)].push_back(i);
  for (auto& [key, values] : map) std::sort(values.begin(), values.end());
}
"""
COUNTS = re.compile(
    r"^stacks (\d+) frames (\d+) differing (\d+) truncated (\d+) unrepeatable (\d+) words (\d+) unreproduced (\d+)$",
    re.MULTILINE)


def compiler_proper():
    """The compiler itself: its driver allocates next to nothing."""
    driver = shutil.which("g++")
    if driver is None:
        return None
    path = subprocess.run([driver, "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True)
    return shutil.which(path.stdout.strip())


def programs(folder, scenarios, long):
    """(name, every, fewest stacks, command) of what exists."""
    (folder / "x.xml").write_text("<r>" + "".join(f'<i a="{i}">t{i}<b/></i>' for i in range(2000)) + "</r>")
    (folder / "x.cpp").write_text(CPLUSPLUS)
    repository = folder / "repository"
    yield "scenarios", 1, 10_000, [scenarios, "50000" if long else "5000"]
    every = 1 if long else 3
    for name, fewest, command in (
            ("sqlite3", 5_000, ["sqlite3", ":memory:", SQL]),
            ("jq", 5_000, ["jq", "-n", "[range(2000)|{a:.,b:(.|tostring)}]|length"]),
            ("xmllint", 10_000, ["xmllint", "--xpath", "count(//i[@a>100])", str(folder / "x.xml")]),
            ("git", 50, ["git", "init", "-q", str(repository)]),
            ("python3", 500, ["/usr/bin/python3", "-S", "-c", PYTHON]),
            ("perl", 5_000, ["perl", "-e", 'my %h; $h{$_} = "x$_" for 1..9000; my @s = sort keys %h;'])):
        if shutil.which(command[0]):
            yield name, every, fewest // 3, command
    compiler = compiler_proper()
    if compiler:
        yield "cc1plus", 7 if long else 31, 5_000, [
            compiler, "-quiet", "-O2", "-std=c++20", "-imultiarch", "x86_64-linux-gnu", "-D_GNU_SOURCE",
            str(folder / "x.cpp"), "-o", os.devnull]


def compare(library, folder, every, command):
    """What the comparing library reports of one program."""
    report = folder / "report"
    report.unlink(missing_ok=True)
    environment = dict(os.environ, LD_PRELOAD=str(library), UNWIND_COMPARE_OUT=str(report),
                       UNWIND_COMPARE_EVERY=str(every), HOME=str(folder))
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=300)
    return report.read_text()


def offences(text, fewest):
    counts = [tuple(map(int, match)) for match in COUNTS.findall(text)]
    stacks, _, differing, truncated, unrepeatable, _, unreproduced = map(sum, zip(*counts))
    if stacks < fewest:
        yield f"only {stacks} stacks were compared"
    if differing or truncated or unreproduced:
        yield f"{differing} differing, {truncated} truncated, {unreproduced} not reproduced"
    if unrepeatable > stacks // 1000:
        yield f"{unrepeatable} of {stacks} stacks are not repeatable"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", required=True, type=Path)
    parser.add_argument("--scenarios", required=True)
    parser.add_argument("--long", action="store_true", help="more stacks of everything")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program, every, fewest, command in programs(folder, options.scenarios, options.long):
            text = compare(options.compare.resolve(), folder, every, command)
            print(program, *(line for line in text.splitlines() if line.startswith("stacks")), sep="\n  ")
            for offence in offences(text, fewest):
                failed = True
                print(f"{program}: {offence}\n{text}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
