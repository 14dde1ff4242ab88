#!/usr/bin/env python3
"""Compares the manual pages and the help with each other.

    tests/docs/check_options.py --mtrace PATH

The options in the manual pages, `-h` and `--help` are made of one description. So here each is read by
itself: for each command the page and `--help` have the same options, with the same names, arguments and choices;
`-h` has those that fit a screen; and no option is described by hand. The README names every command, and its C++ is an excerpt of the example
that the tests build. Where mandoc, groff and man are installed, they find no fault with the pages as
they are installed.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MAN = ROOT / "man"
# Pages that are not about a command of mtrace.
OTHER_PAGES = ("python",)

# A terminal is as wide at least, and a screen as high, with a line for what is typed next.
COLUMNS, ROWS = 80, 23

# "  -g, --group-by KEY  What to group by: lineno, filename (default: lineno)"; names only where there is no
# argument.
HELP_OPTION = re.compile(r"^  (?P<names>(?:-\w, )?--[\w-]+)(?: (?P<argument>[A-Z=]+))?(?=  |$)")
# Words to choose from end the description, in front of the default, if there is one.
HELP_CHOICES = re.compile(r": ([a-z_]+(?:, [a-z_]+)*) \(default: [a-z_]+\)$|: ([a-z_]+(?:, [a-z_]+)+)$")
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


def help_of(mtrace, *command, option="-h"):
    return subprocess.run(
        [mtrace, *command, option], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    ).stdout


def page_of(mtrace, path):
    """A manual page as it is installed."""
    return subprocess.run(
        [mtrace, "manual", path], stdout=subprocess.PIPE, text=True, check=True, timeout=60
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
        names = tuple(match["names"].split(", "))
        description = " ".join(map(str.strip, lines[index:end]))
        words = HELP_CHOICES.search(description)
        choices = frozenset((words[1] or words[2]).split(", ") if words else ())
        options[names] = Option(names, match["argument"] or "", choices, description)
    return options


def options_in_whole_help(text):
    """Each with its text below it, and the words that it takes a line each."""
    options = {}
    for block in re.split(r"^(?=  (?:-\w, )?--[\w-]+)", text, flags=re.MULTILINE)[1:]:
        match = HELP_OPTION.match(block.splitlines()[0])
        words = re.findall(r"^ {12}([a-z_]+)(?: {2,}|$)", block, re.MULTILINE)
        names = tuple(match["names"].split(", "))
        options[names] = Option(names, match["argument"] or "", frozenset(words), block)
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


def compare_short_help(command, helped, text):
    """-h has some of what --help has, in the same words; or says how many there are in all."""
    short = options_in_help(text)
    for names in short.keys() - helped.keys():
        yield f"mtrace {command} -h has {short[names].shown()}, which --help lacks"
    for names in short.keys() & helped.keys():
        if short[names].shown() != helped[names].shown():
            yield f"mtrace {command} -h has {short[names].shown()}, --help has {helped[names].shown()}"
    number = re.search(rf"^See mtrace {command} --help for all (\d+) options", text, re.MULTILINE)
    if int(number[1]) != len(helped) if number else short.keys() != helped.keys():
        yield f"mtrace {command} -h does not say how many options --help has"


def check_pages(mtrace, commands):
    for command in commands:
        path = MAN / f"mtrace-{command}.1"
        if not path.exists():
            yield f"there is no man/{path.name}"
            continue
        text, page = help_of(mtrace, command), page_of(mtrace, path)
        helped, paged = options_in_whole_help(help_of(mtrace, command, option="--help")), options_in_page(page)
        if not helped:
            yield f"mtrace {command} --help shows no option that this test can read"
        if options_in_page(path.read_text(encoding="utf-8")):
            yield f"man/{path.name} describes options by hand"
        yield from compare_options(command, helped, paged)
        yield from compare_short_help(command, helped, text)
        yield from compare_synopsis(command, text, page)


# --- the overview and the README ---


def check_overview(mtrace, commands):
    page = page_of(mtrace, MAN / "mtrace.1")
    listed = re.findall(r"^\.It Xr mtrace-(\w+) 1", page, re.MULTILINE)
    if sorted(listed) != sorted(commands):
        yield f"mtrace.1 lists {sorted(listed)}, mtrace --help has {sorted(commands)}"
    documented = set(re.findall(r"^\.It .*Fl (-\w+)", page, re.MULTILINE))
    offered = {names[-1][1:] for names in options_in_help(help_of(mtrace, option="--help"))}
    if documented != offered:
        yield f"mtrace.1 has the options {sorted(documented)}, mtrace --help {sorted(offered)}"
    for path in MAN.glob("mtrace-*.1"):
        if path.stem.partition("-")[2] not in [*commands, *OTHER_PAGES]:
            yield f"man/{path.name} is about a command that there is not"


def check_help(mtrace, commands):
    """Two ways to ask, one answer, which fits a terminal."""
    for command in [(), *((command,) for command in commands)]:
        short, whole = help_of(mtrace, *command), help_of(mtrace, *command, option="--help")
        asked = subprocess.run([mtrace, "help", *command], stdout=subprocess.PIPE, text=True, timeout=60)
        if asked.stdout != whole or asked.returncode != 0:
            yield f"mtrace help {' '.join(command)} does not print what --help does"
        for line in [*short.splitlines(), *whole.splitlines()]:
            if len(line) > COLUMNS or line.endswith(" "):
                yield f"the help of mtrace {' '.join(command)} is wide, or ends in a space: {line}"
        if len(short.splitlines()) > ROWS:
            yield f"mtrace {' '.join(command)} -h has more than {ROWS} lines"


def check_readme(commands):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in commands:
        if not re.search(rf"`(mtrace )?{command}\b", readme):
            yield f"README.md does not name the command {command}"


def check_layout(mtrace, folder):
    pages = []
    for path in sorted(MAN.glob("*.[1-9]")):
        pages.append(str(folder / path.name))
        (folder / path.name).write_text(page_of(mtrace, path), encoding="utf-8")
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
    with tempfile.TemporaryDirectory(prefix="mtrace-manual-") as folder:
        problems += check_layout(mtrace, pathlib.Path(folder))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(commands)} commands, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
