#!/usr/bin/env bash
# Proves that the README's commands work on a Debian 12 with nothing installed: makes such a root with
# debootstrap, copies the source tree into it, and runs the commands there. Packages come from where
# this machine gets its own.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
root=${1:?usage: bare_root.sh DIR}
suite=bookworm

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'bare_root.sh: %s\n' "$*" >&2; exit 1; }

mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $suite" 'Component: main' |
    head -n 1
}

make_root() {
  local source included=apt
  source=$(mirror)
  [ -n "$source" ] || fail "this machine's apt has no source for $suite to take packages from"
  case $source in https:*) included=apt,ca-certificates ;; esac
  debootstrap --variant=minbase --include="$included" "$suite" "$root" "$source" >/dev/null
}

# The root asks for packages as this machine does, and trusts the certificates that this one trusts.
copy_network_settings() {
  local path
  rm -f "$root/etc/apt/sources.list"
  for path in etc/apt/sources.list etc/apt/sources.list.d etc/apt/apt.conf.d etc/apt/trusted.gpg.d \
    etc/apt/keyrings usr/share/keyrings etc/ssl/certs/ca-certificates.crt etc/resolv.conf etc/hosts; do
    [ -e "/$path" ] || continue
    mkdir -p "$root/$(dirname "$path")"
    cp -rL "/$path" "$root/$(dirname "$path")/"
  done
}

copy_source_tree() {
  local tree=$root/root/mtrace
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
  ' in_root "$root" "$@" </dev/null
}

[ ! -e "$root" ] || [ -z "$(ls -A "$root")" ] || fail "$root is there already and not empty"
say "debootstrap $suite into $root"
make_root
copy_network_settings
copy_source_tree

while IFS= read -r command; do
  say "in the bare root: $command"
  in_root bash -euc "cd /root/mtrace && $command"
done <<'COMMANDS'
./dev test
./dev demo
rm -rf build && cmake -S . -B build && cmake --build build && cmake --install build --prefix /tmp/p
/tmp/p/bin/mtrace --version
COMMANDS
say "every command worked in $root"
