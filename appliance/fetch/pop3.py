"""A mailbox at a provider over POP3 (RFC 1939), by poplib. Everything blocks."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import poplib
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from appliance.fetch.remote import ANSWER_SECONDS, Listed, Trouble, Unreadable
from appliance.fetch.source import Security, Source

_MARGIN = 64 * 1024
_LONGEST_LISTING = 64 * 1024 * 1024  # octets
_library: Any = poplib
_library._MAXLINE = 1 << 30  # mail has longer lines than the 2,048 octets of the library
_FIRST_LINES = 50  # of a message whose mark says nothing


class _Bounded:
    """What the library reads from; counts, for the library collects answers of any length."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = _LONGEST_LISTING

    def readline(self, limit: int) -> bytes:
        """One line."""
        line: bytes = self._file.readline(min(limit, self.left + 1))
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
                self._authenticate(token())
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

    def _authenticate(self, token: str) -> None:
        """OAUTHBEARER (RFC 7628), or XOAUTH2 where that is not offered. A token is too long for
        an initial response (RFC 5034 §4)."""
        source, client = self._source, self._client
        offered = {each.upper() for each in self._mechanisms()}
        mechanism, refused = "XOAUTH2", b""
        said = f"user={source.user}\x01auth=Bearer {token}\x01\x01"
        if "OAUTHBEARER" in offered:
            mechanism, refused = "OAUTHBEARER", base64.b64encode(b"\x01")  # RFC 7628 §3.2.3
            name = source.user.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 §4
            said = (
                f"n,a={name},\x01host={source.host}\x01port={source.port}"
                f"\x01auth=Bearer {token}\x01\x01"
            )
        client._shortcmd(f"AUTH {mechanism}")
        answer: bytes = client._shortcmd(base64.b64encode(said.encode()).decode())
        if not answer.upper().startswith(b"+OK"):  # why not, as a challenge
            client._shortcmd(refused.decode())
            raise poplib.error_proto("the token is not accepted")

    def _mechanisms(self) -> list[str]:
        try:
            return list(self._client.capa().get("SASL", ()))
        except poplib.error_proto:
            return []

    def listing(self) -> list[Listed]:
        """Everything in the mailbox."""
        with _ours(self._source):
            self._reader.left = _LONGEST_LISTING
            sizes = [line.split(b" ", 2)[:2] for line in self._client.list()[1]]
            self._sizes = {int(n): int(size) for n, size in sizes}
            marks = self._marks()
            often = Counter(marks.values())
            self._numbers = {
                mark if mark and often[mark] == 1 else self._own_mark(number): number
                for number, mark in marks.items()
            }
        return [Listed(m, self._sizes.get(n, -1)) for m, n in self._numbers.items()]

    def _marks(self) -> dict[int, str]:
        """What the provider calls its messages (UIDL is optional: RFC 1939 §7)."""
        self._reader.left = _LONGEST_LISTING
        try:
            lines = self._client.uidl()[1]
        except poplib.error_proto as error:
            if not _words(error).startswith("-ERR") or _words(error) == "-ERR EOF":
                raise
            return dict.fromkeys(self._sizes, "")
        found = [line.split(b" ", 1) for line in lines]
        return {int(n): mark.decode("ascii", "replace") for n, mark in found}

    def _own_mark(self, number: int) -> str:
        """For a message that has no mark of its own (RFC 1939 §7 lets copies share one)."""
        self._reader.left = _LONGEST_LISTING
        start = b"\n".join(self._client.top(number, _FIRST_LINES)[1])
        size = self._sizes.get(number, 0)
        return f"={size}.{hashlib.sha256(start).hexdigest()[:32]}"

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
                raise Unreadable(f"{self._source.host} answered: {said}") from None
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
