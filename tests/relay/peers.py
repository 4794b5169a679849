"""Other people's servers, as they come: good ones, slow ones, broken ones, hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable


class Peer:
    """A small SMTP server whose answers are a table; it keeps what it is sent.

    `answers` maps a command's first word ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END" ...) to
    a reply, a list of replies (one after the other, the last for ever), or a function.
    """

    def __init__(self, answers=None, *, tls: ssl.SSLContext | None = None, implicit=False):
        self.answers = {
            "CONNECT": "220 peer.test",
            "EHLO": "250-peer.test\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "MAIL": "250 2.1.0 ok",
            "RCPT": "250 2.1.5 ok",
            "DATA": "354 go",
            "END": "250 2.0.0 taken",
            "RSET": "250 ok",
            "QUIT": "221 bye",
            "AUTH": "235 2.7.0 ok",
            "STARTTLS": "220 go",
            **(answers or {}),
        }
        self.tls = tls
        self.implicit = implicit
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self.server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, address="127.0.0.1", port=0):
        self.server = await asyncio.start_server(
            self._talk, address, port, ssl=self.tls if self.implicit else None, limit=1 << 20
        )
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def answer(self, word, line=""):
        said = self.answers.get(word, "502 5.5.1 what?")
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        return said(line) if isinstance(said, Callable) else said

    async def _talk(self, reader, writer):
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await self._dialogue(reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _dialogue(self, reader, writer):
        await self._say(writer, self.answer("CONNECT"))
        while line := await reader.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.commands.append(text)
            word = text.partition(" ")[0].upper()
            if word == "BDAT":
                self.messages.append(await reader.readexactly(int(text.split()[1])))
            said = self.answer(word, text)
            await self._say(writer, said)
            if word == "QUIT":
                return
            if word == "STARTTLS" and str(said).startswith("220"):
                await writer.start_tls(self.tls)
            if word == "DATA" and str(said).startswith("354"):
                await self._say(writer, await self._message(reader))

    async def _message(self, reader):
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            lines.append(line[1:] if line.startswith(b"..") else line)
        self.messages.append(b"".join(lines))
        return self.answer("END")

    async def _say(self, writer, said):
        if said is None:  # hang up without a word
            writer.transport.abort()
            raise ConnectionResetError
        if said == "":  # say nothing, for ever
            await asyncio.sleep(3600)
        writer.write(said if isinstance(said, bytes) else said.encode() + b"\r\n")
        await writer.drain()
