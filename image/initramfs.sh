#!/usr/bin/env bash
# The initramfs of a base layer, with scripts/ and hooks/ of initramfs/; about two minutes, once.
# initramfs.sh BASE prints its path.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
base=$1

made=$CACHE/initramfs-$({
  basename "$base"
  cd "$RECIPE" && find initramfs initramfs.sh -type f -print0 | sort -z | xargs -0 sha256sum
} | sha256sum | cut -c1-16)
if [ ! -f "$made" ]; then
  say "Making the initramfs ..."
  allow_foreign_programs
  root=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-initramfs.XXXXXX")
  trap 'rm -rf --one-file-system "$root"' EXIT
  tar -xf "$base" -C "$root"
  cp -r "$RECIPE"/initramfs/{scripts,hooks} "$RECIPE/initramfs/modules" "$root/etc/initramfs-tools/"
  cp "$RECIPE/initramfs/conf" "$root/etc/initramfs-tools/conf.d/pillarbox"
  kernel=$(find "$root/usr/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n')
  chroot "$root" mkinitramfs -o /initrd.img "$kernel" >&2
  cp "$root/initrd.img" "$made.new"
  mv "$made.new" "$made"
fi
printf '%s\n' "$made"
