"""A provider's maildrop over POP3 and TLS that can be told to misbehave."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.tls_server import TlsServer


@dataclass
class Letter:
    """One message there."""

    mark: str
    content: bytes
    spoil: str = ""  # "err": RETR is refused; "hang up": the connection ends within it


@dataclass
class Maildrop(TlsServer):
    """Answers like a server of RFC 1939; `letters` may be changed between two connections."""

    letters: list[Letter] = field(default_factory=list)
    has_uidl: bool = True
    tokens: tuple[str, ...] = ()  # accepted with AUTH
    sasl: str = "XOAUTH2"
    said: list[bytes] = field(default_factory=list)
    retrieved: list[str] = field(default_factory=list)

    def session(self, client: ssl.SSLSocket) -> None:
        send: Callable[[bytes], None] = client.sendall
        letters, deleted = list(self.letters), set()
        send(b"+OK hello\r\n")
        lines = client.makefile("rb")
        for line in lines:
            self.said.append(line.strip())
            verb, _, argument = line.strip().decode("latin-1").partition(" ")
            if verb == "QUIT":
                self.letters = [each for each in self.letters if each.mark not in deleted]
                send(b"+OK bye\r\n")
                return
            if verb == "AUTH":
                send(self._authenticate(lines, send))
            elif verb == "DELE":
                deleted.add(letters[int(argument) - 1].mark)
                send(b"+OK\r\n")
            else:
                answer = self._answer(verb, argument, letters)
                send(answer)
                if not answer:
                    return

    def _authenticate(self, lines: object, send: Callable[[bytes], None]) -> bytes:
        send(b"+ \r\n")
        said = base64.b64decode(next(lines))  # type: ignore[call-overload]
        self.said.append(said)
        if any(b"auth=Bearer " + each.encode() + b"\x01\x01" in said for each in self.tokens):
            return b"+OK\r\n"
        send(b"+ " + base64.b64encode(b'{"status":"401"}') + b"\r\n")
        self.said.append(next(lines).strip())  # type: ignore[call-overload]
        return b"-ERR [AUTH] no\r\n"

    def _answer(self, verb: str, argument: str, letters: list[Letter]) -> bytes:
        if verb in {"USER", "PASS", "NOOP"}:
            return b"+OK\r\n"
        if verb == "CAPA":
            return f"+OK\r\nSASL {self.sasl}\r\nUIDL\r\n.\r\n".encode()
        if verb == "LIST":
            return _lines(f"{n} {len(each.content)}" for n, each in enumerate(letters, 1))
        if verb == "UIDL" and self.has_uidl:
            return _lines(f"{n} {each.mark}" for n, each in enumerate(letters, 1))
        if verb in {"RETR", "TOP"}:
            letter = letters[int(argument.split(maxsplit=1)[0]) - 1]
            return self._content(verb, letter)
        return b"-ERR what?\r\n"

    def _content(self, verb: str, letter: Letter) -> bytes:
        if verb == "RETR":
            self.retrieved.append(letter.mark)
            if letter.spoil == "err":
                return b"-ERR this one is broken\r\n"
            if letter.spoil == "hang up":
                return b""
        body = letter.content.replace(b"\r\n.", b"\r\n..")
        return b"+OK\r\n" + body + (b"" if body.endswith(b"\n") else b"\r\n") + b".\r\n"


def _lines(each: object) -> bytes:
    text = "".join(f"{line}\r\n" for line in each)  # type: ignore[attr-defined]
    return f"+OK\r\n{text}.\r\n".encode()
