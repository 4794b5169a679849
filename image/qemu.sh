#!/usr/bin/env bash
# Prints how to start QEMU for the box: version 9 or newer, Debian's own where it is, else the one
# of its backports, unpacked beside the other layers without touching this machine.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

is_new_enough() { "$1" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p' | grep -qE '^(9|[1-9][0-9])$'; }

unpack() {
  local release apt options
  release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  apt=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-qemu.XXXXXX")
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  printf 'deb [signed-by=%s] %s %s-backports main\n' "$KEYRING" "$(mirror)" "$release" >"$apt/sources.list"
  options=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" -qq update >&2
  (cd "$apt" && apt-get "${options[@]}" -qq download "qemu-system-arm/$release-backports" \
    "qemu-system-common/$release-backports" "qemu-system-data/$release-backports" >&2)
  mkdir -p "$1.new"
  for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$1.new"; done
  rm -rf --one-file-system "$apt"
  mv "$1.new" "$1"
}

if is_new_enough qemu-system-aarch64; then
  printf '%s\n' "$(command -v qemu-system-aarch64)"
else
  place=$CACHE/qemu
  mkdir -p "$CACHE"
  [ -d "$place" ] || unpack "$place"
  printf '%s\n' "$place/usr/bin/qemu-system-aarch64" -L "$place/usr/share/qemu" -L /usr/share/qemu
fi
