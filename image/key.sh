#!/usr/bin/env bash
# Prints the path of the key that signs updates: that of PILLARBOX_UPDATE_KEY (Ed25519, PEM), or one
# for trying out, made once.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

key=${PILLARBOX_UPDATE_KEY:-$CACHE/update-key-for-development.pem}
if [ -z "${PILLARBOX_UPDATE_KEY:-}" ]; then
  [ -f "$key" ] || (umask 077 && openssl genpkey -algorithm ed25519 -out "$key")
  say "Updates are signed with the key for trying out, $key; a real one is named by PILLARBOX_UPDATE_KEY."
fi
[ -r "$key" ] || fail "The key that signs updates cannot be read: $key"
printf '%s\n' "$key"
