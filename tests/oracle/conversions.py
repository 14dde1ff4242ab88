"""Checks that whatever a snapshot is stored as, the answers are the same."""

import os
import subprocess
import tracemalloc

import dump_files
import expectations
from comparisons import Difference, first_difference, in_json, require_equal
from expectations import Selection


def done(outcome):
    if outcome.status != 0 or outcome.stdout or outcome.stderr:
        raise Difference(str(outcome))


def content(path):
    with open(path, "rb") as file:
        return file.read()


def write_dump(path, snapshot, form=None):
    with open(path, "wb") as file:
        file.write(dump_files.pickled(snapshot) if form is None else form)
    return path


def convert(mtrace, source, target):
    done(mtrace.run("convert", source, "-o", target))
    return target


def same_answers(mtrace, documents, command, paths, others, selection):
    """Two sets of files give the same text and, but for the paths, the same JSON."""
    def answers(files, form):
        outcome = mtrace.run(command, *selection.arguments(), "-n0", f"--format={form}", *files)
        if outcome.status != 0:
            raise Difference(str(outcome))
        return outcome.stdout

    first_difference("text", answers(others, "text").split(b"\n"), answers(paths, "text").split(b"\n"))
    one, other = (documents.parse(answers(files, "json"), sampled=True) for files in (paths, others))
    for document in (one, other):
        for name in ("snapshot", "before", "after"):
            document.get(name, {}).pop("path", None)
    require_equal("JSON", other, one)


def stable(mtrace, path, folder):
    """Converting what was converted changes nothing."""
    again = convert(mtrace, path, os.path.join(folder, "again.zst"))
    require_equal("converted twice", content(again) == content(path), True)
    os.unlink(again)


def order_does_not_matter(mtrace, snapshot, rng, path, folder):
    """The same traces in another order and another form give the same bytes."""
    traces = list(snapshot.traces._traces)
    rng.shuffle(traces)
    shuffled = tracemalloc.Snapshot(traces, snapshot.traceback_limit)
    source = write_dump(os.path.join(folder, "shuffled"), shuffled,
                        dump_files.encoded(dump_files.pickled(shuffled, rng.choice((2, 4, 5))), "gzip"))  # fmt: skip
    target = convert(mtrace, source, os.path.join(folder, "shuffled.zst"))
    require_equal("the same bytes whatever the order", content(target) == content(path), True)
    os.unlink(source)
    os.unlink(target)


def zstd_reads_it(path):
    outcome = subprocess.run(["zstd", "-q", "-t", path], capture_output=True)
    require_equal("zstd -t", (outcome.returncode, outcome.stderr), (0, b""))


def information(mtrace, documents, snapshot, path, is_converted):
    """What `info` says is what the snapshot holds. Of a dump it says little, because that is at its end."""
    outcome = mtrace.run("info", "--format=json", path)
    if outcome.status != 0:
        raise Difference(str(outcome))
    document = documents.parse(outcome.stdout)
    require_equal("kind", document["snapshot"]["kind"], "tracemalloc")
    if not is_converted:
        return
    require_equal("traceback limit", document["snapshot"]["traceback_limit"], snapshot.traceback_limit)
    size, count = expectations.total(snapshot)
    require_equal("total", document["totals"]["live"], {"size": size, "count": count})
    truncated = sum(total > len(frames) for _, _, frames, total in snapshot.traces._traces)
    require_equal("truncated", document["snapshot"]["losses"]["truncated_tracebacks"], truncated)


def domains(mtrace, documents, snapshot, path):
    outcome = mtrace.run("top", "--group-by=domain", "--format=json", path)
    if outcome.status != 0:
        raise Difference(str(outcome))
    statistics = documents.parse(outcome.stdout)["statistics"]
    actual = [(s["size"], s["count"], s["domain"]) for s in statistics]
    first_difference("domains", actual, expectations.by_domain(snapshot))
    require_equal("tracebacks of domains", [s["traceback"] for s in statistics], [[]] * len(statistics))


def functions(mtrace, documents, snapshot, path):
    """A dump knows no functions, so that they group as their files do."""
    outcome = mtrace.run("top", "--group-by=function", "--format=json", path)
    if outcome.status != 0:
        raise Difference(str(outcome))
    actual = [
        (s["size"], s["count"], s["traceback"][0]["filename"], s["traceback"][0]["function"])
        for s in documents.parse(outcome.stdout, sampled=True)["statistics"]
    ]
    expected = [
        (s.size, s.count, in_json(expectations.frames_of(s))[0][0], None)
        for s in Selection(group_by="filename").statistics(snapshot)
    ]
    first_difference("functions", actual, expected)


def modules(mtrace, documents, snapshot, path):
    """Whatever the packages are, every block belongs to one of them."""
    outcome = mtrace.run("top", "--group-by=module", "--format=json", path)
    if outcome.status != 0:
        raise Difference(str(outcome))
    statistics = documents.parse(outcome.stdout, sampled=True)["statistics"]
    sums = sum(s["size"] for s in statistics), sum(s["count"] for s in statistics)
    require_equal("sums over modules", sums, expectations.total(snapshot))
    require_equal("frames of a module", {len(s["traceback"]) for s in statistics} <= {1}, True)
    names = [s["traceback"][0]["module"] for s in statistics]
    require_equal("each module once", len(names), len(set(names)))


def merged(mtrace, documents, snapshots, paths, folder):
    """Merged snapshots answer as one that has all their traces, unless that is too much."""
    target = os.path.join(folder, "merged.zst")
    outcome = mtrace.run("merge", *paths, "-o", target)
    traces = [trace for snapshot in snapshots for trace in snapshot.traces._traces]
    if sum(size for _, size, _, _ in traces) >= 2**63:
        require_equal("merging too much", (outcome.status, outcome.stdout, outcome.stderr.count(b"\n")), (2, b"", 1))
        require_equal("nothing left behind", os.path.exists(target), False)
        return
    done(outcome)
    both = tracemalloc.Snapshot(traces, snapshots[0].traceback_limit)
    for group_by in expectations.GROUP_KEYS:
        expected = expectations.text_of(both.statistics(group_by))
        actual = mtrace.run("top", "--format=text", "-n0", f"--group-by={group_by}", target).stdout
        first_difference(f"merged by {group_by}", actual.split(b"\n"), expected.split(b"\n"))
    outcome = mtrace.run("info", "--format=json", target)
    require_equal("merged", documents.parse(outcome.stdout)["snapshot"]["merged"], len(paths))
    os.unlink(target)
