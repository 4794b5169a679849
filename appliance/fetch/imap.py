"""A mailbox at a provider over IMAP (RFC 9051, RFC 3501), by IMAPClient. Everything blocks."""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientError, LoginError

from appliance.fetch.remote import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Gone,
    Listed,
    Trouble,
    Unreadable,
)
from appliance.fetch.source import Security, Source

_library: Any = imaplib
_library._MAXLINE = 16 << 20  # the answer to SEARCH is one line, ten octets for each message
MARGIN = 64 * 1024  # octets beside the message in one answer
_NOT_IMAP = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip
"""What the library stumbles with when it reads something else."""
_ASK_EACH_SECONDS = (
    8 * 60.0
)  # RFC 2177: an IDLE is renewed before 29 minutes; routers forget sooner


class ImapRemote:
    """One connection."""

    def __init__(self, source: Source, context: ssl.SSLContext, token: Callable[[], str]) -> None:
        """Connect, log in, open the folder. Raises Trouble, OSError."""
        self._source = source
        self._uids: dict[str, int] = {}
        self._client = entered(source, context, token, source.largest_octets + MARGIN)
        try:
            with ours(source):
                found = self._client.select_folder(source.folder, readonly=source.keep_days < 0)
                self._validity = int(found.get(b"UIDVALIDITY", 0))
                self._can_idle = self._client.has_capability("IDLE")
        except BaseException:
            self.interrupt()
            raise

    def listing(self) -> list[Listed]:
        """Everything in the folder."""
        with ours(self._source):
            self._client.noop()
            uids = sorted(self._client.search("UNDELETED"))
        self._uids = {f"{self._validity}.{uid}": uid for uid in uids}
        return [Listed(mark) for mark in self._uids]

    def size(self, mark: str) -> int:
        """Octets of a message."""
        return int(self._item(mark, "RFC822.SIZE"))

    def header(self, mark: str) -> bytes:
        """Its header."""
        return bytes(self._item(mark, "BODY.PEEK[HEADER]"))

    def message(self, mark: str) -> bytes:
        """All of it."""
        return bytes(self._item(mark, "BODY.PEEK[]"))

    def _item(self, mark: str, item: str) -> Any:
        uid = self._uids[mark]
        with ours(self._source):
            try:
                found = self._client.fetch([uid], [item]).get(uid, {})
            except IMAPClientError as error:
                if type(error) is not IMAPClientError:  # the connection or its order is broken
                    raise
                raise Unreadable(f"{self._source.host} answered: {words(error)}") from None
        value = found.get(item.replace(".PEEK", "").encode())
        if value is None:
            raise Gone(f"Message {mark} of {self._source.name} is gone.")
        return value

    def delete(self, marks: Sequence[str]) -> None:
        """Delete messages, and only these where the server can (RFC 4315)."""
        uids = [self._uids[mark] for mark in marks if mark in self._uids]
        with ours(self._source):
            for at in range(0, len(uids), 200):
                self._client.delete_messages(uids[at : at + 200], silent=True)
            if self._client.has_capability("UIDPLUS"):
                for at in range(0, len(uids), 200):
                    self._client.uid_expunge(uids[at : at + 200])
            elif set(self._client.search("DELETED")) <= set(uids):
                self._client.expunge()

    def wait(self, seconds: float) -> bool:
        """Wait in IDLE (RFC 2177)."""
        if not self._can_idle:
            return False
        end = time.monotonic() + seconds
        with ours(self._source):
            while (left := end - time.monotonic()) > 0:
                self._client.idle()
                said = self._client.idle_check(timeout=min(left, _ASK_EACH_SECONDS))
                self._client.idle_done()
                if any(len(each) > 1 and each[1] == b"EXISTS" for each in said):
                    break
        return True

    def interrupt(self) -> None:
        """Cut the connection."""
        cut(self._client)

    def close(self) -> None:
        """LOGOUT."""
        with contextlib.suppress(OSError, IMAPClientError):
            self._client.logout()


def entered(
    source: Source, context: ssl.SSLContext, token: Callable[[], str], most: int
) -> IMAPClient:
    """A connection that is logged in; no folder is open. Raises Trouble, OSError.

    `most`: octets of the longest literal that is read.
    """
    with ours(source):
        client = IMAPClient(
            source.host,
            source.port,
            ssl=source.security is Security.TLS,
            ssl_context=context,
            timeout=SocketTimeout(CONNECT_SECONDS, ANSWER_SECONDS),
        )
        try:
            _bound(client, most)
            if source.security is Security.STARTTLS:
                client.starttls(context)
            _log_in(source, client, token)
        except BaseException:
            cut(client)
            raise
    return client


def _log_in(source: Source, client: IMAPClient, token: Callable[[], str]) -> None:
    try:
        if source.consent is None:
            client.login(source.user, source.secret)
        elif client.has_capability("AUTH=OAUTHBEARER"):
            client.oauthbearer_login(source.user, token())
        else:
            client.oauth2_login(source.user, token())
    except (LoginError, UnicodeEncodeError) as error:
        raise Trouble(
            f"{source.host} does not accept the login of {source.user}: {words(error)}",
            "Check the user name and the password at the provider; some want a password of "
            "its own for mail programs.",
            is_login=True,
        ) from None


def cut(client: IMAPClient) -> None:
    """End a connection at once, from any thread."""
    with contextlib.suppress(OSError, AttributeError):
        client.socket().shutdown(socket.SHUT_RDWR)


def _bound(client: IMAPClient, most: int) -> None:
    """The library reads a literal of any length a server names into memory."""
    connection = client._imap
    read = connection.read

    def bounded(size: int) -> bytes:
        if size > most:
            raise client.AbortError(f"an answer of {size} octets")
        data: bytes = read(size)
        return data

    connection.read = bounded


@contextlib.contextmanager
def ours(source: Source) -> Iterator[None]:
    """The library's errors as ours; those of the network stay."""
    try:
        yield
    except (ssl.SSLError, OSError):
        raise
    except CapabilityError as error:
        raise Trouble(f"{source.host} cannot do what is needed: {words(error)}") from None
    except IMAPClientError as error:
        raise Trouble(f"{source.host} answered: {words(error)}") from None
    except _NOT_IMAP as error:
        raise Trouble(f"{source.host} answered what is not IMAP ({type(error).__name__})") from None


def words(error: Exception) -> str:
    """What the server said, on one line that can be shown."""
    text = error.args[0] if error.args else ""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if quoted := re.fullmatch(r"b(['\"])(.*)\1", shown, re.DOTALL):
        shown = quoted[2]  # the library hands some answers on as they look in its source
    return "".join(sign if sign.isprintable() else "?" for sign in shown)[:200]
