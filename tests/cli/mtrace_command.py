"""Runs the mtrace command and measures what it did. Used by every end-to-end test."""

import os
import select
import signal
import socket
import struct
import threading
import time
import weakref
from typing import NamedTuple

# Nothing of the caller's terminal or locale reaches a test; sanitizer settings do.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"} | {
    name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")
}


class Outcome(NamedTuple):
    status: int  # the exit status; below zero: killed by that signal
    stdout: bytes
    stderr: bytes
    peak_memory: int  # bytes resident at most; never below what the test itself had
    arguments: tuple

    def __str__(self):
        return (
            f"mtrace {' '.join(map(shown, self.arguments))}\n"
            f"  status {self.status}\n  stdout {self.stdout[:2000]!r}\n  stderr {self.stderr[:2000]!r}"
        )


def shown(argument):
    text = os.fsdecode(argument)
    return text if text.isprintable() and " " not in text else repr(text)


class Mtrace:
    """Runs the command; with `fork_server`, the library that makes it a server of itself, by that: much
    faster where a test runs it thousands of times (fork_server.cpp).
    """

    def __init__(self, path, fork_server=None):
        self.path = os.path.realpath(path)
        if not os.access(self.path, os.X_OK):
            raise SystemExit(f"{path}: not an executable file")
        self.fork_server = fork_server and os.path.realpath(fork_server)
        self.local = threading.local()

    def is_sanitized(self):
        """Sanitizers reserve terabytes of address space and need several times the memory."""
        with open(self.path, "rb") as file:
            return b"__asan_init" in file.read()

    def run(self, *arguments, stdin=None, stdout=None, seconds=20.0, environment=None):
        """Runs to the end and returns the Outcome. `stdin` is bytes or a file descriptor (default:
        empty), `stdout` a file descriptor where it is not to be collected. Killed after `seconds`.
        """
        collected, errors = os.memfd_create("stdout"), os.memfd_create("stderr")
        given = memory_file(stdin) if isinstance(stdin, bytes) else None
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            descriptors = (first_set(given, stdin, null), first_set(stdout, collected), errors)
            run = self.request if self.fork_server else self.spawn
            status, peak_memory = run(arguments, descriptors, environment or {}, seconds)
            return Outcome(
                os.waitstatus_to_exitcode(status), content(collected), content(errors), peak_memory * 1024, arguments
            )
        finally:
            for descriptor in (collected, errors, null, given):
                if descriptor is not None:
                    os.close(descriptor)

    def spawn(self, arguments, descriptors, environment, seconds):
        """Loads the program. Returns what wait() says of its status, and its peak in KiB."""
        child = spawned(self.path, ["mtrace", *arguments], ENVIRONMENT | environment, descriptors)
        status, usage = wait(child, seconds)
        return status, usage.ru_maxrss

    def request(self, arguments, descriptors, environment, seconds):
        """The same by this thread's server."""
        if not hasattr(self.local, "server"):
            self.local.server = ForkServer(self.path, self.fork_server)
        return self.local.server.run(["mtrace", *arguments], descriptors, environment, seconds)


class ForkServer:
    """The command as a server of itself. It ends with this object."""

    def __init__(self, path, library):
        self.socket, served = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {"LD_PRELOAD": library, "MTRACE_FORK_SERVER": "3"}
        null = os.open(os.devnull, os.O_RDWR)
        with served:
            process = spawned(path, ["mtrace"], ENVIRONMENT | environment, (null, null, null, served.fileno()))
        os.close(null)
        self.end = weakref.finalize(self, end_server, self.socket, process)

    def run(self, arguments, descriptors, environment, seconds):
        variables = [f"{name}={value}" for name, value in environment.items()]
        words = [str(int(seconds)), str(len(variables)), *variables, *arguments]
        message = b"".join(os.fsencode(word) + b"\0" for word in words)
        socket.send_fds(self.socket, [message], descriptors)
        return struct.unpack("qq", self.socket.recv(16))


def end_server(its_socket, process):
    its_socket.close()
    os.waitpid(process, 0)


def spawned(path, arguments, environment, descriptors):
    return os.posix_spawn(
        path,
        arguments,
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(descriptors)],
        setsigdef=[signal.SIGPIPE],  # Python ignores it, a shell does not
    )


def first_set(*values):
    return next(value for value in values if value is not None)


def memory_file(data):
    descriptor = os.memfd_create("stdin")
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def content(descriptor):
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def wait(child, seconds):
    """Waits for the child at most so long, then kills it: its status is then SIGKILL's."""
    watched = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        end = time.monotonic() + seconds
        while not poll.poll(max(0.0, end - time.monotonic()) * 1000):
            if time.monotonic() >= end:
                os.kill(child, signal.SIGKILL)
                break
        _, status, usage = os.wait4(child, 0)
        return status, usage
    finally:
        os.close(watched)
