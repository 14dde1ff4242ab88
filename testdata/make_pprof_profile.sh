#!/bin/sh
# Makes testdata/pprof/go-heap.pb.gz with Go's own profiler, and what `go tool pprof` says of it beside it.
set -eu
cd "$(dirname "$0")/pprof"
program=/tmp/heap
go build -trimpath -o "$program" heap.go
"$program" go-heap.pb.gz
for index in inuse_space alloc_space; do
  go tool pprof -top -lines -unit=B -nodecount=0 -nodefraction=0 -sample_index="$index" go-heap.pb.gz >"go-heap.$index.txt"
done
rm "$program"
