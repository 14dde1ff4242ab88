#!/usr/bin/python3
"""What heaptrack, jemalloc, gperftools, DHAT, massif and memray wrote, read by mtrace: their own tools' figures.

    tests/cli/foreign_profiles.py --mtrace PATH

testdata/make_foreign_profiles.sh makes the files and the figures beside them.
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracle"))

from foreign_inputs import Session, require  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402

FILES = HERE.parents[1] / "testdata" / "foreign"
TEXT = ("-f", "text", "-n", "0", "--raw-frames")


def path_of(name):
    return str(FILES / name)


def text_of(name):
    return (FILES / name).read_text(encoding="utf-8")


def unpacked(name):
    return subprocess.run(["zstd", "-dcq", FILES / name], capture_output=True, check=True).stdout.decode()


def tracebacks(session, path, metric):
    return session.json("top", path, "-m", metric, "-g", "traceback", "--raw-frames")["statistics"]


def names_of(statistic, begin="main"):
    """As heaptrack prints a traceback: from main on, without operator new. Inlined calls stand elsewhere there."""
    names = [frame["function"] or "?" for frame in statistic["traceback"]]
    names = [name for name in names if not name.startswith("operator new")]
    return tuple(sorted(names[names.index(begin):] if begin in names else names))  # fmt: skip


# --- heaptrack ---


def folded(text):
    figures = Counter()
    for line in text.splitlines():
        stack, _, number = line.rpartition(" ")
        names = [re.sub(r" \([^()]*\)$", "", name) for name in stack.strip(";").split(";")]
        figures[tuple(sorted("?" if name.startswith("0x") else name for name in names))] += int(number)
    return +figures


def check_heaptrack(session):
    """The same as heaptrack_print counts by stack, of what the interpreter made."""
    for cost, metric, figure in (("leaked", "live", "size"), ("peak", "peak", "size"), ("allocations", "total", "count")):
        theirs = folded(text_of(f"heaptrack.{cost}.folded"))
        ours = Counter()
        for one in tracebacks(session, path_of("heaptrack.zst"), metric):
            ours[names_of(one)] += one[figure]
        require(+ours == theirs, f"{metric}: {ours}\n{theirs}")
    info = session.json("info", path_of("heaptrack.zst"))
    require(info["file"]["format"] == "heaptrack 1.4.0, format 3, interpreted", f"{info}")


def check_raw_heaptrack(session):
    """What the tracer wrote has the same figures, at addresses of the same modules."""
    for metric in ("live", "peak", "total"):
        raw, interpreted = (tracebacks(session, path_of(name), metric) for name in ("heaptrack.raw.zst", "heaptrack.zst"))
        require([(one["size"], one["count"]) for one in raw] == [(one["size"], one["count"]) for one in interpreted], f"{raw}")
    text = session.run("top", path_of("heaptrack.raw.zst"), *TEXT).stdout
    require(re.search(rb"^/tmp/heap/heap\+0x[0-9a-f]{4}: size=30.3 KiB, count=39,", text), text)


def older(text, version, raw):
    """The same file as older versions wrote it: strings without their lengths."""
    lines = []
    for line in text.splitlines():
        if line.startswith("v "):
            line = version
        elif line[:2] in ("s ", "x ", "m ") and line != "m -":
            size, _, rest = line[2:].partition(" ")
            line = line[:2] + rest[: int(size, 16)] + rest[int(size, 16) :]
        lines.append(line)
    return "".join(f"{line}\n" for line in lines).encode()


def check_heaptrack_versions(session):
    for name, raw in (("heaptrack.zst", False), ("heaptrack.raw.zst", True)):
        text = unpacked(name)
        expected = session.run("top", path_of(name), *TEXT).stdout
        for version in ("v 10200", "v 10000 1", "v 10100 2", "v 10200 2"):
            path = session.write("old", older(text, version, raw))
            require(session.run("top", path, *TEXT).stdout == expected, f"{name} as {version} reads otherwise")
        for packed in (text.replace("v 10400", "v 10600").encode(), gzip.compress(text.encode())):
            require(session.run("top", session.write("new", packed), *TEXT).stdout == expected, f"{name} reads otherwise")
    # A loop may repeat itself many times more than a snapshot can.
    loop = subprocess.run(["zstd", "-cq"], input=b"v 10400 3\na 10 0\n" + b"+ 0\n- 0\n" * (17 << 20), capture_output=True, check=True).stdout
    total = session.json("top", session.write("loop.zst", loop), "-m", "total")["total"]
    require(len(loop) < 100000 and total == {"size": 17 << 24, "count": 17 << 20} | total, f"{len(loop)} bytes: {total}")
    refused = session.run("top", session.write("new", b"v 20000 4\nX app\n"), status=2).stderr
    require(b"heaptrack's format 4, written by version 2.0.0: formats up to 3 are known" in refused, refused)


# --- jemalloc and gperftools ---


def check_jemalloc(session):
    """jeprof's totals, of sampled blocks."""
    for kind, metric in (("inuse", "live"), ("alloc", "total")):
        theirs = int(re.match(r"Total: (\d+) B", text_of(f"jemalloc.{kind}.txt"))[1])
        ours = session.json("top", path_of("jemalloc.heap"), "-m", metric, "-g", "module")
        require(ours["total"]["size"] == theirs, f"{ours['total']}, not {theirs}")
        flat = {"/tmp/heap/heap": 0, "libstdc++": 81920}
        for size, name in re.findall(r"^ +(\d+) .* (\S+)$", text_of(f"jemalloc.{kind}.txt"), re.M):
            # What jeprof makes of the stripped allocator's own addresses is its caller's here.
            if name in ("::filled", "malloc_usable_size"):
                flat["/tmp/heap/heap"] += int(size)
        found = {one["traceback"][0]["module"]: one["size"] for one in ours["statistics"]}
        found = {key if key in flat else "libstdc++": size for key, size in found.items()}
        # It prints fractions of bytes without them.
        require(found.keys() == flat.keys() and all(abs(found[key] - flat[key]) <= 2 for key in flat), f"{found}, not {flat}")
    require(ours["snapshot"]["sampling_rate"] == 4096 and ours["snapshot"]["program"] == "/tmp/heap/heap", f"{ours['snapshot']}")
    alive = re.sub(r"\[\d+: \d+\]", "[0: 0]", text_of("jemalloc.heap"))
    refused = session.run("top", session.write("alive.heap", alive.encode()), "-m", "total", status=2).stderr
    require(b"alive.heap: this heap profile has no total metric, only live" in refused, refused)


def check_gperftools(session):
    for kind, metric in (("inuse", "live"), ("alloc", "total")):
        theirs = int(re.match(r"Total: (\d+) B", text_of(f"gperftools.{kind}.txt"))[1])
        ours = session.json("top", path_of("gperftools.heap"), "-m", metric, "-g", "traceback")
        require(ours["total"]["size"] == theirs, f"{ours['total']}, not {theirs}")
        rows = re.findall(r"^ *(\d+): +(\d+) \[ *(\d+): +(\d+)\] @ ", text_of("gperftools.heap"), re.M)
        figures = sorted(pair for row in rows if (pair := tuple(map(int, row[2:] if kind == "alloc" else row[:2]))) != (0, 0))
        require(sorted((one["count"], one["size"]) for one in ours["statistics"]) == figures, f"{ours}")
    refused = session.run("top", path_of("gperftools.heap"), "-m", "peak", status=2).stderr
    require(b"this heap profile has no peak metric, only live and total" in refused, refused)


SAMPLED = b"""heap profile:   3:   3000 [   3:   3000] @ heap_v2/524288
   2:   2000 [   2:   2000] @ 0x1001 0x2001
   1:   1000 [   1:   1000] @ 0x1001
"""
SYMBOLIZED = b"""--- symbol
binary=/usr/bin/app
0x0000000000001000 outer--inlined
0x2000 main
---
--- heap
""" + SAMPLED  # fmt: skip
GO_TEXT = b"""heap profile: 1: 1000 [2: 2000] @ heap/1048576
1: 1000 [2: 2000] @ 0x48d1ce 0x48d1cf
#\t0x48d1cd\tmain.load+0xad\t/tmp/heap.go:13
#\t0x48d1ce\tmain.main+0x1e\t/tmp/heap.go:18

# runtime.MemStats
# Alloc = 123
"""


def check_sampled_text(session):
    """1 - exp(-1000 / 524288) of all blocks of 1000 bytes were sampled: each stands for 524.8."""
    text = session.run("top", session.write("sampled.heap", SAMPLED), *TEXT).stdout
    require(text == b"<unknown>+0x1001: size=1537 KiB, count=1575, average=1000 B\n", text)
    found = session.json("top", session.write("symbols.heap", SYMBOLIZED), "-g", "traceback", "--raw-frames")
    frames = [[frame["function"] for frame in one["traceback"]] for one in found["statistics"]]
    require(frames == [["main", "outer", "inlined"], ["outer", "inlined"]] and found["snapshot"]["program"] == "/usr/bin/app", f"{found}")
    refused = session.run("top", "symbols.heap", "-m", "total", status=2).stderr
    require(b"this heap profile has no total metric" in refused, refused)
    text = session.run("top", session.write("go.heap", GO_TEXT), *TEXT).stdout
    require(text.startswith(b"/tmp/heap.go:13: "), text)


# --- Valgrind's ---


def check_dhat(session):
    theirs = {line.split(":")[0]: tuple(int(number.replace(",", "")) for number in re.findall(r"[\d,]+(?= bytes| blocks)", line))
              for line in text_of("dhat.txt").splitlines()}  # fmt: skip
    for key, metric in (("Total", "total"), ("At t-gmax", "peak"), ("At t-end", "live")):
        total = session.json("top", path_of("dhat.json"), "-m", metric)["total"]
        require((total["size"], total["count"]) == theirs[key], f"{metric}: {total}, not {theirs[key]}")
    top = session.run("top", path_of("dhat.json"), "-f", "text", "-n", "0").stdout
    require(b"heap.cpp:12: size=30.3 KiB, count=39, average=795 B\n" in top, top)
    found = tracebacks(session, path_of("dhat.json"), "peak")
    burst = next(one for one in found if one["size"] == 400000)
    require([frame["function"] for frame in burst["traceback"]][-4:] ==
            ["(anonymous namespace)::burst()", "doubled", "(anonymous namespace)::filled(unsigned long)", "malloc"], f"{burst}")  # fmt: skip


def check_massif(session):
    """The peak is the snapshot that ms_print shows as such."""
    peak = max(int(size) for size in re.findall(r"mem_heap_B=(\d+)", text_of("massif.out")))
    shown = f"{peak:,}B) (heap allocation functions)" in text_of("massif.txt")
    found = session.json("top", path_of("massif.out"), "-m", "peak")
    require(found["total"]["size"] == peak == found["snapshot"]["peak"], f"{found}")
    last = int(re.findall(r"mem_heap_B=(\d+)", text_of("massif.out"))[-1])
    require(session.json("top", path_of("massif.out"))["total"]["size"] == last and shown, f"not {last}")
    trees = text_of("massif.out").split("heap_tree=peak\n")[1].split("#---")[0]
    leaf = re.search(r"^ n\d+: (\d+) 0x\w+: (.+) \((\S+):(\d+)\)$", trees, re.M)
    first = max(found["statistics"], key=lambda one: one["size"])
    place = (str(first["size"]), first["traceback"][0]["function"], first["traceback"][0]["filename"], str(first["traceback"][0]["lineno"]))
    require(place == leaf.groups(), f"{place}, not {leaf.groups()}")


# --- memray ---

MEMRAY = (FILES / "memray.csv").read_bytes()


def check_memray(session):
    path = session.write("memray.csv", MEMRAY)
    text = session.run("top", path, *TEXT).stdout
    require(text == b"<unknown>:0: size=4096 B, count=1, average=4096 B\n/src/app.py:13: size=2048 B, count=2, average=1024 B\n"
                    b"/src/a|b,c.py:14: size=512 B, count=1, average=512 B\n", text)  # fmt: skip
    domains = session.run("top", path, "-g", "domain", "-f", "csv").stdout
    require(all(name in domains for name in (b"python", b"native", b"mmap")), domains)
    refused = session.run("top", path, "-m", "peak", status=2).stderr
    require(b"memray's CSV has no peak metric, only live" in refused, refused)


# --- all ---


def check_every_command(session):
    for name, kind in (("heaptrack.zst", "heaptrack"), ("heaptrack.raw.zst", "heaptrack"), ("jemalloc.heap", "jemalloc"),
                       ("gperftools.heap", "gperftools"), ("dhat.json", "dhat"), ("massif.out", "massif")):  # fmt: skip
        path = path_of(name)
        expected = session.run("top", path, *TEXT).stdout
        session.run("convert", path, "-o", "same.zst")
        require(session.run("top", "same.zst", *TEXT).stdout == expected, f"{name} reads otherwise when it is converted")
        packed = session.write("packed.gz", gzip.compress((FILES / name).read_bytes()))
        if not name.endswith(".zst"):
            require(session.run("top", packed, *TEXT).stdout == expected, f"{name} in gzip reads otherwise")
        require(session.json("diff", path, "same.zst")["total"]["size_diff"] == 0, f"{name} differs from itself")
        require(session.json("info", path)["snapshot"]["kind"] == kind, name)
        require(session.json("top", "same.zst")["snapshot"]["kind"] == kind, name)
    require(session.json("trend", path, path, "same.zst")["verdict"] == "flat", "it grows")
    session.run("check", path_of("dhat.json"), "--max-size", "31KiB")
    session.run("check", path_of("dhat.json"), "--max-size", "30KiB", status=1)


def damaged():
    """What is each reader's own, and broken: a name, the bytes, and what is said."""
    heaptrack = unpacked("heaptrack.zst").encode()
    raw = unpacked("heaptrack.raw.zst").encode()
    yield "a cut line", heaptrack[:-1], b"it ends in the middle of a line: it is cut, at byte"
    yield "no such string", heaptrack + b"i 1 ffff\n", b"damaged: there is no string ffff, at byte"
    yield "no such trace", heaptrack + b"a 1 ffff\n", b"damaged: there is no trace ffff, at byte"
    yield "no such caller", raw + b"t 1 ffff\n", b"damaged: there is no trace ffff, at byte"
    yield "no such instruction", heaptrack + b"t ffff 0\n", b"damaged: there is no instruction ffff, at byte"
    yield "no such allocation", heaptrack + b"- ffff\n", b"damaged: there is no allocation ffff, at byte"
    yield "freed twice", b"v 10400 3\na 1 0\n+ 0\n- 0\n- 0\n", b"damaged: a block is freed that is not there"
    yield "a huge block", heaptrack + b"a ffffffffffffffff 0\n", b"sizes add up to 2^63 bytes or more, at byte"
    yield "huge blocks", b"v 10400 3\na 7fffffffffffffff 0\n" + b"+ 0\n" * 3, b"2^63 bytes"
    yield "another line", heaptrack + b"? what\n", b"damaged: this is no line of heaptrack's: '? what', at byte"
    yield "a short string", b"v 10400 3\ns ff short\n", b"damaged: a string is shorter than its length says, at byte"
    yield "inlined without end", b"v 10400 3\ns 1 f\n" + b"i 1 0" + b" 1 1 1" * 9000 + b"\n" + b"".join(
        b"t 1 %x\n" % number for number in range(900)), b"more inlined calls than a file of its size can have"  # fmt: skip
    jemalloc = text_of("jemalloc.heap").encode()
    yield "a cut profile", jemalloc[: jemalloc.index(b"\n  t*", 200) + 1], b"it ends in the middle of its amounts: it is cut"
    yield "no amounts", b"heap_v2/1\n t*: 0: 0 [0: 0]\n@ 0x1\n@ 0x2\n", b"damaged: a stack has no amounts, at byte"
    yield "no address", b"heap_v2/1\n t*: 0: 0 [0: 0]\n@ what\n", b"damaged: this is no line of a heap profile: '@ what'"
    yield "no rate", b"heap_v2/\n", b"damaged: this is no line of a heap profile"
    yield "no heap behind symbols", b"--- symbol\n0x1 f\n---\n--- contention\n", b"a line '--- heap' is missing"
    yield "of growth", b"heap profile: 1: 2 [1: 2] @ growthz\n", b"a heap profile, but not of blocks: its type is 'growthz'"
    yield "samples without end", b"heap_v2/9223372036854775807\n t*: 1: 1 [0: 0]\n@ 0x1\n t*: 9999: 9999 [0: 0]\n", b"2^63"
    dhat = text_of("dhat.json").encode()
    yield "cut JSON", dhat[:-5], b"damaged: this is no JSON, or it is cut, at byte"
    yield "no such frame", dhat.replace(b'"fs":[1', b'"fs":[999'), b"damaged: there is no frame 999"
    yield "negative", dhat.replace(b'"tb":', b'"tb":-'), b"damaged: a negative number of bytes or blocks, at byte"
    yield "without an amount", dhat.replace(b'"eb":', b'"xx":'), b"damaged: a program point without eb or ebk"
    yield "without a table", dhat.replace(b'"ftbl"', b'"xxxx"'), b"without dhatFileVersion, pps or ftbl"
    yield "a later version", dhat.replace(b'Version":2', b'Version":3'), b"a DHAT profile of version 3: only 2 is known"
    yield "of copies", dhat.replace(b'"mode":"heap"', b'"mode":"copy"'), b"not of the heap: its mode is 'copy'"
    yield "deep JSON", b'{"dhatFileVersion":' + b"[" * 100000, b"damaged: this is no JSON"
    massif = text_of("massif.out").encode()
    yield "no snapshots", massif[: massif.index(b"#")], b"it has no snapshot: it is cut"
    yield "a cut tree", massif[: massif.index(b"\n n") + 1], b"it ends in the middle of a tree: it is cut"
    yield "more than all", massif.replace(b"\n n", b"\n n9: 99999999 0x1: f (a.c:1)\n n", 1), b"damaged: "
    yield "another line of massif's", massif + b"what\n", b"damaged: this is no line of massif's: 'what', at byte"
    yield "a cut row", MEMRAY[:-9] + b'"\n', b"it ends in the middle of a row: it is cut"
    yield "few cells", MEMRAY + b"MALLOC,1,2\n", b"damaged: a row has 3 cells, not 6, at byte"
    yield "no number", MEMRAY + b"MALLOC,1,x,1,a,\n", b"damaged: this is no number of bytes or blocks: 'x', at byte"
    yield "no frame", MEMRAY + b"MALLOC,1,2,1,a,what\n", b"damaged: a stack has no FUNCTION;FILE;LINE, at byte"


def check_damaged(session):
    for name, data, message in damaged():
        done = session.run("top", session.write("bad", data), status=2)
        require(not done.stdout and done.stderr.count(b"\n") == 1, f"{name}: {done}")
        require(done.stderr.startswith(b"mtrace: bad: ") and message in done.stderr, f"{name}: {done.stderr}")
    for text in (b"v is a letter\n", b"description of it\n", b'{"a": 1}\n', b"allocator,size\n", b"--- a diff\n", b"heap of it\n"):
        require(b"not a snapshot but" in session.run("top", session.write("text", text), status=2).stderr, f"{text}")


def check_live_profilers(session):
    """A program under the profilers that are here: their tool and mtrace name the same functions with the same bytes."""
    library = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
    if not (shutil.which("jeprof") and shutil.which("g++") and os.path.exists(library)):
        print("jemalloc's profiler is not installed (packages libjemalloc2 and libjemalloc-dev)")
        return
    program = session.folder / "heap"
    subprocess.run(["g++", "-g", "-O1", "-fno-optimize-sibling-calls", "-o", program, FILES / "heap.cpp"], check=True)
    settings = f"prof:true,lg_prof_sample:0,prof_final:true,prof_prefix:{session.folder}/profile"
    subprocess.run([program], check=True, env=ENVIRONMENT | {"LD_PRELOAD": library, "MALLOC_CONF": settings})
    profile = next(session.folder.glob("profile*.heap"))
    theirs = subprocess.run(["jeprof", "--text", "--show_bytes", "--functions", program, profile], check=True, capture_output=True, text=True,
                            env=ENVIRONMENT).stdout  # fmt: skip
    ours = session.json("top", str(profile), "-g", "function")
    require(ours["total"]["size"] == int(re.search(r"Total: (\d+) B", theirs)[1]), f"{ours}\n{theirs}")
    filled = re.search(r"^ +(\d+) .* ::filled$", theirs, re.M)[1]
    found = {one["traceback"][0]["function"]: one["size"] for one in ours["statistics"]}
    require(found.get("(anonymous namespace)::filled") == int(filled), f"{found}\n{theirs}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    mtrace = Mtrace(parser.parse_args().mtrace)
    checks = [check_heaptrack, check_raw_heaptrack, check_heaptrack_versions, check_jemalloc, check_gperftools, check_sampled_text,
              check_dhat, check_massif, check_memray, check_every_command, check_damaged, check_live_profilers]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="mtrace-foreign-") as folder:
        for check in checks:
            check(Session(mtrace, Path(folder)))
    print(f"{len(checks)} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
