#!/usr/bin/env bash
# Layer 1: Debian for the box, as a tar file named by a hash of all it is made from. Prints its path.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

inputs() {
  find "$RECIPE/base.sh" "$RECIPE/packages.txt" "$RECIPE/initramfs" -type f -print0 | sort -z | xargs -0 sha256sum \
    | sed "s|$ROOT/||"
}

base=$CACHE/base-$(inputs | sha256sum | cut -c1-16).tar
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
  # Manuals and translations are not read on the box. The hook of raspi-firmware would write a boot
  # partition of its own making; card.sh makes ours.
  mmdebstrap --mode=root --variant=minbase --architectures=$ARCH --quiet \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/etc/kernel/postinst.d/z50-raspi-firmware' \
    --dpkgopt='path-exclude=/etc/initramfs/post-update.d/z50-raspi-firmware' \
    --setup-hook="mkdir -p \"\$1/etc/initramfs-tools/conf.d\" && cp -r '$RECIPE/initramfs/.' \"\$1/etc/initramfs-tools/\"" \
    --setup-hook='printf "MODULES=list\nCOMPRESS=zstd\n" >"$1/etc/initramfs-tools/conf.d/pillarbox"' \
    --include="$(packages)" "$RELEASE" "$base.new.tar" - < <(sources) >&2
  mv "$base.new.tar" "$base"
fi
printf '%s\n' "$base"
