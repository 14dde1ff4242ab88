"""Running two programs in turn and comparing them."""
import os
import statistics
import time


class Cost:
    def __init__(self, seconds, peak_bytes):
        self.seconds = seconds
        self.peak_bytes = peak_bytes


def run(command, cpu=None):
    """The wall time and the peak memory of one run; its output is dropped."""
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: failed with status {status}")
    return Cost(time.perf_counter() - start, usage.ru_maxrss * 1024)


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
