#!/usr/bin/env bash
# In a bare Debian 12, as root: uses what `./dev package` made as a stranger would. The tarball, where nothing is
# installed; the packages beside libc-devtools and manpages, installed, upgraded, removed; projects that build with
# them; the wheel.
#
#   packages.sh PACKAGES OLDER_PACKAGES TESTS [tarball|install_upgrade_remove|projects|wheel]...
set -euo pipefail
packages=$1 older=$2 tests=$3
names=(mtrace libmtrace-dev python3-mtrace "$(basename "$packages"/libmtrace[0-9]*.deb | cut -d_ -f1)")
work=$(mktemp -d)
cd "$work"

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'packages.sh: %s\n' "$*" >&2; exit 1; }
apt() { DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >apt.log 2>&1 || { cat apt.log; fail "apt-get $*"; }; }
expect() { grep --quiet --extended-regexp -- "$1" "$2" || { cat "$2"; fail "no '$1' in $2"; }; }

#   try_command MTRACE: it says its version, traces a program and says what was found.
try_command() {
  "$1" --version >version.txt
  seq 10000 >numbers.txt
  "$1" run -o sort.zst -- sort --reverse numbers.txt >/dev/null
  "$1" top sort.zst --format csv >top.csv
  expect '^1,[0-9]+,[0-9]+,.*' top.csv
  rm sort.zst
}

#   try_python PYTHON: a program that uses the package, and two that are traced as they are.
try_python() {
  cat >app.py <<'PYTHON'
kept = [bytes(1000) for _ in range(5000)]
PYTHON
  cat >uses.py <<'PYTHON'
import mtrace as tracemalloc

tracemalloc.start(25)
kept = [bytes(1000) for _ in range(5000)]
print(tracemalloc.take_snapshot().statistics("lineno")[0])
PYTHON
  "$1" uses.py >uses.txt
  expect 'uses.py:4: size=5[0-9]+ KiB, count=500' uses.txt
  MTRACE=25,output=started.zst "$1" app.py
  "$1" -m mtrace run -o run.zst app.py
  "$2" run -o preloaded.zst -- "$1" app.py
  local snapshot
  for snapshot in started run preloaded; do
    "$2" top "$snapshot.zst" --format csv >top.csv
    expect '^1,5[0-9]+,[0-9]+,.*app.py,1,' top.csv
  done
}

# All that is not the packaging system's own bookkeeping.
files() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root -o -path /var/log -o -path /var/cache \
    -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /etc/ld.so.cache \) -prune -o -print | LC_ALL=C sort
}
# Which mtrace is which: the package's, or glibc's script.
expect_own() { head -c 4 /usr/bin/mtrace | grep --quiet ELF || fail "/usr/bin/mtrace is not the package's"; }
expect_glibcs() { head -n 1 "$1" | grep --quiet perl || fail "$1 is not glibc's script"; }

tarball() {
  local place tree
  for place in /opt/first /srv/another/place; do
    mkdir -p "$place"
    tar --extract --gzip --file "$packages"/mtrace-*-linux.tar.gz --directory="$place"
    tree=$(echo "$place"/mtrace-*)
    try_command "$tree/bin/mtrace"
    [ -e "$tree/share/man/man1/mtrace-top.1" ] || fail "no manual page in the tarball"
    rm -r "$place"
  done
}

install_upgrade_remove() {
  local own others
  own=$(IFS='|' && echo "${names[*]}")
  others=$(for package in "$packages"/*.deb; do dpkg-deb --field "$package" Depends; done |
    tr ',' '\n' | sed 's/^ *//' | grep -vE "^($own) " | LC_ALL=C sort -u | paste -sd,)
  apt satisfy "$others"
  apt install libc-devtools manpages manpages-dev
  files >before.txt

  say "install: $(basename -a "$older"/*.deb | paste -sd' ')"
  apt install "$older"/*.deb
  expect_own
  expect_glibcs /usr/bin/mtrace.libc
  dpkg --verify "${names[@]}" libc-devtools manpages >verify.txt
  [ ! -s verify.txt ] || { cat verify.txt; fail "a package's files are not its own"; }
  try_command mtrace

  say "upgrade: $(basename -a "$packages"/*.deb | paste -sd' ')"
  apt install "$packages"/*.deb
  expect_own
  expect_glibcs /usr/bin/mtrace.libc
  [ "$(dpkg-query --show --showformat '${Version}' mtrace)" = "$(dpkg-deb --field "$packages"/mtrace_*.deb Version)" ] ||
    fail "not upgraded"
  try_command mtrace
  try_python /usr/bin/python3 mtrace

  say "reinstall libc-devtools beside it"
  apt purge libc-devtools
  expect_own
  apt install libc-devtools
  expect_own
  expect_glibcs /usr/bin/mtrace.libc

  say "remove and purge"
  apt remove "${names[@]}"
  expect_glibcs /usr/bin/mtrace
  apt install "$packages"/*.deb
  apt purge "${names[@]}"
  expect_glibcs /usr/bin/mtrace
  [ -z "$(dpkg-divert --list mtrace)" ] || fail "diversions stay behind"
  files >after.txt
  diff before.txt after.txt || fail "not everything is as it was before"
}

projects() {
  apt install "$packages"/*.deb g++ cmake make pkg-config
  cmake -S "$tests/install" -B built -DCMAKE_CXX_FLAGS='-Wall -Wextra -Werror' >/dev/null
  cmake --build built >/dev/null
  built/self_traced self.zst >self.txt
  expect '^12345$' self.txt
  built/both both.zst >both.txt
  expect '^1 block of 54321 bytes in keep$' both.txt
  built/example self.zst both.zst >example.txt
  expect '^top [1-9]' example.txt
  # shellcheck disable=SC2046 # words
  cc -std=c99 -Wall -Wextra -Wpedantic -Werror "$tests/install/self_traced.c" $(pkg-config --cflags --libs mtrace_rt) -o self
  ./self self.zst >self.txt
  expect '^12345$' self.txt
  # shellcheck disable=SC2046
  c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$tests/install/both.cpp" $(pkg-config --cflags --libs mtrace mtrace_rt) -o both
  ./both both.zst >both.txt
  expect '^1 block of 54321 bytes in keep$' both.txt
  apt purge "${names[@]}"
}

wheel() {
  apt install python3-venv
  python3 -m venv environment
  environment/bin/pip install --quiet --no-index "$packages"/mtrace-*.whl
  try_command environment/bin/mtrace
  try_python environment/bin/python environment/bin/mtrace
}

if [ $# -gt 3 ]; then parts=("${@:4}"); else parts=(tarball install_upgrade_remove projects wheel); fi
for part in "${parts[@]}"; do
  say "${part//_/, }"
  "$part"
done
rm -r "$work"
