"""Services under `mtrace run`: started as in production, asked by their client under load, ended by a signal.

They answer and end as untraced ones. A snapshot that is asked for before the load and one after it show what grew.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 120
PYTHON = "/usr/bin/python3"
POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def children(process):
    return [int(number) for task in Path(f"/proc/{process}/task").glob("*/children") for number in task.read_text().split()]


def descendants(process):
    found = [process]
    for number in found:
        found += children(number)
    return found


def can_connect(address):
    try:
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as channel:
            channel.connect(address)
            return True
    except OSError:
        return False


@dataclass
class Service:
    name: str
    command: list  # FOLDER and PORT stand for those of the run
    load: list  # a client's command
    files: dict = field(default_factory=dict)
    needs: list = field(default_factory=list)
    socket: str = ""  # in the folder; else the port
    before: list = field(default_factory=list)
    ready: list = field(default_factory=list)  # a command that succeeds then
    beside: list = field(default_factory=list)  # another client, that stays
    keeps: str = ".*"  # what of the client's output is the same each time
    ends: int = signal.SIGTERM
    leak: tuple = ()  # options of diff, and a pattern of the first row's location
    user: str = ""  # where root may not run it
    quick: bool = False

    def filled(self, words, folder, port):
        return [str(word).replace("FOLDER", str(folder)).replace("PORT", str(port)) for word in words]

    def client(self, words):
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode, [line for line in done.stdout.decode().splitlines() if re.fullmatch(self.keeps, line)]

    def as_user(self, words):
        if not self.user or os.geteuid() != 0:
            return words
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *words]

    def run_once(self, tests, folder, prefix):
        """Whatever is there to compare; and what the snapshots say."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        port = free_port()
        for name, text in self.files.items():
            (folder / name).write_text("".join(self.filled([text], folder, port)))
        for command in self.before:
            subprocess.run(self.as_user(self.filled(command, folder, port)), check=True, capture_output=True)
        command = self.as_user([*prefix, *self.filled(self.command, folder, port)])
        with (folder / "said").open("wb") as said:
            starter = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=os.environ | {"HOME": str(folder)})
        try:
            return self.use(tests, folder, port, starter, bool(prefix))
        finally:
            for process in descendants(starter.pid):
                if starter.poll() is None:
                    os.kill(process, signal.SIGKILL)
            starter.wait()

    def use(self, tests, folder, port, starter, is_traced):
        address = str(folder / self.socket.replace("PORT", str(port))) if self.socket else ("127.0.0.1", port)
        wait_for(lambda: can_connect(address) or starter.poll() is not None)
        ready = self.filled(self.ready, folder, port)
        wait_for(lambda: not ready or subprocess.run(ready, capture_output=True, check=False).returncode == 0)
        load = self.filled(self.load, folder, port)
        if self.beside:
            subprocess.Popen(self.filled(self.beside, folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answers = [self.client(load)]
        snapshots = []
        for _ in range(2):
            # The program itself is the child of `mtrace run`.
            if is_traced:
                snapshots.append(self.snapshots(tests, folder, descendants(starter.pid)[1:]))
            answers.append(self.client(load))
        if is_traced:
            snapshots.append(self.snapshots(tests, folder, descendants(starter.pid)[1:]))
            self.check_leak(tests, snapshots)
        os.kill(children(starter.pid)[0] if is_traced else starter.pid, self.ends)
        return starter.wait(timeout=PATIENCE), answers

    def snapshots(self, tests, folder, processes):
        """Of each process that writes one now: those that ended meanwhile do not."""
        found = {}
        for process in processes:
            done = tests.execute(tests.mtrace, "snapshot", str(process))
            is_there = os.path.exists(f"/proc/{process}")
            if done.returncode != 0 and is_there and b"not traced" not in done.stderr:
                tests.expect(False, f"{self.name}: snapshot {process}: {done.stderr.decode()}")
            newest = max(folder.glob(f"s.{process}.*"), key=lambda path: path.stat().st_mtime_ns, default=None)
            if done.returncode == 0 and newest is not None:
                found[process] = newest.rename(folder / f"{process}-{len(list(folder.iterdir()))}.kept")
        return found

    def check_leak(self, tests, snapshots):
        tests.expect(snapshots[-1], f"{self.name}: no process writes a snapshot")
        if not self.leak:
            return
        options, pattern = self.leak
        rows = []
        for process in snapshots[0].keys() & snapshots[-1].keys():
            done = tests.execute(tests.mtrace, "diff", snapshots[0][process], snapshots[-1][process], "-n1", "--sort", "growth", "--format", "csv", *options)
            rows += done.stdout.decode().splitlines()[1:]
        tests.expect(any(re.search(pattern, row) for row in rows), f"{self.name}: {rows} grow, not {pattern}")

    def check(self, tests, sets):
        folder = tests.folder / self.name
        plain = self.run_once(tests, folder, [])
        for options in sets:
            # Workers are what leaks in a service: it is always followed.
            options = [*options, *(["--follow-fork"] if "--follow-fork" not in options else [])]
            traced = self.run_once(tests, folder, [tests.mtrace, "run", *options, "-o", f"{folder}/s.%p.zst", "--"])
            said = (folder / "said").read_text(errors="replace")[-800:]
            tests.expect(traced == plain, f"{self.name} {' '.join(options)}: {traced}\n  untraced: {plain}\n{said}")


FLASK = """
import flask
app = flask.Flask(__name__)
kept = []
@app.route("/keep")
def keep():
    kept.append(bytearray(50000))
    return "kept"
"""
DJANGO = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
kept = []
def keep(request):
    kept.append(bytearray(50000))
    return HttpResponse("kept")
urlpatterns = [path("keep", keep)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
app = get_wsgi_application()
"""
ASK = """
import http.client, socket, sys
for number in range(120):
    channel = http.client.HTTPConnection("x", timeout=100)
    channel.sock = socket.socket(socket.AF_UNIX)
    channel.sock.connect(sys.argv[1])
    channel.request("GET", "/keep")
    print(channel.getresponse().read().decode())
    channel.close()
"""


def gunicorn(framework, code, **more):
    return Service(framework, [PYTHON, "-m", "gunicorn", "-w", "2", "-b", "unix:FOLDER/socket", "--worker-class", more.pop("kind", "sync"), "served:app"],
                   [PYTHON, "FOLDER/ask.py", "FOLDER/socket"], {"served.py": code, "ask.py": ASK}, socket="socket", leak=(["--mine"], r"served\.py"), **more)


SERVICES = [
    gunicorn("flask", FLASK, needs=["import flask", "import gunicorn"], quick=True),
    gunicorn("django", DJANGO, needs=["import django", "import gunicorn"]),
    gunicorn("flask-gevent", FLASK, kind="gevent", needs=["import flask", "import gunicorn", "import gevent"]),
    Service("redis", ["redis-server", "--port", "0", "--unixsocket", "FOLDER/socket", "--save", "", "--dir", "FOLDER"],
            ["redis-benchmark", "-s", "FOLDER/socket", "-n", "3000", "-q", "-t", "lpush,set,hset"], keeps="", socket="socket",
            needs=["redis-server", "redis-benchmark"], leak=(["--group-by", "module"], "redis"), quick=True),
    Service("nginx", ["nginx", "-p", "FOLDER", "-c", "FOLDER/nginx.conf"],
            ["wrk", "-t1", "-c8", "-d1", "http://127.0.0.1:PORT/page"], {"page": "x" * 3000, "nginx.conf": """
daemon off; worker_processes 2; pid FOLDER/pid; error_log FOLDER/errors; events {}
http { access_log off; client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/p; fastcgi_temp_path FOLDER/f;
uwsgi_temp_path FOLDER/u; scgi_temp_path FOLDER/s; server { listen 127.0.0.1:PORT; root FOLDER; } }
"""}, keeps=r".*(Non-2xx|Socket errors).*", needs=["nginx", "wrk"], ends=signal.SIGQUIT),
    Service("postgres", [POSTGRES / "postgres", "-D", "FOLDER/data", "-k", "FOLDER", "-p", "PORT", "-c", "listen_addresses=", "-c", "fsync=off"],
            [POSTGRES / "pgbench", "-h", "FOLDER", "-p", "PORT", "-U", "postgres", "-n", "-c", "4", "-j", "2", "-t", "50", "-f", "FOLDER/load.sql", "postgres"],
            {"load.sql": "create temp table if not exists kept(a int, b text);\ninsert into kept select g, md5(g::text) from generate_series(1, 300) g;\n"
             "select count(distinct b) from kept;\n", "grow.sql": "do $$ declare kept text[]; begin for i in 1..1000 loop "
             "kept := kept || (repeat('x', 100000) || i); perform pg_sleep(0.05); end loop; end $$"},
            before=[[POSTGRES / "initdb", "-D", "FOLDER/data", "-A", "trust", "-U", "postgres"]], socket=".s.PGSQL.PORT", user="postgres",
            ready=[POSTGRES / "pg_isready", "-h", "FOLDER", "-p", "PORT", "-U", "postgres"],
            beside=["psql", "-h", "FOLDER", "-p", "PORT", "-U", "postgres", "-f", "FOLDER/grow.sql"],
            leak=(["--group-by", "module"], "postgres"),
            keeps=r"number of (transactions actually|failed).*", needs=[str(POSTGRES / "pgbench"), "setpriv"], ends=signal.SIGINT),
]
