"""Running a program of the system. Standard library only."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 110.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Failed(Exception):
    """It cannot be done; one plain sentence."""


def run(command: Sequence[str], *, accept: Sequence[int] = (0,), seconds: float = SECONDS) -> str:
    """What a program prints. Raises Failed when it is missing, too slow or not content."""
    try:
        done = subprocess.run(  # noqa: S603 - the list of commands is ours
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=_ENVIRONMENT,
        )
    except FileNotFoundError:
        raise Failed(f"The program {command[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"The program {command[0]} did not end in time.") from None
    if done.returncode not in accept:
        words = " ".join((done.stderr or done.stdout).split())[-300:]
        raise Failed(f"{command[0]}: {words or f'it ended with {done.returncode}'}")
    return done.stdout


def make_folder(path: Path) -> None:
    """A folder that others than root can walk through, whatever our umask is, and all above it.

    Raises OSError.
    """
    for each in (*reversed(path.parents), path):
        if not each.is_dir():
            each.mkdir(exist_ok=True)
            each.chmod(0o755)
