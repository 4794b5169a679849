"""STATE/control.sock: how the command line speaks with the running daemon.

One JSON object on one line each way. Only the owner of STATE can open the socket, so there is no
password. A request names an act and its arguments; the answer is {"ok": value} or
{"error": "one plain sentence"}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from appliance.errors import PillarboxError, Refused

log = logging.getLogger("pillarbox.control")

SOCKET = "control.sock"
_LONGEST = 4 * 1024 * 1024
Act = Callable[..., Awaitable[Any]]


class ControlServer:
    """The daemon's end."""

    def __init__(self, state: Path, acts: Mapping[str, Act]) -> None:
        self._path = state / SOCKET
        self._acts = acts

    async def run(self) -> None:
        """Serve until cancelled."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        server = await asyncio.start_unix_server(self._serve, _short(self._path), limit=_LONGEST)
        os.chmod(self._path, 0o600)
        try:
            async with server:
                await server.serve_forever()
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(600):
                line = await reader.readline()
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("a request was not answered: %s", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            act = self._acts[request["act"]]
            return {"ok": await act(**request.get("arguments", {}))}
        except PillarboxError as error:
            return {"error": str(error)}
        except (KeyError, TypeError, ValueError):
            return {"error": "The running daemon does not know this request; is it older?"}
        except Exception as error:
            log.exception("a request failed")
            return {"error": f"The daemon could not do it ({type(error).__name__}); see its log."}


def ask(state: Path, act: str, **arguments: Any) -> Any:
    """Have the running daemon do something; blocks until it is done.

    Raises:
        ConnectionError: no daemon runs on this state.
        Refused: the daemon's own sentence.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(600)
        try:
            client.connect(_short(state / SOCKET))
        except OSError as error:
            raise ConnectionError(str(error)) from error
        client.sendall(json.dumps({"act": act, "arguments": arguments}).encode() + b"\n")
        with client.makefile("rb") as file:
            line = file.readline()
    if not line:
        raise Refused("The daemon ended before it answered.")
    answer = json.loads(line)
    if "error" in answer:
        raise Refused(answer["error"])
    return answer["ok"]


def _short(path: Path) -> str:
    """A name for the socket that fits into 107 octets even when STATE is deep."""
    if len(os.fsencode(path)) < 100:
        return str(path)
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/{os.getpid()}/fd/{descriptor}/{path.name}"
