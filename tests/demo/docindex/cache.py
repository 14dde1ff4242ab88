"""A cache that knows its limit."""

import collections


class RecentlyUsed:
    """Keeps the `capacity` values that were asked for last, and makes the others anew."""

    def __init__(self, capacity, make):
        self._capacity = capacity
        self._make = make
        self._values = collections.OrderedDict()

    def __getitem__(self, key):
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = self._make(key)
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)
        return value
