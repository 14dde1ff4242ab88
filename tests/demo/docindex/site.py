"""The documentation site, made up: stands for the network."""

import random

WORDS = (
    "a an the every some value object list queue index record field block page store buffer "
    "returns takes keeps drops reads writes sorts merges splits copies counts closes opens "
    "when while before after until unless because otherwise first last next empty full sorted"
).split()
VERBS = "load save merge split count find sort copy close open".split()
NOUNS = "page record index buffer queue field block store".split()


class Site:
    def __init__(self, pages):
        self._pages = [make_page(number, pages) for number in range(pages)]

    def fetch(self, number):
        """The HTML of page `number`."""
        return self._pages[number]


def make_page(number, pages):
    source = random.Random(number)
    parts = [f"<html><head><title>Page {number}: {sentence(source, 3)}</title></head><body>"]
    for _ in range(source.randint(3, 6)):
        parts.append(f"<h2>{sentence(source, 4)}</h2>")
        parts.append(f"<p>{' '.join(sentence(source, 12) for _ in range(4))}</p>")
        parts.append(f'<a href="/page/{source.randrange(pages)}">See also</a>')
    parts.append(f"<pre>{sample(source)}</pre></body></html>")
    return "\n".join(parts)


def sentence(source, length):
    return " ".join(source.choice(WORDS) for _ in range(length)).capitalize() + "."


def sample(source):
    """A code sample, as a page about a library has it."""
    verb, noun = source.choice(VERBS), source.choice(NOUNS)
    lines = [f"def {verb}_{noun}s({noun}s, limit={source.randint(1, 99)}):", "    kept = []"]
    for step in range(source.randint(2, 5)):
        lines += [
            f"    for {noun} in {noun}s[{step}:limit]:",
            f"        kept.append({source.choice(VERBS)}({noun}, {step}))",
        ]
    return "\n".join([*lines, "    return kept"])
