#!/usr/bin/python3
"""Addresses to lines: mtrace beside heaptrack's interpreter, on the same addresses of a large program.

    ./dev bench symbols [--program ELF] [--addresses N] [--pairs N]

Unless an ELF file with its debug information is given, one is made: a few translation units full of templates are
compiled, and each is linked again and again under other names, until there are 300 MiB of debug information. The
addresses are drawn from its functions. Both look up all of them in turn; shown are medians, of the ratios, too.
The goals: 3 times as fast, below 2 GiB; a small program's snapshot within 100 ms.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERPRETERS = [Path("/usr/lib/heaptrack/libexec/heaptrack_interpret"),
                Path("/usr/lib/x86_64-linux-gnu/libexec/heaptrack_interpret")]  # fmt: skip
MEBIBYTE = 1 << 20

# Containers, algorithms and functions of many types: what programs in C++ consist of.
SOURCE = """
#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
namespace UNIT {
template <int N> struct Item { std::string name; std::vector<int> values; int weight = N; char room[8 + N]; };
template <int N> int work(const std::string& text) {
  std::map<std::string, Item<N>> table; std::unordered_map<int, std::shared_ptr<Item<N>>> index;
  std::vector<Item<N>> items; std::list<std::pair<Item<N>, int>> queue; std::set<std::string> names;
  for (int i = 0; i < N + 3; ++i) {
    Item<N> item; item.name = text + std::to_string(i); item.values.assign(i, N);
    index.emplace(i, std::make_shared<Item<N>>(item)); names.insert(item.name);
    table[item.name] = item; queue.emplace_back(item, i); items.push_back(std::move(item));
  }
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::function<int(int)> sum = [&](int from) { int s = from; for (auto& i : items) s += i.weight; return s; };
  return sum(N) + static_cast<int>(table.size() + names.size() + queue.size() + index.size());
}
int search(const std::string& text) { return std::regex_search(text, std::regex("a(b|c)*[d-f]+")) ? 1 : 0; }
int all(const std::string& text) { return search(text) + CALLS; }
}
"""


def sizes(elf):
    headers = subprocess.run(["readelf", "-SW", elf], capture_output=True, text=True, check=True).stdout
    return {m[1]: int(m[2], 16) for m in re.finditer(r"\] (\.\S+)\s+\S+\s+\w{16} \w+ (\w+)", headers)}


def debug_bytes(elf):
    return sum(size for name, size in sizes(elf).items() if name.startswith(".debug_"))


def make_program(folder, mebibytes):
    """A shared library, which is never run: what it lacks stays unresolved."""
    objects = []
    for unit in range(3):
        calls = " + ".join(f"work<{number}>(text)" for number in range(unit, 24, 2))
        source, target = folder / f"unit{unit}.cpp", folder / f"unit{unit}.o"
        source.write_text(SOURCE.replace("UNIT", f"unit{unit}").replace("CALLS", calls), encoding="utf-8")
        subprocess.run(["g++", "-std=c++17", "-g", "-O2", "-fPIC", "-c", source, "-o", target], check=True)
        objects.append(target)
    program = folder / "program.so"
    copies = []
    each = sum(size for target in objects for name, size in sizes(target).items() if name.startswith(".debug_"))
    # What the linker merges (strings) comes but once.
    for number in range(2 * mebibytes * MEBIBYTE // each):
        for target in objects:
            copies.append(folder / f"{target.stem}.{number}.o")
            subprocess.run(["objcopy", f"--prefix-symbols=copy{number}_", target, copies[-1]], check=True)
        if (number + 1) % 4 == 0 or number == 0:
            subprocess.run(["g++", "-shared", "-nostdlib", "-Wl,--build-id", *copies, "-o", program], check=True)
            if debug_bytes(program) >= mebibytes * MEBIBYTE:
                break
    for path in [*copies, *objects]:
        path.unlink()
    return program


def draw_addresses(elf, count):
    """Inside of functions, each once, sorted."""
    table = subprocess.run(["readelf", "-sW", elf], capture_output=True, text=True, errors="replace", check=True).stdout
    places = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[3] == "FUNC" and fields[6] != "UND" and int(fields[2], 0) > 1:
            places.add((int(fields[1], 16), int(fields[2], 0)))
    code = [(begin + 1, size - 1) for begin, size in sorted(places)]
    chance = random.Random(1)
    weights, drawn = [size for _, size in code], set()
    count = min(count, sum(weights) // 2)
    while len(drawn) < count:
        for begin, size in chance.choices(code, weights, k=count - len(drawn)):
            drawn.add(begin + chance.randrange(size))
    return sorted(drawn)


def heaptrack_input(elf, addresses):
    """What heaptrack's tracer would have written: one module, and a trace of one frame for each address."""
    headers = subprocess.run(["readelf", "-lW", elf], capture_output=True, text=True, check=True).stdout
    segments = re.findall(r"LOAD\s+\w+ 0x(\w+) \w+ \w+ 0x(\w+)", headers)
    base = 0x7F0000000000
    layout = " ".join(f"{int(at, 16):x} {int(size, 16):x}" for at, size in segments)
    lines = ["v 10400 3", "x d /usr/bin/true", "X /bin/true", "I 1000 100000", "m 1 -",
             f"m {len(str(elf)):x} {elf} {base:x} {layout}"]  # fmt: skip
    return "\n".join(lines + [f"t {base + address:x} 0" for address in addresses] + ["c 1", ""])


def cost(command, source):
    """Wall seconds, processor seconds and peak memory in MiB."""
    start = time.perf_counter()
    with open(source, "rb") as given:
        process = subprocess.Popen([str(word) for word in command], stdin=given,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command[0]} failed with status {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(driver, interpreter, elf, arguments, folder):
    addresses = draw_addresses(elf, arguments.addresses)
    plain, raw = folder / "addresses", folder / "heaptrack"
    # Those of returns, which both look up one byte earlier.
    plain.write_text("".join(f"{address:#x}\n" for address in addresses), encoding="utf-8")
    raw.write_text(heaptrack_input(elf, addresses), encoding="utf-8")
    print(f"{len(addresses)} addresses in {debug_bytes(elf) / MEBIBYTE:.0f} MiB of debug information")
    ours = [driver, "--quiet", "--return", elf]
    cost(ours, plain)  # the file is in the page cache from here on
    pairs = []
    for _ in range(arguments.pairs):
        peer = cost([interpreter], raw) if interpreter else None
        pairs.append((peer, cost(ours, plain)))
    show("mtrace", [mine for _, mine in pairs])
    if interpreter is None:
        print("heaptrack is not installed: nothing to compare with")
        return
    show("heaptrack", [peer for peer, _ in pairs])
    wall = statistics.median(peer[0] / mine[0] for peer, mine in pairs)
    processor = statistics.median(peer[1] / mine[1] for peer, mine in pairs)
    print(f"times as fast: {wall:.2f} (goal: 3), and {processor:.2f} in processor time")


def show(name, costs):
    wall, processor, memory = (statistics.median(column) for column in zip(*costs))
    print(f"{name:10} {wall:6.2f} s, {processor:6.2f} s of processors, {memory:5.0f} MiB")


def small_program(mtrace, folder, runs):
    source, program, raw = folder / "small.cpp", folder / "small", folder / "small.zst"
    source.write_text("#include <map>\n#include <string>\nint main() { std::map<int, std::string> m; "
                      "for (int i = 0; i < 99; ++i) m[i] = std::string(i, 'x'); }\n", encoding="utf-8")  # fmt: skip
    subprocess.run(["g++", "-g", "-O1", "-Wl,--build-id", source, "-o", program], check=True)
    subprocess.run([mtrace, "run", "--no-symbolize", "-o", raw, "--", program], check=True)
    command = [mtrace, "symbolize", raw, "-o", folder / "lines.zst"]
    times = [cost(command, os.devnull)[0] for _ in range(runs)]
    print(f"a small program's snapshot: {1000 * statistics.median(times):.0f} ms (goal: 100)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True, type=Path, help="symbolize_addresses")
    parser.add_argument("--mtrace", required=True, type=Path)
    parser.add_argument("--program", type=Path, help="an ELF file with its debug information, not compressed")
    parser.add_argument("--addresses", type=int, default=200000)
    parser.add_argument("--mebibytes", type=int, default=300, help="of debug information, in what is made")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    interpreter = next(filter(Path.exists, INTERPRETERS), None)
    with tempfile.TemporaryDirectory(prefix="mtrace-bench-") as name:
        folder = Path(name)
        small_program(arguments.mtrace.resolve(), folder, 2 * arguments.pairs + 1)
        elf = arguments.program.resolve() if arguments.program else make_program(folder, arguments.mebibytes)
        compare(arguments.driver.resolve(), interpreter, elf, arguments, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
