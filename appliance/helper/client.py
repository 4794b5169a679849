"""The daemon's side: asking root for something. Everything here blocks."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from appliance.errors import Refused, Temporary
from appliance.helper.requests import Request, to_line

SOCKET = Path("/run/pillarbox/helper.sock")
_LONGEST_ANSWER = 4 * 1024 * 1024


def ask(request: Request, *, path: Path = SOCKET, seconds: float = 120.0) -> dict[str, Any]:
    """Have it done. Raises Refused with the helper's sentence, Temporary when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(to_line(request))
            connection.shutdown(socket.SHUT_WR)
            answer = _all_of(connection)
    except OSError as error:
        raise Temporary(
            f"The part of the system that may do this does not answer ({error})."
        ) from (error)
    return outcome(answer)


def outcome(answer: bytes) -> dict[str, Any]:
    """What an answer says. Raises Refused, Temporary."""
    try:
        found = json.loads(answer)
    except ValueError:
        raise Temporary("The part of the system that may do this ended early.") from None
    if "error" in found:
        raise Refused(str(found["error"]))
    done: dict[str, Any] = found["ok"]
    return done


def _all_of(connection: socket.socket) -> bytes:
    pieces: list[bytes] = []
    left = _LONGEST_ANSWER
    while left > 0 and (piece := connection.recv(65536)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
