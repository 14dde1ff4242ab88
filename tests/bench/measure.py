"""Running two programs in turn and comparing them."""
import os
import shutil
import statistics
import time


class Cost:
    def __init__(self, seconds, peak_bytes):
        self.seconds = seconds
        self.peak_bytes = peak_bytes


def run(command, cpu=None):
    """The wall time and the peak memory of one run; its output is dropped."""
    path = shutil.which(command[0])
    to_nothing = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    mine = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    # A spawned process shares this one's memory until it runs its program: a fork would count the
    # copying of an interpreter's page tables, more than a short command takes.
    start = time.perf_counter()
    pid = os.posix_spawn(path, command, os.environ, file_actions=to_nothing)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    os.sched_setaffinity(0, mine)
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: failed with status {status}")
    return Cost(seconds, usage.ru_maxrss * 1024)


class Comparison:
    """Medians of pairs: each pair runs both, one behind the other, so that both see the same machine."""

    def __init__(self, peer, ours, pairs, cpu=None):
        run(ours, cpu)  # both inputs are in the page cache from here on
        costs = [(run(peer, cpu), run(ours, cpu)) for _ in range(pairs)]
        self.peer = statistics.median(peer.seconds for peer, _ in costs)
        self.ours = statistics.median(ours.seconds for _, ours in costs)
        self.ratio = statistics.median(peer.seconds / ours.seconds for peer, ours in costs)
        self.peer_peak = statistics.median(peer.peak_bytes for peer, _ in costs)
        self.ours_peak = statistics.median(ours.peak_bytes for _, ours in costs)
