"""A mailbox at a provider over POP3 (RFC 1939), by poplib. Everything blocks."""

from __future__ import annotations

import base64
import contextlib
import poplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from appliance.fetch.remote import ANSWER_SECONDS, Gone, Listed, Trouble
from appliance.fetch.source import Security, Source

_MARGIN = 64 * 1024
_LONGEST_LISTING = 64 * 1024 * 1024  # octets
_library: Any = poplib
_library._MAXLINE = 1 << 20  # mail has longer lines than the 2,048 octets of the library


class _Bounded:
    """What the library reads from; counts, for the library collects answers of any length."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = _LONGEST_LISTING

    def readline(self, limit: int) -> bytes:
        """One line."""
        line: bytes = self._file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise poplib.error_proto("the answer does not end")
        return line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Pop3Remote:
    """One connection."""

    def __init__(self, source: Source, context: ssl.SSLContext, token: Callable[[], str]) -> None:
        """Connect and log in. Raises Trouble, OSError."""
        self._source = source
        self._numbers: dict[str, int] = {}
        self._sizes: dict[int, int] = {}
        with _ours(source):
            self._client: Any
            if source.security is Security.TLS:
                self._client = poplib.POP3_SSL(
                    source.host, source.port, timeout=ANSWER_SECONDS, context=context
                )
            else:
                self._client = poplib.POP3(source.host, source.port, timeout=ANSWER_SECONDS)
                self._client.stls(context)
            self._client.file = self._reader = _Bounded(self._client.file)
            try:
                self._log_in(token)
            except BaseException:
                self.interrupt()
                raise

    def _log_in(self, token: Callable[[], str]) -> None:
        source, client = self._source, self._client
        try:
            if source.consent is None:
                client.user(source.user)
                client.pass_(source.secret)
            else:
                said = f"user={source.user}\x01auth=Bearer {token()}\x01\x01"
                client._shortcmd(f"AUTH XOAUTH2 {base64.b64encode(said.encode()).decode()}")
        except (poplib.error_proto, UnicodeEncodeError) as error:
            said = _words(error)
            if "[IN-USE]" in said or "[SYS/TEMP]" in said or "[LOGIN-DELAY]" in said:  # RFC 2449
                raise Trouble(f"{source.host} has no time now: {said}") from None
            raise Trouble(
                f"{source.host} does not accept the login of {source.user}: {said}",
                "Check the user name and the password at the provider; some want a password of "
                "its own for mail programs, and POP3 to be switched on.",
                is_login=True,
            ) from None

    def listing(self) -> list[Listed]:
        """Everything in the mailbox."""
        with _ours(self._source):
            self._reader.left = _LONGEST_LISTING
            marks = [line.split(b" ", 1) for line in self._client.uidl()[1]]
            self._reader.left = _LONGEST_LISTING
            sizes = [line.split(b" ", 2)[:2] for line in self._client.list()[1]]
            self._numbers = {mark.decode("ascii", "replace"): int(n) for n, mark in marks}
            self._sizes = {int(n): int(size) for n, size in sizes}
        return [Listed(m, self._sizes.get(n, -1)) for m, n in self._numbers.items()]

    def size(self, mark: str) -> int:
        """Octets of a message."""
        return self._sizes.get(self._numbers[mark], 0)

    def header(self, mark: str) -> bytes:
        """Its header."""
        return self._lines(lambda number: self._client.top(number, 0), mark)

    def message(self, mark: str) -> bytes:
        """All of it."""
        return self._lines(self._client.retr, mark)

    def _lines(self, ask: Callable[[int], tuple[bytes, list[bytes], int]], mark: str) -> bytes:
        number = self._numbers[mark]
        with _ours(self._source):
            self._reader.left = self._source.largest_octets + _MARGIN
            try:
                lines = ask(number)[1]
            except poplib.error_proto as error:
                said = _words(error)
                if not said.startswith("-ERR") or said == "-ERR EOF":  # the library's own words
                    raise
                raise Gone(f"Message {mark} of {self._source.name} is gone.") from None
        return b"\r\n".join([*lines, b""])

    def delete(self, marks: Sequence[str]) -> None:
        """Delete messages; it takes effect with `close`."""
        with _ours(self._source):
            for mark in marks:
                if mark in self._numbers:
                    self._client.dele(self._numbers[mark])

    def wait(self, seconds: float) -> bool:
        """POP3 tells nothing by itself."""
        del seconds
        return False

    def interrupt(self) -> None:
        """Cut the connection."""
        with contextlib.suppress(OSError, AttributeError):
            self._client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """QUIT."""
        with contextlib.suppress(OSError, poplib.error_proto):
            self._client.quit()


@contextlib.contextmanager
def _ours(source: Source) -> Iterator[None]:
    try:
        yield
    except (ssl.SSLError, OSError):
        raise
    except poplib.error_proto as error:
        raise Trouble(f"{source.host} answered: {_words(error)}") from None
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Trouble(f"{source.host} answered what is not POP3 ({type(error).__name__})") from None


def _words(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return "".join(sign if sign.isprintable() else "?" for sign in shown)[:200]
