#!/usr/bin/python3
"""What tracing costs: each program untraced, traced, and under heaptrack, turn by turn.

Machines do other things meanwhile, so that single runs say nothing. Each round runs every variant once ("off" is the
runtime that was not started); shown are medians of processor seconds, and of each round's ratio to the untraced run.
The goal and the floors (a hook that only counts; one that walks 14 frame pointers) stand beside. Then what the
tracer's memory is for each of five million blocks, and what a snapshot of as many blocks in 50,000 tracebacks takes.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(command, environment):
    """Processor seconds of the command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env={**os.environ, **environment}, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compile_program(source, target, *options):
    subprocess.run(["g++", "-std=c++20", "-O2", "-o", target, source, *options], check=True)


def make_json(path):
    random.seed(1)
    rows = [{"id": i, "name": f"n{i}", "v": [random.random() for _ in range(5)], "t": {"a": i % 7, "b": str(i)}}
            for i in range(60000)]
    path.write_text(json.dumps(rows), encoding="utf-8")


SQL = """
create table t(a integer primary key, b text, c real);
with recursive n(x) as (select 1 union all select x+1 from n where x<300000)
  insert into t select x, 'name'||(x*7919%100003), x*1.5 from n;
create index i on t(b);
select count(*), sum(c) from t where b like 'name1%';
select b, count(*) from t group by b order by 2 desc limit 3;
"""


def programs(folder, names):
    """(name, command, goal) of the programs that are there."""
    churn, containers, threads = folder / "churn", folder / "containers", folder / "threads"
    # With frame pointers, so that there is something to walk along for that floor.
    compile_program(HERE / "tracer_churn.cpp", churn, "-pthread", "-fno-omit-frame-pointer")
    compile_program(HERE / "tracer_containers.cpp", containers, "-fno-omit-frame-pointer")
    compile_program(HERE / "tracer_threads.cpp", threads, "-pthread", "-fno-omit-frame-pointer")
    (folder / "query.sql").write_text(SQL, encoding="utf-8")
    make_json(folder / "rows.json")
    all_programs = [
        ("churn-1", [churn, "1", "3000000"], 2.0),
        ("churn-2", [churn, "2", "1500000"], 2.0),
        ("churn-4", [churn, "4", "750000"], 2.0),
        ("threads", [threads, "20000"], 2.0),
        ("containers", [containers, "5000000"], 1.45),
        ("jq", ["jq", "[.[]|select(.t.a==3)|.v|add]|add", folder / "rows.json"], 1.4),
        ("sqlite3", ["sqlite3", ":memory:", "-init", folder / "query.sql", ".quit"], 1.4),
    ]
    compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], stdout=subprocess.PIPE, text=True, check=True)
    source = folder / "source.ii"
    subprocess.run(["g++", "-std=c++20", "-E", "-o", source, HERE / "tracer_containers.cpp"], check=True)
    cc1plus = [compiler.stdout.strip(), "-quiet", "-std=c++20", "-O2", source, "-o", "/dev/null"]
    all_programs.append(("cc1plus", cc1plus, 1.4))
    for name, command, goal in all_programs:
        if shutil.which(str(command[0])) and (not names or name in names):
            yield name, [str(part) for part in command], goal


def variants(folder, runtime, with_heaptrack):
    """name: (words before the command, environment)."""
    found = {"untraced": ([], {})}
    for floor in ("COUNT", "WALK"):
        library = folder / f"floor_{floor.lower()}.so"
        compile_program(HERE / "tracer_floor.cpp", library, f"-DFLOOR_{floor}", "-shared", "-fPIC",
                        "-ftls-model=initial-exec", "-fno-omit-frame-pointer")
        found[f"floor: {floor.lower()}"] = ([], {"LD_PRELOAD": str(library)})
    found["off"] = ([], {"LD_PRELOAD": runtime})
    found["exact"] = ([], {"LD_PRELOAD": runtime, "MTRACE": "32"})
    found["sampling"] = ([], {"LD_PRELOAD": runtime, "MTRACE": "32,sample=524288"})
    if with_heaptrack:
        if shutil.which("heaptrack"):
            found["heaptrack"] = (["heaptrack", "--raw", "-o", str(folder / "heaptrack")], {})
        else:
            print("heaptrack is not there: left out", file=sys.stderr)
    return found


def measure(name, command, goal, kinds, rounds):
    seconds = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, (prefix, environment) in kinds.items():
            seconds[kind].append(run([*prefix, *command], environment))
    base = seconds["untraced"]
    for kind, own in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(own, base))
        note = {"exact": f"   goal {goal}", "sampling": "   goal 1.03", "off": "   goal 1.0"}.get(kind, "")
        print(f"{name:11} {kind:13} {statistics.median(own):8.2f} s {ratio:7.2f}x{note}", flush=True)


def peak_memory(command, environment):
    """Bytes that the command had in memory at most."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def measure_memory(folder, runtime):
    blocks = 5_000_000
    command = [str(folder / "containers"), str(blocks)]
    plain, traced = peak_memory(command, {}), peak_memory(command, {"LD_PRELOAD": runtime, "MTRACE": "32"})
    print(f"memory      {plain / 2**20:.0f} MiB untraced, {traced / 2**20:.0f} MiB traced: "
          f"{(traced - plain) / blocks:.1f} bytes a block, goal 16 + 30 MiB", flush=True)  # fmt: skip


def measure_snapshot(folder, runtime):
    program = folder / "snapshot"
    compile_program(HERE / "tracer_snapshot.cpp", program, "-pthread")
    for tracebacks, blocks in ((50_000, 10), (50_000, 100)):
        output = subprocess.run([program, str(tracebacks), str(blocks), folder / "x.zst"], check=True, text=True,
                                env={**os.environ, "LD_PRELOAD": runtime, "MTRACE": "32"}, stdout=subprocess.PIPE).stdout  # fmt: skip
        held, written, processor, size = output.split()
        print(f"snapshot    {tracebacks:,} tracebacks, {tracebacks * blocks:,} blocks: program held for {held} ms (goal 10), "
              f"written in {written} ms (goal 50), {processor} ms of processor time, {int(size):,} bytes", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", required=True, help="libmtrace_rt.so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--heaptrack", action="store_true", help="compare with heaptrack too: takes several times as long")
    parser.add_argument("program", nargs="*", help="only these")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = variants(folder, str(Path(options.runtime).resolve()), options.heaptrack)
        for program, command, goal in programs(folder, options.program):
            measure(program, command, goal, kinds, options.rounds)
        if not options.program:
            measure_memory(folder, str(Path(options.runtime).resolve()))
        if not options.program or "snapshot" in options.program:
            measure_snapshot(folder, str(Path(options.runtime).resolve()))


if __name__ == "__main__":
    main()
