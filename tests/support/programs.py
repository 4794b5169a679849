"""Running mail programs: each in a home folder of its own, bounded, and missed when not there."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

_PACKAGES = {
    "mbsync": "isync",
    "offlineimap": "offlineimap3",
    "getmail": "getmail6",
    "node": "nodejs",
}
_SECONDS = 45  # a full disk cache of the whole machine may be written out meanwhile


def need(program: str) -> str:
    """Where a program is. The test fails with what to install when it is not there."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(
            f"{program} is missing: apt-get install {_PACKAGES.get(program, program)}"
            " (or ./build.sh test, which does it)"
        )
    return found


def environment(home: Path) -> dict[str, str]:
    """An environment in which a program finds nothing of whoever runs the tests."""
    home.mkdir(exist_ok=True, mode=0o700)
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "USER": "tester",
        "TMPDIR": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
    }


def run(
    home: Path,
    program: str,
    *arguments: str | Path,
    stdin: bytes = b"",
    expect: Sequence[int] = (0,),
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; anything but an expected exit status fails the test."""
    done = subprocess.run(
        [need(program), *map(str, arguments)],
        cwd=home,
        env=environment(home),
        input=stdin,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    said = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")[-4000:]
    assert done.returncode in expect, f"{program} ended with {done.returncode}:\n{said}"
    return done


def run_on_terminal(
    home: Path, program: str, *arguments: str | Path, answer: tuple[bytes, bytes] | None = None
) -> str:
    """Run a program that wants a terminal; what it showed, when it has ended by itself.

    `answer` is what it shows and what is typed then.
    """
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [need(program), *map(str, arguments)],
            cwd=home,
            env=environment(home) | {"LINES": "40", "COLUMNS": "120"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
    finally:
        os.close(slave)
    shown, heard = bytearray(), select.poll()
    heard.register(master, select.POLLIN)
    end = time.monotonic() + _SECONDS
    try:
        while (left := end - time.monotonic()) > 0:
            if not heard.poll(left * 1000):
                break
            try:
                piece = os.read(master, 65536)
            except OSError:  # EIO: nobody has the terminal open any more
                break
            if not piece:
                break
            shown += piece
            if answer is not None and answer[0] in shown:
                os.write(master, answer[1])
                answer = None
        status = process.wait(1) if time.monotonic() < end else None
    finally:
        process.kill()
        process.wait()
        os.close(master)
    text = shown.decode("utf-8", "replace")
    assert status == 0, f"{program} ended with {status} (None: not at all):\n{text[-4000:]}"
    return text


def write(path: Path, text: str) -> Path:
    """A configuration file, as private as the programs demand."""
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


def with_lf(message: bytes) -> bytes:
    """As programs on Unix keep a message."""
    return message.replace(b"\r\n", b"\n")
