#!/usr/bin/env python3
"""Compares the manual pages with what the command says of itself.

    tests/docs/check_options.py --mtrace PATH

For each command: the manual page has the options that `mtrace COMMAND --help` has and no others, with
the same names, arguments and choices; what two commands share is described in the same words. The
README names every command, and its C++ is an excerpt of the example that the tests build. Where
mandoc, groff and man are installed, they find no fault with the pages.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MAN = ROOT / "man"
# Pages that are not about a command of mtrace.
OTHER_PAGES = ("python",)

COLUMNS = 80

# "  -g,--group-by KEY (default: lineno)  What a row is: lineno, filename"; names only where there is no
# argument. An option with a default takes one of the words behind the last colon.
HELP_OPTION = re.compile(r"^  (?P<names>(?:-\w,)?--[\w-]+)(?: (?P<argument>[A-Z=]+))?(?P<default> \(default: )?")
HELP_COMMAND = re.compile(r"^  (\w+)\s{2,}(.*)$")


class Option(NamedTuple):
    names: tuple
    argument: str  # empty where it takes none
    choices: frozenset
    description: str  # the page's own words, or the help's

    def shown(self):
        choices = "{" + ",".join(sorted(self.choices)) + "}" if self.choices else ""
        return f"{', '.join(self.names)} {self.argument}{choices}".rstrip()


# --- what the command says ---


def help_of(mtrace, *command):
    return subprocess.run(
        [mtrace, *command, "--help"], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    ).stdout


def commands_of(mtrace):
    section = help_of(mtrace).split("Commands:\n", 1)[-1]
    commands = [match[1] for match in map(HELP_COMMAND.match, section.splitlines()) if match]
    return [command for command in commands if command != "help"]


def options_in_help(text):
    options = {}
    lines = text.splitlines()
    for index, line in enumerate(lines):
        match = HELP_OPTION.match(line)
        if not match:
            continue
        end = index + 1
        while end < len(lines) and lines[end].startswith("   "):
            end += 1
        names = tuple(match["names"].split(","))
        description = " ".join(map(str.strip, lines[index:end]))
        choices = frozenset(description.rsplit(": ", 1)[1].split(", ") if match["default"] else ())
        options[names] = Option(names, match["argument"] or "", choices, description)
    return options


def positionals_in_help(text):
    usage = re.search(r"^Usage: .*$", text, re.MULTILINE)[0]
    return re.findall(r"\b[A-Z]+\b", usage.replace("[OPTIONS]", ""))


# --- what the manual page says ---


def options_in_page(text):
    """An option's item begins with `.It Fl` and goes on to the next one."""
    section = text.split(".Sh OPTIONS\n", 1)[-1].split("\n.Sh ", 1)[0]
    options = {}
    for item in re.split(r"^\.It (?=Fl )", section, flags=re.MULTILINE)[1:]:
        heading, _, body = item.partition("\n")
        body = re.split(r"^\.Ss ", body, flags=re.MULTILINE)[0]
        names = tuple("-" + name for name in re.findall(r"Fl (\S+)", heading))
        arguments = set(re.findall(r"Ar (\S+)", heading))
        # `.Cm`, alone or as a list's item, is a word to type; behind a `.Fl` it is another option's.
        choices = frozenset(re.findall(r"^\.(?:It |Pq )?Cm ([a-z_]+)", body, re.MULTILINE))
        argument = arguments.pop() if len(arguments) == 1 else "" if not arguments else str(arguments)
        options[names] = Option(names, argument, choices, body)
    return options


def compare_options(command, helped, page):
    for names in helped.keys() - page.keys():
        yield f"mtrace-{command}.1 does not have {helped[names].shown()}"
    for names in page.keys() - helped.keys():
        yield f"mtrace-{command}.1 has {page[names].shown()}, which mtrace {command} does not"
    for names in helped.keys() & page.keys():
        if helped[names].shown() != page[names].shown():
            yield (
                f"mtrace {command} --help has {helped[names].shown()}, "
                f"mtrace-{command}.1 has {page[names].shown()}"
            )


def compare_synopsis(command, helped, page):
    synopsis = page.split(".Sh SYNOPSIS\n", 1)[-1].split("\n.Sh ", 1)[0]
    for name in positionals_in_help(helped):
        if not re.search(rf"Ar {name}\b", synopsis):
            yield f"the synopsis in mtrace-{command}.1 lacks {name}"


def compare_shared(helped, pages):
    """Where two commands give an option the same help, their pages must too."""
    first_with = {}
    for command, options in helped.items():
        for names, option in options.items():
            if names not in pages[command]:
                continue
            other = first_with.setdefault((names, option.description), command)
            if pages[other][names].description != pages[command][names].description:
                yield f"mtrace-{other}.1 and mtrace-{command}.1 differ in {', '.join(names)}"


def check_pages(mtrace, commands):
    helped, pages = {}, {}
    for command in commands:
        path = MAN / f"mtrace-{command}.1"
        if not path.exists():
            yield f"there is no man/{path.name}"
            continue
        text, page = help_of(mtrace, command), path.read_text(encoding="utf-8")
        helped[command], pages[command] = options_in_help(text), options_in_page(page)
        if not helped[command]:
            yield f"mtrace {command} --help shows no option that this test can read"
        yield from compare_options(command, helped[command], pages[command])
        yield from compare_synopsis(command, text, page)
    yield from compare_shared(helped, pages)


# --- the overview and the README ---


def check_overview(mtrace, commands):
    page = (MAN / "mtrace.1").read_text(encoding="utf-8")
    listed = re.findall(r"^\.It Xr mtrace-(\w+) 1", page, re.MULTILINE)
    if sorted(listed) != sorted(commands):
        yield f"mtrace.1 lists {sorted(listed)}, mtrace --help has {sorted(commands)}"
    documented = set(re.findall(r"^\.It .*Fl (-\w+)", page, re.MULTILINE))
    offered = {names[-1][1:] for names in options_in_help(help_of(mtrace))}
    if documented != offered:
        yield f"mtrace.1 has the options {sorted(documented)}, mtrace --help {sorted(offered)}"
    for path in MAN.glob("mtrace-*.1"):
        if path.stem.partition("-")[2] not in [*commands, *OTHER_PAGES]:
            yield f"man/{path.name} is about a command that there is not"


def check_help(mtrace, commands):
    """Two ways to ask, one answer, which fits a terminal."""
    texts = {(): help_of(mtrace)} | {(command,): help_of(mtrace, command) for command in commands}
    for command, text in texts.items():
        asked = subprocess.run([mtrace, "help", *command], stdout=subprocess.PIPE, text=True, timeout=60)
        if asked.stdout != text or asked.returncode != 0:
            yield f"mtrace help {' '.join(command)} does not print what --help does"
        for line in text.splitlines():
            if len(line) > COLUMNS or line.endswith(" "):
                yield f"the help of mtrace {' '.join(command)} is wide, or ends in a space: {line}"


def check_readme(commands):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in commands:
        if not re.search(rf"`(mtrace )?{command}\b", readme):
            yield f"README.md does not name the command {command}"


def check_layout():
    pages = sorted(str(path) for path in MAN.glob("*.[1-9]"))
    tools = (
        ["mandoc", "-T", "lint", "-W", "warning"],
        ["groff", "-mdoc", "-Tutf8", "-ww", "-z"],
        # As everybody will read them; troff's warnings are asked for, which are off otherwise.
        ["man", "--warnings=w", "--troff-device=utf8", "--ditroff", "--local-file"],
    )
    for tool in tools:
        if shutil.which(tool[0]) is None:
            print(f"{tool[0]} is not installed: it was not asked")
            continue
        for page in pages:
            done = subprocess.run(
                [*tool, page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60
            )
            # What man prints is the page.
            complaints = ("" if tool[0] == "man" else done.stdout) + done.stderr
            # mandoc complains of manual pages that are not installed here; that is no fault of ours.
            complaints = [line for line in complaints.splitlines() if "mandoc.db" not in line]
            if complaints or done.returncode != 0:
                yield "\n".join([f"{tool[0]} {page}: status {done.returncode}", *complaints])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to ask")
    mtrace = str(pathlib.Path(parser.parse_args().mtrace).resolve())
    commands = commands_of(mtrace)
    problems = [] if commands else ["mtrace --help shows no command that this test can read"]
    problems += check_pages(mtrace, commands)
    problems += check_overview(mtrace, commands)
    problems += check_help(mtrace, commands)
    problems += check_readme(commands)
    problems += check_layout()
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(commands)} commands, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
