#!/usr/bin/python3
"""What a page of `mtrace report` costs: writing it, opening it in Chromium, zooming, searching.

    tests/bench/pages.py --mtrace PATH --make-synthetic PATH [--tracebacks N]...
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "page"))

import chromium  # noqa: E402
from measure import run  # noqa: E402

RUNS = 5
# Until what was asked for is on the screen; in a page that was just loaded, from the beginning of its loading.
TIMED = """(async () => {{ const start = performance.now(); {action};
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start; }})()"""
ZOOM = """(() => { const canvas = document.getElementById('canvas'), {left, top} = canvas.getBoundingClientRect();
    canvas.dispatchEvent(new MouseEvent('click', {clientX: left + 5, clientY: top + 31, bubbles: true})); })()"""
ACTIONS = {
    "zoom": (ZOOM, "document.getElementById('reset').click()"),
    "search": ("const query = document.getElementById('query'); query.value = 'file1'; query.dispatchEvent(new Event('input'))",
               "document.getElementById('clear').click()"),
    "by callers": ("document.querySelector('[name=inverted]').click()", "document.querySelector('[name=inverted]').click()"),
    "by file": ("document.querySelector('[name=group][value=filename]').click()", "document.querySelector('[name=group][value=lineno]').click()"),
}  # fmt: skip


def look(page, path):
    """Milliseconds until the page is ready, and of each action: medians."""
    opened = []
    for _ in range(RUNS):
        page.open(f"file://{path}#icicle=1", seconds=60)
        opened.append(page.run("Number(document.documentElement.dataset.readyAfter)"))
    times = {"open": statistics.median(opened)}
    for name, (action, undo) in ACTIONS.items():
        taken = []
        for _ in range(RUNS):
            taken.append(page.run(TIMED.format(action=action)))
            page.run(TIMED.format(action=undo))
        times[name] = statistics.median(taken)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--make-synthetic", required=True)
    parser.add_argument("--tracebacks", type=int, action="append")
    arguments = parser.parse_args()
    if not chromium.find():
        sys.exit("there is no Chromium")
    with tempfile.TemporaryDirectory(prefix="mtrace-bench-") as folder, chromium.Browser(600) as browser:
        page = browser.page()
        page.look(1280)
        print(f"{'tracebacks':>10} {'write':>9} {'page':>8} " + " ".join(f"{name:>12}" for name in ("open", *ACTIONS)))
        for tracebacks in arguments.tracebacks or (50_000, 1_000_000):
            snapshot, path = Path(folder, "a.zst"), Path(folder, "a.html")
            run([arguments.make_synthetic, str(tracebacks), "1", str(snapshot)])
            report = [arguments.mtrace, "report", str(snapshot), "-o", str(path)]
            seconds = statistics.median(run(report).seconds for _ in range(RUNS))
            times = look(page, path)
            print(f"{tracebacks:10,} {seconds * 1000:6.0f} ms {path.stat().st_size / 1e6:5.1f} MB "
                  + " ".join(f"{milliseconds:9.0f} ms" for milliseconds in times.values()))  # fmt: skip


if __name__ == "__main__":
    main()
