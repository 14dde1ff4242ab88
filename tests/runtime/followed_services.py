#!/usr/bin/env python3
"""Services under load for thirty windows, with a seeded leak and without: `mtrace trend` names the leaking line, or none.

    tests/runtime/followed_services.py --mtrace PATH [--windows N] [--rounds N] [SERVICE...]

redis-server leaks in a module that it loads, a Flask application under gunicorn in a request. Both also have what is
mistaken for a leak: keys that come until all are there, a cache that fills. A window is so many requests of a client;
after each one a snapshot says how many there were. `./dev services` installs what is missing.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from installed_services import PYTHON, can_connect, children, descendants, free_port, wait_for

REQUESTS = 400
# Ends the line that leaks.
KEPT = re.compile(r"(//|#) leaks$", re.MULTILINE)

# Without redis' header: a module finds its functions through the first word of the context.
REDIS_MODULE = r"""
#include <stdlib.h>
#include <string.h>
typedef int (*Command)(void *, void **, int);
static int (*get_api)(const char *, void *);
static int (*create)(void *, const char *, Command, const char *, int, int, int);
static int (*reply)(void *, const char *);
static void (*set_attributes)(void *, const char *, int, int);
static struct session { struct session *next; char text[180]; } *sessions;
static int use(void *context, void **words, int count) {
  (void)words;
  (void)count;
  struct session *now = malloc(sizeof *now);
  memset(now, 1, sizeof *now);
  free(now);
  return reply(context, "OK");
}
static int keep(void *context, void **words, int count) {
  (void)words;
  (void)count;
  struct session *now = malloc(sizeof *now);  // leaks
  memset(now, 1, sizeof *now);
  now->next = sessions;
  sessions = now;
  return reply(context, "OK");
}
int RedisModule_OnLoad(void *context, void **words, int count) {
  (void)words;
  (void)count;
  get_api = ((int (**)(const char *, void *))context)[0];
  get_api("RedisModule_CreateCommand", &create);
  get_api("RedisModule_SetModuleAttribs", &set_attributes);
  get_api("RedisModule_ReplyWithSimpleString", &reply);
  set_attributes(context, "session", 1, 1);
  if (create(context, "session.use", use, "", 0, 0, 0)) return 1;
  return create(context, "session.keep", keep, "", 0, 0, 0);
}
"""

FLASK_APPLICATION = """
import functools
import flask

app = flask.Flask(__name__)
kept = []

@functools.lru_cache(maxsize=2000)
def page(number):
    return flask.render_template_string("<p>{{ number }}</p>" * 20, number=number)

@app.route("/use/<int:number>")
def use(number):
    return page(number % 3000)

@app.route("/keep/<int:number>")
def keep(number):
    kept.append("a request of a user, " + str(number) * 20)  # leaks
    return page(number % 3000)
"""

HTTP_CLIENT = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for number in range(int(sys.argv[3]), int(sys.argv[4])):
    connection.request("GET", f"/{sys.argv[2]}/{number}")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read()
"""


def line_of(pattern, text):
    return text[: pattern.search(text).start()].count("\n") + 1


@dataclass
class Redis:
    name = "redis-server"
    file, needs = "session.c", ("redis-server", "redis-benchmark", "gcc")
    text = REDIS_MODULE

    def command(self, tests, folder, port):
        subprocess.run(["gcc", "-g", "-O1", "-shared", "-fPIC", "session.c", "-o", "session.so"], cwd=folder, check=True)
        server = ["redis-server", "--port", port, "--save", "", "--loadmodule", "./session.so"]
        return [tests.mtrace, "run", "--no-on-exit", "-o", folder / "s.%p.%n.zst", "--", *server]

    def traced(self, starter):
        return children(starter)[0]

    def ask(self, port, does_leak, window):
        client = ["redis-benchmark", "-p", port, "-q", "-c", "5"]
        fill = ["-n", "2000", "-r", "20000", "-t", "set,get,sadd,hset"]
        subprocess.run([*client, *fill], check=True, stdout=subprocess.DEVNULL)
        command = "session.keep" if does_leak else "session.use"
        subprocess.run([*client, "-n", str(REQUESTS), command], check=True, stdout=subprocess.DEVNULL)


@dataclass
class Flask:
    name = "flask"
    file, needs = "app.py", ("gunicorn",)
    text = FLASK_APPLICATION

    def command(self, tests, folder, port):
        server = ["gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}", "app:app"]
        return [tests.mtrace, "run", "--no-on-exit", "--follow-fork", "-o", folder / "s.%p.%n.zst", "--", *server]

    def traced(self, starter):
        (master,) = children(starter)
        wait_for(lambda: children(master))
        return children(master)[0]

    def ask(self, port, does_leak, window):
        numbers = [str(window * REQUESTS), str((window + 1) * REQUESTS)]
        subprocess.run([PYTHON, "-c", HTTP_CLIENT, port, "keep" if does_leak else "use", *numbers], check=True)


class Tests:
    def __init__(self, arguments):
        self.mtrace, self.windows = os.path.realpath(arguments.mtrace), arguments.windows
        self.problems = []

    def follow(self, service, does_leak, folder):
        """Snapshots of all windows, in the folder that is returned."""
        (folder / service.file).write_text(service.text)
        port = str(free_port())
        series = folder / "series"
        series.mkdir()
        with (folder / "said").open("wb") as said:
            command = service.command(self, folder, port)
            starter = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        try:
            wait_for(lambda: can_connect(("127.0.0.1", int(port))) or starter.poll() is not None)
            process = service.traced(starter.pid)
            for window in range(self.windows + 1):
                service.ask(port, does_leak, window)
                work = str((window + 1) * REQUESTS)
                subprocess.run([self.mtrace, "snapshot", str(process), "--work", work], check=True, stdout=subprocess.DEVNULL)
                (written,) = folder.glob("s.*.zst")
                written.rename(series / f"{window:03}.zst")
            os.kill(children(starter.pid)[0], signal.SIGTERM)
            starter.wait(timeout=60)
        except Exception:
            sys.stderr.write((folder / "said").read_text())
            raise
        finally:
            for number in descendants(starter.pid) if starter.poll() is None else []:
                os.kill(number, signal.SIGKILL)
            starter.wait()
        return series

    def judge(self, service, does_leak, folder, series):
        trend = [self.mtrace, "trend", series, "--per", "work"]
        done = subprocess.run([*trend, "--fail-on-growth", "--format", "json"], capture_output=True, check=False)
        if done.returncode not in (0, 1):
            return f"trend: {done.stderr.decode()}"
        rows = json.loads(done.stdout)["statistics"]
        growing = [frame for row in rows if row["verdict"] == "growing" for frame in row["traceback"]]
        found = [f"{Path(frame['filename']).name}:{frame['lineno']}" for frame in growing]
        leaks = [f"{service.file}:{line_of(KEPT, service.text)}"] if does_leak else []
        expected = f"expected {' '.join(leaks) or 'nothing'}"
        print(f"  {service.name}: growing {' '.join(found) or 'nothing'}; {expected}", flush=True)
        if found != leaks or done.returncode != bool(leaks):
            shown = subprocess.run(trend, capture_output=True, check=False).stdout.decode()
            return f"{service.name}: {found} grow, not {leaks}; exit status {done.returncode}\n{shown}"
        return None

    def run(self, service, does_leak):
        folder = Path(tempfile.mkdtemp(prefix="mtrace-services-"))
        try:
            problem = self.judge(service, does_leak, folder, self.follow(service, does_leak, folder))
            if problem:
                self.problems.append(problem)
        finally:
            shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("services", nargs="*")
    arguments = parser.parse_args()
    tests = Tests(arguments)
    for service in (Redis(), Flask()):
        if arguments.services and service.name not in arguments.services:
            continue
        missing = [need for need in service.needs if not shutil.which(need)]
        if missing:
            print(f"{service.name}: skipped, {', '.join(missing)} is not installed")
            continue
        for number in range(arguments.rounds):
            print(f"{service.name}, round {number + 1}", flush=True)
            for does_leak in (True, False):
                tests.run(service, does_leak)
    for problem in tests.problems:
        print(problem)
    print(f"{len(tests.problems)} problems")
    return 1 if tests.problems else 0


if __name__ == "__main__":
    sys.exit(main())
