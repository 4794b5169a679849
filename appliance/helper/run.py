"""Running a program of the system, and writing its files. Standard library only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 110.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Failed(Exception):
    """It cannot be done; one plain sentence."""


def run(
    command: Sequence[str],
    *,
    accept: Sequence[int] = (0,),
    seconds: float = SECONDS,
    given: bytes = b"",
) -> str:
    """What a program prints. Raises Failed when it is missing, too slow or not content.

    `given`: what it reads from its standard input; secrets go this way, because everybody on the
    machine can read a command line.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the list of commands is ours
            list(command),
            input=given,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=_ENVIRONMENT,
        )
    except FileNotFoundError:
        raise Failed(f"The program {command[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"The program {command[0]} did not end in time.") from None
    told = done.stdout.decode("utf-8", "replace")
    if done.returncode not in accept:
        complaint = done.stderr.decode("utf-8", "replace")
        words = " ".join((complaint or told).split())[-300:]
        raise Failed(f"{command[0]}: {words or f'it ended with {done.returncode}'}")
    return told


def make_folder(path: Path) -> None:
    """A folder that others than root can walk through, whatever our umask is, and all above it.

    Raises OSError.
    """
    for each in (*reversed(path.parents), path):
        if not each.is_dir():
            each.mkdir(exist_ok=True)
            each.chmod(0o755)


def write_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Durably, whole or not at all; with 0o644 everybody may read it. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        os.fchmod(descriptor, mode)
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """What was renamed or removed in it lasts. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
