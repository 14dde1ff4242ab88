"""What bash, zsh and fish offer behind every command and option, against what `mtrace --help` says.

offers_of(shell, ...) asks a shell for all lines at once: {line: {word: what is said of it}}.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

import check_options  # noqa: E402

FILES = {"one.zst", "two words.zst"}
FOLDERS = {"one-folder"}
# What values and arguments of these names are; anything else is text.
KINDS = {"FILE": FILES | FOLDERS, "PATTERN": None, "SNAPSHOT": FILES | FOLDERS, "BEFORE": FILES | FOLDERS,
         "AFTER": FILES | FOLDERS, "INPUT": FILES | FOLDERS, "DIR": FOLDERS}  # fmt: skip


def expectations(mtrace):
    """{line: (words that must be offered, the help in which what is said of them stands)}"""
    program = check_options.help_of(mtrace)
    commands = check_options.commands_of(mtrace)
    expected = {"mtrace ": (set(commands) | {"help"}, program), "mtrace help ": (set(commands), "")}
    for command in commands:
        text = check_options.help_of(mtrace, command, option="--help")
        options = check_options.options_in_whole_help(text).values()
        said = " ".join(text.split())
        expected[f"mtrace {command} --"] = ({option.names[-1] for option in options}, said)
        for option in options:
            words = set(option.choices) or KINDS.get(option.argument)
            # What `run` writes is a pattern, most often a plain name.
            if option.names[-1] == "--output":
                words = FILES | FOLDERS
            if words:
                expected[f"mtrace {command} {option.names[-1]} "] = (words, "")
        # "Usage: mtrace merge [OPTIONS] SNAPSHOT... -o FILE"
        arguments = re.search(r"^Usage: mtrace \w+ \[OPTIONS\] ([A-Z.\[\] ]+)", text).group(1).replace("[", "").replace("]", "").split() if command != "run" else []
        if arguments and arguments[0].rstrip(".") in KINDS:
            expected[f"mtrace {command} "] = (KINDS[arguments[0].rstrip(".")], "")
        if len(arguments) > 1 or arguments and arguments[0].endswith("..."):
            expected[f"mtrace {command} one.zst "] = (FILES | FOLDERS, "")
    return expected


def bash_offers(mtrace, folder, environment, lines):
    script = f"""
        source <({mtrace} completion bash)
        compopt() {{ :; }}
        offers() {{
          COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
          _mtrace
          printf '%s\\n' "${{COMPREPLY[@]}}" '<end>'
        }}
    """
    for line in lines:
        # The shell's own splitting: a word is begun behind a space.
        words = [f"'{word}'" for word in line.split(" ")]
        script += f"offers {' '.join(words)}\n"
    return split(run(["bash", "--norc", "--noprofile"], script, folder, environment), lines)


def fish_offers(mtrace, folder, environment, lines):
    script = run([mtrace, "completion", "fish"], "", folder, environment)
    for line in lines:
        script += f"\ncomplete -C '{line}'\necho '<end>'\n"
    return split(run(["fish", "--no-config"], script, folder, environment), lines)


# Notes down what is added, and what stands beside it in the list.
ZSH_SETUP = r"""
stty rows 200 cols 250; LISTMAX=1000
compadd() {
  local -a found
  local separator=${@[(i)(-|--)]} name
  if (( ! ${@[1,separator][(I)-[OAD]*]} )); then
    builtin compadd -O found "$@"
    name=${@[1,separator][(i)-*d]}
    print -rl -- "${found[@]/#/word }" >> offered
    (( name < separator )) && print -rl -- "${${(@P)@[name+1]}[@]/#/list }" >> offered
  fi
  builtin compadd "$@"
}
# Is called once, so it puts itself back. Keys that come too early would cut the completion short.
note_end() { print end >>offered; comppostfuncs=(note_end) }
comppostfuncs=(note_end)
"""


def wait_for_end(noted):
    deadline = time.monotonic() + 30
    while not noted.read_text().endswith("end\n"):
        if time.monotonic() > deadline:
            raise SystemExit(f"zsh does not come to an end: {noted.read_text()}")
        time.sleep(0.005)


def zsh_offers(shell, folder, lines):
    """`shell` is interactive, and has ZSH_SETUP."""
    offers = {}
    noted = folder / "offered"
    for number, line in enumerate(lines):
        noted.write_text("")
        shell.type(f"{line}\t")
        wait_for_end(noted)
        # The line is dropped by Ctrl-U.
        shell.type(f"\x15printf 'do%s\\n' ne-{number}\n")
        shell.wait_for(rf"done-{number}\r?\n")
        found = noted.read_text().splitlines()
        listed = [" ".join(one[5:].split()) for one in found if one.startswith("list ")]
        beside = dict(one.split(" -- ", 1) for one in listed if " -- " in one)
        words = (re.sub(r"\\(.)", r"\1", one[5:]).rstrip("=/") for one in found if one.startswith("word "))
        offers[line] = {word: beside.get(word, "") for word in words if word}
    noted.unlink()
    return offers


def run(arguments, script, folder, environment):
    done = subprocess.run(
        arguments, input=script, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment, timeout=60
    )
    return done.stdout


def split(output, lines):
    parts = output.split("<end>\n")
    offers = {}
    for line, part in zip(lines, parts):
        pairs = [one.partition("\t") for one in part.splitlines() if one]
        offers[line] = {word.rstrip("/"): said for word, _, said in pairs}
    return offers


def problems_of(shell, offers, expected):
    for line, (words, text) in expected.items():
        offered = offers.get(line, {})
        if line.startswith("mtrace ") and words and not words <= set(offered):
            yield f"{shell}: {line!r} does not offer {sorted(words - set(offered))}"
        # Options and choices are all that there is; among files there may be others.
        if words and not words & (FILES | FOLDERS) and line != "mtrace " and set(offered) != words:
            yield f"{shell}: {line!r} offers {sorted(set(offered) - words)} beside"
        if words == FOLDERS and FILES & set(offered):
            yield f"{shell}: {line!r} offers files, not only folders"
        for word in words if text and shell != "bash" else ():
            said = re.sub(r"\\(.)", r"\1", offered.get(word, ""))
            if not said or " ".join(said.split()) not in " ".join(text.split()):
                yield f"{shell}: {line!r} says of {word}: {said!r}"
