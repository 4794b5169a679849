#!/usr/bin/env bash
# The one entry for people: run, test, check, bench, image, test-image. Works from a fresh clone on Debian 12/13 or
# Ubuntu with Python 3.11 or newer; installs what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

PORT_BASE=${PILLARBOX_PORT_BASE:-10000}
DEMO=${PILLARBOX_DEMO:-var/demo}
MAIL_PROGRAMS="swaks libnet-ssleay-perl curl msmtp isync libsasl2-modules offlineimap3 neomutt fetchmail getmail6 mpop"
WORLD="nsd unbound ldnsutils postfix"
SECOND_OPINIONS="opendkim libmail-spf-perl libmail-dkim-perl libmail-dmarc-perl"
PROVIDER="dovecot-imapd dovecot-pop3d"
ROOTS="mmdebstrap"
BROWSER="chromium chromium-driver"
HARDWARE="umockdev smartmontools systemd dbus iproute2"
DRIVES="restic openssh-sftp-server openssh-client rclone bindfs exfat-fuse exfatprogs ntfs-3g dosfstools"
PAPER="poppler-utils zbar-tools fonts-dejavu-core libplist-utils"
RECIPE="nftables shellcheck unbound openssl"
IMAGE="openssl mmdebstrap qemu-user-static binfmt-support erofs-utils mtools dosfstools e2fsprogs fdisk zstd swig gcc-aarch64-linux-gnu libc6-dev-arm64-cross debian-archive-keyring"
MACHINE="qemu-system-arm qemu-utils mtools nbdkit exfatprogs swaks libnet-ssleay-perl isync curl"
PEERS="dovecot-imapd dovecot-pop3d dovecot-lmtpd postfix strace"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "This needs root: $*"
  fi
}

# Debian packages that are not installed yet, by name.
missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$name"
  done
}

install_packages() {
  local missing
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return 0
  command -v apt-get >/dev/null || fail "Install these first: $missing"
  say "Installing from Debian: $missing"
  # shellcheck disable=SC2086 # a list of words on purpose
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing \
    >/dev/null 2>&1 && return 0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing \
    >/dev/null
}

# sshd is for tests alone, which start it themselves: installing it must not open a port here.
install_sshd() {
  [ -z "$(missing_packages openssh-server)" ] && return 0
  as_root systemctl mask ssh.service ssh.socket >/dev/null 2>&1 || true
  install_packages openssh-server
  as_root systemctl unmask ssh.service ssh.socket >/dev/null 2>&1 || true
  as_root systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || true
}

find_python() {
  local python
  for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$python"
      return
    fi
  done
  fail "Python 3.11 or newer is needed."
}

# set_up LOCK: a virtual environment with exactly what the lock names.
set_up() {
  local lock=$1 python stamp
  stamp=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
  # the lock of the tests holds everything that the lock of the appliance holds
  if [ -f .venv/stamp ] && grep -qx "$lock $stamp" .venv/stamp; then return; fi
  python=$(find_python)
  if ! [ -x .venv/bin/pip ]; then
    rm -rf .venv
    "$python" -m venv .venv 2>/dev/null || { rm -rf .venv; install_packages python3-venv; "$python" -m venv .venv; }
  fi
  say "Installing Python packages ($lock) ..."
  .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r "$lock"
  .venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s %s\n' "$lock" "$stamp" >>.venv/stamp
}

make_demo() {
  local who password
  [ -f "$DEMO/passwords.txt" ] && return
  mkdir -p "$DEMO"
  chmod 700 "$DEMO"
  .venv/bin/pillarbox --state "$DEMO" domain add office.test 2>/dev/null || true
  : >"$DEMO/passwords.new"
  chmod 600 "$DEMO/passwords.new"
  for who in anna ben; do
    password=$(head -c 9 /dev/urandom | base64 | tr '+/' 'xy')
    .venv/bin/pillarbox --state "$DEMO" account remove "$who@office.test" 2>/dev/null || true
    printf '%s\n' "$password" \
      | .venv/bin/pillarbox --state "$DEMO" account add "$who@office.test" --password-stdin
    printf '%s@office.test %s\n' "$who" "$password" >>"$DEMO/passwords.new"
  done
  mv "$DEMO/passwords.new" "$DEMO/passwords.txt"
}

make_owner() {
  local password act
  [ -f "$DEMO/owner.txt" ] && return
  password=$(head -c 9 /dev/urandom | base64 | tr '+/' 'xy')
  act=add
  .venv/bin/pillarbox --state "$DEMO" owner list | grep -q '^owner ' && act=password
  printf '%s\n' "$password" | .venv/bin/pillarbox --state "$DEMO" owner $act owner --password-stdin
  (umask 077 && printf '%s\n' "$password" >"$DEMO/owner.txt")
}

command_run() {
  [ -f .venv/stamp ] || set_up requirements.lock
  [ -x .venv/bin/pillarbox ] || set_up requirements.lock
  command -v restic >/dev/null || say "Backups need restic: apt install restic"
  make_demo
  make_owner
  cat <<TEXT
Pillarbox runs with simulated hardware; its state is in $DEMO. Stop it with Ctrl-C.

  The page:  https://localhost:$((PORT_BASE + 443))/   log in as   owner   password $(cat "$DEMO/owner.txt")

  Connect a mail program to this machine (127.0.0.1) as one of

$(sed 's/^\([^ ]*\) \(.*\)$/    user \1   password \2/' "$DEMO/passwords.txt")

    IMAP   port $((PORT_BASE + 993)) with TLS, or $((PORT_BASE + 143)) with STARTTLS
    POP3   port $((PORT_BASE + 995)) with TLS, or $((PORT_BASE + 110)) with STARTTLS
    SMTP   port $((PORT_BASE + 465)) with TLS, or $((PORT_BASE + 587)) with STARTTLS

  The certificate is signed by this box's own CA: $DEMO/tls/ca.pem
  (a program on this machine may also log in without TLS, because the hardware is simulated).

TEXT
  exec .venv/bin/pillarbox --state "$DEMO" run --simulate --port-base "$PORT_BASE" --bind 127.0.0.1
}

install_for_tests() {
  # shellcheck disable=SC2086 # lists of words on purpose
  install_packages $MAIL_PROGRAMS $WORLD $SECOND_OPINIONS $PROVIDER $ROOTS $HARDWARE $DRIVES \
    $BROWSER $PAPER $RECIPE
  install_sshd
  if ! command -v node >/dev/null; then install_packages nodejs; fi
  if ! command -v npm >/dev/null; then install_packages npm; fi
  set_up requirements-dev.lock
  local node=tests/clients/node
  if ! cmp -s $node/package-lock.json $node/node_modules/.stamp; then
    (cd $node && npm ci --silent --no-audit --no-fund)
    cp $node/package-lock.json $node/node_modules/.stamp
  fi
}

# Tests of one file share a box and run one after the other; whole runs take two files at a time.
command_test() {
  install_for_tests
  [ $# -gt 0 ] || set -- --numprocesses "${PILLARBOX_TESTS_AT_ONCE:-2}" --dist loadfile
  unset PYTHONDONTWRITEBYTECODE # or each box that a test starts is compiled anew
  exec .venv/bin/python -m pytest "$@"
}

command_check() {
  set_up requirements-dev.lock
  .venv/bin/ruff format --check -q . || fail "Some files are not formatted: .venv/bin/ruff format ."
  .venv/bin/ruff check -q .
  .venv/bin/mypy
  .venv/bin/python -m pytest -q tests/house
}

command_bench() {
  set_up requirements-dev.lock
  # shellcheck disable=SC2086
  install_packages $PEERS restic
  exec .venv/bin/python -m tests.bench "$@"
}

command_image() {
  [ "$(id -u)" -eq 0 ] || fail "The image is made as root, because files of the box have owners: sudo $0 image"
  set_up requirements-dev.lock
  # shellcheck disable=SC2086
  install_packages $IMAGE
  exec image/make.sh
}

# The card of dist/, started in QEMU.
command_test_image() {
  set_up requirements-dev.lock
  # shellcheck disable=SC2086
  install_packages $MACHINE
  exec .venv/bin/python -m pytest -s -m image tests/image "$@"
}

case "${1:-}" in
  run | test | check | bench | image | test-image) name=${1//-/_}; shift; "command_$name" "$@" ;;
  *) fail "usage: ./build.sh run | test [ARGS for pytest] | check | bench [NAME] | image | test-image" ;;
esac
