"""What a user of tracemalloc does today: tracemalloc_peer.py top|exclude|diff DUMP [AFTER]."""
import sys
from tracemalloc import Filter, Snapshot

EXCLUDES = [Filter(False, "*/package1/*"), Filter(False, "*/module7?.py")]


def main():
    question, path = sys.argv[1], sys.argv[2]
    snapshot = Snapshot.load(path)
    if question == "diff":
        statistics = Snapshot.load(sys.argv[3]).compare_to(snapshot, "lineno")
    else:
        if question == "exclude":
            snapshot = snapshot.filter_traces(EXCLUDES)
        statistics = snapshot.statistics("lineno")
    for statistic in statistics[:10]:
        print(statistic)


main()
