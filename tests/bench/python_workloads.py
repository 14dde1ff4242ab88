"""One program, traced by none, tracemalloc or mtrace: prints its processor seconds and resident KiB, JSON.

  python_workloads.py WORKLOAD [tracemalloc|mtrace|sampling NFRAME]
"""

import json
import os
import sys
import time


class Item:
    __slots__ = ("name", "value")

    def __init__(self, name, value):
        self.name = name
        self.value = value


def descend(depth, i):
    item = Item(str(i), depth)
    if depth == 0:
        return [item.name]
    below = descend(depth - 1, i)
    return below if item.value else None


def calls():
    """Calls 15 deep, each with blocks that come and go."""
    return [descend(13, i) for i in range(60_000)]


def live():
    """5 million blocks that stay."""
    return [(i, float(i)) for i in range(2_500_000)]


def syntax():
    """The syntax trees of the standard library."""
    import ast

    folder = os.path.dirname(os.__file__)
    return [ast.parse(open(os.path.join(folder, name), encoding="utf-8").read())
            for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def documents():
    """JSON of 50 MB, written and read."""
    rows = [{"id": i, "name": f"n{i}", "values": [i, i * 1.5, i % 7], "more": {"a": i % 3, "b": None}}
            for i in range(570_000)]
    text = json.dumps(rows)
    del rows
    return json.loads(text)


def schema():
    """A validator of JSON documents."""
    from jsonschema import Draft7Validator

    validator = Draft7Validator({
        "type": "array",
        "items": {"type": "object", "required": ["id", "name"], "properties": {
            "id": {"type": "integer", "minimum": 0}, "name": {"type": "string", "pattern": "^n"},
            "values": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}}}})
    rows = [{"id": i, "name": f"n{i}", "values": [i, str(i)]} for i in range(20000)]
    return list(validator.iter_errors(rows))


def template():
    """Pages from a template engine."""
    from jinja2 import Environment

    page = Environment().from_string(
        "{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell|e }}</td>{% endfor %}</tr>{% endfor %}")
    return [page.render(rows=[[i, j, "<b>"] for i in range(100)]) for j in range(2000)]


def snapshot(tracer, path):
    """Seconds for a snapshot in a file with 5 million live blocks, and by how many KiB the process grew for it."""
    kept = live()
    before = resident()
    start = time.perf_counter()
    if tracer == "tracemalloc":
        sys.modules["tracemalloc"].take_snapshot().dump(path)
    else:
        sys.modules["_mtrace"].write_snapshot(path)
    seconds = time.perf_counter() - start
    return kept, [seconds, peak_resident() - before]


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def peak_resident():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def main():
    workload, tracer, frames = (sys.argv[1:] + ["none", "1"])[:3]
    if tracer == "tracemalloc":
        import tracemalloc

        tracemalloc.start(int(frames))
    elif tracer == "mtrace":
        import _mtrace

        _mtrace.start(int(frames))
    elif tracer == "sampling":
        import _mtrace

        _mtrace.start(int(frames), sample=512 << 10)
    if workload == "snapshot":
        kept, result = snapshot(tracer, sys.argv[4])
    else:
        start = time.process_time()
        kept = globals()[workload]()
        result = [time.process_time() - start, resident()]
    print(json.dumps(result), flush=True)
    os._exit(0 if kept is not None else 1)  # taking all apart is not measured


main()
