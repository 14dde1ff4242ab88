#!/usr/bin/python3
"""Pages of `mtrace report`, in a real Chromium: what people see, press and copy. Skipped where there is none.

    tests/page/pages.py --mtrace PATH [--screenshots FOLDER]

The figures are those of `mtrace top` and `mtrace diff`, to the byte.
"""

import argparse
import http.server
import json
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "cli" / "golden"), str(TESTS / "cli"), str(TESTS / "oracle"), str(TESTS / "page")]

import chromium  # noqa: E402
from inputs import snapshot_of, write_inputs  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402

SKIPPED = 77
GROUPS = ("lineno", "filename", "function", "module")
SIZES = ((1280, False), (1280, True), (800, False), (800, True), (390, False), (390, True))
# What a snapshot may call a file: markup, scripts, control characters, marks that reorder a line, 10 KB.
HOSTILE = (
    "<script>window.hacked=1</script>.py", "<img src=x onerror=window.hacked=1>.py", "</script><script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>', "javascript:window.hacked=1", "{{constructor.constructor('window.hacked=1')()}}",
    "\u202egnp.exe\u202d.py", "\u2066\u2067abc\u2069.py", "tab\tline\nend\x1b[2J\x00.py", "a" * 10_000 + ".py",
    "/" + "d/" * 5_000 + "deep.py", "w" * 200 + " " + "w" * 200, "עברית/שלום.py", "العربية.py", "\u200b\u200d\ufeff.py", "e\u0301" * 3_000,
    "@DATA@@TITLE@.py", "__proto__", "constructor", "lone \udc80.py",
)  # fmt: skip


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(one, other, what):
    require(one == other, f"{what}:\n  {one}\n  {other}")


class Session:
    def __init__(self, mtrace, folder, page):
        self.mtrace, self.folder, self.page = mtrace.path, folder, page
        # Each run of it takes long then.
        self.groups = ("lineno", "module") if mtrace.is_sanitized() else GROUPS

    def run(self, *arguments):
        done = subprocess.run([self.mtrace, *arguments], cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)  # fmt: skip
        require(done.returncode == 0, f"{arguments}: {done.stderr.decode()}")
        return done.stdout

    def report(self, *arguments, fragment=""):
        self.run("report", *arguments, "-o", "page.html")
        self.page.open(f"file://{self.folder}/page.html" + fragment)
        self.settled()

    def settled(self):
        """After what was asked for has been drawn."""
        self.page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        equal(self.page.problems(), [], "the console is silent")

    def choose(self, name, value):
        self.page.run(f"document.querySelector('[name={name}][value={json.dumps(value)}]').click()")
        self.settled()

    def toggle(self, name):
        self.page.run(f"document.querySelector('[name={name}]').click()")
        self.settled()

    def search(self, query, mode="text"):
        self.page.run(f"""(() => {{ const mode = document.getElementById('mode'), query = document.getElementById('query');
            mode.value = '{mode}'; mode.dispatchEvent(new Event('change', {{bubbles: true}}));
            query.value = {json.dumps(query)}; query.dispatchEvent(new Event('input')); }})()""")
        self.settled()

    def text(self, selector):
        return self.page.run(f"document.querySelector({json.dumps(selector)}).textContent.trim()")

    def path(self):
        return self.page.run("[...document.querySelectorAll('#path button')].map(each => each.textContent)")

    def rows(self):
        """All rows of the table: names, and exact figures."""
        self.page.run("document.getElementById('all').click()")
        return self.page.run("""[...document.querySelectorAll('#rows tr')].map(row => ({
            place: row.dataset.path + row.dataset.position, size: +row.dataset.size, count: +row.dataset.count,
            total: +row.dataset.total, size_diff: +row.dataset.sizeDiff, count_diff: +row.dataset.countDiff,
            text: row.querySelector('.pick').textContent.trim()}))""")

    def click_row(self, row):
        """The left end of a row of the picture, the root's being 0."""
        box = self.page.run("""(() => { const box = document.getElementById('picture'); box.scrollIntoView({block: 'center'});
            const {left, top} = document.getElementById('canvas').getBoundingClientRect(); return {left, top}; })()""")
        self.page.click(box["left"] + 5, box["top"] + 21 * row + 10)
        self.settled()


def place_of(statistic, group_by):
    frame = statistic["traceback"][0]
    name = frame["module"] if group_by == "module" else frame["filename"] or frame["module"]
    if group_by == "lineno" and frame["lineno"]:
        return f"{name}:{frame['lineno']}"
    return f"{name}+{frame['offset']:#x}" if group_by == "lineno" and frame.get("offset") is not None else str(name or "<unknown>")


def figures(rows, *keys):
    """By place, sorted: there may be several functions of one file."""
    return sorted([row["place"], *(row[key] for key in keys)] for row in rows if any(row[key] for key in keys))


def check_figures(session):
    for snapshot, metrics in (("native.zst", ("live", "peak", "total")), ("after.pickle", ("live",))):
        session.report(snapshot)
        for metric in metrics:
            if len(metrics) > 1:
                session.choose("metric", metric)
            for group_by in session.groups:
                session.choose("group", group_by)
                top = json.loads(session.run("top", "-f", "json", "-m", metric, "-g", group_by, snapshot))
                expected = sorted([place_of(each, group_by), each["size"], each["count"]] for each in top["statistics"])
                equal(figures(session.rows(), "size", "count"), expected, f"{snapshot}, {metric} by {group_by}")
                wide = json.loads(session.run("top", "-f", "json", "-m", metric, "-g", group_by, "--cumulative", snapshot))
                expected = sorted([place_of(each, group_by), each["size"]] for each in wide["statistics"] if each["size"])
                equal(figures(session.rows(), "total"), expected, f"{snapshot}, {metric} by {group_by}, cumulative")
    session.report("after.pickle", "--exclude", "*/core/*", "--hide", "*/util.py")
    top = json.loads(session.run("top", "-f", "json", "--exclude", "*/core/*", "--hide", "*/util.py", "after.pickle"))
    expected = sorted([place_of(each, "lineno"), each["size"], each["count"]] for each in top["statistics"])
    equal(figures(session.rows(), "size", "count"), expected, "a selection")
    # What the page hides itself is what the command hides.
    session.report("after.pickle")
    session.toggle("own")
    top = json.loads(session.run("top", "-f", "json", "--mine", "after.pickle"))
    expected = sorted([place_of(each, "lineno"), each["size"], each["count"]] for each in top["statistics"])
    equal(figures(session.rows(), "size", "count"), expected, "own code only")


def check_comparison(session):
    session.report("before.pickle", "after.pickle")
    for group_by in session.groups:
        session.choose("group", group_by)
        diff = json.loads(session.run("diff", "-f", "json", "-g", group_by, "before.pickle", "after.pickle"))
        expected = sorted([place_of(each, group_by), each["size"], each["size_diff"], each["count_diff"]] for each in diff["statistics"])
        equal(figures(session.rows(), "size", "size_diff", "count_diff"), expected, f"a difference by {group_by}")
    session.choose("group", "lineno")
    texts = [row["text"] for row in session.rows()]
    require(any(text == "NEW orders.py:31 /srv/shop/core" for text in texts), f"what is new is marked: {texts}")
    equal(session.text("#title"), "before.pickle → after.pickle", "the sides by their names")
    require(not session.page.run("document.getElementById('other-box').hidden"), "what is gone has a picture")
    equal(session.text("#other-title"), "What is gone", "the second picture")
    session.choose("shape", "before")
    equal(session.text("#other-title"), "What came", "the other way round")
    session.choose("shape", "change")
    session.toggle("normalized")
    session.report("after.pickle", "after.pickle.gz")
    require(session.page.run("document.getElementById('other-box').hidden"), "nothing is gone")


def check_picture(session):
    session.report("after.pickle", fragment="#icicle=1")
    equal(session.path(), ["everything"], "at first")
    session.click_row(1)
    equal(session.path(), ["everything", "main.py:6"], "a click zooms")
    equal([row["place"] for row in session.rows() if row["size"]], ["/srv/shop/core/orders.py:31"], "the table follows")
    session.click_row(3)
    equal(session.path()[-1], "orders.py:30", "deeper")
    session.page.run("history.back()")
    session.page.wait("document.querySelectorAll('#path button').length === 2")
    session.page.run("document.getElementById('reset').click()")
    equal(session.path(), ["everything"], "and back")
    session.toggle("recursion")
    session.click_row(2)
    equal(session.path(), ["everything", "main.py:6", "orders.py:30"], "recursion is one frame")
    session.toggle("inverted")
    session.click_row(1)
    equal(session.path(), ["everything", "orders.py:31"], "by callers")
    equal([row["place"] for row in session.rows() if row["size"]], ["/srv/shop/core/orders.py:31"], "the table follows")
    # A link shows the same.
    address = session.page.run("location.hash")
    rows = session.rows()
    session.page.open(f"file://{session.folder}/page.html{address}")
    equal((session.path(), session.rows()), (["everything", "orders.py:31"], rows), "the address keeps the view")
    # On paper, whatever the theme of the system.
    session.page.look(1280, dark=True)
    session.settled()
    pixel = "document.getElementById('canvas').getContext('2d').getImageData(2, 15, 1, 1).data[0]"
    dark = session.page.run(pixel)
    session.page.run("dispatchEvent(new Event('beforeprint'))")
    require(session.page.run(pixel) > 200 > dark, "the picture is printed on white")
    session.page.run("dispatchEvent(new Event('afterprint'))")
    equal(session.page.run(pixel), dark, "and dark again afterwards")
    session.page.look(1280)
    # Without a mouse.
    session.page.open(f"file://{session.folder}/page.html#icicle=1")
    session.page.run("document.getElementById('picture').focus()")
    for key in ("Home", "ArrowDown", "ArrowDown"):
        session.page.press(key)
    require("orders.py:30" in session.text("#announced"), f"frames are announced: {session.text('#announced')}")
    session.page.press("Enter")
    equal(session.path()[-1], "orders.py:30", "Enter zooms")
    session.page.press("Escape")
    equal(session.path()[-1], "main.py:6", "Escape goes back")


def check_search(session):
    session.report("after.pickle")
    share = "3.3 MiB (87.2%)"
    for query, mode, number in (
        ("orders.py:3", "text", 2), ("*/core/orders.py", "glob", 4), ("*/orders.py:3[01]", "glob", 2), (r"orders\.py:3[01]$", "regex", 2),
    ):  # fmt: skip
        session.search(query, mode)
        require(session.text("#found").startswith(f"{number} lines match"), f"{query}: {session.text('#found')}")
        equal(len(session.rows()), number, f"rows that match {query}")
    require(share in session.text("#found"), session.text("#found"))
    session.search("(", "regex")
    equal(session.text("#problem"), "This is no regular expression.", "a broken expression")
    session.search("")
    equal(session.text("#found"), "", "nothing is searched")
    session.page.run("document.querySelector('#rows tr .pick').click()")
    session.settled()
    require(session.text("#found").startswith("/srv/shop/core/orders.py:31: 3.3 MiB"), session.text("#found"))
    session.page.run("[...document.querySelectorAll('#head button')].find(each => each.textContent === 'Blocks').click()")
    session.settled()
    equal(session.rows()[0]["place"], "/usr/lib/python3.11/json/decoder.py:353", "sorted by blocks")


def check_series(session):
    session.report("night")
    cards = session.page.run("[...document.querySelectorAll('#series .card')].map(each => each.textContent)")
    require(cards and any("growing" in card and "vec.h:2" in card for card in cards), f"what grows has a plot: {cards}")
    require(any("+64.0 KiB a snapshot" in card for card in cards), f"with its slope: {cards}")
    session.report("sampled.zst")
    require("sampled every 64.0 KiB" in session.text("#warning-list"), "estimates are said to be some")
    require("±" in session.text("#rows"), "with their errors")


def check_warnings(session):
    session.report("old.zst", "sampled.zst", "--include", "nothing.py")
    warnings = session.text("#warning-list")
    require("sampled at different rates" in warnings and "--include 'nothing.py' matches nothing" in warnings, warnings)


def check_hostile(session):
    blocks = [(1, 1000 + i, ((name, i), (HOSTILE[0], 1))) for i, name in enumerate(HOSTILE, 1)]
    (session.folder / "hostile.pickle").write_bytes(pickle.dumps(snapshot_of(blocks)))
    (session.folder / "less.pickle").write_bytes(pickle.dumps(snapshot_of(blocks[::2])))
    name = "<img src=x onerror=window.hacked=1>.pickle"
    (session.folder / name).write_bytes(pickle.dumps(snapshot_of(blocks)))
    for arguments in ((name,), ("less.pickle", name)):
        session.page.look(1280)
        session.report(*arguments)
        equal(session.page.run("window.hacked"), None, "nothing of a snapshot runs")
        equal(session.page.run("document.querySelectorAll('main img, main script, main svg[onload]').length"), 0, "nor is it markup")
        for width, dark in SIZES:
            session.page.look(width, dark=dark)
            session.settled()
            wide = session.page.run("document.documentElement.scrollWidth - innerWidth")
            require(wide <= 0, f"{arguments} is {wide} pixels too wide at {width}")
            tall = session.page.run("Math.max(...[...document.querySelectorAll('#rows tr')].map(row => row.offsetHeight))")
            require(tall < 120, f"a row is {tall} pixels high at {width}")
    session.page.look(1280)


def check_sizes(session, screenshots):
    for name, arguments in (("one", ["native.zst"]), ("comparison", ["before.pickle", "after.pickle"]), ("series", ["night"]), ("nothing", ["empty.pickle"])):
        session.report(*arguments)
        for width, dark in SIZES:
            session.page.look(width, dark=dark)
            session.settled()
            require(session.page.run("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide at {width}")
            if screenshots:
                time.sleep(0.2)
                session.page.screenshot(screenshots / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    session.page.look(1280)


def check_privacy(session):
    """The page asks for nothing, and a policy forbids it to; source lines stay at home where that is asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(session.folder))

        def log_message(self, *arguments):
            asked.append(self.path)

    session.run("report", "after.pickle", "-o", "page.html")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/page.html"
        session.page.open(address)
        session.search("orders")
        equal([each for each in session.page.requests() if each != "about:blank"], [address], "requests")
        blocked = "new Promise(done => { addEventListener('securitypolicyviolation', event => done(event.effectiveDirective)); %s })"
        equal(session.page.run(blocked % "fetch('/leak').catch(() => {})"), "connect-src", "the policy")
        equal(session.page.run(blocked % "new Image().src = '/leak'"), "img-src", "the policy")
        equal(session.page.run(blocked % "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))"),
              "script-src-elem", "the policy")  # fmt: skip
        equal([path for path in asked if path != "/favicon.ico"], ["/page.html"], "what reached the server")
    finally:
        server.shutdown()
        server.server_close()
    session.page.browser.events.clear()
    page = (session.folder / "page.html").read_text()
    data = re.search('id="data">([^<]*)<', page)[1]
    require(len(page) - len(data) < 400_000, f"the page without its data has {len(page) - len(data)} bytes")
    (session.folder / "secret.py").write_text("the_secret = bytes(10)\n")
    path = str(session.folder / "secret.py")
    (session.folder / "secret.pickle").write_bytes(pickle.dumps(snapshot_of([(1, 10, ((path, 1),))])))
    for arguments, has in (((), True), (("--no-source",), False)):
        session.report("secret.pickle", *arguments)
        equal("the_secret" in session.page.run("document.body.innerText"), has, f"source lines with {arguments}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--screenshots", type=Path, help="a folder for pictures of all sizes, in both themes")
    options = parser.parse_args()
    if not chromium.find():
        print("skipped: chromium is not installed")
        return SKIPPED
    mtrace = Mtrace(options.mtrace)
    if b"this build has no reports" in mtrace.run("report", "missing.zst", "-o", "page.html").stderr:
        print("skipped: this build has no reports: esbuild and node-d3 were missing")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mtrace-pages-") as folder, chromium.Browser(100) as browser:
        session = Session(mtrace, Path(folder), browser.page())
        write_inputs(session.folder)
        session.page.look(1280)
        for check in (check_figures, check_comparison, check_picture, check_search, check_series, check_warnings, check_hostile, check_privacy):
            start = time.monotonic()
            check(session)
            print(f"{check.__name__}: {time.monotonic() - start:.1f} s")
        check_sizes(session, options.screenshots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
