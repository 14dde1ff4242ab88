#!/usr/bin/env python3
"""Debian's programs under `mtrace run`: output and exit status are those of the untraced program, and a seeded leak leads.

    tests/runtime/installed_programs.py --mtrace PATH [--all] [PROGRAM...]

What is not installed is left out, and said. Without --all, or a program's name, the quick ones run, with one set of options each.
`./dev programs` installs all that there are and runs all.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from installed_services import SERVICES
from tracing import Tracing

SECONDS = 300
PYTHON = "/usr/bin/python3"
# What most of the people who trace a service or a build use.
FOLLOWED = ["--follow-fork", "--interval", "1s"]
SETS = [[], FOLLOWED, ["--sample", "64KiB"], ["--mmap"]]


@dataclass
class Program:
    name: str
    command: list  # FOLDER stands for a folder with the files
    files: dict = field(default_factory=dict)
    needs: list = field(default_factory=list)  # commands, and Python's modules as "import NAME"
    leak: tuple = ()  # options of top, and a pattern of the first row's location
    varies: str = ""  # what differs from one untraced run to the next
    says: bool = True  # the same on standard error
    quick: bool = False
    followed: bool = True  # with --follow-fork, too
    before: list = field(default_factory=list)  # commands that prepare
    environment: dict = field(default_factory=dict)


FUNCTION = ["--group-by", "function"]
MINE = ["--mine", "--hide", "<*"]

PROGRAMS = [
    Program("node", ["node", "FOLDER/leak.js"], {"leak.js": """
const kept = [];
function keepBuffers() { for (let i = 0; i < 2000; i++) kept.push(Buffer.allocUnsafeSlow(20000).fill(i & 255)); }
keepBuffers();
const { Worker } = require("worker_threads");
new Worker("require('worker_threads').parentPort.postMessage([1, 2].map(x => x * 2))", { eval: true })
  .on("message", m => console.log(m, kept.length)).on("exit", () => process.reallyExit(3));
"""}, leak=([*FUNCTION], "NodeArrayBufferAllocator"), quick=True),
    Program("java", ["java", "-Xmx256m", "FOLDER/Keep.java"], {"Keep.java": """
import java.nio.ByteBuffer;
import java.util.*;
public class Keep {
  static List<ByteBuffer> kept = new ArrayList<>();
  public static void main(String[] words) throws Exception {
    for (int i = 0; i < 3000; i++) kept.add(ByteBuffer.allocateDirect(20000));
    Process echo = new ProcessBuilder("echo", "of a child").start();
    System.out.print(new String(echo.getInputStream().readAllBytes()));
    System.out.println(kept.size());
    System.exit(4);
  }
}
"""}, leak=([*FUNCTION], "Unsafe_AllocateMemory|pd_commit_memory")),
    Program("ruby", ["ruby", "FOLDER/keep.rb"], {"keep.rb": """
$kept = (0...20000).map { |i| "x" * (100 + i % 50) }
puts $kept.size, [3, 1, 2].sort.inspect, `echo of a child`
Process.wait(fork { exit! 0 })
Thread.new { puts Thread.list.size }.join
$stderr.puts "an error"
exit 3
"""}, leak=(["--group-by", "module"], "libruby"), quick=True),
    Program("perl", ["perl", "FOLDER/keep.pl"], {"keep.pl": """
sub keep { push @kept, "x" x (200 + $_ % 7) for 1..20000 } keep();
print scalar(@kept), "\\n", `echo of a child`;
my $child = fork; exit 0 unless $child; wait;
print STDERR "an error\\n"; exit 9;
"""}, leak=([*FUNCTION], "Perl_sv_grow"), quick=True),
    Program("php", ["php", "FOLDER/keep.php"], {"keep.php": """<?php
$kept = []; for ($i = 0; $i < 50000; $i++) $kept[] = str_repeat("x", 200 + $i % 7);
echo count($kept), md5(serialize($kept)), "\\n"; fwrite(STDERR, "an error\\n"); register_shutdown_function(fn() => posix_kill_missing());
function posix_kill_missing() { echo "ends\\n"; } exit(5);
"""}, leak=(["--group-by", "module", "--metric", "peak"], "/php"), environment={"USE_ZEND_ALLOC": "0"}, quick=True),
    Program("git", ["git", "-C", "FOLDER/repository", "log", "-p", "--stat"], {"a.txt": "".join(f"{i}\n" for i in range(3000))}, before=[
        ["git", "init", "-q", "FOLDER/repository"], ["cp", "FOLDER/a.txt", "FOLDER/repository"],
        ["git", "-C", "FOLDER/repository", "add", "."],
        ["git", "-C", "FOLDER/repository", "-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c"]], quick=True),
    Program("git-clone", ["git", "clone", "--no-local", "FOLDER/repository", "FOLDER/copy.NUMBER"], {"a.txt": "a\n"}, before=[
        ["git", "init", "-q", "FOLDER/repository"], ["cp", "FOLDER/a.txt", "FOLDER/repository"],
        ["git", "-C", "FOLDER/repository", "add", "."],
        ["git", "-C", "FOLDER/repository", "-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c"]],
        needs=["git"], varies=r"copy\.\d+"),
    Program("gdb", ["gdb", "-nx", "-batch", "-ex", "break main", "-ex", "run", "-ex", "backtrace", "-ex", "continue", "FOLDER/x"],
            {"x.c": "#include <stdio.h>\nint main() { puts(\"hello\"); return 3; }\n"}, before=[["gcc", "-g", "-o", "FOLDER/x", "FOLDER/x.c"]],
            # What it debugs would be traced, too, and it sees all threads of it.
            varies=r"process \d+|0x[0-9a-f]+", followed=False),
    Program("gcc", ["gcc", "-O2", "-S", "-o", "-", "FOLDER/x.c"], {"x.c": "#include <stdio.h>\n#include <stdlib.h>\n" + "".join(
        f"int f{i}(int a) {{ return printf(\"%d\", a * {i}); }}\n" for i in range(300))}, quick=True),
    Program("clang", ["clang", "-O2", "-S", "-o", "-", "FOLDER/x.c"], {"x.c": "".join(
        f"int f{i}(int a) {{ return a * {i}; }}\n" for i in range(300))}),
    Program("ffmpeg", ["ffmpeg", "-v", "error", "-threads", "2", "-f", "lavfi", "-i", "testsrc=d=1:s=320x240", "-c:v", "mpeg4",
                       "-f", "md5", "-"]),
    Program("imagemagick", ["convert-im6.q16", "rose:", "-resize", "400%", "-blur", "0x3", "-strip", "ppm:-"], quick=True),
    Program("libreoffice", ["soffice", "-env:UserInstallation=file://FOLDER/profile", "--headless", "--convert-to",
                            'csv:Text - txt - csv (StarCalc):44,34,76,1', "--outdir", "FOLDER/NUMBER", "FOLDER/table.fods"], varies=r"libreoffice/\d+", files=
            {"table.fods": """<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:body><office:spreadsheet><table:table table:name="a"><table:table-row>
<table:table-cell office:value-type="float" office:value="3"/><table:table-cell table:formula="of:=[.A1]*7"/></table:table-row></table:table>
</office:spreadsheet></office:body></office:document>"""}),
    Program("chromium", ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                         "--disable-component-update", "--disable-sync", "--user-data-dir=FOLDER/profile.NUMBER", "--dump-dom",
                         "file://FOLDER/page.html"], {"page.html": """<html><body><p id=a></p><canvas id=c></canvas><script>
let kept = []; for (let i = 0; i < 1000; i++) kept.push(new ArrayBuffer(10000));
document.getElementById('a').textContent = kept.length + ' ' + [3, 1, 2].sort();
c.getContext('2d').fillRect(0, 0, 50, 50)</script></body></html>"""}, says=False),
    Program("sqlite", ["sqlite3", ":memory:", "with recursive c(x) as (select 1 union all select x + 1 from c where x < 50000) "
                       "select sum(length(hex(x))), count(*), length(group_concat(x)) from c;"], quick=True),
    Program("pandas", [PYTHON, "FOLDER/keep.py"], {"keep.py": """
import numpy, pandas
kept = []
for i in range(1500):
    kept.append(pandas.DataFrame({"a": numpy.arange(5000.0), "b": numpy.arange(5000)}))
frame = pandas.concat(kept[:20]).groupby("b")["a"].agg(["sum", "mean"]).sort_values("sum")
print(frame.tail(3), frame.shape)
raise SystemExit(6)
"""}, needs=["import pandas"], leak=(MINE, r"keep\.py:5")),
    Program("scipy", [PYTHON, "FOLDER/keep.py"], {"keep.py": """
import numpy, scipy.linalg, scipy.optimize, scipy.sparse
kept = []
for i in range(100):
    kept.append(scipy.sparse.random(2000, 2000, 0.01, format="csr", random_state=i))
a = numpy.random.RandomState(1).rand(150, 150)
print(round(abs(scipy.linalg.eigvals(a)).max(), 6), scipy.linalg.lu(a)[2].shape)
print(scipy.optimize.minimize(scipy.optimize.rosen, [1.3, .7, .8]).success, sum(k.nnz for k in kept))
"""}, needs=["import scipy"], leak=(MINE, r"keep\.py:5")),
    Program("lxml", [PYTHON, "FOLDER/keep.py"], {"keep.py": """
from lxml import etree
kept = []
for i in range(300):
    kept.append(etree.fromstring("<r>" + "".join("<a n='%d'>t%d</a>" % (j, j) for j in range(200)) + "</r>"))
print(len(kept), len(kept[3].xpath("//a[@n>100]")), len(etree.tostring(kept[9], pretty_print=True)))
"""}, needs=["import lxml"], leak=([], r"keep\.py:5"), quick=True),
    Program("gevent", [PYTHON, "FOLDER/keep.py"], {"keep.py": """
from gevent import monkey; monkey.patch_all()
import gevent, gevent.pool, subprocess, threading
kept = []
def work(number):
    gevent.sleep(0.001 * (number % 5))
    kept.append([number] * 1000)
    return number
print(sum(gevent.pool.Pool(50).map(work, range(4000))), gevent.get_hub().threadpool.apply(lambda: 5))
print(subprocess.check_output(["echo", "of a child"]), threading.active_count())
"""}, needs=["import gevent"], leak=([], r"keep\.py:7")),
    Program("uvloop", [PYTHON, "FOLDER/keep.py"], {"keep.py": """
import asyncio, uvloop
kept = []
async def serve(reader, writer):
    while (data := await reader.read(1000)):
        kept.append(bytearray(data) * 200)
        writer.write(data[::-1])
    writer.close()
async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 0
    for i in range(20):
        writer.write(b"x%04d" % i * 20)
        size += len(await reader.readexactly(100))
    writer.close()
    return size
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(sum(await asyncio.gather(*(ask(server.sockets[0].getsockname()[1]) for _ in range(40)))))
    child = await asyncio.create_subprocess_exec("echo", "of a child", stdout=asyncio.subprocess.PIPE)
    print(await child.communicate())
uvloop.install(); asyncio.run(main())
"""}, needs=["import uvloop"], leak=([], r"keep\.py:6"), quick=True),
    Program("jupyter", [PYTHON, "FOLDER/ask.py"], {"ask.py": """
import logging, os
import jupyter_client
manager, client = jupyter_client.manager.start_new_kernel(kernel_name="python3")
said = []
def note(message):
    content = message["content"]
    said.append(content["text"] if message["msg_type"] == "stream" else content.get("data", {}).get("text/plain"))
code = ("kept = []", "for i in range(30000): kept.append({'a': [i]})\\nprint(len(kept))", "6 * 7", "!echo of a child",
        "import os\\nchild = os.fork()\\nif child == 0: os._exit(3)\\nos.waitpid(child, 0)[1]")
for cell in code:
    client.execute_interactive(cell, output_hook=note, timeout=100)
client.stop_channels()
manager.shutdown_kernel()
print([text for text in said if text])
os._exit(0)
"""}, needs=["import ipykernel", "import jupyter_client"], varies=r"\d\.\d\ds - "),
]


def is_there(need):
    if need.startswith("import "):
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({need.split()[1]!r}) is None)"
        return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", code], check=False).returncode == 0
    return shutil.which(need) is not None


class Tests(Tracing):
    def __init__(self, mtrace, folder):
        super().__init__(mtrace, folder, SECONDS)
        self.number = 0

    def filled(self, words, folder):
        self.number += 1
        return [word.replace("FOLDER", str(folder)).replace("NUMBER", str(self.number)) for word in words]

    def outcome(self, program, done):
        """Without the tracer's own lines, and what is another one each time."""
        error = b"".join(line for line in done.stderr.splitlines(True) if not line.startswith(b"mtrace: ")) if program.says else b""
        texts = [done.stdout, error]
        if program.varies:
            texts = [re.sub(program.varies.encode(), b"", text) for text in texts]
        return done.returncode, *texts

    def check_leak(self, program, snapshot, options):
        if not program.leak:
            return
        more, pattern = program.leak
        statistics = self.top(*more, path=snapshot)["statistics"]
        first = self.describe(statistics[0]) if statistics else "nothing"
        self.expect(re.search(pattern, first), f"{program.name} with {options}: {first} leads, not {pattern}")

    def describe(self, statistic):
        frame = statistic["traceback"][0]
        return f"{frame['filename']}:{frame['lineno']} in {frame.get('function')} of {frame.get('module')}"

    def check(self, program, sets):
        folder = self.folder / program.name
        folder.mkdir()
        for name, text in program.files.items():
            (folder / name).write_text(text)
        for command in program.before:
            subprocess.run(self.filled(command, folder), check=True, capture_output=True)
        environment = os.environ | program.environment | {"HOME": str(folder)}
        plain = self.outcome(program, self.execute(*self.filled(program.command, folder), cwd=folder, env=environment))
        for options in sets if program.followed else [words for words in sets if words != FOLLOWED]:
            snapshot = folder / "first.zst"
            done = self.run(self.filled(program.command, folder), *options, output=snapshot, cwd=folder, env=environment)
            traced = self.outcome(program, done)
            what = f"{program.name} {' '.join(options)}"
            self.expect(traced == plain, f"{what}: {traced}\n  untraced: {plain}")
            self.expect(snapshot.exists(), f"{what}: no snapshot: {done.stderr[-500:]}")
            if snapshot.exists():
                self.check_leak(program, snapshot, options)
            for path in folder.glob("first*.zst"):
                path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("programs", nargs="*")
    arguments = parser.parse_args()
    everything = arguments.all or bool(arguments.programs)
    with tempfile.TemporaryDirectory(prefix="mtrace-installed-") as folder:
        # Some services change to a user of their own.
        os.chmod(folder, 0o755)
        tests = Tests(arguments.mtrace, folder)
        for program in [*PROGRAMS, *SERVICES]:
            if arguments.programs and program.name not in arguments.programs:
                continue
            if not everything and not program.quick:
                continue
            missing = [need for need in program.needs or [program.command[0]] if not is_there(need)]
            if missing:
                print(f"{program.name}: left out, not installed: {', '.join(missing)}")
                continue
            begin, before = time.monotonic(), len(tests.problems)
            if isinstance(program, Program):
                tests.check(program, SETS if everything else [FOLLOWED])
            else:
                program.check(tests, SETS if everything else [FOLLOWED])
            state = "equal" if len(tests.problems) == before else "differs"
            print(f"{program.name}: {state}, {time.monotonic() - begin:.1f} s", flush=True)
        for problem in tests.problems:
            print(problem)
        print(f"{len(tests.problems)} problems")
        return 1 if tests.problems else 0


if __name__ == "__main__":
    sys.exit(main())
