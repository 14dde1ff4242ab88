"""Pickles that a tracemalloc dump never is: they run code, lie about lengths, or have other shapes.

Written opcode by opcode, because no pickler writes them.
"""

import pickle
import struct
import tracemalloc

STOP = b"."


def short_text(text):
    data = text.encode() if isinstance(text, str) else text
    return b"\x8c" + bytes([len(data)]) + data


def named(module, name):
    """GLOBAL, as protocols 0 to 3 have it."""
    return f"c{module}\n{name}\n".encode()


def snapshot(state):
    """A Snapshot whose BUILD takes `state`, the opcodes of a value."""
    return b"\x80\x04" + named("tracemalloc", "Snapshot") + b")\x81" + state + b"b" + STOP


def dictionary(**members):
    return b"}(" + b"".join(short_text(name) + value for name, value in members.items()) + b"u"


def traces(items):
    """A _Traces over a list of the given traces."""
    return named("tracemalloc", "_Traces") + b")\x81" + dictionary(_traces=b"](" + items + b"e") + b"b"


def integer(number):
    if 0 <= number < 256:
        return b"K" + bytes([number])
    size = number.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + number.to_bytes(size, "little", signed=True)


def frame(filename=short_text("a.py"), line=integer(1)):
    return filename + line + b"\x86"


def trace(domain=integer(0), size=integer(10), frames=frame() + b"\x85", total=integer(1)):
    return b"(" + domain + size + frames + total + b"t"


def dump(items=trace(), limit=integer(1)):
    return snapshot(dictionary(traces=traces(items), traceback_limit=limit))


def code_running():
    """(name, pickle): each would run something if it were unpickled."""
    command = short_text("touch pwned") + b"\x85"
    yield "os.system", b"\x80\x04" + named("os", "system") + command + b"R" + STOP
    yield "posix.system by STACK_GLOBAL", (
        b"\x80\x04" + short_text("posix") + short_text("system") + b"\x93" + command + b"R" + STOP)  # fmt: skip
    yield "os.system in protocol 0", b"cos\nsystem\n(S'touch pwned'\ntR."
    yield "eval", b"c__builtin__\neval\n(V__import__('os').system('touch pwned')\ntR."
    yield "builtins.exec", b"\x80\x03" + named("builtins", "exec") + b"X\x04\x00\x00\x00pass\x85R."
    yield "INST", b"(S'touch pwned'\nios\nsystem\n."
    yield "OBJ", b"(" + named("os", "system") + short_text("touch pwned") + b"o."
    yield "EXT1", b"\x80\x02\x82\x01."
    yield "EXT2", b"\x80\x02\x83\x01\x00."
    yield "EXT4", b"\x80\x02\x84\x01\x00\x00\x00."
    yield "PERSID", b"Pid\n."
    yield "BINPERSID", b"\x80\x02" + short_text("id") + b"Q."
    yield "BUILD of another class", b"\x80\x04" + named("types", "SimpleNamespace") + b")\x81" + dictionary() + b"b."
    yield "NEWOBJ_EX", b"\x80\x04" + named("tracemalloc", "Snapshot") + b")}\x92."
    yield "NEWOBJ of another class", b"\x80\x04" + named("subprocess", "Popen") + command + b"\x81."
    yield "NEWOBJ with arguments", b"\x80\x04" + named("tracemalloc", "Snapshot") + command + b"\x81."
    yield "REDUCE of Snapshot", b"\x80\x04" + named("tracemalloc", "Snapshot") + b"])K\x01\x86R."
    yield "another class of tracemalloc", b"\x80\x04" + named("tracemalloc", "Filter") + b")\x81."
    yield "a name inside a class", b"\x80\x04" + named("tracemalloc", "Snapshot.load") + b")\x81."
    yield "Snapshot of another module", b"\x80\x04" + named("mytracemalloc", "Snapshot") + b")\x81."
    yield "copyreg", b"\x80\x02" + named("copyreg", "_reconstructor") + b"(" + named("os", "system") + b"tR."
    yield "out-of-band buffers", b"\x80\x05\x97\x98."
    yield "os.system behind a whole dump", dump()[:-1] + named("os", "system") + command + b"R."
    yield "os.system inside the state", snapshot(named("os", "system") + command + b"R")
    yield "os.system as a file name", dump(trace(frames=frame(named("os", "system") + command + b"R") + b"\x85"))


def lying_lengths():
    """(name, pickle): counts and lengths that the bytes cannot back up."""
    start = b"\x80\x04"
    for name, code in (
        ("BINUNICODE8 of 2^64-1", b"\x8d" + b"\xff" * 8),
        ("BINUNICODE8 of 2^62", b"\x8d" + struct.pack("<Q", 2**62)),
        ("BINUNICODE of 2^32-1", b"X\xff\xff\xff\xff"),
        ("BINUNICODE of 2^30", b"X" + struct.pack("<I", 2**30)),
        ("SHORT_BINUNICODE", b"\x8c\xff"),
        ("BINBYTES8", b"\x8e" + b"\xff" * 8),
        ("BINBYTES", b"B\xff\xff\xff\xff"),
        ("BYTEARRAY8", b"\x96" + b"\xff" * 7 + b"\x7f"),
        ("BINSTRING of -1", b"T\xff\xff\xff\xff"),
        ("LONG4 of 2^31-1", b"\x8b\xff\xff\xff\x7f"),
        ("LONG4 of -1", b"\x8b\xff\xff\xff\xff"),
        ("LONG1", b"\x8a\xff\x01"),
        ("FRAME of 2^64-1", b"\x95" + b"\xff" * 8 + b"N"),
        ("FRAME of 2^40", b"\x95" + struct.pack("<Q", 2**40) + b"N"),
        ("PUT of 2^32-1", b"]r\xff\xff\xff\xff"),
        ("PUT of 2^31", b"]r\x00\x00\x00\x80"),
        ("PUT of 10^20", b"]p" + b"1" + b"0" * 20 + b"\n"),
        ("GET of nothing", b"h\x00"),
        ("GET of 2^32-1", b"j\xff\xff\xff\xff"),
        ("GET in text", b"g12345678901234567890\n"),
        ("GET of -1", b"g-1\n"),
        ("a text without its end", b"V" + b"x" * 5000),
        ("a number without its end", b"I" + b"1" * 5000),
        ("a module without its end", b"c" + b"x" * 5000),
    ):
        yield name, start + code
        yield f"{name} in the state", snapshot(code)


def wrong_shapes():
    """(name, pickle): readable, but not what a dump is."""
    yield "nothing but a protocol", b"\x80\x04"
    yield "protocol 6", b"\x80\x06N."
    yield "protocol 255", b"\x80\xff" + dump()[2:]
    yield "STOP on an empty stack", b"\x80\x04."
    yield "an unknown opcode", b"\x80\x04\xffN."
    for name, value in (("None", b"N"), ("a number", integer(7)), ("a list", b"]"), ("a dictionary", b"}"),
                        ("a text", short_text("x")), ("a tuple", b")"), ("True", b"\x88"), ("a float", b"G" + bytes(8)),
                        ("bytes", b"C\x01x"), ("a set", b"\x8f"), ("a class", named("tracemalloc", "Snapshot")),
                        ("a Snapshot without state", named("tracemalloc", "Snapshot") + b")\x81"),
                        ("_Traces", traces(trace()))):  # fmt: skip
        yield f"{name} instead of a snapshot", b"\x80\x04" + value + STOP
        yield f"{name} as state", snapshot(value)
        if name not in ("_Traces",):
            yield f"{name} as traces", snapshot(dictionary(traces=value, traceback_limit=integer(1)))
        if name not in ("a list", "a tuple"):
            state = named("tracemalloc", "_Traces") + b")\x81" + dictionary(_traces=value) + b"b"
            yield f"{name} as a list of traces", snapshot(dictionary(traces=state, traceback_limit=integer(1)))
        yield f"{name} as a trace", dump(value)
        if name != "a number":
            yield f"{name} as a limit", dump(limit=value)
            yield f"{name} as a domain", dump(trace(domain=value))
            yield f"{name} as a size", dump(trace(size=value))
            yield f"{name} as a line", dump(trace(frames=frame(line=value) + b"\x85"))
            if name != "None":
                yield f"{name} as the number of frames", dump(trace(total=value))
        if name != "a tuple":
            yield f"{name} as a traceback", dump(trace(frames=value))
        yield f"{name} as a frame", dump(trace(frames=value + b"\x85"))
        if name != "a text":
            yield f"{name} as a file name", dump(trace(frames=frame(value) + b"\x85"))
    for name, number in (("-1", -1), ("2^63", 2**63), ("2^64", 2**64), ("2^200", 2**200), ("-2^63", -(2**63))):
        yield f"{name} as a size", dump(trace(size=integer(number)))
        yield f"{name} as a domain", dump(trace(domain=integer(number)))
        yield f"{name} as a line", dump(trace(frames=frame(line=integer(number)) + b"\x85"))
        yield f"{name} as a limit", dump(limit=integer(number))
    yield "2^32 as a domain", dump(trace(domain=integer(2**32)))
    yield "2^32 as a line", dump(trace(frames=frame(line=integer(2**32)) + b"\x85"))
    yield "sizes of 2^63 in all", dump(trace(size=integer(2**62)) * 2)
    yield "a trace of two", dump(integer(0) + integer(1) + b"\x86")
    yield "a trace of five", dump(b"(" + integer(0) + integer(10) + frame() + b"\x85" + integer(1) * 2 + b"t")
    yield "a frame of one", dump(trace(frames=short_text("a.py") + b"\x85\x85"))
    yield "a frame of three", dump(trace(frames=short_text("a.py") + integer(1) * 2 + b"\x87\x85"))
    yield "a list of frames", dump(trace(frames=b"](" + frame() + b"e"))
    for name, data in (("stray bytes", b"\xff\xfe"), ("an overlong form", b"\xc0\x80"),
                       ("a cut character", b"\xe2\x82"), ("past the last", b"\xf4\x90\x80\x80")):  # fmt: skip
        yield f"{name} in a file name", dump(trace(frames=frame(short_text(data)) + b"\x85"))
    yield "no traces", snapshot(dictionary(traceback_limit=integer(1)))
    yield "a SETITEMS without its value", snapshot(b"}(" + short_text("traces") + b"u")
    yield "numbers as names", snapshot(b"}(" + integer(1) * 2 + b"u")


def broken_stacks():
    """(name, pickle): opcodes that find too little, or the wrong thing, on the stack."""
    for code in b"0123abdeosutl(RbQ\x81\x85\x86\x87\x92\x93\x94q":
        yield f"opcode {code:#x} on an empty stack", b"\x80\x04" + bytes([code, 0]) + STOP
        yield f"opcode {code:#x} on a mark", b"\x80\x04(" + bytes([code, 0]) + STOP
    yield "APPEND to a number", b"\x80\x04K\x01K\x02a."
    yield "APPENDS to a tuple", b"\x80\x04)(K\x01e."
    yield "SETITEM of a list", b"\x80\x04]K\x01K\x02s."
    yield "SETITEMS of None", b"\x80\x04N(K\x01K\x02u."
    yield "BUILD of a list", b"\x80\x04]}b."
    yield "APPEND to the list itself", b"\x80\x04]q\x00h\x00a."
    yield "a list that holds itself", dump(b"]q\x00h\x00a" + b"h\x00")
    yield "the traces among the traces", snapshot(dictionary(
        traces=named("tracemalloc", "_Traces") + b")\x81" + dictionary(_traces=b"]q\x01(h\x01h\x01e") + b"b",
        traceback_limit=integer(1)))  # fmt: skip
    yield "a tuple that holds itself", b"\x80\x04](K\x00K\x0a]q\x05(h\x05ta0h\x05t."


def deep_and_wide(depth=1_000_000):
    """(name, pickle): harmless in bytes, not in what a naive reader does with them."""
    yield "nested lists", b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + STOP
    yield "nested tuples", b"\x80\x04)" + b"\x85" * depth + STOP
    yield "nested tuples in a trace", dump(trace(frames=b")" + b"\x85" * depth))
    yield "nested marks", b"\x80\x04" + b"(" * depth + STOP
    yield "nested marks and tuples", b"\x80\x04" + b"(" * depth + b"t" * depth + STOP
    yield "nested dictionaries", b"\x80\x04}" + b"K\x01}" * depth + b"s" * depth + STOP
    yield "tuples that double", b"\x80\x04)" + b"2\x86" * 200 + STOP
    yield "tuples that double, in a trace", dump(trace(frames=frame() + b"2\x86" * 200 + b"\x85"))
    yield "memo that doubles", b"\x80\x04)q\x00" + b"h\x00h\x00\x86q\x00" * 1000 + STOP
    yield "a stack of numbers", b"\x80\x04" + b"K\x01" * depth + STOP
    yield "a stack of nothing", b"\x80\x04" + b"N" * (4 * depth) + STOP
    yield "a memo entry each", b"\x80\x04)" + b"\x94" * depth + STOP
    yield "a memo entry here and there", b"\x80\x04)" + b"".join(
        b"r" + struct.pack("<I", n * 40_000) for n in range(100_000)) + STOP  # fmt: skip
    yield "a long number", b"\x80\x04I" + b"9" * depth + b"\n."
    yield "a long LONG", b"\x80\x04\x8b" + struct.pack("<i", depth) + b"\x01" * depth + STOP
    yield "a traceback of a million frames and one", dump(trace(
        frames=b"(" + frame() + b"q\x00" + b"h\x00" * (1 << 20) + b"t"))  # fmt: skip


def harmless():
    """(name, pickle): unusual, but a dump: to be read, or at least to be refused in good order."""
    yield "a dump", dump()
    yield "no blocks", dump(b"")
    yield "no frame", dump(trace(frames=b")"))
    yield "three fields", dump(integer(0) + integer(10) + frame() + b"\x85\x87")
    yield "bytes behind the end", dump() + b"and more"
    last_line = frame(line=integer(2**32 - 1)) + b"\x85"
    yield "the largest numbers", dump(trace(integer(2**32 - 1), integer(2**63 - 1), last_line, integer(65535)))
    yield "a trace a thousand times", dump(trace() + b"q\x00" + b"h\x00" * 999)


def small_dumps():
    """(name, content) of real dumps with a few traces, one for each protocol."""
    lines = ((("a.py", 3), ("main.py", 1)), (("b\udc80.py", 300), ("main.py", 1)), (("a.py", 3),))
    found = [(0, 100 * n, frames, 5) for n, frames in enumerate(lines)] + [(2**31, 70000, lines[0], 2)]
    small = tracemalloc.Snapshot(found, 2)
    for protocol in (2, 3, 4, 5):
        yield f"protocol {protocol}", pickle.dumps(small, protocol)
