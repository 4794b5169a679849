"""A server of a test with TLS: takes connections and has each of them talked to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass


@dataclass
class TlsServer:
    """Listens on `port` until it is closed; `session` is one conversation."""

    context: ssl.SSLContext

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def session(self, client: ssl.SSLSocket) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(plain,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), plain:
            plain.settimeout(60)
            with self.context.wrap_socket(plain, server_side=True) as client:
                self.session(client)
