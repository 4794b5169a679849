#!/usr/bin/env bash
# Prints the path of a file system with an access point for the box under test: hostapd, iw and a DHCP
# server of the box's own Debian, made once and kept beside the layers of the image.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../image/lib.sh"
wanted=(hostapd iw libnl-3-200 libnl-genl-3-200 libnl-route-3-200 busybox-static)
file=$CACHE/radio-$(printf '%s\n' $RELEASE "${wanted[@]}" | sha256sum | cut -c1-16).ext4

if [ ! -f "$file" ]; then
  mkdir -p "$CACHE"
  apt=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-radio.XXXXXX")
  trap 'rm -rf --one-file-system "$apt"' EXIT
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/root"
  printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$ARCH" "$KEYRING" "$(mirror)" "$RELEASE" >"$apt/sources.list"
  options=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o Dir::State::Status=/dev/null -o "APT::Architecture=$ARCH" -o "APT::Architectures=$ARCH"
    -o APT::Sandbox::User=root -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=-)
  apt-get "${options[@]}" -qq update >&2
  (cd "$apt" && apt-get "${options[@]}" -qq download "${wanted[@]}" >&2)
  for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$apt/root"; done
  mkfs.ext4 -q -F -L TOOLS -d "$apt/root" "$apt/new" 32M >&2
  mv "$apt/new" "$file"
fi
printf '%s\n' "$file"
