#!/usr/bin/env bash
# Proves that mtrace works on a Debian with nothing installed: makes such roots with debootstrap, below DIR, and runs
# there the README's commands (readme), what `./dev package` makes (packages), and the guide's container with its checks
# of pull requests (container; after packages; Debian 12's). Packages of Debian come from where this machine gets its
# own. Roots that are there already are used again.
#
#   bare_root.sh DIR [bookworm|trixie|sid] [readme|packages|container]...
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
base=${1:?usage: bare_root.sh DIR [SUITE] [readme|packages|container]...}
shift
suite=bookworm
case ${1:-} in bookworm | trixie | sid)
  suite=$1
  shift
  ;;
esac

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'bare_root.sh: %s\n' "$*" >&2; exit 1; }

# Each suite is where this machine's own one is.
mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $(own_suite)" 'Component: main' |
    head -n 1
}

own_suite() {
  # shellcheck source=/dev/null
  (. /etc/os-release && printf '%s' "$VERSION_CODENAME")
}

make_root() {
  local root=$1 source included=apt
  source=$(mirror)
  [ -n "$source" ] || fail "this machine's apt has no source for $suite to take packages from"
  case $source in https:*) included=apt,ca-certificates ;; esac
  debootstrap --variant=minbase --include="$included" "$suite" "$root" "$source" >/dev/null
}

# The root asks for packages as this machine does, and trusts the certificates that this one trusts.
copy_network_settings() {
  local root=$1 path
  rm -f "$root/etc/apt/sources.list"
  for path in etc/apt/sources.list etc/apt/sources.list.d etc/apt/apt.conf.d etc/apt/trusted.gpg.d \
    etc/apt/keyrings usr/share/keyrings etc/ssl/certs/ca-certificates.crt etc/resolv.conf etc/hosts; do
    [ -e "/$path" ] || continue
    mkdir -p "$root/$(dirname "$path")"
    cp -rL "/$path" "$root/$(dirname "$path")/"
  done
  [ "$suite" = "$(own_suite)" ] || name_other_suite "$root"
}

# In place of this machine's sources.
name_other_suite() {
  rm -rf "$1/etc/apt/sources.list.d"
  mkdir "$1/etc/apt/sources.list.d"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$(mirror)" "$suite" \
    >"$1/etc/apt/sources.list"
}

copy_source_tree() {
  local tree=$1/root/mtrace
  mkdir -p "$tree"
  git ls-files --cached --others --exclude-standard -z |
    while IFS= read -r -d '' file; do
      if [ -e "$file" ]; then printf '%s\0' "$file"; fi
    done | tar --create --null --files-from=- | tar --extract --no-same-owner --directory="$tree"
}

# In a mount namespace of its own: /proc and /dev are gone from the root when the command ends.
in_root() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork --kill-child -- bash -euc '
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 \
      ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} "$@"
  ' in_root "$@" </dev/null
}

# README's commands, as a newcomer types them.
readme() {
  while IFS= read -r command; do
    say "in the bare root: $command"
    in_root "$base/build" bash -euc "cd /root/mtrace && $command"
  done <<'COMMANDS'
./dev test
./dev demo
rm -rf build && cmake -S . -B build && cmake --build build && cmake --install build --prefix /tmp/p
/tmp/p/bin/mtrace --version
COMMANDS
}

# Packages that are made in one root are used in another, in which nothing was ever built.
packages() {
  local tree=$base/build/root/mtrace/build
  say "make packages, and older ones"
  in_root "$base/build" bash -euc 'cd /root/mtrace && ./dev package &&
    MTRACE_PACKAGE_VERSION=0.0.1 src/packaging/make_packages.sh . build/packaging build/older'
  say "use them"
  rm -rf "$base/use/root/packages"
  mkdir "$base/use/root/packages"
  cp -r "$tree/packages" "$tree/older" tests "$base/use/root/packages/"
  in_root "$base/use" /root/packages/tests/install/packages.sh /root/packages/{packages,older,tests}
}

# What the guide's container recipe does last, and its workflows in what comes of it.
container() {
  local root=$base/container install
  [ -e "$root" ] || cp -a "$base/new" "$root"
  install=$(sed -n '/^<!-- file: Dockerfile -->$/,/^```$/p' GUIDE.md | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' |
    sed -n 's/^RUN apt-get/apt-get/p')
  [ -n "$install" ] || fail "the guide's container has no last step"
  mkdir -p "$root/packages"
  cp "$base"/build/root/mtrace/build/packages/{mtrace,python3-mtrace}_*.deb "$root/packages/"
  say "in the container: $install"
  in_root "$root" sh -euc "$install"
  copy_source_tree "$root"
  # The test reads YAML; the container does not need to.
  in_root "$root" sh -euc 'apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-yaml >/dev/null
    cd /root/mtrace && /usr/bin/python3 tests/docs/ci_recipes.py --mtrace /usr/bin/mtrace
    cd /tmp && MTRACE=5,output=/tmp/python.zst python3 -c "" && mtrace info python.zst'
}

if [ $# = 0 ]; then
  set -- readme packages
  if [ "$suite" = bookworm ]; then set -- "$@" container; fi
fi
if [ ! -e "$base/use" ]; then
  say "debootstrap $suite into $base"
  mkdir -p "$base"
  make_root "$base/use"
  copy_network_settings "$base/use"
  cp -a "$base/use" "$base/build"
  cp -a "$base/use" "$base/new"
fi
copy_source_tree "$base/build"
for part; do "$part"; done
say "everything worked in $base: $*"
