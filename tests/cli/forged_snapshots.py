"""Snapshot files whose bytes are sound, with every check right, and whose content is not."""

from dataclasses import replace

from snapshot_bytes import (
    DOMAINS, END, FRAMES, LIVE_SIZES, MODULES, NODES, ROW_DOMAINS, ROW_NODES, STRINGS, TIMELINE, File, Section,
    column, native_file, strings, table, varint, varints, zstd_frame, zstd_repeated,
)  # fmt: skip

KINDS = range(STRINGS, END + 1)
REQUIRED_METADATA = (32, 33, 34, 35, 36, 37)
HUGE = (2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def headers():
    """(name, bytes): each section's header forged, with a check that fits."""
    good = native_file()
    for kind in KINDS:
        section = good.of(kind)
        size, packed = len(section.payload), len(zstd_frame(section.payload))
        for name, changes in (
            ("magic", {"magic": b"mtrd"}), ("check", {"check": 1}), ("version 2", {"major": 2}),
            ("version 0", {"major": 0}), ("one item more", {"items": section.items + 1}),
            ("2^32-1 items", {"items": 2**32 - 1}), ("a byte more", {"raw_size": size + 1}),
            ("16 MiB", {"raw_size": 1 << 24}), ("more than 16 MiB", {"raw_size": (1 << 24) + 1}),
            ("2^63 bytes", {"raw_size": 2**63}), ("2^64-1 bytes", {"raw_size": 2**64 - 1}),
            ("a packed byte less", {"packed_size": packed - 1}), ("a packed byte more", {"packed_size": packed + 1}),
            ("2^62 packed bytes", {"packed_size": 2**62}), ("2^64-1 packed bytes", {"packed_size": 2**64 - 1}),
            ("nothing packed", {"packed_size": 0}), ("other skippable frame", {"front": b"\x5d\x2a\x4d\x18\x29\0\0\0"}),
            ("no skippable frame", {"front": b"\x5e\x2a\x4d\x18\x28\0\0\0"}),
            ("a byte of rubbish", {"payload": section.payload + b"\0"}),
            ("no payload", {"payload": b"", "raw_size": size}), ("not zstd", {"frame": b"rubbish!" * 2}),
            ("two frames", {"frame": zstd_frame(section.payload) * 2}),
            ("another size in zstd", {"frame": zstd_repeated(1, max(size, 1), claimed=size + 3)}),
            ("a flipped checksum", {"frame": flipped(zstd_frame(section.payload))}),
        ):  # fmt: skip
            if kind != END or name not in ("no payload", "two frames"):
                yield f"section {kind}: {name}", good.changed(kind, **changes).encoded()
        if size:
            cut = section.payload[:-1]
            yield f"section {kind}: a byte less", good.changed(kind, payload=cut, items=section.items).encoded()
            yield f"section {kind}: an item less", good.changed(kind, items=section.items - 1).encoded()


def flipped(frame):
    return frame[:-1] + bytes([frame[-1] ^ 1])


def orders():
    """(name, bytes): sections missing, twice, in another order, behind the end."""
    good = native_file()
    for kind in set(KINDS) - {TIMELINE}:
        yield f"no section {kind}", good.without(kind).encoded()
    for kind in set(KINDS) - {NODES}:  # nodes go on below the last one
        at = [section.kind for section in good.sections].index(kind)
        twice = good.sections[: at + 1] + good.sections[at:]
        yield f"section {kind} twice", replace(good, sections=twice).encoded()
    for kind in set(KINDS) - {STRINGS}:
        at = [section.kind for section in good.sections].index(kind)
        swapped = good.sections[:]
        swapped[at - 1 : at + 1] = swapped[at], swapped[at - 1]
        yield f"section {kind} too early", replace(good, sections=swapped).encoded()
    whole = good.encoded()
    yield "a byte behind the end", whole + b"\0"
    yield "the file twice", whole * 2
    yield "no metadata", whole[whole.index(b"\x5d\x2a\x4d\x18", 1) :]
    yield "nothing but the end", Section(END, 0, b"").encoded()
    yield "items in the end", good.changed(END, items=1).encoded()


def metadata():
    """(name, bytes)"""
    good = native_file()
    for key in REQUIRED_METADATA:
        yield f"no count {key}", forged(good, {key: None})
        for count in (0, 1000, *HUGE):
            yield f"count {key} is {count}", forged(good, {key: count})
    for key in range(48, 54):
        yield f"no sum {key}", forged(good, {key: None})
        for total in (0, 3, *HUGE):
            yield f"sum {key} is {total}", forged(good, {key: total})
    yield "a number of eleven bytes", forged(good, {4: b"\x80" * 10 + b"\x01"})
    yield "a number past 64 bits", forged(good, {4: b"\xff" * 9 + b"\x7f"})
    yield "a number without an end", forged(good, {4: b"\x80"})
    yield "two numbers in one", forged(good, {4: b"\x01\x01"})
    yield "no number", forged(good, {4: b""})
    whole = good.encoded()
    behind = whole[whole.index(b"\x5d\x2a\x4d\x18", 1) :]
    for name, payload in (("a length of 2^63", varints(2, 2**63) + b"x"), ("a length too large", varints(2, 5) + b"x"),
                          ("a key alone", varint(2)), ("nothing", b"")):  # fmt: skip
        yield f"metadata: {name}", Section(1, 1 if payload else 0, payload).encoded() + behind


def forged(file, values):
    return replace(file, forged=values).encoded()


def contents():
    """(name, bytes): ids, numbers and orders that the tables do not allow."""
    good = native_file()

    def changed(*sections):
        kinds = {section.kind: section for section in sections}
        return replace(good, sections=[kinds.get(section.kind, section) for section in good.sections]).encoded()

    def frames(*rows):
        return Section(FRAMES, 6, b"".join(varints(*row) for row in rows))

    first_five = [(0, 0, 1, 3, 6), (0, 0, 1, 7, 8), (0, 0, 2, 1, 0), (1, 0, 10, 2, 5), (0, 1, 0, 0, 7)]
    for name, row in (("a frame of kind 4", (4, 0, 1, 1, 1)), ("an unknown module", (2, 3, 0)),
                      ("a module of 2^32", (2, 2**32, 0)), ("a module of 2^64-1", (2, 2**64 - 1, 0)),
                      ("an unknown file name", (0, 0, 11, 1, 1)), ("an unknown function", (0, 0, 1, 9, 11)),
                      ("line 2^32", (0, 0, 10, 2**32, 0))):  # fmt: skip
        yield name, changed(frames(*first_five, row))
    for number in HUGE:
        yield f"a frame of kind {number}", changed(frames(*first_five, (number, 0, 1, 1, 1)))
        yield f"file name {number}", changed(frames(*first_five, (0, 0, number, 1, 1)))
        yield f"a node's frame {number}", changed(table(NODES, [(0, 0), (0, 1), (0, 3), (0, 4), (3, 5), (2, number)]))
        yield f"a node {number} up", changed(table(NODES, [(0, 0), (0, 1), (0, 3), (0, 4), (3, 5), (number, 2)]))
        yield f"a row's node {number}", changed(column(ROW_NODES, [4, 1, number]))
        yield f"a row's domain {number}", changed(column(ROW_DOMAINS, [1, 1, number]))
        yield f"a module's name {number}", changed(Section(MODULES, 2, varints(3, 0, number, 0)))
        yield f"a build id of {number}", changed(Section(MODULES, 2, varints(3, number) + b"\xab\xcd" + varints(4, 0)))
        yield f"a string of {number}", changed(Section(STRINGS, 10, varint(number) + b"x" * 100))
    for number in HUGE[2:]:
        yield f"domain {number}", changed(Section(DOMAINS, 2, varints(0, 0, number, 0)))
    for number in HUGE[-2:]:
        for kind in range(LIVE_SIZES, TIMELINE):
            yield f"column {kind}: {number}", changed(column(kind, [1, 1, number]))
    for kind in range(LIVE_SIZES, TIMELINE):
        yield f"column {kind}: 2^63 in all", changed(column(kind, [2**62, 2**62, 0]))
    yield "the first node up", changed(table(NODES, [(1, 0), (0, 1), (0, 3), (0, 4), (3, 5), (2, 2)]))
    yield "a row of the root", changed(column(ROW_NODES, [0, 5, 1]))
    yield "a number of ten bytes and more", changed(Section(ROW_NODES, 3, b"\x84" + b"\x80" * 9 + b"\x00\x01\x01"))
    yield "a time before the last", changed(Section(TIMELINE, 2, varints(2**63 - 1, 2, 2**63, 2)))


def unusual():
    """(name, bytes): not canonical, or from a later version: read or refused, in good order."""
    good = native_file()
    yield "a minor version", good.changed(STRINGS, minor=7).encoded()
    at_end = len(good.sections) - 1
    unknown = Section(99, 3, b"later")
    yield "an unknown section", replace(good, sections=[*good.sections[:at_end], unknown, good.sections[-1]]).encoded()
    yield "an unknown key", replace(good, metadata=[*good.metadata, (4000, b"later")]).encoded()
    yield "a key twice", replace(good, metadata=[*good.metadata, (4, 1)]).encoded()
    yield "strings out of order", good.changed(STRINGS, **fields(strings(*"jihgfedcba"))).encoded()
    yield "a string twice", good.changed(STRINGS, **fields(strings(*"aabbccddee"))).encoded()
    yield "a negative level", good.changed(TIMELINE, payload=varints(1, 1, 1, 1)).encoded()
    stray = strings(b"/app/\xff", *[bytes([97 + n]) for n in range(9)])
    yield "stray bytes in a string", good.changed(STRINGS, **fields(stray)).encoded()
    yield "no name for a module", good.changed(MODULES, payload=varints(0, 0, 1, 0)).encoded()
    yield "kind 2", forged(good, {1: 2})
    yield "two zstd frames at the end", good.changed(END, frame=zstd_frame(b"") * 2).encoded()
    yield "limit 2^64-1", forged(good, {8: 2**64 - 1})
    yield "a time of 2^63-1", forged(good, {7: 2**63 - 1})
    yield "a time of 2^64-1", forged(good, {7: 2**64 - 1})


def fields(section):
    return {"items": section.items, "payload": section.payload}


def bombs():
    """(name, bytes): small files that unpack to gigabytes."""
    good = native_file()
    lies = {key: 2**32 - 1 for key in REQUIRED_METADATA} | {key: 2**62 for key in range(48, 54)}
    most = 1 << 24
    for kind in (*range(STRINGS, END), 99):
        before = [section for section in good.sections if section.kind < kind]
        for byte in (0, 1):
            full = Section(kind, 0, b"", raw_size=most, frame=zstd_repeated(byte, most))
            for items in (most, most // 2, most // 3, most // 5, 1):
                many = [*before, *[replace(full, items=items)] * 300, good.sections[-1]]
                yield f"section {kind}: {items} items of {byte}", replace(good, sections=many, forged=lies).encoded()


def empty_file():
    return File([Section(END, 0, b"")], [(1, 1)]).encoded()


