#!/usr/bin/env bash
# Fails unless two folders have the same files, to the byte, and says which differ.
#
#   same_files.sh FIRST SECOND
set -euo pipefail
first=$1 second=$2 differs=no
fail() { printf 'same_files.sh: %s\n' "$*" >&2; exit 1; }

names=$(cd "$first" && find . -type f | LC_ALL=C sort)
others=$(cd "$second" && find . -type f | LC_ALL=C sort)
[ -n "$names" ] || fail "$first has no files"
if [ "$names" != "$others" ]; then
  diff <(printf '%s\n' "$names") <(printf '%s\n' "$others") >&2 || true
  fail "$second has other files than $first"
fi
while IFS= read -r name; do
  cmp "$first/$name" "$second/$name" >&2 || differs=yes
done <<<"$names"
[ "$differs" = no ] || fail "$first and $second differ"
