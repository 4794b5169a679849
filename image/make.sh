#!/usr/bin/env bash
# The whole image: what ./build.sh image runs. As root, because files of the box have owners.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
base=$("$here/base.sh")
app=$("$here/app.sh" "$base")
initramfs=$("$here/initramfs.sh" "$base")
"$here/card.sh" "$base" "$initramfs" "$app"
