#!/usr/bin/env bash
# Holds the libraries to the ABI of the last release, which is recorded in tests/install/abi: what a program that was
# linked with it uses must be there and mean the same. What is added breaks nothing. A library that breaks it on
# purpose gets another SONAME (MTRACE_ABI, MTRACE_RUNTIME_ABI), and is recorded anew.
#
# Both sides are built by this script, not optimised, so that they hold the same inline functions.
#
#   abi.sh check|record BUILD
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
recorded=$PWD/tests/install/abi
mode=$1 build=$(realpath -m "$2")

# Types are in the debug information. Only the public headers' count; where they are, does not.
describe() {
  abidw --headers-dir include --drop-private-types --exported-interfaces-only --no-corpus-path --no-comp-dir-path --no-show-locs \
    --type-id-style hash "$1" | sed "s,$PWD/,,g" >"$2"
}

soname_of() { sed -nE "s/.* soname='([^']+)'.*/\1/p" "$1" | head -n 1; }

check() {
  local name=$1 old=$build/$1.recorded.abi new=$build/$1.abi status=0
  gzip --decompress --stdout "$recorded/$name.abi.gz" >"$old" || return 1
  if [ "$(soname_of "$old")" != "$(soname_of "$new")" ]; then
    printf '%s is another one than %s: record it (abi.sh record)\n' "$(soname_of "$new")" "$(soname_of "$old")"
    return
  fi
  abidiff --no-added-syms "$old" "$new" || status=$?
  if [ "$status" != 0 ]; then
    printf 'abi.sh: %s breaks the ABI of %s (abidiff: %s)\n' "$name" "$(soname_of "$old")" "$status" >&2
    return 1
  fi
  printf '%s keeps its ABI\n' "$(soname_of "$new")"
}

printf '\n==> the ABI of the libraries\n'
cmake -S . -B "$build" -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Debug -DMTRACE_BUILD_TESTS=OFF -DMTRACE_BUILD_PYTHON=OFF \
  -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_DEBUG="-g -O0" >/dev/null
cmake --build "$build" --parallel "$(nproc)" --target libmtrace.so libmtrace_rt.so -- --quiet
describe "$build/src/libmtrace.so" "$build/libmtrace.abi"
describe "$build/libmtrace_rt.so" "$build/libmtrace_rt.abi"
broken=no
for name in libmtrace libmtrace_rt; do
  case $mode in
    check) check "$name" || broken=yes ;;
    record) gzip -9 --no-name --stdout "$build/$name.abi" >"$recorded/$name.abi.gz" ;;
    *) printf 'abi.sh: check or record, not %s\n' "$mode" >&2; exit 2 ;;
  esac
done
[ "$broken" = no ]
