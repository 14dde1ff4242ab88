#!/usr/bin/env bash
# Makes what is handed out, from a source tree: Debian's packages, the tarball that runs anywhere, and the
# wheel. The same source gives the same bytes, in whatever folder and at whatever time.
#
#   make_packages.sh SOURCE BUILD OUTPUT
#
# MTRACE_PYTHON_INTERPRETERS names those that get a wheel. SOURCE_DATE_EPOCH is the time that all files have.
# With MTRACE_PACKAGE_VERSION there are only Debian's packages, which say that they are that version: an older one
# to upgrade from.
set -euo pipefail
source=$(realpath "$1") build=$(realpath -m "$2") output=$(realpath -m "$3")
version=$(sed -nE 's/^project\(mtrace VERSION ([0-9.]+).*/\1/p' "$source/CMakeLists.txt")
export LC_ALL=C.UTF-8 TZ=UTC
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat --format=%Y "$source/CHANGELOG.md")}
umask 022

#   configure_and_build NAME OPTION...
configure_and_build() {
  local options=() folder=$build/$1
  if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  printf '\n==> build %s\n' "$folder"
  # What is not loaded is not kept (-s), and nothing is left that says where it was compiled.
  cmake -S "$source" -B "$folder" -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Release -DMTRACE_BUILD_TESTS=OFF \
    -DCMAKE_EXE_LINKER_FLAGS=-s -DCMAKE_SHARED_LINKER_FLAGS=-s -DCMAKE_MODULE_LINKER_FLAGS=-s \
    "${options[@]}" "${@:2}" >/dev/null
  cmake --build "$folder" --parallel "$(nproc)" -- --quiet
}

debian_packages() {
  # The loader's cache knows where the runtime is.
  configure_and_build debian -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_SKIP_INSTALL_RPATH=ON \
    -DMTRACE_PYTHON_INTERPRETERS=/usr/bin/python3 -DMTRACE_PYTHON_FOLDER=lib/python3/dist-packages
  rm -rf "$build/debs"
  cpack --config "$build/debian/CPackConfig.cmake" -G DEB -B "$build/debs" "$@" >"$build/cpack.log" ||
    { cat "$build/cpack.log"; return 1; }
  # cpack writes the present time into the archive around the files; dpkg-deb does not.
  local package
  for package in "$build"/debs/*.deb; do
    rm -rf "$build/deb"
    dpkg-deb --raw-extract "$package" "$build/deb"
    # A trigger does what cpack's scripts for shared libraries do.
    find "$build/deb/DEBIAN" -name 'post*' -exec grep --quiet ldconfig {} \; -delete
    find "$build/deb" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$build/deb" "$output/$(basename "$package")" >/dev/null
  done
}

tarball_and_wheels() {
  local name
  name=mtrace-$version-$(uname -m)-linux
  configure_and_build portable -DMTRACE_PORTABLE=ON -DCMAKE_INSTALL_LIBDIR=lib \
    -DMTRACE_PYTHON_INTERPRETERS="${MTRACE_PYTHON_INTERPRETERS:-/usr/bin/python3}"
  cmake --build "$build/portable" --target wheel -- --quiet >/dev/null
  cp "$build"/portable/mtrace-*.whl "$output/"
  rm -rf "$build/tree"
  cmake --install "$build/portable" --prefix "$build/tree/$name" >/dev/null
  tar --create --directory="$build/tree" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX --format=gnu "$name" | gzip -9 --no-name >"$output/$name.tar.gz"
}

mkdir -p "$build" "$output"
if [ -n "${MTRACE_PACKAGE_VERSION:-}" ]; then
  debian_packages -D "CPACK_PACKAGE_VERSION=$MTRACE_PACKAGE_VERSION"
else
  debian_packages
  tarball_and_wheels
fi
