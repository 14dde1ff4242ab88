#!/usr/bin/python3
"""What other tools wrote, read by mtrace: the same figures as the tool's own.

    tests/cli/foreign_inputs.py --mtrace PATH

The files and what their tools say of them are in testdata. Where the tool is installed, it is asked again.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
TESTDATA = HERE.parents[1] / "testdata"
sys.path[:0] = [str(HERE / "golden"), str(HERE.parent / "oracle")]

from inputs import write_inputs  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402


def require(condition, message):
    if not condition:
        raise AssertionError(message)


class Session:
    def __init__(self, mtrace, folder):
        self.mtrace, self.folder = mtrace, folder

    def run(self, *arguments, status=0):
        done = subprocess.run([self.mtrace.path, *arguments], cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)  # fmt: skip
        require(done.returncode == status, f"{arguments}: status {done.returncode}\n{done.stderr.decode()}")
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-f", "json").stdout)

    def write(self, name, data):
        (self.folder / name).write_bytes(data)
        return name


# --- pprof ---


def varint(number):
    number &= (1 << 64) - 1
    data = b""
    while number >= 0x80:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def field(number, value):
    """A number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


class Profile:
    """A profile of one sample in main (app.c:3), called with one location, in whatever is changed."""

    def __init__(self, types=(("inuse_objects", "count"), ("inuse_space", "bytes")), values=(2, 4096), packed=True,
                 location=None, label=b"", mapping=b"", extra=b""):  # fmt: skip
        self.strings = [""]
        data = b""
        for name, unit in types:
            data += field(1, field(1, self.string(name)) + field(2, self.string(unit)))
        ids = field(1, varint(1)) if packed else field(1, 1)
        numbers = field(2, b"".join(map(varint, values))) if packed else b"".join(field(2, value) for value in values)
        data += field(2, ids + numbers + label) + mapping
        data += field(4, location or field(1, 1) + field(3, 0x1234) + field(4, field(1, 7) + field(2, 3)))
        data += field(5, field(1, 7) + field(2, self.string("main")) + field(4, self.string("app.c")))
        self.body, self.extra = data, extra

    def string(self, text):
        if text not in self.strings:
            self.strings.append(text)
        return self.strings.index(text)

    def data(self):
        return self.body + b"".join(field(6, text.encode()) for text in self.strings) + self.extra


ROW = re.compile(r" +(\d+)B? +\S+ +\S+ +(\d+)B? +\S+ +(.*)")


def pprof_rows(text):
    """Own and cumulative bytes by function and line."""
    matches = [match for line in text.splitlines() if (match := ROW.fullmatch(line))]
    return {match[3].removesuffix(" (inline)"): (int(match[1]), int(match[2])) for match in matches}


def place_of(statistic):
    frame = statistic["traceback"][0]
    return f"{frame['function']} {frame['filename'].removeprefix('./')}:{frame['lineno']}"


def check_go_heap(session):
    """Go's own profile of testdata/pprof/heap.go, beside what its own tool says."""
    path = TESTDATA / "pprof" / "go-heap.pb.gz"
    for index, metric in (("inuse_space", "live"), ("alloc_space", "total")):
        theirs = (TESTDATA / "pprof" / f"go-heap.{index}.txt").read_text()
        if shutil.which("go"):
            again = subprocess.run(["go", "tool", "pprof", "-top", "-lines", "-unit=B", "-nodecount=0", "-nodefraction=0",
                                    f"-sample_index={index}", path], capture_output=True, text=True, check=True, timeout=120,
                                   env=ENVIRONMENT | {"HOME": str(session.folder)})  # fmt: skip
            require(pprof_rows(again.stdout) == pprof_rows(theirs), again.stdout)
        else:
            print("go is not installed (package golang-go): its figures are those that are kept")
        total = int(re.search(r"of (\d+)B total", theirs)[1])
        own, cumulative = (session.json("top", str(path), "-m", metric, "--raw-frames", *more) for more in ((), ("--cumulative",)))
        require(own["total"]["size"] == total, f"{own['total']}")
        require({place_of(one): one["size"] for one in own["statistics"]} ==
                {place: flat for place, (flat, _) in pprof_rows(theirs).items() if flat}, f"{own}")  # fmt: skip
        require({place_of(one): one["size"] for one in cumulative["statistics"]} ==
                {place: cum for place, (_, cum) in pprof_rows(theirs).items()}, f"{cumulative}")  # fmt: skip
    require(own["snapshot"]["kind"] == "pprof" and own["snapshot"]["program"] == "/tmp/heap", f"{own['snapshot']}")
    tracebacks = session.run("top", str(path), "-g", "traceback", "-n", "1").stdout.decode()
    require(re.search(r"main.main\n +heap.go:18 in main.parse \(inlined\)\n +heap.go:13 in main.load", tracebacks), tracebacks)


def check_every_command(session):
    path = str(TESTDATA / "pprof" / "go-heap.pb.gz")
    plain = session.write("plain.pb", gzip.decompress(Path(path).read_bytes()))
    expected = session.run("top", path, "-f", "text").stdout
    session.run("convert", path, "-o", "go.zst")
    for name in (plain, "go.zst"):
        require(session.run("top", name, "-f", "text").stdout == expected, f"{name} reads otherwise")
    require(session.json("diff", path, "go.zst")["total"]["size_diff"] == 0, "a profile differs from itself")
    require(session.json("trend", path, plain, "go.zst")["verdict"] == "flat", "it grows")
    require(session.json("info", path)["totals"]["live"]["size"] == session.json("top", path)["total"]["size"], "info")
    refused = session.run("top", path, "-m", "peak", status=2).stderr
    require(b"this pprof profile has no peak metric: its sample types are alloc_objects/count" in refused, refused)


def check_round_trip(session):
    """snapshot -> pprof -> mtrace -> pprof: nothing is lost that both have."""
    for snapshot, metrics in (("native.zst", ("live", "total", "peak")), ("after.pickle", ("live",)), ("numpy.pickle", ("live",)),
                              ("night/app.1.zst", ("live",))):  # fmt: skip
        more = ("-m", metrics[-1])
        session.run("export", snapshot, "--raw-frames", *more, "--to", "pprof", "-o", "once.pb.gz")
        session.run("export", "once.pb.gz", "--raw-frames", *more, "--to", "pprof", "-o", "twice.pb.gz")
        one, other = ((session.folder / name).read_bytes() for name in ("once.pb.gz", "twice.pb.gz"))
        require(gzip.decompress(one) == gzip.decompress(other), f"{snapshot}: a second export differs")
        for metric in metrics:
            for group in ("traceback", "domain", "module"):
                ours, theirs = (session.json("top", name, "--raw-frames", "-m", metric, "-g", group) for name in (snapshot, "once.pb.gz"))
                require(ours["statistics"] == theirs["statistics"], f"{snapshot}: {ours}\n{theirs}")
        kept = ("command", "pid", "host", "losses") if snapshot == "native.zst" else ()
        for key in kept:
            require(ours["snapshot"][key] == theirs["snapshot"][key], f"{key}: {ours['snapshot']}\n{theirs['snapshot']}")


def check_odd_profiles(session):
    """What the format allows and few write."""
    expected = b"app.c:3: size=4096 B, count=2, average=2048 B\n"
    for name, profile in (
        ("unpacked", Profile(packed=False)),
        ("objects and space", Profile(types=(("objects", "count"), ("space", "bytes")))),
        ("other types beside", Profile(types=(("cpu", "nanoseconds"), ("inuse_objects", "count"), ("inuse_space", "bytes")), values=(9, 2, 4096))),
        ("unknown fields", Profile(extra=field(99, b"later") + field(50, 7))),
    ):
        path = session.write("odd.pb", profile.data())
        require(session.run("top", path, "-f", "text").stdout == expected, f"{name}: {session.run('top', path, '-f', 'text').stdout}")
    bytes_alone = session.write("bytes.pb", Profile(types=(("inuse_space", "bytes"),), values=(4096,)).data())
    require(session.json("top", bytes_alone)["total"] == {"size": 4096, "count": 0} | session.json("top", bytes_alone)["total"], "bytes alone")
    address = Profile(location=field(1, 1) + field(2, 5) + field(3, 0x7F0000001234))
    address.body += field(3, field(1, 5) + field(2, 0x7F0000001000) + field(3, 0x7F0000002000) + field(4, 0x3000) +
                          field(5, address.string("/lib/gone.so")) + field(6, address.string("ABCD")))  # fmt: skip
    text = session.run("top", session.write("address.pb", address.data()), "-f", "text").stdout
    require(text == b"/lib/gone.so+0x3234: size=4096 B, count=2, average=2048 B\n", text)


def check_bad_profiles(session):
    profile = Profile()
    base = field(3, field(1, profile.string("pprof::base")) + field(2, profile.string("true")))
    good = Profile().data()
    for name, data, message in (
        ("of time", Profile(types=(("samples", "count"), ("cpu", "nanoseconds"))).data(),
         "a pprof profile, but not of memory: its sample types are samples/count, cpu/nanoseconds"),
        ("not in bytes", Profile(types=(("inuse_objects", "count"), ("inuse_space", "pages"))).data(), "not of memory"),
        ("negative", Profile(values=(-2, -4096)).data(), "negative amounts: a comparison of profiles, or damaged, at byte"),
        ("few values", Profile(values=(4096,)).data(), "damaged: a sample has 1 values, not 2, at byte"),
        ("no location", Profile(location=field(1, 2)).data(), "damaged: there is no location 1, at byte"),
        ("no mapping", Profile(location=field(1, 1) + field(2, 9)).data(), "damaged: there is no mapping 9, at byte"),
        ("no function", Profile(location=field(1, 1) + field(4, field(1, 8))).data(), "damaged: there is no function 8, at byte"),
        ("twice", Profile(extra=field(4, field(1, 1))).data(), "damaged: location 1 comes twice, at byte"),
        ("no string", Profile(extra=field(5, field(1, 8) + field(2, 99)) + field(4, field(1, 9) + field(4, field(1, 8)))).data(), None),
        ("a sum past 2^63", good + field(2, field(1, varint(1)) + field(2, varint(1) + varint((1 << 63) - 1))), ""),
        ("cut", good[:-3], "damaged: this is no field of a profile, at byte"),
        ("a wrong type", good + varint(4 << 3) + varint(1), "damaged: a message is expected, at byte"),
    ):  # fmt: skip
        done = session.run("top", session.write("bad.pb", data), status=0 if message is None else 2)
        if message is not None:
            require(not done.stdout and done.stderr.count(b"\n") == 1, f"{name}: {done}")
            require(done.stderr.startswith(b"mtrace: bad.pb: ") and message.encode() in done.stderr, f"{name}: {done.stderr}")
    profile.body = profile.body.replace(field(2, field(1, varint(1))[:0] + field(1, varint(1)) + field(2, varint(2) + varint(4096))),
                                        field(2, field(1, varint(1)) + field(2, varint(2) + varint(4096)) + base))  # fmt: skip
    done = session.run("top", session.write("bad.pb", profile.data()), status=2)
    require(b"this is a comparison of two profiles: read each of them alone" in done.stderr, done.stderr)
    # What only begins like a profile is somebody else's.
    for text in (b"\nHello, world\n", b"2026-11-20 a log\n", b'"quoted", csv\n', b"*bold*\n", b"P5\n3 3\n255\n", b"Hello\n", b"  \n"):
        done = session.run("top", session.write("text", text), status=2)
        require(b"not a snapshot but text" in done.stderr, f"{text}: {done.stderr}")
    for size in range(1, len(good)):
        path = session.folder / "cut.pb"
        path.write_bytes(good[:size])
        if size % 7 == 0:
            done = subprocess.run([session.mtrace.path, "top", path], capture_output=True, env=ENVIRONMENT, timeout=60)
            require(done.returncode in (0, 2) and (done.returncode == 0 or done.stderr.count(b"\n") == 1), f"cut at {size}: {done}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    mtrace = Mtrace(parser.parse_args().mtrace)
    checks = [check_go_heap, check_every_command, check_round_trip, check_odd_profiles, check_bad_profiles]
    with tempfile.TemporaryDirectory(prefix="mtrace-foreign-") as folder:
        session = Session(mtrace, Path(folder))
        write_inputs(session.folder)
        for check in checks:
            check(session)
    print(f"{len(checks)} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
