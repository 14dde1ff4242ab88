#!/bin/bash
# Has heaptrack, jemalloc, gperftools, DHAT and massif look at testdata/foreign/heap.cpp, and keeps their files and what
# their own tools say of them beside these. memray's CSV is made by hand, after its documentation.
# Needs Debian's heaptrack, libjemalloc2, libjemalloc-dev, libgoogle-perftools-dev, google-perftools and valgrind.
set -euo pipefail
cd "$(dirname "$0")/foreign"
work=$(mktemp --directory)
# Its name is in the files.
program=/tmp/heap/heap
mkdir /tmp/heap
trap 'rm -r "$work" /tmp/heap' EXIT
cp heap.cpp /tmp/heap
compile() { (cd /tmp/heap && g++ -g -O1 -fno-optimize-sibling-calls -o heap heap.cpp "$@"); }
compile

# Each metric's amounts by stack, exactly.
figures() {
  for cost in leaked peak allocations; do
    heaptrack_print --disable-builtin-suppressions --disable-embedded-suppressions --shorten-templates 0 --print-peaks 0 \
      --print-allocators 0 --print-temporary 0 --print-leaks 0 --flamegraph-cost-type "$cost" --print-flamegraph "$work/folded" "$1" \
      >"$work/summary"
    LC_ALL=C sort "$work/folded" >"$2.$cost.folded"
  done
  grep -E '^(calls|peak heap|total memory)' "$work/summary" >"$2.summary.txt"
}
heaptrack --raw --output "$work/raw" "$program" >/dev/null 2>&1
zstd -dc "$work"/raw*.zst | zstd -q --ultra -19 -f -o heaptrack.raw.zst
zstd -dc heaptrack.raw.zst | /usr/lib/heaptrack/libexec/heaptrack_interpret 2>/dev/null | zstd -q --ultra -19 -f -o heaptrack.zst
figures heaptrack.zst heaptrack

LD_PRELOAD=libjemalloc.so.2 MALLOC_CONF=prof:true,prof_accum:true,lg_prof_sample:12,prof_final:true,prof_prefix:"$work/jemalloc" "$program"
mv "$work"/jemalloc.*.heap jemalloc.heap
for kind in inuse alloc; do
  jeprof --text --show_bytes --functions "--${kind}_space" "$program" jemalloc.heap 2>/dev/null >"jemalloc.$kind.txt"
done

compile -Wl,--no-as-needed -ltcmalloc
HEAPPROFILE="$work/gperftools" "$program" 2>/dev/null
mv "$work"/gperftools.*.heap gperftools.heap
for kind in inuse alloc; do
  google-pprof --text --show_bytes --lines "--${kind}_space" "$program" gperftools.heap 2>/dev/null >"gperftools.$kind.txt"
done

compile
valgrind --quiet --tool=dhat --dhat-out-file=dhat.json "$program" 2>/dev/null
valgrind --tool=dhat --dhat-out-file="$work/again" "$program" 2>&1 | sed -n 's/^==[0-9]*== \(Total\|At t-\)/\1/p' >dhat.txt
valgrind --quiet --tool=massif --detailed-freq=3 --max-snapshots=12 --massif-out-file=massif.out "$program"
ms_print massif.out >massif.txt
chmod 644 dhat.json massif.out
