#!/usr/bin/env bash
# Layer 2: the program with its Python packages, as it lies in /opt/pillarbox. app.sh BASE prints
# the path of the tar file. What the lock names is fetched and compiled once; the program each time.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
base=$1
python=$ROOT/.venv/bin/python
version=3.13
site=opt/pillarbox/lib/python$version/site-packages
# What is in the lock to build the program, and what only sqlite-utils' own command line needs.
unwanted='hatchling|editables|pathspec|trove-classifiers|pip'

work=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-app.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

pip() { "$python" -m pip --disable-pip-version-check --quiet "$@" 2> >(grep -v '^WARNING: Location' >&2); }

# The lock without the packages above.
wanted_lock() {
  awk -v unwanted="^($unwanted)==" '/^[a-zA-Z]/ { keep = $0 !~ unwanted } /^#/ { next } keep' "$ROOT/requirements.lock"
}

# Wheels for the box: of pure Python as they come or as they build here, the others as published.
fetch_wheels() {
  mkdir -p "$work/here" "$work/wheels"
  wanted_lock >"$work/lock"
  pip wheel --require-hashes --no-deps -r "$work/lock" -w "$work/here"
  find "$work/here" -name '*-none-any.whl' -exec mv -t "$work/wheels" {} +
  local name compiled=()
  for name in "$work"/here/*.whl; do
    name=$(basename "$name" | cut -d- -f1 | tr 'A-Z_' 'a-z-')
    compiled+=("$name")
  done
  awk -v names=" ${compiled[*]} " '/^[a-zA-Z]/ { split($1, part, "=="); keep = index(names, " " tolower(part[1]) " ") } keep' \
    "$work/lock" >"$work/compiled.lock"
  local platform=() each
  for each in 2_41 2_39 2_38 2_34 2_31 2_28 2_17; do platform+=(--platform "manylinux_${each}_aarch64"); done
  pip download --require-hashes --no-deps --only-binary=:all: "${platform[@]}" --platform manylinux2014_aarch64 \
    --implementation cp --python-version $version --abi "cp${version/./}" --abi abi3 -r "$work/compiled.lock" -d "$work/wheels"
}

unpack_wheels() {
  local wheel
  mkdir -p "$1"
  for wheel in "$work"/wheels/*.whl; do "$python" -m zipfile -e "$wheel" "$1"; done
  find "$1" -name 'tests' -type d -path '*/sqlite_utils*' -prune -o -name '*.pyi' -exec rm {} +
}

# lgpio is a C library with a wrapper made by swig; the headers are those of the box's own Python.
compile_gpio() {
  mkdir -p "$work/gpio/source" "$work/gpio/headers"
  grep '^lgpio' "$RECIPE/gpio.lock" >"$work/gpio/lgpio.lock"
  pip download --require-hashes --no-deps --no-binary :all: -r "$work/gpio/lgpio.lock" -d "$work/gpio"
  grep '^rpi-lgpio' "$RECIPE/gpio.lock" >"$work/gpio/rpi.lock"
  pip download --require-hashes --no-deps -r "$work/gpio/rpi.lock" -d "$work/wheels"
  tar -xzf "$work"/gpio/lgpio-*.tar.gz --strip-components=1 -C "$work/gpio/source"
  dpkg-deb -x "$(python_headers)" "$work/gpio/headers"
  (
    cd "$work/gpio/source"
    swig -python lgpio.i
    aarch64-linux-gnu-gcc -O2 -pthread -fPIC -shared -Wl,--build-id=none -ffile-prefix-map="$PWD=." -Isrc \
      -I"$work/gpio/headers/usr/include/python$version" -I"$work/gpio/headers/usr/include" \
      -o "_lgpio.cpython-${version/./}-aarch64-linux-gnu.so" lgpio_wrap.c src/lg*.c src/rgpiod.c -lrt -ldl
    aarch64-linux-gnu-strip _lgpio.*.so
    cat lgpio.py lgpio_extra.py >"$1/lgpio.py"
    cp _lgpio.*.so "$1/"
  )
}

# The path of libpython's -dev package for the box, fetched with a list of sources of its own.
python_headers() {
  local apt="$work/apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$ARCH" "$KEYRING" "$(mirror)" "$RELEASE" >"$apt/sources.list"
  local options=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o "Dir::State::Status=/dev/null" -o "APT::Architecture=$ARCH" -o "APT::Architectures=$ARCH"
    -o APT::Sandbox::User=root -o "Dir::Etc::Preferences=/dev/null" -o "Dir::Etc::PreferencesParts=-")
  apt-get "${options[@]}" -qq update >&2
  (cd "$apt" && apt-get "${options[@]}" -qq download "libpython$version-dev" >&2)
  printf '%s' "$apt"/libpython$version-dev_*.deb
}

# Compile with the box's own Python, whose files stand in the base layer.
compile_bytecode() {
  local foreign
  foreign=$CACHE/python-$(basename "$base" .tar)
  if [ ! -d "$foreign" ]; then
    mkdir -p "$foreign.new"
    tar -xf "$base" -C "$foreign.new" ./usr/bin ./usr/lib/python3 ./usr/lib/python$version ./usr/lib/aarch64-linux-gnu \
      ./usr/lib/ld-linux-aarch64.so.1 ./lib ./bin --exclude='./usr/lib/modules'
    mv "$foreign.new" "$foreign"
  fi
  allow_foreign_programs
  [ -d "$work/foreign" ] || cp -a --reflink=auto "$foreign" "$work/foreign" # others may build too
  mkdir -p "$work/foreign/opt"
  mv "$1/opt/pillarbox" "$work/foreign/opt/pillarbox"
  chroot "$work/foreign" /usr/bin/python$version -m compileall -q --invalidation-mode unchecked-hash "$2"
  mv "$work/foreign/opt/pillarbox" "$1/opt/pillarbox"
}

pack() { # FOLDER FILE: the same bytes each time
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$1" -cf "$2.new" opt
  mv "$2.new" "$2"
}

packages_layer() {
  local layer
  layer=$CACHE/python-packages-$({ sha256sum <"$ROOT/requirements.lock"; sha256sum <"$RECIPE/gpio.lock"; \
    sha256sum <"$RECIPE/app.sh"; basename "$base"; } | sha256sum | cut -c1-16).tar
  if [ ! -f "$layer" ]; then
    say "Fetching and compiling the Python packages ..."
    mkdir -p "$work/packages/$site" "$work/wheels"
    fetch_wheels
    compile_gpio "$work/packages/$site"
    unpack_wheels "$work/packages/$site"
    compile_bytecode "$work/packages" /$site
    pack "$work/packages" "$layer"
  fi
  printf '%s' "$layer"
}

program() { # FOLDER: the program and its virtual environment
  local env=$1/opt/pillarbox
  mkdir -p "$env/bin"
  ln -s /usr/bin/python$version "$env/bin/python"
  printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' $version >"$env/pyvenv.cfg"
  printf '#!/opt/pillarbox/bin/python -I\nfrom appliance.cli import main\n\nmain()\n' >"$env/bin/pillarbox"
  chmod 755 "$env/bin/pillarbox"
  (cd "$ROOT" && pip wheel --no-deps --no-build-isolation -w "$work/program" .)
  "$python" -m zipfile -e "$work"/program/pillarbox-*.whl "$1/$site"
}

packages=$(packages_layer)
app=$work/app
mkdir -p "$app/$site"
program "$app"
compile_bytecode "$app" "/$site/appliance"
tar -xf "$packages" -C "$app"
mkdir -p "$ROOT/var/image"
pack "$app" "$ROOT/var/image/app.tar"
printf '%s\n' "$ROOT/var/image/app.tar"
