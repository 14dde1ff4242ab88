#!/usr/bin/env bash
# Makes a release from what is committed: the source tarball, everything that make_packages.sh makes of it, and the
# checksums. Builds all of it twice, in folders whose names differ and in another environment, and compares the bytes;
# and compares the ABI of the libraries with the last release's.
#
#   release.sh BUILD OUTPUT
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
build=$(realpath -m "$1") output=$(realpath -m "$2")
version=$(sed -nE 's/^project\(mtrace VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
fail() { printf 'release.sh: %s\n' "$*" >&2; exit 1; }

[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; what is released is what is committed"
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH

#   make_all FOLDER OUTPUT
make_all() {
  local source=$1/mtrace-$version
  # A cache of compiled objects must not hand those of one build to the other, or nothing would be compared.
  local -x CCACHE_NAMESPACE
  CCACHE_NAMESPACE=mtrace-$(basename "$1")
  rm -rf "$1" "$2"
  mkdir -p "$1" "$2"
  git -c tar.umask=0022 archive --format=tar --prefix="mtrace-$version/" "$commit" |
    gzip -9 --no-name >"$2/mtrace-$version.tar.gz"
  tar --extract --gzip --file="$2/mtrace-$version.tar.gz" --directory="$1"
  "$source/src/packaging/make_packages.sh" "$source" "$1/build" "$2"
}

"$here/abi.sh" check "$build/abi"
make_all "$build/first" "$output"
(
  umask 077
  export TZ=Pacific/Kiritimati LC_ALL=C
  make_all "$build/the-second-build" "$build/again"
)
"$here/same_files.sh" "$output" "$build/again"
(cd "$output" && sha256sum -- * >"$build/SHA256SUMS" && mv "$build/SHA256SUMS" .)
printf '\n==> in %s, twice the same bytes:\n' "$output"
cat "$output/SHA256SUMS"
