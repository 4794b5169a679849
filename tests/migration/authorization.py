"""A small authorization server: the device flow (RFC 8628), refresh tokens that are good for one use
(RFC 6749), and what a mail server asks to know whether an access token is good."""

from __future__ import annotations

import contextlib
import json
import secrets
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.relay.authority import Authority

CLIENT = "pillarbox-of-the-office"
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Authorization:
    """`agree` is what the person does in a browser."""

    def __init__(self, authority: Authority) -> None:
        self.user = ""
        self.refreshed = 0
        self._devices: dict[str, str] = {}  # device code: user code
        self._agreed: set[str] = set()
        self._refresh: set[str] = set()
        self._access: set[str] = set()
        context, _ = authority.server("localhost")
        self._secure, self._plain = self._server(context), self._server(None)
        self.url = f"https://localhost:{self._secure.server_port}"
        self.info = f"http://127.0.0.1:{self._plain.server_port}/info?access_token="

    @property
    def consent(self) -> dict[str, str]:
        """What whoever logs in by it is told."""
        return {"token_url": f"{self.url}/token", "client_id": CLIENT,
                "device_url": f"{self.url}/device", "client_secret": "", "scope": "mail"}  # fmt: skip

    def agree(self, code: str) -> None:
        """The code was typed, and the person agrees."""
        assert code in self._devices.values()
        self._agreed.add(code)

    def take_back(self) -> None:
        """The person takes the consent back."""
        self._refresh.clear()
        self._access.clear()

    def close(self) -> None:
        for each in (self._secure, self._plain):
            each.shutdown()
            each.server_close()

    def _server(self, context: ssl.SSLContext | None) -> ThreadingHTTPServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._say(*outer._posted(self.path, dict(urllib.parse.parse_qsl(text))))

            def do_GET(self) -> None:
                token = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                good = token.get("access_token", [""])[0] in outer._access
                told = {"email": outer.user, "active": True} if good else {"error": "invalid"}
                self._say(200 if good else 401, told)

            def _say(self, status: int, told: dict[str, Any]) -> None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.end_headers()
                    self.wfile.write(json.dumps(told).encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def _posted(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client"}
        if path == "/device":
            device, user = secrets.token_hex(8), secrets.token_hex(3).upper()
            self._devices[device] = user
            return 200, {"device_code": device, "user_code": user, "interval": 0.1,
                         "expires_in": 600, "verification_uri": f"{self.url}/go"}  # fmt: skip
        if form.get("grant_type") == _DEVICE_GRANT:
            if self._devices.get(form["device_code"]) in self._agreed:
                return 200, self._tokens()
            return 400, {"error": "authorization_pending"}
        if form.get("refresh_token") in self._refresh:
            self._refresh.discard(form["refresh_token"])
            self.refreshed += 1
            return 200, self._tokens()
        return 400, {"error": "invalid_grant", "error_description": "The consent was taken back."}

    def _tokens(self) -> dict[str, Any]:
        access, refresh = secrets.token_hex(8), secrets.token_hex(8)
        self._access.add(access)
        self._refresh.add(refresh)
        return {"access_token": access, "refresh_token": refresh, "expires_in": 3600}
