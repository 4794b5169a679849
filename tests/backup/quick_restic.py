"""A restic whose repositories open at once, for tests that open hundreds of them.

restic makes its keys so slow that guessing the password takes ages: half a second for every
command, three for `init`. Here `init` of a folder copies a repository that restic itself made once,
and writes its master key down anew under the box's own password with scrypt at its weakest. All
else is done by restic. Repositories behind a network are made by restic alone.

    install     a folder for PATH with `restic` in it
    main        what that one does for `init`
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

WEAKEST = {"N": 2, "r": 1, "p": 1}
_PASSWORD = "template"
_PROGRAM = """#!/bin/sh
if [ "$1" = init ]; then
  case "$RESTIC_REPOSITORY" in /*) exec {python} {script} {template} ;; esac
fi
exec {restic} "$@"
"""


def install(folder: Path) -> Path:
    """The folder that goes first in PATH."""
    restic, template, programs = shutil.which("restic"), folder / "template", folder / "bin"
    assert restic is not None, "apt install restic"
    environment = {**os.environ, "RESTIC_PASSWORD": _PASSWORD}
    made = [restic, "--no-cache", "-q", "-r", str(template), "init"]
    subprocess.run(made, env=environment, check=True, timeout=60)
    programs.mkdir()
    program = programs / "restic"
    program.write_text(
        _PROGRAM.format(python=sys.executable, script=__file__, template=template, restic=restic)
    )
    program.chmod(0o755)
    return programs


def main(template: Path, repository: Path, password: bytes) -> None:
    """Make an empty repository."""
    if (repository / "config").exists():
        sys.exit("Fatal: config file already exists")
    (strong,) = (template / "keys").iterdir()
    for path in sorted(template.rglob("*")):
        if path.is_dir():
            (repository / path.relative_to(template)).mkdir(parents=True, exist_ok=True)
    (repository / "config").write_bytes((template / "config").read_bytes())
    written = json.loads(strong.read_bytes())
    master = _opened(_data(written), _derived(written, _PASSWORD.encode()))
    written |= {**WEAKEST, "salt": _text(os.urandom(64))}
    written["data"] = _text(_sealed(master, _derived(written, password)))
    content = json.dumps(written).encode()
    (repository / "keys" / hashlib.sha256(content).hexdigest()).write_bytes(content)


# --- how restic seals: AES-256 in counter mode, and Poly1305-AES over what came of it


def _derived(written: dict[str, Any], password: bytes) -> bytes:
    """64 octets: the key of AES, then k and r of Poly1305-AES."""
    salt = base64.b64decode(written["salt"])
    sizes = {"n": written["N"], "r": written["r"], "p": written["p"]}
    return hashlib.scrypt(password, salt=salt, **sizes, maxmem=1 << 28, dklen=64)


def _opened(sealed: bytes, key: bytes) -> bytes:
    nonce, secret, tag = sealed[:16], sealed[16:-16], sealed[-16:]
    assert _tag(secret, nonce, key) == tag
    return _counted(secret, nonce, key)


def _sealed(plain: bytes, key: bytes) -> bytes:
    nonce = os.urandom(16)
    secret = _counted(plain, nonce, key)
    return nonce + secret + _tag(secret, nonce, key)


def _counted(data: bytes, nonce: bytes, key: bytes) -> bytes:
    return Cipher(algorithms.AES(key[:32]), modes.CTR(nonce)).encryptor().update(data)


def _tag(secret: bytes, nonce: bytes, key: bytes) -> bytes:
    block = Cipher(algorithms.AES(key[32:48]), modes.ECB()).encryptor().update(nonce)
    return Poly1305.generate_tag(key[48:64] + block, secret)


def _data(written: dict[str, Any]) -> bytes:
    return base64.b64decode(written["data"])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    try:
        said = Path(os.environ["RESTIC_PASSWORD_FILE"]).read_bytes()
        main(Path(sys.argv[1]), Path(os.environ["RESTIC_REPOSITORY"]), said.strip())
    except OSError as error:
        sys.exit(f"Fatal: {error.strerror or error}")
