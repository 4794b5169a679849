#!/usr/bin/env bash
# Layer 3: the card from the layers below, without loop mounts. card.sh BASE INITRAMFS APP writes
# dist/pillarbox-VERSION.img and what belongs to it.
#
#   1  64 MiB FAT     which of the two boots (autoboot.txt), bootcode.bin for a Pi 3
#   2  256 MiB FAT    firmware, kernel, initramfs of system A      3  the same of system B
#   5  1 GiB erofs    root file system A, never written            6  the same of system B
#   7  rest, ext4     state: grown to the whole card at the first start
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
base=$1 initramfs=$2 app=$3
SIGNATURE=50696c6c # of the partition table; the kernel calls partition N PARTUUID=50696c6c-0N
SWITCH_AT=$((2051 * 512)) # where autoboot.txt lies on partition 1: it is changed in place (helper/switch.py)
STATE_MIB=64
starts=(0 4 68 324 580 584 1612 2640) # MiB; 4 is the extended partition
sizes=(0 64 256 256 0 1024 1024 "$STATE_MIB")

key=$("$RECIPE/key.sh")
version=$("$ROOT/.venv/bin/python" -c 'import appliance; print(appliance.__version__)')
made_at=$(git -C "$ROOT" log -1 --format=%ct) # of what the card is made from
work=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-card.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

unpack_root() {
  mkdir "$root"
  tar -xf "$base" -C "$root"
  tar -xf "$app" -C "$root"
  rm -rf --one-file-system "${root:?}"/var/cache/* "${root:?}"/var/lib/apt/lists/* "${root:?}"/var/log/* "${root:?}/etc/resolv.conf"
  cp -r --preserve=mode "$RECIPE/rootfs/." "$root/"
  cp "$ROOT"/systemd/* "$root/usr/lib/systemd/system/"
  openssl pkey -in "$key" -pubout -out "$root/usr/lib/pillarbox/update.pem"
  printf '%s\n' "$version" >"$root/usr/lib/pillarbox/version"
  mkdir -p "$root/state" "$root/srv/pillarbox" "$root/var/lib/pillarbox" "$root/usr/share/doc/pillarbox"
  cp "$ROOT/README.md" "$ROOT/LICENSE" "$root/usr/share/doc/pillarbox/"
  chmod -R u=rwX,go=rX "$root/usr/share/doc/pillarbox"
  touch "$root/usr/lib/clock-epoch" # systemd's earliest time: that of all files, see made_at
}

choose_units() {
  systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/pillarbox.conf"
  systemctl --root="$root" --quiet preset-all
  # nobody logs in on the box, nothing is watched by the kernel's audit, no foreign programs run
  systemctl --root="$root" --quiet mask systemd-logind.service systemd-journald-audit.socket \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount
}

# The kernel is read from the FAT partition; here it would only take room.
split_boot() {
  local modules
  modules=$(find "$root/usr/lib/modules" -mindepth 1 -maxdepth 1 -type d)
  mkdir "$work/boot"
  cp "$root"/usr/lib/raspi-firmware/{bootcode.bin,start*.elf,fixup*.dat} "$work/boot/"
  cp "$modules"/dtb/broadcom/{bcm2837,bcm2711,bcm2712}*.dtb "$work/boot/"
  mv "$modules/vmlinuz" "$work/boot/vmlinuz"
  cp "$initramfs" "$work/boot/initrd.img"
  cp "$RECIPE/firmware/config.txt" "$work/boot/"
  rm -rf --one-file-system "${modules:?}/dtb" "${root:?}"/boot/* "${root:?}/usr/lib/raspi-firmware" "${root:?}"/{vmlinuz,initrd.img}{,.old}
}

fat() { # FILE LABEL ID MIB FOLDER OPTIONS
  truncate -s "$4M" "$1"
  mkfs.vfat --invariant -F 32 -n "$2" -i "$3" "${@:6}" "$1" >/dev/null
  find "$5" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$5" && find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs -I{} mcopy -s -p -m -i "$1" {} ::)
}

make_partitions() {
  mkdir "$work/select"
  cp "$RECIPE/firmware/autoboot.txt" "$work/boot/bootcode.bin" "$work/select/"
  fat "$work/1" PILLARBOX 50420001 "${sizes[1]}" "$work/select" -R 32 -s 1
  cmp -s -i "$SWITCH_AT:0" -n 128 "$work/1" "$RECIPE/firmware/autoboot.txt" || fail "autoboot.txt does not lie where it is changed."
  printf 'root=PARTUUID=%s-05 rootfstype=erofs ro rootwait pillarbox.state=PARTUUID=%s-07 net.ifnames=0 panic=10 transparent_hugepage=never console=tty0\n' \
    $SIGNATURE $SIGNATURE >"$work/boot/cmdline.txt"
  fat "$work/2" BOOT-A 50420002 "${sizes[2]}" "$work/boot"
  SOURCE_DATE_EPOCH=$made_at mkfs.erofs -zlz4hc,12 -C65536 -T "$made_at" -U 50696c6c-0000-4000-8000-000000000005 "$work/5" "$root" >/dev/null
  [ "$(stat -c %s "$work/5")" -le $((sizes[5] << 20)) ] || fail "The root file system is larger than its partition."
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 4096 -i 8192 -L pillarbox-state -m 1 -U 50696c6c-0000-4000-8000-000000000007 \
    -E hash_seed=50696c6c-0000-4000-8000-000000000008,lazy_itable_init=0 "$work/7" "${STATE_MIB}M"
}

write_card() { # FILE
  local number
  truncate -s $((starts[7] + STATE_MIB + 4))M "$1"
  {
    printf 'label: dos\nlabel-id: 0x%s\nunit: sectors\n' $SIGNATURE
    for number in 1 2 3; do partition $number c; done
    printf '4: start=%d, size=%d, type=f\n' $((starts[4] * 2048)) $(((starts[7] + STATE_MIB - starts[4]) * 2048))
    for number in 5 6 7; do partition $number 83; done
  } | sfdisk --quiet "$1"
  for number in 1 2 5 7; do
    dd if="$work/$number" of="$1" bs=1M seek="${starts[$number]}" conv=notrunc,sparse status=none
  done
}

partition() { printf '%d: start=%d, size=%d, type=%s\n' "$1" $((starts[$1] * 2048)) $((sizes[$1] * 2048)) "$2"; }

# Every Debian package with its version and licence file, every Python package with its version.
write_manifest() {
  dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package} ${Version} ${Architecture}\n' | sort >"$1.packages"
  find "$root/opt/pillarbox" -name '*.dist-info' -prune -printf '%f\n' | sed 's/\.dist-info$//; s/-/ /' | sort >"$1.python"
  "$ROOT/.venv/bin/python" "$RECIPE/sbom.py" "$version" "$1.packages" "$1.python" "$1.cdx.json"
}

mkdir -p "$ROOT/dist"
name=$ROOT/dist/pillarbox-$version
unpack_root
choose_units
split_boot
write_manifest "$name"
make_partitions
write_card "$name.img.new"
mv "$name.img.new" "$name.img"
say "Packing the update and the card ..."
"$ROOT/.venv/bin/python" "$RECIPE/pack.py" "$version" "$work/2" "$work/5" "$RECIPE/notes" "$key" "$name.update"
zstd -q -T0 -12 -f "$name.img" -o "$name.img.zst"
"$ROOT/.venv/bin/python" "$RECIPE/paper.py" "$ROOT/dist" "pillarbox-$version"
(cd "$ROOT/dist" && sha256sum "pillarbox-$version".{img,img.zst,update,packages,python,cdx.json} "pillarbox-$version"-*.pdf >"pillarbox-$version.sha256")
openssl pkey -in "$key" -pubout -out "$name.pem"
openssl pkeyutl -sign -rawin -inkey "$key" -in "$name.sha256" -out "$name.sha256.sig"
ls -l --block-size=M "$name".* >&2
printf '%s\n' "$name.img"
