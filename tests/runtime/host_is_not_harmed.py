#!/usr/bin/env python3
"""What a program must not notice, and what its user must be told: shells and executed programs, MTRACE, privileges.

    tests/runtime/host_is_not_harmed.py --mtrace PATH --runtime PATH
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tracing import Tracing

PROGRAMS = Path(__file__).with_name("programs")
NOBODY = 65534


class Checks:
    def __init__(self, tracer, runtime):
        self.tracer, self.runtime, self.folder = tracer, runtime, tracer.folder

    def build(self, name, *words, text=None):
        source = [str(PROGRAMS / word) if word.endswith((".c", ".cpp")) else word for word in words]
        if text is not None:
            (self.folder / f"{name}.c").write_text(text)
            source.append(str(self.folder / f"{name}.c"))
        done = self.tracer.execute("gcc", "-O1", "-w", "-fno-builtin", "-pthread", *source, "-o", self.folder / name)
        self.tracer.expect(done.returncode == 0, f"{name} cannot be built: {done.stderr.decode()}")
        return self.folder / name

    def executed_programs(self):
        program = self.build("shell_calls", "shell_calls.c")
        usual = self.tracer.execute(program, env={**os.environ, "UNTRACED": "1"})
        self.tracer.expect(usual.returncode == 0, f"untraced: {usual}")
        for options in ((), ("--follow-fork",)):
            traced = self.tracer.run([program], "--no-symbolize", *options, output=self.folder / "%p.zst")
            self.tracer.expect((usual.stdout, 0) == (traced.stdout, traced.returncode), f"{options}: {traced}, not {usual}")
            snapshots = list(self.folder.glob("*.zst"))
            # The shells, and what they executed.
            self.tracer.expect(len(snapshots) > 80 if options else len(snapshots) == 1, f"{options}: {len(snapshots)} snapshots")
            for snapshot in snapshots:
                snapshot.unlink()

    def environment_of_a_program_with_rights(self):
        """A setuid program that is linked with the tracer does not do what its caller's environment says."""
        if os.geteuid() != 0:
            return
        os.chmod(self.folder, 0o755)
        text = "#include <stdlib.h>\nint main(void) { free(malloc(10)); return 0; }\n"
        # Where everybody can read it.
        runtime = shutil.copy(self.runtime, self.folder / "libmtrace_rt.so.0")
        program = self.build("setuid", "-Wl,--no-as-needed", str(runtime), f"-Wl,-rpath,{self.folder}", text=text)
        private = self.folder / "private"
        private.mkdir(mode=0o700)
        for mode in (0o755, 0o4755):
            program.chmod(mode)
            environment = {"MTRACE": f"32,report={private}/log,output={private}/x.zst"}
            for user in (NOBODY, 0):
                (private / "log").write_text("")
                done = subprocess.run([program], env=environment, user=user, group=user, extra_groups=[], check=False, capture_output=True)
                self.tracer.expect(done.returncode == 0, f"setuid: {done}")
                written = (private / "x.zst").exists() or (private / "log").read_text() != ""
                self.tracer.expect(written == (user == 0), f"mode {mode:o}, user {user}: written {written}")
                (private / "x.zst").unlink(missing_ok=True)

    def unusable_variable(self):
        for value in ("32,interval=10000000000", "32,interval=", "0", "32,nothing=1", "32,keep=1x", "99999"):
            environment = {"MTRACE": value, "LD_PRELOAD": str(self.runtime)}
            done = self.tracer.execute("/bin/true", env=environment)
            wrong = value.split(",")[-1]
            lines = done.stderr.decode().splitlines()
            self.tracer.expect(done.returncode == 0 and len(lines) == 1 and f"'{wrong}'" in lines[0], f"MTRACE={value}: {done}")

    def planted_names(self):
        """In a folder where everybody may make files, what somebody else has put there is not followed."""
        if os.geteuid() != 0:
            return
        shared = self.folder / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        os.chown(shared, NOBODY - 1, 0)
        victim = self.folder / "victim"
        victim.write_text("mine")
        os.mkfifo(self.folder / "fifo")
        for number, target in enumerate((victim, self.folder / "fifo")):
            link = shared / f"{number}.zst"
            link.symlink_to(target)
            os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
            done = self.tracer.run(["ls"], "--no-symbolize", output=link)
            # Root may replace the link itself.
            self.tracer.expect(done.returncode == 0 and not link.is_symlink(), f"snapshot over a planted link: {done}")
        self.tracer.expect(victim.read_text() == "mine", "a snapshot was written through a planted link")
        link = shared / "report"
        link.symlink_to(victim)
        os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
        done = self.tracer.execute(self.tracer.mtrace, "top", shared / "0.zst", "-o", link)
        self.tracer.expect(done.returncode == 2 and b"Permission denied" in done.stderr, f"report over a planted link: {done}")
        self.tracer.expect(victim.read_text() == "mine", "a report was written through a planted link")

    def nothing_seen(self):
        hello = '#include <stdio.h>\nint main(int c, char** v) { setvbuf(stdout, NULL, _IONBF, 0); puts("hello"); return c - 1; }\n'
        own = self.build("own", "own_malloc.c", text=hello)
        static = self.build("static", "-static", text=hello)
        library = self.build("libown.so", "-shared", "-fPIC", "own_malloc.c")
        usual = self.build("usual", text=hello)
        for program, words in ((own, "defines malloc itself"), (static, "statically linked"), (usual, "the snapshot is empty")):
            for arguments in ((), ("fails",)):
                done = self.tracer.run([program, *arguments])
                lines = done.stderr.decode().splitlines()
                right = (done.returncode, done.stdout) == (len(arguments), b"hello\n") and len(lines) == 1 and words in lines[0]
                self.tracer.expect(right, f"{words}: {done}")
        in_front = self.tracer.run(["env", f"LD_PRELOAD={library}", usual])
        self.tracer.expect(in_front.returncode == 0, f"behind the tracer: {in_front}")

    def snapshot_that_cannot_be_written(self):
        for command, status in ((["true"], 2), (["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -9 $$"], 137)):
            done = self.tracer.run(command, output="/dev/full")
            said = b"No space left" in done.stderr or status == 137
            self.tracer.expect(done.returncode == status and said, f"/dev/full: {done}")
        lost = self.folder / "lost"
        lost.mkdir()
        done = self.tracer.run(["rmdir", lost], output=lost / "x.zst")
        self.tracer.expect(done.returncode == 2 and b"No such file" in done.stderr, f"a folder that goes: {done}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--runtime", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-host-") as folder:
        tracer = Tracing(arguments.mtrace, folder)
        checks = Checks(tracer, os.path.realpath(arguments.runtime))
        return tracer.status(
            checks.executed_programs, checks.environment_of_a_program_with_rights, checks.unusable_variable,
            checks.planted_names, checks.nothing_seen, checks.snapshot_that_cannot_be_written,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
