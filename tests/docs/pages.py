"""Finds the examples that a page shows: command lines and what they print.

In Markdown they stand in fenced blocks that begin with ```console, in manual pages in blocks
.Bd -literal that hold such lines:

    $ mtrace top after.pickle
    what it prints

A line that ends in a backslash goes on in the next one.

In Markdown, the block behind <!-- file: NAME --> is a file that the commands find.
"""

import re
from typing import NamedTuple

# A command that no block shows: a display line of mdoc, indented code of Markdown.
STRAY_COMMAND = re.compile(r"(\.D[1l] |    +)(\$ )?mtrace\s")
SHOWN_FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Between backticks, also across a line's end.
INLINE_CODE = re.compile(r"(?<!`)`(?!`)([^`]+)`(?!`)")


class Example(NamedTuple):
    command: str  # may be of several lines
    output: list  # lines
    line: int  # of the page, where the command stands


class Block(NamedTuple):
    first: int  # index of its first line; the one that opens it is not part of it
    last: int  # one behind its last line
    examples: list


class Page:
    """A text whose examples stand between two marks; see Markdown and Mdoc."""

    def __init__(self, path):
        self.path = path
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.blocks = []
        self.problems = []  # (line number, what is wrong)
        self._find_blocks()

    def examples(self):
        return [example for block in self.blocks for example in block.examples]

    def rewrite(self, outputs):
        """Puts `outputs`, one list of lines for each example, in place of what is shown."""
        outputs = iter(outputs)
        lines, done = [], 0
        for block in self.blocks:
            lines += self.lines[done : block.first]
            for example in block.examples:
                shown = example.command.split("\n")
                lines += map(self.encode, ["$ " + shown[0], *shown[1:], *next(outputs)])
            done = block.last
        lines += self.lines[done:]
        self.path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _find_blocks(self):
        first, opening = None, None
        for index, line in enumerate(self.lines):
            if first is None and self.opens(line):
                first, opening = index + 1, line
            elif first is not None and self.closes(line):
                self._add_block(opening, first, index)
                first = None
            elif first is None and STRAY_COMMAND.match(line):
                self.problems.append((index + 1, "a command that is not shown as an example"))
        if first is not None:
            self.problems.append((first, "this block is not closed"))

    def _add_block(self, opening, first, last):
        texts = [self.decode(line) for line in self.lines[first:last]]
        if self.holds_examples(opening, texts):
            self.blocks.append(Block(first, last, self._split(texts, first)))
            return
        for number, text in enumerate(texts, first + 1):
            if re.match(r"(\$ )?mtrace\s", text):
                self.problems.append((number, "a command that is not shown as an example"))

    def _split(self, texts, first):
        examples = []
        rest = iter(enumerate(texts, first + 1))
        for number, text in rest:
            if text.startswith("$ "):
                command = text[2:]
                while command.endswith("\\"):
                    command += "\n" + next(rest, (0, ""))[1]
                examples.append(Example(command, [], number))
            elif examples:
                examples[-1].output.append(text)
            else:
                self.problems.append((number, "an example begins with '$ '"))
        return examples


class Markdown(Page):
    def opens(self, line):
        return line.startswith("```")

    def closes(self, line):
        return line == "```"

    def holds_examples(self, opening, texts):
        return opening == "```console"

    def decode(self, line):
        return line

    encode = decode

    def files(self):
        """The files that the page shows: their names and texts."""
        text = "\n".join(self.lines) + "\n"
        return {match[1]: match[2] for match in SHOWN_FILE.finditer(text)}

    def inline_commands(self):
        """What stands as `mtrace ...` in the text, with its line number."""
        prose, inside = [], False
        for line in self.lines:
            fence = line.startswith("```")
            prose.append("" if inside or fence else line)
            inside ^= fence
        text = "\n".join(prose)
        for match in INLINE_CODE.finditer(text):
            command = match[1].replace("\\|", "|").replace("\n", " ")
            if command.startswith(("mtrace ", "python3 -m mtrace ")):
                yield text.count("\n", 0, match.start()) + 1, command


class Mdoc(Page):
    ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "~": "\\(ti", "^": "\\(ha"}
    ESCAPE = re.compile(r"\\(?:\[u([0-9A-F]{4,6})\]|\(..|.)")

    def opens(self, line):
        return line.startswith(".Bd")

    def closes(self, line):
        return line == ".Ed"

    def holds_examples(self, opening, texts):
        return any(text.startswith("$ ") for text in texts)

    def decode(self, line):
        plain = {escape: character for character, escape in self.ESCAPES.items()} | {"\\&": ""}
        return self.ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else plain.get(m[0], m[0]), line)

    def encode(self, line):
        text = "".join(
            self.ESCAPES.get(c, c) if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in line
        )
        return "\\&" + text if text.startswith((".", "'")) else text

    def files(self):
        return {}

    def inline_commands(self):
        return ()


def page_at(path):
    return Markdown(path) if path.suffix == ".md" else Mdoc(path)
