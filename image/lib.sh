# Shared by the scripts of this folder: where things lie and what they are called.
# shellcheck shell=bash disable=SC2034 # used by who reads this

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RECIPE=$ROOT/image
CACHE=${PILLARBOX_IMAGE_CACHE:-$ROOT/var/image}
RELEASE=trixie
ARCH=arm64
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# One time for everything that is made, so that two builds are alike.
export SOURCE_DATE_EPOCH=1764000000
export LC_ALL=C.UTF-8 TZ=UTC

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Where this machine gets Debian from; PILLARBOX_MIRROR says otherwise.
mirror() {
  local found
  found=${PILLARBOX_MIRROR:-$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' \
    | sed -n 's/^Debian //p' | grep -v security | sort -u | head -n 1)}
  [ -n "$found" ] || fail "Say where Debian's packages are: PILLARBOX_MIRROR=http://..."
  printf '%s' "${found%/}"
}

# The packages of packages.txt, without comments, with commas between.
packages() { sed 's/#.*//' "$RECIPE/packages.txt" | xargs -n 1 | paste -sd, -; }

# A short hash of files and words: what a layer is made from.
hash_of() { sha256sum "$@" | sed 's/ .*//' | sha256sum | cut -c1-16; }

# Programs of another architecture run through qemu-user; the kernel forgets this when it restarts.
allow_foreign_programs() {
  local place=/proc/sys/fs/binfmt_misc
  [ "$(uname -m)" = aarch64 ] && return
  [ -e $place/register ] || mount -t binfmt_misc binfmt_misc $place
  [ -e $place/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$place/register
}
