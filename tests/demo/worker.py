#!/usr/bin/env python3
"""Works off a queue of requests and writes a snapshot of its memory twice on the way.

    worker.py WARM_UP REQUESTS FOLDER

FOLDER gets before.pickle, written after WARM_UP requests, when the caches are full, and after.pickle,
written after all REQUESTS.
"""

import gc
import json
import os
import random
import sys
import tracemalloc

from docindex.service import Service
from docindex.site import NOUNS, Site

PAGES = 50


def requests(count):
    """What clients send: lines of JSON."""
    source = random.Random(1)
    for number in range(count):
        words = source.sample(NOUNS, 2)
        yield json.dumps({"id": f"request-{number}", "page": source.randrange(PAGES), "words": words})


def write_snapshot(path):
    gc.collect()
    tracemalloc.take_snapshot().dump(path)


def main():
    warm_up, count, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    site = Site(PAGES)
    tracemalloc.start(25)  # frames of each traceback
    service = Service(site)
    for number, request in enumerate(requests(count)):
        if number == warm_up:
            write_snapshot(os.path.join(folder, "before.pickle"))
        json.loads(service.handle(request))
    write_snapshot(os.path.join(folder, "after.pickle"))


if __name__ == "__main__":
    main()
