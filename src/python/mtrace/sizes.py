"""Formats sizes in bytes for people, and parses the sizes that people write."""

from __future__ import annotations

import re
from typing import Union

__all__ = ["format_size", "parse_size"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_KIBI, _KILO = 1024, 1000
# The units after a number, in lower case. A single letter means powers of 1024, as in `ls -h`.
_FACTORS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", 1):
    _FACTORS[_letter] = _FACTORS[f"{_letter}ib"] = _KIBI**_power
    _FACTORS[f"{_letter}b"] = _KILO**_power
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*\Z", re.ASCII | re.IGNORECASE)


def format_size(size: float, sign: bool = False) -> str:
    """*size* in bytes as a text of three to five digits, such as ``45.7 KiB`` or ``5002 B``.

    With *sign*, positive sizes begin with a plus.
    """
    plus = "+" if sign else ""
    for unit in _UNITS:
        last = unit == _UNITS[-1]
        if unit != "B" and abs(size) < 100:
            return f"{size:{plus}.1f} {unit}"
        if last or abs(size) < 10 * _KIBI:
            return f"{size:{plus}.0f} {unit}"
        size /= _KIBI
    raise AssertionError("the last unit takes every size")


def parse_size(size: Union[int, str]) -> int:
    """Converts *size* to bytes: ``"5 MiB"``, ``"50K"``, ``"1.5 GB"``, ``1048576``.

    ``K``, ``M``, ``G`` and ``T`` are powers of 1024, as are ``KiB`` and so on; ``kB``, ``MB`` and
    so on are powers of 1000. Raises ValueError for an invalid size.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    match = _SIZE.match(size) if isinstance(size, str) else None
    factor = _FACTORS.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{size!r} is an invalid size: write '50 KiB', '5M' or 1048576")
    number = match[1]
    return int(float(number) * factor) if "." in number else int(number) * factor
