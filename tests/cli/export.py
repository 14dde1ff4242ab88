#!/usr/bin/python3
"""What `mtrace export` writes, read by the tools that it is for, or by readers as strict as they are.

    tests/cli/export.py --mtrace PATH

Everywhere the figures are those of `mtrace top` and `mtrace diff`, to the byte. `go tool pprof`, dh_view's own
list of fields and flamegraph.pl are asked where they are installed.
"""

import argparse
import collections
import csv
import gzip
import io
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from jsonschema import Draft202012Validator

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "golden"), str(HERE.parent / "oracle")]

from inputs import write_inputs  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402

SNAPSHOTS = ("native.zst", "after.pickle", "numpy.pickle", "odd.pickle", "empty.pickle", "night/app.1.zst")
DH_VIEW = Path("/usr/libexec/valgrind/dh_view.js")
FLAMEGRAPH = shutil.which("flamegraph.pl")
METRICS = ("live", "peak", "total")


def require(condition, message):
    if not condition:
        raise AssertionError(message)


class Session:
    """A folder of snapshots and the program to test."""

    def __init__(self, mtrace, folder):
        self.mtrace, self.folder = mtrace, folder
        self.totals = {}

    def run(self, *arguments, status=0):
        done = subprocess.run([self.mtrace.path, *arguments], cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)  # fmt: skip
        require(done.returncode == status, f"{arguments}: status {done.returncode}\n{done.stderr.decode()}")
        return done

    def export(self, form, *arguments):
        return self.run("export", "--to", form, *arguments).stdout

    def top(self, snapshot, *options):
        return json.loads(self.run("top", "-f", "json", *options, snapshot).stdout)

    def total(self, snapshot, metric="live"):
        """Bytes and blocks; None where the snapshot lacks the metric."""
        if (snapshot, metric) not in self.totals:
            done = subprocess.run([self.mtrace.path, "top", "-f", "json", "-m", metric, snapshot], cwd=self.folder,
                                  env=ENVIRONMENT, capture_output=True, timeout=60)  # fmt: skip
            total = json.loads(done.stdout)["total"] if done.returncode == 0 else None
            require(total or f"no {metric} metric".encode() in done.stderr, f"{done}")
            self.totals[snapshot, metric] = total and (total["size"], total["count"])
        return self.totals[snapshot, metric]


# --- pprof ---


class Pprof:
    """A profile as `go tool pprof -raw` prints it."""

    def __init__(self, text):
        self.text = text
        self.types, self.samples, self.locations, self.mappings = [], [], {}, {}
        section = ""
        for line in text.splitlines():
            if re.fullmatch(r"(Samples|Locations|Mappings):?", line):
                section = line.rstrip(":")
            elif section == "Samples" and not self.types:
                self.types = line.split()
            elif section == "Samples" and (match := re.fullmatch(r"([-\d ]+): ([\d ]*)", line)):
                self.samples.append(([int(n) for n in match[1].split()], match[2].split(), []))
            elif section == "Samples":
                self.samples[-1][2].append(line.strip())
            elif section == "Locations" and (match := re.match(r" +(\d+): 0x([0-9a-f]+) (?:M=(\d+) )?", line)):
                self.locations[match[1]] = (int(match[2], 16), match[3])
            elif section == "Mappings" and (match := re.match(r"(\d+): 0x(\w+)/0x(\w+)/0x\w+ (\S*) (\w*) ", line)):
                self.mappings[match[1]] = (int(match[2], 16), int(match[3], 16), match[4], match[5])

    def sums(self):
        return [sum(values) for values in zip(*(sample[0] for sample in self.samples), strict=True)]


def pprof(folder, *arguments):
    done = subprocess.run(["go", "tool", "pprof", *arguments], cwd=folder, capture_output=True, text=True, timeout=120,
                          env=ENVIRONMENT | {"HOME": str(folder), "PPROF_TMPDIR": str(folder)})  # fmt: skip
    require(done.returncode == 0, f"go tool pprof {arguments}: {done.stderr}")
    return done.stdout


WHOLE = ("-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-unit=B", "-lines")
ROW = re.compile(r" +(-?\d+)B? +\S+ +\S+ +(-?\d+)B? +\S+ +(.*)")


def rows_of(text):
    """Own and cumulative bytes by what -top calls a place."""
    matches = [match for line in text.splitlines() if (match := ROW.fullmatch(line))]
    return {match[3].removesuffix(" (inline)"): (int(match[1]), int(match[2])) for match in matches}


def place_of(statistic):
    """As -top calls it with -lines."""
    frame = statistic["traceback"][0]
    if frame["filename"] is None:
        return f"[{os.path.basename(frame['module'])}]"
    line = f"{frame['filename']}:{frame['lineno']}"
    return f"{frame['function'] or line} {line}"


def check_pprof_places(profile):
    """Nothing is at address 0, nothing in another's range, no two places at one address."""
    # pprof makes up one of its own where there is none.
    if list(profile.mappings.values()) == [(0, 0, "", "")]:
        profile.mappings = {}
        profile.locations = {key: (address, None) for key, (address, _) in profile.locations.items()}
    ranges = sorted(mapping[:2] for mapping in profile.mappings.values())
    require(all(0 < start < limit for start, limit in ranges), f"a mapping without a range: {ranges}")
    require(all(a[1] <= b[0] for a, b in zip(ranges, ranges[1:])), f"mappings overlap: {ranges}")
    addresses = [address for address, _ in profile.locations.values()]
    require(len(set(addresses)) == len(addresses) and 0 not in addresses, f"addresses: {addresses}")
    for address, number in profile.locations.values():
        inside = [key for key, mapping in profile.mappings.items() if mapping[0] <= address < mapping[1]]
        require(inside == ([number] if number else []), f"{address:#x} is in {inside}, not in {number}")


def check_pprof(session):
    for snapshot in SNAPSHOTS:
        name = snapshot.replace("/", "-") + ".pb.gz"
        (session.folder / name).write_bytes(session.export("pprof", snapshot))
        profile = Pprof(pprof(session.folder, "-raw", name))
        expected = []
        for metric, objects, space in (("total", "alloc_objects", "alloc_space"), ("live", "inuse_objects", "inuse_space")):
            total = session.total(snapshot, metric)
            if total:
                expected += [(f"{objects}/count", total[1]), (f"{space}/bytes", total[0])]
            else:
                require(f"no {metric} metric: {objects} and {space} are left out" in profile.text, profile.text)
        types = [name for name, _ in expected]
        types[-1] += "[dflt]"
        require(profile.types == types, f"{snapshot}: {profile.types}")
        require(not profile.samples or profile.sums() == [number for _, number in expected], f"{snapshot}: {profile.sums()}")
        check_pprof_places(profile)
    raw = pprof(session.folder, "-raw", "native.zst.pb.gz")
    require("1: 0x10000/0x11000/0x0 /app/app  [FN][FL][LN][IN]" in raw, "the program comes first")
    require("domain:[python]" in raw and "domain:[1]" in raw, raw)
    require(re.search(r"grow vec.h:2 s=0\n +parse /app/app.c:7 s=0", raw), "inlined calls come innermost first")
    require("PeriodType:  \n" in raw and "Duration: 2.5s" in raw and "Time: 2023-11-14 22:13:22.5 +0000 UTC" in raw, raw)


def check_pprof_reports(session):
    """The same ranking, by any view."""
    for snapshot, index in (("native.zst", "inuse_space"), ("native.zst", "alloc_space"), ("after.pickle", "inuse_space")):
        metric = {"inuse_space": "live", "alloc_space": "total"}[index]
        top = rows_of(pprof(session.folder, "-top", f"-sample_index={index}", *WHOLE, f"{snapshot}.pb.gz"))
        own = {place: flat for place, (flat, _) in top.items() if flat}
        statistics = session.top(snapshot, "-m", metric)["statistics"]
        require(own == {place_of(one): one["size"] for one in statistics}, f"{snapshot}: {own}")
        cumulative = session.top(snapshot, "-m", metric, "--cumulative")["statistics"]
        ours = {place_of(one): one["size"] for one in cumulative}
        require({place: cum for place, (_, cum) in top.items()} == ours, f"{snapshot}, cumulative: {top}")
    tree = pprof(session.folder, "-tree", *WHOLE, "native.zst.pb.gz")
    require(re.search(r"4608B 97.88% +\| main /app/app.c:3\n +4096B .*parse /app/app.c:7\n +512B .*\[libz.so\]", tree), tree)
    peek = pprof(session.folder, "-peek", "grow", "-unit=B", "native.zst.pb.gz")
    require(re.search(r"4096B   100% \|   parse \(inline\)\n +4096B 87.00% .* grow", peek), peek)
    raw = Pprof(pprof(session.folder, "-raw", "native.zst.pb.gz", "-sample_index=0"))
    peak = session.folder / "peak.pb.gz"
    peak.write_bytes(session.export("pprof", "native.zst", "-m", "peak"))
    peaks = Pprof(pprof(session.folder, "-raw", peak.name))
    require(peaks.types == [*(name.removesuffix("[dflt]") for name in raw.types), "peak_objects/count", "peak_space/bytes[dflt]"], f"{peaks.types}")
    require(tuple(peaks.sums()[:-3:-1]) == session.total("native.zst", "peak"), f"{peaks.sums()}")


def check_pprof_comparison(session):
    """One file, or two and -diff_base: the same, and what `mtrace diff` says."""
    before = session.folder / "before.pb.gz"
    before.write_bytes(session.export("pprof", "before.pickle"))
    both = session.folder / "both.pb.gz"
    both.write_bytes(session.export("pprof", "after.pickle", "before.pickle"))
    # A place whose own memory shrank is dropped from what -top prints otherwise.
    views = [pprof(session.folder, "-top", *WHOLE, *arguments) for arguments in
             (["both.pb.gz"], ["-diff_base=before.pb.gz", "after.pickle.pb.gz"])]  # fmt: skip
    require(rows_of(views[0]) and rows_of(views[0]) == rows_of(views[1]), "\n".join(views))
    percents = [re.search(r"of (\S+) total", view)[1] for view in views]
    require(percents[0] == percents[1] == "508208B", f"{percents}")
    diff = json.loads(session.run("diff", "-f", "json", "before.pickle", "after.pickle").stdout)
    raw = Pprof(pprof(session.folder, "-raw", "both.pb.gz"))
    change = diff["total"]
    require(raw.sums() == [change["count_diff"], change["size_diff"]], f"{raw.sums()}")
    for values, _, labels in raw.samples:
        require(("pprof::base:[true]" in labels[0]) == (values[1] < 0), f"{values} {labels}")


# --- speedscope, folded, dhat ---


def check_speedscope(session):
    schema = Draft202012Validator(json.loads((HERE / "speedscope.schema.json").read_text()))
    for snapshot in SNAPSHOTS:
        document = json.loads(session.export("speedscope", snapshot))
        schema.validate(document)
        has = [metric for metric in METRICS if session.total(snapshot, metric)]
        require([profile["name"] for profile in document["profiles"]] == has, f"{snapshot}: profiles")
        for profile in document["profiles"]:
            total = sum(profile["weights"])
            require(total == profile["endValue"] == session.total(snapshot, profile["name"])[0], f"{snapshot}: {total}")
            require(len(profile["samples"]) == len(profile["weights"]), f"{snapshot}: as many weights as samples")
            frames = {frame for sample in profile["samples"] for frame in sample}
            require(not frames or max(frames) < len(document["shared"]["frames"]), f"{snapshot}: frames")
    both = json.loads(session.export("speedscope", "after.pickle", "before.pickle"))
    schema.validate(both)
    totals = {profile["name"]: profile["endValue"] for profile in both["profiles"]}
    require(totals == {"live (before)": session.total("before.pickle")[0], "live (after)": session.total("after.pickle")[0]}, f"{totals}")
    require(json.loads(session.export("speedscope", "native.zst", "-m", "total"))["activeProfileIndex"] == 2, "active")


def check_folded(session):
    for snapshot in SNAPSHOTS:
        text = session.export("folded", snapshot).decode()
        lines = [re.fullmatch(r"([^;\n]+(?:;[^;\n]+)*) (\d+)", line) for line in text.splitlines()]
        require(all(lines) and sum(int(line[2]) for line in lines) == session.total(snapshot)[0], f"{snapshot}: {text}")
        require(len({line[1] for line in lines}) == len(lines), f"{snapshot}: a traceback comes twice")
        require(not re.search("[\x00-\x09\x0b-\x1f]", text), f"{snapshot}: control characters")
    text = session.export("folded", "after.pickle", "before.pickle").decode()
    pairs = [re.fullmatch(r".* (\d+) (\d+)", line) for line in text.splitlines()]
    sums = [sum(int(pair[column]) for pair in pairs) for column in (1, 2)]
    require(sums == [session.total(name)[0] for name in ("before.pickle", "after.pickle")], f"{sums}")
    if FLAMEGRAPH:
        for form in (["after.pickle"], ["after.pickle", "before.pickle"]):
            picture = subprocess.run([FLAMEGRAPH], input=session.export("folded", *form), capture_output=True, check=True)
            require(b"<svg" in picture.stdout and b"main.py" in picture.stdout, "flamegraph.pl drew nothing")


def required_fields():
    """What dh_view itself asks for: of a file, with lifetimes, of a point, of a point with lifetimes."""
    if not DH_VIEW.exists():
        print("dh_view is not installed (package valgrind): its list of fields is not compared")
        return [["dhatFileVersion", "mode", "verb", "bklt", "bkacc", "tu", "Mtu", "cmd", "pid", "te", "pps", "ftbl"],
                ["tg", "tuth"], ["tb", "tbk", "fs"], ["mb", "mbk", "gb", "gbk", "eb", "ebk"]]  # fmt: skip
    text = DH_VIEW.read_text()
    lists = [re.search(r"let fields = \[(.*?)\]", text, re.DOTALL)[1]]
    lists += re.findall(r"checkFields\(gData, \[(.*?)\]", text)
    lists += re.findall(r"checkFields\(aPP, \[(.*?)\]", text)[:2]
    return [re.findall(r'"(\w+)"', one) for one in lists]


def check_dhat(session):
    file_fields, file_lifetimes, point_fields, point_lifetimes = required_fields()
    for snapshot in SNAPSHOTS:
        document = json.loads(session.export("dhat", snapshot))
        points, frames = document["pps"], document["ftbl"]
        has_all = all(session.total(snapshot, metric) for metric in METRICS)
        require(document["dhatFileVersion"] == 2 and document["bklt"] == has_all, f"{snapshot}: {document['mode']}")
        require(set(file_fields + has_all * file_lifetimes) <= document.keys(), f"{snapshot}: {document.keys()}")
        for point in points:
            require(set(point_fields + has_all * point_lifetimes) <= point.keys(), f"{snapshot}: {point}")
            require(point["fs"] and all(0 < frame < len(frames) for frame in point["fs"]), f"{snapshot}: {point}")
        require(len({tuple(point["fs"]) for point in points}) == len(points), f"{snapshot}: a traceback comes twice")
        keys = {"total": "tb", "peak": "gb", "live": "eb"} if has_all else {"live": "tb"}
        for metric, key in keys.items():
            sums = (sum(point[key] for point in points), sum(point[key + "k"] for point in points))
            require(sums == session.total(snapshot, metric), f"{snapshot}: {metric} {sums}")
    native = json.loads(session.export("dhat", "native.zst"))
    require((native["te"], native["tg"], native["tu"]) == (2_500_000, 1_000_000, "µs"), "times")
    require("Allocated" == native["verb"] and "lifetimes" in native["mode"], "what is unknown is said")


# --- rows ---

STACK = ("stack", "filename", "lineno", "function", "module")
AMOUNT = ("snapshot", "time", "host", "program", "pid", "sampling_rate", "stack", "domain", "domain_name",
          "live_size", "live_count", "peak_size", "peak_count", "total_size", "total_count")  # fmt: skip


def rows_by_kind(rows):
    kinds = collections.defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row)
    require(kinds.keys() <= {"stack", "amount"}, f"{kinds.keys()}")
    return kinds["stack"], kinds["amount"]


def check_same_in_csv(session, arguments, stacks, amounts):
    table = csv.DictReader(io.StringIO(session.export("csv", *arguments).decode(), newline=""))
    csv_stacks, csv_amounts = rows_by_kind(table)
    for ours, theirs, columns in ((csv_stacks, stacks, STACK), (csv_amounts, amounts, AMOUNT)):
        require(len(ours) == len(theirs), f"{arguments}: {len(ours)} rows, {len(theirs)}")
        for one, other in zip(ours, theirs):
            for column in columns:
                value = "" if other[column] is None else str(other[column])
                require(one[column] == value, f"{arguments}: {column}: {one[column]!r} {value!r}")
    for one, other in zip(csv_stacks, stacks):
        require(json.loads(one["frames"]) == other["frames"], f"{arguments}: {one}")


def check_rows(session):
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE stacks ({', '.join(STACK)}, PRIMARY KEY (stack))")
    database.execute(f"CREATE TABLE amounts ({', '.join(AMOUNT)}, PRIMARY KEY (snapshot, stack, domain))")
    loads = [[name] for name in SNAPSHOTS] + [["after.pickle", "before.pickle"], ["native.zst"], ["after.pickle.gz"]]
    for arguments in loads:
        stacks, amounts = rows_by_kind(map(json.loads, session.export("ndjson", *arguments).splitlines()))
        check_same_in_csv(session, arguments, stacks, amounts)
        known = {stack["stack"] for stack in stacks}
        require(len(known) == len(stacks) and known == {amount["stack"] for amount in amounts}, f"{arguments}: keys")
        require(all(re.fullmatch("[0-9a-f]{32}", key) for key in known), f"{known}")
        require(all(stack["frames"][-1]["lineno"] == stack["lineno"] for stack in stacks), f"{stacks}")
        for metric in METRICS:
            totals = [session.total(name, metric) for name in reversed(arguments)]
            if amounts and None in totals:
                require(all(row[f"{metric}_size"] is None for row in amounts), f"{arguments}: {metric} is made up")
            elif amounts:
                sums = tuple(sum(row[f"{metric}_{what}"] for row in amounts) for what in ("size", "count"))
                require(sums == tuple(map(sum, zip(*totals))), f"{arguments}: {metric}: {sums}")
        for table, columns, rows in (("stacks", STACK, stacks), ("amounts", AMOUNT, amounts)):
            values = [[row[column] for column in columns] for row in rows]
            marks = ", ".join("?" * len(columns))
            database.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)
    # Loaded twice, or from another file with the same content, it counts once.
    total = database.execute("SELECT sum(live_size) FROM amounts").fetchone()[0]
    require(total == sum(session.total(name)[0] for name in (*SNAPSHOTS, "before.pickle")), f"{total}")
    other = session.export("ndjson", "after.pickle", "--hide", "*/util.py")
    ids = {json.loads(line).get("snapshot") for line in (*other.splitlines(), *session.export("ndjson", "after.pickle").splitlines())}
    require(len(ids - {None}) == 2, "another selection is another snapshot")


def check_labels(session):
    labels = {"release": "1.7", "role": 'a "worker", two'}
    session.run("merge", "after.pickle", "before.pickle", "-o", "labelled.zst",
                *(f"--label={name}={value}" for name, value in labels.items()))  # fmt: skip
    _, amounts = rows_by_kind(map(json.loads, session.export("ndjson", "labelled.zst").splitlines()))
    require(amounts and all(row["labels"] == labels for row in amounts), f"{amounts[:1]}")
    table = csv.DictReader(io.StringIO(session.export("csv", "labelled.zst").decode(), newline=""))
    _, amounts = rows_by_kind(table)
    require(amounts and all(json.loads(row["labels"]) == labels for row in amounts), f"{amounts[:1]}")
    if shutil.which("go"):
        (session.folder / "labelled.pb.gz").write_bytes(session.export("pprof", "labelled.zst"))
        raw = Pprof(pprof(session.folder, "-raw", "labelled.pb.gz"))
        require(all("release:[1.7]" in labels[0] for _, _, labels in raw.samples), f"{raw.samples[:1]}")


# --- the command ---


def check_selection(session):
    """Every option that selects does what it does in `top`."""
    for options in (["-x", "*/util.py"], ["--hide", "*/orders.py"], ["--mine"], ["-i", "*/main.py", "--all-frames"], ["--domain", "python"]):
        size = session.top("numpy.pickle", *options)["total"]["size"]
        exported = session.export("folded", "numpy.pickle", *options).decode().splitlines()
        require(sum(int(line.rpartition(" ")[2]) for line in exported) == size, f"{options}: {exported}")
    require(b"operator new" in session.export("folded", "native.zst", "--raw-frames"), "--raw-frames")


def check_refusals(session):
    for arguments, message in (
        (["native.zst", "native.zst", "--to", "dhat"], b"--to dhat: the format has no comparisons, export each snapshot alone"),
        (["native.zst"], b"--to is required"),
        (["native.zst", "--to", "svg"], b"--to"),
        (["-", "-", "--to", "csv"], b"only one of the snapshots can be standard input"),
        (["after.pickle", "--to", "csv", "-m", "peak"], b"after.pickle: the snapshot has no peak metric"),
        (["native.zst", "--to", "csv", "-o", "native.zst"], b"native.zst: it is what is read here"),
        (["notes.txt", "--to", "csv", "-o", "new.csv"], b"notes.txt: "),
        (["native.zst", "--to", "csv", "-o", "no/such/folder.csv"], b"no/such/folder.csv: "),
        (["native.zst", "--to", "csv", "-g", "function"], b"-g"),
    ):
        done = session.run("export", *arguments, status=2)
        lines = [line for line in done.stderr.splitlines() if b"warning" not in line]
        require(not done.stdout and len(lines) == 1 and message in lines[0], f"{arguments}: {done.stderr}")
    require(not (session.folder / "new.csv").exists(), "a file of a snapshot that cannot be read")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run([session.mtrace.path, "export", "after.pickle", "--to", "pprof"], cwd=session.folder, stdout=theirs,
                              stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60)  # fmt: skip
        require(done.returncode == 2 and b"pprof is binary" in done.stderr, f"a terminal: {done}")
    finally:
        os.close(ours)
        os.close(theirs)


def check_reproducible(session):
    """Equal input, equal bytes; on standard output and in a file."""
    for form in ("pprof", "speedscope", "folded", "dhat", "ndjson", "csv"):
        session.run("export", "native.zst", "--to", form, "-o", "out")
        require((session.folder / "out").read_bytes() == session.export(form, "native.zst"), f"{form} differs")
    data = session.export("pprof", "native.zst")
    require(data[:9] == b"\x1f\x8b\x08\0\0\0\0\0\x04" and gzip.decompress(data), "a gzip file has no time in it")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    mtrace = Mtrace(parser.parse_args().mtrace)
    with tempfile.TemporaryDirectory(prefix="mtrace-export-") as folder:
        session = Session(mtrace, Path(folder))
        write_inputs(session.folder)
        checks = [check_speedscope, check_folded, check_dhat, check_rows, check_labels, check_selection, check_refusals, check_reproducible]
        if shutil.which("go"):
            checks += [check_pprof, check_pprof_reports, check_pprof_comparison]
        else:
            print("go is not installed (package golang-go): what pprof reads is not checked")
        for check in checks:
            check(session)
    print(f"{len(checks)} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
