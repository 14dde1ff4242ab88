#!/usr/bin/env bash
# Holds the libraries to the ABI of the last release, which is recorded in tests/install/abi. A library that breaks it
# on purpose gets another SONAME (MTRACE_ABI, MTRACE_RUNTIME_ABI), and is recorded anew.
#
# Both sides are built by this script, not optimised, so that they hold the same inline functions.
#
#   abi.sh check|record BUILD
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
recorded=$PWD/tests/install/abi
mode=$1 build=$(realpath -m "$2")
case $mode in
  check | record) ;;
  *) printf 'abi.sh: check or record, not %s\n' "$mode" >&2; exit 2 ;;
esac

printf '\n==> the ABI of the libraries\n'
options=()
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S . -B "$build" -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Debug -DMTRACE_BUILD_TESTS=OFF -DMTRACE_BUILD_PYTHON=OFF \
  -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_DEBUG="-g -O0" "${options[@]}" >/dev/null
cmake --build "$build" --parallel "$(nproc)" --target libmtrace.so libmtrace_rt.so -- --quiet
broken=no
for library in src/libmtrace libmtrace_rt; do
  name=$(basename "$library")
  "$here/library_abi.sh" describe "$build/$library.so" include >"$build/$name.abi"
  if [ "$mode" = record ]; then
    gzip -9 --no-name --stdout "$build/$name.abi" >"$recorded/$name.abi.gz"
  else
    gzip --decompress --stdout "$recorded/$name.abi.gz" >"$build/$name.recorded.abi"
    "$here/library_abi.sh" compare "$build/$name.recorded.abi" "$build/$name.abi" || broken=yes
  fi
done
[ "$broken" = no ]
