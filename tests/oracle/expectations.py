"""What Python's tracemalloc computes for a selection, and how mtrace is asked for the same.

tracemalloc itself does the work. Where mtrace differs on purpose, or goes further, the traces are
changed first and then handed to tracemalloc:

* cumulative statistics count a trace once for each group: repeated frames are taken out;
* hidden frames are taken out; a trace without any frame left is at "<hidden>":0.
"""

import re
import tracemalloc
from dataclasses import dataclass
from typing import NamedTuple, Optional

GROUP_KEYS = ("lineno", "filename", "traceback")
CUMULATIVE_KEYS = ("lineno", "filename")
HIDDEN = (("<hidden>", 0),)
FILTER_WARNING = rb"mtrace: warning: (--[a-z-]+ '.*' matches .+|\d+% of the memory is <hidden>:0, .+)"


def is_filter_warning(line):
    """Whether a line on standard error tells that a filter leaves nothing, or hides much."""
    return re.fullmatch(FILTER_WARNING, line) is not None


class Pattern(NamedTuple):
    glob: str
    lineno: Optional[int] = None

    def text(self):
        return self.glob if self.lineno is None else f"{self.glob}:{self.lineno}"

    def filter(self, inclusive, all_frames=False):
        return tracemalloc.Filter(inclusive, self.glob, self.lineno, all_frames)


@dataclass(frozen=True)
class Selection:
    group_by: str = "lineno"
    cumulative: bool = False
    include: tuple = ()
    exclude: tuple = ()
    all_frames: bool = False
    domain: Optional[int] = None
    hide: tuple = ()

    def arguments(self):
        arguments = [f"--group-by={self.group_by}"]
        arguments += ["--cumulative"] if self.cumulative else []
        for option in ("include", "exclude", "hide"):
            for pattern in getattr(self, option):
                arguments += [f"--{option}", pattern.text().encode("utf-8", "surrogatepass")]
        arguments += ["--all-frames"] if self.all_frames else []
        arguments += [] if self.domain is None else [f"--domain={self.domain}"]
        return arguments

    def filters(self):
        return [pattern.filter(True, self.all_frames) for pattern in self.include] + [
            pattern.filter(False, self.all_frames) for pattern in self.exclude
        ]

    def select(self, snapshot):
        """The snapshot with the traces and frames that this selection leaves."""
        if self.hide:
            snapshot = with_tracebacks(snapshot, lambda frames: visible(frames, self.hide))
        if self.domain is not None:
            snapshot = snapshot.filter_traces([tracemalloc.DomainFilter(True, self.domain)])
        if self.filters():
            snapshot = snapshot.filter_traces(self.filters())
        if self.cumulative:
            snapshot = with_tracebacks(snapshot, lambda frames: once_each(frames, self.group_by))
        return snapshot

    def statistics(self, snapshot):
        return self.select(snapshot).statistics(self.group_by, self.cumulative)

    def differences(self, before, after):
        return self.select(after).compare_to(self.select(before), self.group_by, self.cumulative)


def with_tracebacks(snapshot, change):
    changed = {}
    traces = []
    for domain, size, frames, total_nframe in snapshot.traces._traces:
        if frames not in changed:
            changed[frames] = change(frames)
        traces.append((domain, size, changed[frames], total_nframe))
    return tracemalloc.Snapshot(traces, snapshot.traceback_limit)


def visible(frames, hidden):
    filters = [pattern.filter(True) for pattern in hidden]
    left = tuple(
        frame for frame in frames if not any(f._match_frame_impl(*frame) for f in filters)
    )
    return left or HIDDEN


def once_each(frames, group_by):
    """The traceback without frames whose group a more recent frame has too."""
    if group_by == "filename":
        return tuple((filename, 0) for filename in dict.fromkeys(name for name, _ in frames))
    return tuple(dict.fromkeys(frames))


def total(snapshot):
    """(bytes, blocks)"""
    sizes = [size for _, size, _, _ in snapshot.traces._traces]
    return sum(sizes), len(sizes)


def by_domain(snapshot):
    """[(size, count, domain)] in mtrace's order."""
    sums = {}
    for domain, size, _, _ in snapshot.traces._traces:
        old_size, old_count = sums.get(domain, (0, 0))
        sums[domain] = (old_size + size, old_count + 1)
    return sorted(((*amount, domain) for domain, amount in sums.items()), reverse=True)


def average(statistic):
    return statistic.size / statistic.count if statistic.count else 0


# Each key's order as a sort key; all but `location` put the largest first.
TOP_ORDERS = {
    "size": lambda s: (s.size, s.count, s.traceback),
    "count": lambda s: (s.count, s.size, s.traceback),
    "average": lambda s: (average(s), s.size, s.count, s.traceback),
    "location": lambda s: s.traceback,
}
DIFF_ORDERS = {
    "size_diff": lambda s: (
        abs(s.size_diff), s.size, abs(s.count_diff), s.count, s.traceback),
    "growth": lambda s: (s.size_diff, s.size, s.count_diff, s.count, s.traceback),
    "count_diff": lambda s: (
        abs(s.count_diff), abs(s.size_diff), s.size, s.count, s.traceback),
    "size": lambda s: (
        s.size, abs(s.size_diff), abs(s.count_diff), s.count, s.traceback),
    "location": lambda s: s.traceback,
}  # fmt: skip


def ranked(statistics, orders, key, reverse):
    return sorted(statistics, key=orders[key], reverse=(key != "location") != reverse)


def text_of(statistics):
    """The lines that Python prints."""
    return "".join(f"{statistic}\n" for statistic in statistics).encode("utf-8", "surrogatepass")


def frames_of(statistic):
    return list(statistic.traceback._frames)


def numbers_of(statistic):
    """(size, count), and the differences where it has them."""
    if isinstance(statistic, tracemalloc.StatisticDiff):
        return statistic.size, statistic.count, statistic.size_diff, statistic.count_diff
    return statistic.size, statistic.count
