#!/usr/bin/env python3
"""Executes a command for which the kernel knows no files without a name, as on some file systems.

    without_unnamed_files.py CMD...

A seccomp filter fails every openat(O_TMPFILE), for the command and all that it starts.
"""

import ctypes
import errno
import os
import struct
import sys

OPENAT = 257
FLAGS = 16 + 2 * 8  # where the third argument is
O_TMPFILE_BIT = 0o20000000
LOAD_WORD, JUMP_IF_EQUAL, JUMP_IF_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EOPNOTSUPP
# Each instruction: code, steps where the jump is taken, steps where not, operand.
FILTER = (
    (LOAD_WORD, 0, 0, 0),
    (JUMP_IF_EQUAL, 0, 2, OPENAT),
    (LOAD_WORD, 0, 0, FLAGS),
    (JUMP_IF_ANY_BIT, 1, 0, O_TMPFILE_BIT),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, FAIL),
)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def main():
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in FILTER)
    instructions = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", len(FILTER), ctypes.addressof(instructions))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    try:
        os.open("/tmp", os.O_TMPFILE | os.O_WRONLY)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            os.execvp(sys.argv[1], sys.argv[1:])
    sys.exit("the filter does not work")


if __name__ == "__main__":
    main()
