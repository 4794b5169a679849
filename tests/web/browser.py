"""Speaking with the page: by HTTP alone, as a browser does without scripts, and by Chromium."""

from __future__ import annotations

import html
import http.cookiejar
import json
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from tests.support.box import ROOT, Box

OWNER, OWNER_PASSWORD = "olga", "correct horse battery"


def make_owner(box: Box, login: str = OWNER, *more: str, password: str = OWNER_PASSWORD) -> None:
    subprocess.run(
        [sys.executable, "-m", "appliance", "--state", str(box.state),
         "owner", "add", login, *more, "--password-stdin"],
        input=password.encode() + b"\n", check=True, cwd=ROOT,
    )  # fmt: skip


@dataclass
class Answer:
    status: int
    headers: Any
    text: str
    url: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def says(self, words: str) -> bool:
        """Whether a reader sees these words."""
        plain = html.unescape(re.sub(r"<[^>]+>", " ", self.text))
        return words in " ".join(plain.split())


@dataclass
class Reader:
    """A browser without scripts."""

    patience = 30.0  # seconds
    box: Box
    language: str = "en"
    token: str = ""
    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=str(self.box.state / "tls" / "ca.pem"))
        self.base = f"https://localhost:{self.box.port(443)}"
        handlers = [urllib.request.HTTPSHandler(context=context)]
        if not self.token:
            handlers.append(urllib.request.HTTPCookieProcessor(self.jar))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, **headers: str) -> Answer:
        return self._open(urllib.request.Request(self.base + path, headers=self._all(headers)))

    def post(self, path: str, form: dict[str, Any], **headers: str) -> Answer:
        body = urllib.parse.urlencode(form, doseq=True).encode()
        sent = {"Origin": self.base, **headers}
        return self._open(urllib.request.Request(self.base + path, body, self._all(sent)))

    def send(self, path: str, body: bytes, kind: str) -> Answer:
        """A form with a file in it."""
        sent = {"Origin": self.base, "Content-Type": kind}
        return self._open(urllib.request.Request(self.base + path, body, self._all(sent)))

    def put(self, path: str, body: bytes) -> Answer:
        """What a script of the page sends."""
        sent = self._all({"Origin": self.base, "Content-Type": "application/octet-stream"})
        return self._open(urllib.request.Request(self.base + path, body, sent, method="PUT"))

    def get_bytes(self, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """A file; with a body it is asked for by POST."""
        request = urllib.request.Request(self.base + path, body, self._all(headers))
        with self._opener.open(request, timeout=self.patience) as answer:
            content: bytes = answer.read()
            return content

    def do(self, page: str, operation: str, /, **typed: Any) -> Answer:
        """Send a form of a page."""
        return self.post(page, {"_do": operation, **typed})

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        sent = {"Origin": self.base, "Content-Type": "application/json", **headers}
        where = f"{self.base}/api/v1{path}"
        return self._open(urllib.request.Request(where, content, self._all(sent), method=method))

    def log_in(self, login: str = OWNER, password: str = OWNER_PASSWORD, code: str = "") -> Answer:
        return self.post("/login", {"login": login, "password": password, "code": code})

    def _all(self, headers: dict[str, str]) -> dict[str, str]:
        found = {"Accept-Language": self.language} | headers
        if self.token:
            found["Authorization"] = f"Bearer {self.token}"
            found.pop("Origin", None)
        return {name.replace("_", "-"): value for name, value in found.items() if value}

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=self.patience) as answer:
                text = answer.read().decode()
                return Answer(answer.status, answer.headers, text, answer.url)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode(), error.url)
