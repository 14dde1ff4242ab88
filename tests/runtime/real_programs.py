#!/usr/bin/env python3
"""Debian's programs under `mtrace run`: they print what they always print, and mtrace counts what valgrind counts.

    tests/runtime/real_programs.py --mtrace PATH

What is not installed is left out, and said.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tracing import Tracing

SECONDS = 100
PROGRAMS = Path(__file__).resolve().parent / "programs"
KINDS = ([], ["--sample", "64KiB"], ["--mmap"], ["--nframe", "1"])
TABLE = "with recursive c(x) as (select 1 union all select x+1 from c where x<5000) "
SOURCE = "#include <map>\n#include <string>\nint main() { std::map<std::string, int> m; m[\"a\"] = 1; return m.size(); }\n"


def is_there(command):
    there = shutil.which(command[0]) is not None
    if not there:
        print(f"{command[0]} is not installed: left out")
    return there


def outcome(done):
    return done.returncode, done.stdout, done.stderr


class Tests(Tracing):
    def __init__(self, mtrace, folder):
        super().__init__(mtrace, folder, SECONDS)
        self.json, self.xml, self.source = self.folder / "rows.json", self.folder / "rows.xml", self.folder / "x.ii"
        rows = [{"a": i, "b": ["x" * (i % 50)] * 3} for i in range(2000)]
        self.json.write_text(json.dumps(rows))
        self.xml.write_text("<rows>" + "".join(f"<row a='{i}'>{'x' * (i % 50)}</row>" for i in range(2000)) + "</rows>")

    def functions(self, metric):
        """What was allocated below each function."""
        statistics = self.top("--cumulative", "--group-by", "function", "--metric", metric)["statistics"]
        return {s["traceback"][0]["function"]: (s["size"], s["count"]) for s in statistics}

    def commands(self):
        """That print the same each time."""
        yield ["sqlite3", ":memory:", TABLE + "select sum(length(hex(x))), count(*), group_concat(x) from c;"]
        yield ["jq", "-c", "map(.b | length)", self.json]
        yield ["xmllint", "--format", self.xml]
        yield ["/usr/bin/python3", "-c", "import ast; print(len(ast.dump(ast.parse(open(ast.__file__).read()))))"]
        yield ["git", "diff", "--no-index", "--stat", self.json, self.xml]
        yield ["perl", "-e", "my %h; $h{$_} = 'x' x $_ for 1..500; print join(',', sort keys %h)"]
        yield ["sort", "-r", self.json]
        yield ["sh", "-c", "echo $0 $PATH $LD_PRELOAD $MTRACE; exit 7"]
        yield ["env"]
        (self.folder / "x.cpp").write_text(SOURCE)
        subprocess.run(["g++", "-E", self.folder / "x.cpp", "-o", self.source], check=True)
        compiler = self.execute("g++", "-print-prog-name=cc1plus").stdout.decode().strip()
        yield [compiler, "-quiet", "-O1", self.source, "-o", "-"]

    def check_outputs(self):
        for command in filter(is_there, self.commands()):
            plain = self.execute(*command)
            for options in KINDS:
                self.expect(outcome(self.run(command, *options)) == outcome(plain), f"{command} with {options}")

    def check_totals(self):
        """Every allocation and every byte of it, as valgrind counts them."""
        if not is_there(["valgrind"]):
            return
        sql = TABLE + "select sum(length(hex(x))) from c;"
        for command in (["jq", "-c", "map(.b|length)", self.json], ["sqlite3", ":memory:", sql],
                        ["xmllint", "--format", self.xml], ["sort", "--buffer-size=1M", "-r", self.json]):  # fmt: skip
            if not is_there(command):
                continue
            said = self.execute("valgrind", "--undef-value-errors=no", *command).stderr.decode()
            allocations, size = re.search(r"heap usage: ([\d,]+) allocs, [\d,]+ frees, ([\d,]+) bytes", said).groups()
            expected = {"size": int(size.replace(",", "")), "count": int(allocations.replace(",", ""))}
            self.run(command)
            found = self.top("--metric", "total")["total"]
            self.expect(found == expected, f"{command}: {found}, not {expected}, as valgrind says")

    def check_rust(self):
        if not is_there(["rustc"]):
            return
        program = self.folder / "blocks"
        subprocess.run(["rustc", "-g", "-O", "-o", program, PROGRAMS / "blocks.rs"], check=True, capture_output=True)
        plain = self.execute(program)
        self.expect(plain.stdout.startswith(b"435 5000 "), f"rust prints {plain}")
        for options in KINDS:
            self.expect(outcome(self.run([program], *options)) == outcome(plain), f"rust with {options}")
        self.run([program])
        live, total = self.functions("live"), self.functions("total")
        # The boxes, and room for 32 pointers to them.
        for name, amount in (("keep_boxes", (30 * 400 + 32 * 8, 31)), ("grow_vector", (5000, 1)), ("drop_string", None)):
            found = live.get(f"blocks::{name}")
            self.expect(found == amount, f"rust: {name} holds {found}, not {amount}")
        # The vectors' growth on the way there: 4, 8 and 16 pointers; the first 100 bytes.
        for name, amount in (("keep_boxes", (30 * 400 + 60 * 8, 34)), ("grow_vector", (5100, 2))):
            found = total.get(f"blocks::{name}")
            self.expect(found == amount, f"rust: {name} allocated {found}, not {amount}")
        self.expect(total.get("blocks::drop_string", (0, 0))[0] >= 7777, f"rust: {total}")

    def check_redis(self):
        """A server that is asked by many at once, traced from its beginning to its end."""
        if not (is_there(["redis-server"]) and is_there(["redis-benchmark"]) and is_there(["redis-cli"])):
            return
        for options in ([], ["--sample", "64KiB"]):
            socket = self.folder / "redis.socket"
            command = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", self.folder]
            server = subprocess.Popen([self.mtrace, "run", *options, "-o", self.snapshot, "--", *command],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
            end = time.monotonic() + SECONDS
            while not socket.exists() and time.monotonic() < end:
                time.sleep(0.01)
            asked = self.execute("redis-benchmark", "-s", socket, "-n", "3000", "-q", "-t", "set,get,lpush,hset")
            counted = self.execute("redis-cli", "-s", socket, "llen", "mylist")
            self.execute("redis-cli", "-s", socket, "shutdown", "nosave")
            said, _ = server.communicate(timeout=SECONDS)
            self.expect((server.returncode, asked.returncode) == (0, 0), f"redis: {said}")
            self.expect(counted.stdout.strip() == b"3000", f"redis kept {counted}")
            top = self.top("--cumulative", "--group-by", "function", "--metric", "total")
            names = {statistic["traceback"][0]["function"] for statistic in top["statistics"]}
            self.expect(top["total"]["size"] > 1_000_000 and names, f"redis: {top['total']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-programs-") as folder:
        tests = Tests(arguments.mtrace, folder)
        return tests.status(tests.check_outputs, tests.check_totals, tests.check_rust, tests.check_redis)


if __name__ == "__main__":
    sys.exit(main())
