#!/usr/bin/env bash
# Layer 1: Debian for the box, as a tar file named by a hash of all it is made from. Prints its path.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

base=$CACHE/base-$(cat "$RECIPE/base.sh" "$RECIPE/packages.txt" | sha256sum | cut -c1-16).tar
if [ ! -f "$base" ]; then
  say "Making the base layer from Debian's packages (about twenty minutes, once) ..."
  allow_foreign_programs
  mkdir -p "$CACHE"
  from=$(mirror)
  sources() {
    printf 'deb [signed-by=%s] %s %s main contrib non-free-firmware\n' \
      "$KEYRING" "$from" "$RELEASE" "$KEYRING" "$from" "$RELEASE-updates" \
      "$KEYRING" "$from" "$RELEASE-backports" "$KEYRING" "$from-security" "$RELEASE-security"
  }
  # Manuals and translations are not read on the box. The boot partition and the initramfs are made
  # by the layers above, once, instead of by the hooks of each package; that of raspi-firmware is
  # called by name and does nothing here.
  mmdebstrap --mode=root --variant=minbase --architectures="$ARCH" --logfile="$CACHE/base.log" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/etc/kernel/postinst.d/*' --dpkgopt='path-exclude=/etc/initramfs/post-update.d/*' \
    --dpkgopt=force-confold \
    --setup-hook='mkdir -p "$1/etc/initramfs-tools" "$1/etc/kernel/postinst.d"' \
    --setup-hook='printf "#!/bin/sh\nexit 0\n" >"$1/etc/kernel/postinst.d/z50-raspi-firmware"' \
    --setup-hook='chmod 755 "$1/etc/kernel/postinst.d/z50-raspi-firmware"' \
    --setup-hook='echo update_initramfs=no >"$1/etc/initramfs-tools/update-initramfs.conf"' \
    --include="$(packages)" "$RELEASE" "$base.new.tar" - < <(sources) >&2 ||
    fail "Debian's packages could not be put together: $CACHE/base.log"
  mv "$base.new.tar" "$base"
fi
printf '%s\n' "$base"
