"""Random globs, patterns and selections that fit a snapshot."""

import sys

from expectations import CUMULATIVE_KEYS, GROUP_KEYS, Pattern, Selection

# What fnmatch reads in a way of its own. The first ones are sets, the others whole patterns.
ODD_SETS = (
    "[a]", "[!a]", "[^a]", "[a-c]", "[!a-c]", "[b-a]", "[!b-a]", "[a-]", "[-a]", "[!-a]", "[a-c-e]",
    "[--0]", "[---]", "[--]", "[-]", "[!-]", "[]]", "[]-a]", "[!]]", "[!]-a]", "[]", "[!]", "[!!]",
    "[!!-a]", "[a!]", "[a-c!]", "[c-a!b]", "[z-a!-~]", "[b-a^]", "[^b-a]", "[[]", "[[:alpha:]]", "[[a]]",
    "[[.a.]]", "[\\]", "[\\]]", "[\\w]", "[a\\-z]", "[\\-a]", "[a&&b]", "[a||b]", "[a~~b]", "[a--b]",
    "[.-/]", "[*]", "[?]", "[*-?]", "[a", "[!", "[", "[^", "[a-", "[]a", "[ \n]", "[\n-a]", "[é-日]",
    "[\ud800-\udfff]", "[\U0001f600]", "[\U00010000-\U0010ffff]", "[a-z-0-9]", "[0-9-a-z]", "[a-b-c-d]",
    "[b-a-c]", "[a-c-b]", "[c-a-b]", "[d-a-c-b]", "[!d-a-c-b]", "[/]", "[!/]", "[.]", "[:]", "[a:b]",
)  # fmt: skip
ODD_GLOBS = (
    "", "*", "**", "***", "?", "??", "*?", "?*", "*.py", "*.pyc", ".pyc", "*.pyc.pyc", "*c", "*/*", "/*", "*/",
    "<*>", "<frozen *>", "*:*", "*[!c]", "*\n*", "\\*", "\\?", "\\[a]", "a\\", "{a,b}*", "+(a)", "@(a|b)", "(?s:.)",
    ".*", "^", "$", "*$", "a|b", "!a", "!*", "-*", "--*", "~*", "*[.]py", "*.[p][y]", "*.p?", "A*", "*\ud800*",
    "*\udc80*", "?.py", "*é*", "*e\u0301*", "*/[a-c][0-2].py", "*/lib/*", "*x*x*x*x*x*y", "*a*b*", "[*]", "*[?]*",
)  # fmt: skip


def usable(glob):
    """As an argument: no NUL can be in one, and surrogates must survive the way there.

    What ends in a slash and has no asterisk is a folder for mtrace, and all below it; Python knows only the glob for that.
    """
    glob = glob.replace("\0", "?")
    return glob + "*" if glob.endswith("/") and "*" not in glob else glob


def glob_of(rng, name):
    """A glob that may well match `name`."""
    pieces = []
    for character in name[: rng.randrange(8, 60)]:
        choice = rng.random()
        if choice < 0.70:
            pieces.append(character)
        elif choice < 0.80:
            pieces.append("?")
        elif choice < 0.87:
            pieces.append("*")
        elif choice < 0.95:
            low = chr(max(0, ord(character) - rng.randrange(3)))
            high = chr(min(sys.maxunicode, ord(character) + rng.randrange(2)))
            pieces.append(f"[{rng.choice(('', '!', '^'))}{low}-{high}{rng.choice(('', '-', ']', 'x'))}]")
        else:
            pieces.append(rng.choice(ODD_SETS))
    return "".join(pieces) + rng.choice(("", "", "*"))


def set_of(rng):
    """A set of characters that fnmatch treats in special ways."""
    return "[" + "".join(rng.choices("ab-c!]^[\\&~|.é", k=rng.randrange(9))) + rng.choice(("]", "]", "]", ""))


def random_glob(rng, names):
    choice = rng.random()
    if choice < 0.15:
        glob = rng.choice(ODD_GLOBS)
    elif choice < 0.30:
        glob = rng.choice(("", "*", "a", "?")) + rng.choice(ODD_SETS) + rng.choice(("", "*", ".py"))
    elif choice < 0.45:
        glob = rng.choice(("", "*")) + set_of(rng) + rng.choice(("", "*"))
    elif choice < 0.60:
        name = rng.choice(names)
        cut = rng.randrange(len(name) + 1)
        glob = rng.choice((f"{name[:cut]}*", f"*{name[cut:]}", name))
    else:
        glob = glob_of(rng, rng.choice(names))
    return usable(glob)


def random_pattern(rng, names, lines):
    glob = random_glob(rng, names)
    tail = glob.rpartition(":")[2]
    if tail != glob and tail.isdigit() or rng.random() < 0.25:
        return Pattern(glob, rng.choice(lines))
    return Pattern(glob)


def frames_in(*snapshots):
    frames = {frame for s in snapshots for _, _, frames, _ in s.traces._traces for frame in frames}
    return sorted(frames) or [("a.py", 1)]


def random_selection(rng, *snapshots):
    frames = frames_in(*snapshots)
    names, lines = [name for name, _ in frames], [line for _, line in frames]

    def some(chance):
        return tuple(random_pattern(rng, names, lines) for _ in range(rng.choice((1, 1, 2, 4)))
                     if rng.random() < chance)  # fmt: skip

    domains = sorted({domain for s in snapshots for domain, _, _, _ in s.traces._traces} | {7})
    group_by = rng.choice(GROUP_KEYS)
    return Selection(
        group_by=group_by,
        cumulative=group_by in CUMULATIVE_KEYS and rng.random() < 0.4,
        include=some(0.4),
        exclude=some(0.35),
        all_frames=rng.random() < 0.4,
        domain=rng.choice(domains) if rng.random() < 0.2 else None,
        hide=some(0.12),
    )
