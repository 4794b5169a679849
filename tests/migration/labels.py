"""A server with labels, as Gmail's, over IMAP and TLS; it can be told to misbehave."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.tls_server import TlsServer

_GREETING = b"* OK [CAPABILITY IMAP4rev1 SPECIAL-USE X-GM-EXT-1] hello\r\n"
_CALLED = {"Sent Mail": "\\Sent", "All Mail": "\\All", "Starred": "\\Flagged",
           "Important": "\\Important", "Bin": "\\Trash"}  # fmt: skip


@dataclass
class Labels(TlsServer):
    """`mail`: every message; `folders`: which of them each label has. A UID is a message's number
    in `mail`, plus one."""

    mail: list[bytes] = field(default_factory=list)
    folders: dict[str, list[int]] = field(default_factory=dict)
    hangs_up_at: int = -1  # when this one is fetched
    refuses: dict[int, str] = field(default_factory=dict)  # instead of a message
    hides: set[int] = field(default_factory=set)  # not even their size is told
    limit: str = ""  # answered to every login
    said: list[bytes] = field(default_factory=list)

    def session(self, client: ssl.SSLSocket) -> None:
        send: Callable[[bytes], None] = client.sendall
        send(_GREETING)
        folder = ""
        for line in client.makefile("rb"):
            self.said.append(line.strip())
            tag, _, command = line.strip().decode().partition(" ")
            verb = " ".join(command.split(" ")[: 2 if command.startswith("UID ") else 1])
            text = "OK done"
            if verb == "LOGIN" and self.limit:
                text = self.limit
            elif verb == "CAPABILITY":
                send(_GREETING.replace(b"OK [", b"").replace(b"] hello", b""))
            elif verb == "LIST":
                send(b"".join(self._listed(name) for name in self.folders))
            elif verb == "EXAMINE":
                folder = command.partition(" ")[2].strip('"')
                send(b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n" % len(self.folders[folder]))
            elif verb == "UID SEARCH":
                uids = " ".join(str(number + 1) for number in self.folders[folder])
                send(f"* SEARCH {uids}\r\n".encode())
            elif verb == "UID FETCH":
                text = self._fetch(command, send)
                if not text:
                    return
            send(f"{tag} {text}\r\n".encode())
            if verb == "LOGOUT":
                return

    def _listed(self, name: str) -> bytes:
        mark = _CALLED.get(name.removeprefix("[Gmail]/"), "\\HasNoChildren")
        mark = "\\HasChildren \\Noselect" if name == "[Gmail]" else mark
        return f'* LIST ({mark}) "/" "{name}"\r\n'.encode()

    def _fetch(self, command: str, send: Callable[[bytes], None]) -> str:
        _, _, uids, items = command.split(" ", 3)
        for number in (int(uid) - 1 for uid in uids.split(",")):
            content = self.mail[number]
            if "RFC822.SIZE" in items:
                if number in self.hides:
                    return "NO This one cannot be described"
                send(
                    b"* %d FETCH (UID %d RFC822.SIZE %d FLAGS (\\Seen) X-GM-MSGID 99%d INTERNALDATE "
                    b'"01-Feb-2020 10:00:00 +0100")\r\n'
                    % (number + 1, number + 1, len(content), number)
                )
                continue
            if "HEADER" not in items and number == self.hangs_up_at:
                return ""
            if "HEADER" not in items and number in self.refuses:
                return self.refuses[number]
            send(self._content(number, items))
        return "OK done"

    def _content(self, number: int, items: str) -> bytes:
        content, name = self.mail[number], b"BODY[]"
        if "HEADER" in items:
            content, name = (
                content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
                b"BODY[HEADER.FIELDS (X)]",
            )
        elif found := re.search(r"<(\d+)\.(\d+)>", items):
            at, most = int(found[1]), int(found[2])
            content, name = content[at : at + most], b"BODY[]<%d>" % at
        start = b"* %d FETCH (UID %d %b {%d}\r\n" % (number + 1, number + 1, name, len(content))
        return start + content + b")\r\n"
