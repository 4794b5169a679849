"""A child process under supervision: ended when its drive is gone, when asked to, or with us.

Nothing here waits without a limit. A process that does not end after SIGKILL (it hangs in the
kernel, on a drive that does not answer) is left behind, and the caller goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from appliance.backup.trouble import Kind, is_hopeless
from appliance.net import systemd
from appliance.words import remaining

POLL_SECONDS = 0.2
TERM_SECONDS = 10.0
KILL_SECONDS = 5.0
_KEPT_LINES = 40
_LINE = 1 << 16
_NICE = 15
_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_GENTLE = ("nice", "-n", str(_NICE), "ionice", "-c", "3", "-t")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is."""

    fraction: float = 0.0
    octets: int = 0
    seconds_left: float | None = None
    step: str = ""

    def told(self) -> dict[str, Any]:
        """For programs, and `left` for people."""
        return {
            "step": self.step,
            "fraction": self.fraction,
            "octets": self.octets,
            "seconds_left": self.seconds_left,
            "left": remaining(self.seconds_left) if self.seconds_left else "",
        }


@dataclass(slots=True)
class Watch:
    """What the caller wants to know and to decide while something runs."""

    cancel: threading.Event = field(default_factory=threading.Event)
    alive: Callable[[], bool] = lambda: True
    """Whether the target is still there; asked several times a second, so it must not block."""
    progress: Callable[[Progress], None] = lambda _progress: None

    def ended_because(self) -> Kind | None:
        """Why to stop now."""
        if self.cancel.is_set():
            return Kind.CANCELLED
        return None if self.alive() else Kind.VANISHED


def within(seconds: float) -> Watch:
    """A watch for a small act: who does not answer in this time is taken to be gone."""
    deadline = time.monotonic() + seconds
    return Watch(alive=lambda: time.monotonic() < deadline)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; `because` is set when we ended it."""

    status: int
    said: str
    because: Kind | None


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start."""

    words: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    descriptors: tuple[int, ...] = ()


def run(launch: Launch, watch: Watch, on_line: Callable[[bytes], None] | None = None) -> Ended:
    """Start it and wait for its end; each line of its output goes to `on_line`, in a thread.

    Raises:
        FileNotFoundError: there is no such program.
    """
    child = subprocess.Popen(  # noqa: S603 - the words are ours
        [*_before(), *launch.words],
        env=dict(launch.environment),
        cwd=launch.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=launch.descriptors,
        start_new_session=True,
    )
    _stand_back(child.pid)
    said: deque[str] = deque(maxlen=_KEPT_LINES)
    hopeless: list[Kind] = []
    readers = [
        _reader(child.stdout, on_line or (lambda _line: None)),
        _reader(child.stderr, lambda line: _listen(line, said, hopeless)),
    ]
    because = _wait(child, watch, hopeless)
    for reader in readers:
        reader.join(KILL_SECONDS)
    status = child.poll()
    return Ended(-1 if status is None else status, "\n".join(said), because)


def _stand_back(pid: int) -> None:
    """Where the kernel schedules sessions as groups, being nice counts only among the members of
    one's own; the group has to be nice as well (sched(7), "The autogroup feature")."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w") as file:
        file.write(str(_NICE))


def _before() -> tuple[str, ...]:
    """What a child is started by. It ends with us: under systemd because all that we started does,
    and there setpriv could not run, since it sets capabilities (capset is not for the daemon)."""
    return _GENTLE if systemd.is_watched() else (*_WITH_US, *_GENTLE)


def _wait(child: subprocess.Popen[bytes], watch: Watch, hopeless: list[Kind]) -> Kind | None:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(POLL_SECONDS)
            return None
        because = watch.ended_because() or (hopeless[0] if hopeless else None)
        if because is not None:
            end(child)
            return because


def end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for what is still there after a while."""
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(POLL_SECONDS)
                return


def _listen(line: bytes, said: deque[str], hopeless: list[Kind]) -> None:
    words = line.decode("utf-8", "replace").rstrip()
    said.append(words[:500])
    kind = is_hopeless(words)
    if kind is not None:
        hopeless.append(kind)


def _reader(pipe: IO[bytes] | None, on_line: Callable[[bytes], None]) -> threading.Thread:
    assert pipe is not None

    def read() -> None:
        with pipe:
            while line := pipe.readline(_LINE):
                on_line(line)

    thread = threading.Thread(target=read, name="backup-pipe", daemon=True)
    thread.start()
    return thread
