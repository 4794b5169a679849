"""Talking to systemd: readiness and the watchdog (sd_notify(3)), and the ports that it holds open
for us (sd_listen_fds(3)). Silent where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

_FIRST_GIVEN = 3


def notify(state: str) -> None:
    """Send one message such as "READY=1" to the service manager."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.sendall(state.encode())


def is_watched() -> bool:
    """Whether there is a service manager that starts us again when we end."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def ports(number: int) -> list[socket.socket]:
    """The listening sockets of a port that the service manager made, each as one of our own: who
    comes while we are away waits in theirs and is served by the next start."""
    made = []
    for descriptor in _given():
        listening = socket.socket(fileno=os.dup(descriptor))
        is_ours = listening.family in {socket.AF_INET, socket.AF_INET6}
        if is_ours and listening.getsockname()[1] == number:
            made.append(listening)
        else:
            listening.close()
    return made


def _given() -> range:
    """Descriptors, when they are meant for this process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return range(0)
    count = os.environ.get("LISTEN_FDS", "")
    return range(_FIRST_GIVEN, _FIRST_GIVEN + int(count)) if count.isdigit() else range(0)


def be_patient(seconds: float) -> None:
    """The service manager may hear nothing for so long, until `feed_watchdog` begins."""
    if watchdog_seconds():
        notify(f"WATCHDOG_USEC={int(seconds * 1_000_000)}\nWATCHDOG=1")


async def feed_watchdog() -> None:
    """Tell the service manager again and again that the loop turns."""
    seconds = watchdog_seconds()
    if seconds:  # as patient as it was before `be_patient`
        notify(f"WATCHDOG_USEC={os.environ['WATCHDOG_USEC']}")
    while seconds:
        notify("WATCHDOG=1")
        await asyncio.sleep(seconds)


def watchdog_seconds() -> float:
    """How often the service manager wants to hear of us; 0 when it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return int(os.environ.get("WATCHDOG_USEC", "0")) / 1_000_000 / 2
    except ValueError:
        return 0.0
