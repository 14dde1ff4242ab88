#!/usr/bin/env bash
# Writes down what programs that are linked with a library rely on, and compares two such descriptions: what the
# older one has must be in the newer one and mean the same. What is added breaks nothing.
#
#   library_abi.sh describe LIBRARY HEADERS > DESCRIPTION    (LIBRARY has debug information, in which the types are)
#   library_abi.sh compare OLDER NEWER
set -euo pipefail
mode=$1

# Only the types of the public headers count; where they are declared, does not.
describe() {
  abidw --headers-dir "$2" --drop-private-types --exported-interfaces-only --no-corpus-path --no-comp-dir-path \
    --no-show-locs --type-id-style hash "$1" | sed "s,$PWD/,,g"
}

soname_of() { sed -nE "s/.* soname='([^']+)'.*/\1/p" "$1" | head -n 1; }

compare() {
  local older newer status=0
  older=$(soname_of "$1") newer=$(soname_of "$2")
  if [ "$older" != "$newer" ]; then
    printf '%s is another one than %s: record it (abi.sh record)\n' "$newer" "$older"
    return
  fi
  abidiff --no-added-syms "$1" "$2" || status=$?
  if [ "$status" != 0 ]; then
    printf 'library_abi.sh: %s is not what it was for the programs that are linked with it (abidiff: %s)\n' "$newer" \
      "$status" >&2
    return 1
  fi
  printf '%s keeps its ABI\n' "$newer"
}

case $mode in
  describe | compare) "$mode" "$2" "$3" ;;
  *) printf 'library_abi.sh: describe or compare, not %s\n' "$mode" >&2; exit 2 ;;
esac
