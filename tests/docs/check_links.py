#!/usr/bin/env python3
"""Looks for dead links and for words that are spelt in another way elsewhere.

    tests/docs/check_links.py

Links in Markdown lead to files and headings that there are; a manual page that another one names is
there, or is somebody else's; the pages of commands name mtrace(1). All is written in British English,
with -ize, but for what the command line calls --color.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROSE = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "formats").glob("*.md"))]
MANUAL = sorted((ROOT / "man").glob("*.[1-9]"))
HELP = sorted((ROOT / "src" / "cli").glob("*.cpp"))

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CROSS_REFERENCE = re.compile(r"^\.Xr (\S+) (\d)", re.MULTILINE)
# Not so: of what is said to people.
AMERICAN = re.compile(
    r"\b(behaviors?|colors?|colored|colou?rize\w*|favor\w*|labeled|labeling|canceled|gray|centers?|analyz\w+|catalogs?"
    r"|licenses?|artifacts?|recognise\w*|organise\w*|normalise\w*|symbolise\w*|summarise\w*|optimise\w*)\b",
    re.IGNORECASE,
)
TEXT_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def anchors_of(text):
    """As GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in HEADING.findall(text)}


def dead_links(path):
    text = path.read_text(encoding="utf-8")
    for link in LINK.findall(FENCE.sub("", text)):
        file, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = path.parent / file if file else path
        if not target.exists():
            yield f"links to {file}, which there is not"
        elif anchor and anchor not in anchors_of(target.read_text(encoding="utf-8")):
            yield f"links to #{anchor} in {target.name}, which there is not"


def dead_references(path, pages):
    references = set(CROSS_REFERENCE.findall(path.read_text(encoding="utf-8")))
    for name, section in references:
        if name.startswith("mtrace-") and f"{name}.{section}" not in pages:
            yield f"names {name}({section}), which there is not"
    if path.name != "mtrace.1" and ("mtrace", "1") not in references:
        yield "does not name mtrace(1)"


def american(text):
    """Words in the text, but for code and what the command line is."""
    plain = re.sub(r"^```.*?^```$|`[^`]*`|\]\([^)]*\)|--?\w*color|NO_COLOR|Fl -?color|https?:\S+|/\S+", "", text, flags=re.M | re.S)
    return sorted({match[0] for match in AMERICAN.finditer(plain)})


def problems():
    pages = {path.name for path in MANUAL}
    for path in PROSE:
        for problem in dead_links(path):
            yield path, problem
    for path in MANUAL:
        for problem in dead_references(path, pages):
            yield path, problem
    for path in [*PROSE, *MANUAL]:
        words = american(path.read_text(encoding="utf-8"))
        if words:
            yield path, f"has {', '.join(words)}"
    for path in HELP:
        said = "\n".join(text for text in TEXT_LITERAL.findall(path.read_text(encoding="utf-8")) if " " in text)
        words = american(said)
        if words:
            yield path, f"says {', '.join(words)}"


def main():
    found = [f"{path.relative_to(ROOT)} {problem}" for path, problem in problems()]
    print("\n".join(found), file=sys.stderr)
    print(f"{len(PROSE)} pages of Markdown, {len(MANUAL)} manual pages, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
