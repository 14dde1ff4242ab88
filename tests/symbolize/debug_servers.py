#!/usr/bin/env python3
"""Debug information from a debuginfod server: one that has it, and ones that do not, send something else, or hang.

    tests/symbolize/debug_servers.py --driver PATH [--mtrace PATH] [--only NAME]

The servers are threads of this test, on loopback. With --mtrace, a program with several libraries is traced, too.
"""

import argparse
import ctypes
import http.server
import os
import sys
import threading
import time
from pathlib import Path

from checks import Failure, run, run_checks
from known_programs import Lookup, build, build_id, debug_file, expect, truths


class Server:
    """Answers requests for the paths in `files`; what was asked is in `asked`."""

    def __init__(self, files, hangs=False):
        self.asked, self.ends = [], threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                if hangs:
                    server.ends.wait()
                content = files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *arguments):
                pass

            def handle(self):
                try:
                    super().handle()
                except OSError:  # nobody waits for the answer any more
                    pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def environment(self, folder, **more):
        return {**os.environ, "DEBUGINFOD_URLS": f"http://127.0.0.1:{self.http.server_port}",
                "DEBUGINFOD_CACHE_PATH": str(folder / "cache"), "no_proxy": "127.0.0.1", **more}  # fmt: skip


def without_servers():
    return {name: value for name, value in os.environ.items() if not name.startswith("DEBUGINFOD_")}


def moved(folder, driver):
    """A program whose debug information is only here, its lookup, and what it says."""
    program = build(folder, "gcc", "g++", ["-g", "-O2"])
    said = truths(run(program).stdout)
    run("strip", "--strip-debug", program, "-o", folder / "symbols")
    content = debug_file(program).rename(folder / "taken").read_bytes()
    return program, f"/buildid/{build_id(program)}/debuginfo", content, said, Lookup(driver, program)


def expect_warning(lookup, *parts):
    if len(lookup.warnings) != len(parts) or not all(part in line for part, line in zip(parts, lookup.warnings)):
        raise Failure(f"not {parts}: {lookup.warnings}")


def check_answers(folder, driver):
    """Nothing is asked without the variable; with it, lines are known, also when the program is gone."""
    program, path, content, said, lookup = moved(folder, driver)
    with Server({path: content}) as server:
        lookup.environment = without_servers()
        if any(lookup([address for address, *_ in said]).values()) or server.asked:
            raise Failure(f"asked without being told to: {server.asked}")
        lookup.environment = server.environment(folder)
        expect(lookup, said, what="from a server")
        if server.asked != [path]:
            raise Failure(f"asked {server.asked}")
        expect(lookup, said, what="from the cache")
        identity = build_id(program)
        program.unlink()
        lookup.options = ("--build-id", identity)
        expect(lookup, said, what="from the cache, without the program")
        if server.asked != [path]:
            raise Failure(f"asked again: {server.asked}")
        expect_warning(lookup)


def check_program(folder, driver):
    """A server may have the program itself, where there is no separate debug information."""
    program = build(folder, "gcc", "g++", ["-g", "-O2"])
    said, identity = truths(run(program).stdout), build_id(program)
    with Server({f"/buildid/{identity}/executable": program.read_bytes()}) as server:
        program.unlink()
        lookup = Lookup(driver, program, "--build-id", identity)
        lookup.environment = server.environment(folder)
        expect(lookup, said, what="the program from a server")


def check_refusals(folder, driver):
    """The function's name is still known from the program's symbols, and what went wrong is said in one line."""
    program, path, content, said, lookup = moved(folder, driver)
    program.write_bytes((folder / "symbols").read_bytes())
    for name, files, warnings in (
            ("nothing", {}, ()),
            ("garbage", {path: b"<html>" * 100}, ("a debuginfod server sent is of no use: it is not an ELF file",)),
            ("cut", {path: content[: len(content) // 2]}, None),
            ("another", {path: Path("/bin/true").read_bytes()}, ("sent is of no use: it is of another build",))):  # fmt: skip
        (folder / name).mkdir()
        with Server(files) as server:
            lookup.environment = server.environment(folder / name)
            expect(lookup, said, inlines=False, lines=False, what=name)
            if server.asked != [path]:
                raise Failure(f"{name}: asked {server.asked}")
            if warnings is not None:
                expect_warning(lookup, *warnings)
    lookup.environment = {**without_servers(), "DEBUGINFOD_URLS": "http://127.0.0.1:1",
                          "DEBUGINFOD_CACHE_PATH": str(folder / "none")}  # fmt: skip
    expect(lookup, said, inlines=False, lines=False, what="no server")
    expect_warning(lookup, "debuginfod servers are not asked any more")


def check_hanging(folder, driver, mtrace):
    """A server that never answers costs its time once, not once for each library."""
    program, path, _, said, lookup = moved(folder, driver)
    program.write_bytes((folder / "symbols").read_bytes())
    with Server({}, hangs=True) as server:
        environment = server.environment(folder, DEBUGINFOD_TIMEOUT="2")
        lookup.environment = environment
        begin = time.monotonic()
        expect(lookup, said, inlines=False, lines=False, what="a server that hangs")
        took = time.monotonic() - begin
        expect_warning(lookup, "debuginfod servers are not asked any more")
        if took > 20 or set(server.asked) != {path}:
            raise Failure(f"a server that hangs took {took:.1f} s and was asked {server.asked}")
        if mtrace is None:
            return
        snapshot = folder / "snapshot.zst"
        # No Debian has these libraries' debug information in a package of its own archive.
        run(mtrace, "run", "--no-symbolize", "-o", snapshot, "--", "sqlite3", ":memory:", "create table t(a);")
        server.asked.clear()
        begin = time.monotonic()
        done = run(mtrace, "top", "--raw-frames", snapshot, environment=environment)
        took = time.monotonic() - begin
        if took > 20 or len(set(server.asked)) != 1 or done.stderr.count("\n") != 1:
            raise Failure(f"{took:.1f} s, asked {server.asked}: {done.stderr}")


def checks(driver, mtrace):
    try:
        ctypes.CDLL("libdebuginfod.so.1")
    except OSError as error:
        raise SystemExit(f"libdebuginfod1 is needed: {error}") from error
    yield "answers", check_answers, driver
    yield "program", check_program, driver
    yield "refusals", check_refusals, driver
    yield "hanging", check_hanging, driver, mtrace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--mtrace", type=lambda path: Path(path).resolve())
    parser.add_argument("--only", default="", help="checks whose name has this in it")
    arguments = parser.parse_args()
    return run_checks(checks(arguments.driver, arguments.mtrace), arguments.only)


if __name__ == "__main__":
    sys.exit(main())
