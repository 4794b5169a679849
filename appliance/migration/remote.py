"""The other server over IMAP (RFC 3501, RFC 6154, RFC 7888), by IMAPClient. Everything blocks.

Nothing there is changed: folders are opened by EXAMINE and messages read by BODY.PEEK, so that they
stay unread. No answer is larger than a few MiB: long messages are read piece by piece.
"""

from __future__ import annotations

import contextlib
import ssl
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from imapclient.exceptions import IMAPClientError
from imapclient.response_parser import parse_response

from appliance.errors import NotFound
from appliance.fetch.imap import MARGIN, cut, entered, ours, words
from appliance.fetch.remote import Trouble, Unreadable
from appliance.message import header
from appliance.message.words import decoded_header
from appliance.migration.folders import Theirs
from appliance.migration.move import Move
from appliance.migration.pace import Meta, is_limited
from appliance.store import mutf7

PIECE = 1 << 20
_LARGEST_ANSWER = 2 * PIECE + MARGIN
_ABOUT = "BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]"
_LONGEST_ABOUT = 200


class Server:
    """One connection."""

    def __init__(self, move: Move, context: ssl.SSLContext, token: Callable[[], str]) -> None:
        """Connect and log in. Raises Trouble, OSError."""
        self._source = move.source
        self.octets = 0  # of messages, as they came
        self._client = entered(self._source, context, token, _LARGEST_ANSWER)
        self._client.normalise_times = False
        self._client.folder_encode = False
        with ours(self._source):
            self._has_same = self._client.has_capability("X-GM-EXT-1")
            self._has_uses = self._client.has_capability(
                "LIST-EXTENDED"
            ) and self._client.has_capability("SPECIAL-USE")

    def folders(self) -> list[Theirs]:
        """All folders of the account; not those that others share with it."""
        client = self._client
        returns = " RETURN (SPECIAL-USE)" if self._has_uses else ""
        with ours(self._source):
            kind, data = client._imap._simple_command("LIST", '""', f'"*"{returns}')
            if kind != "OK":
                raise Trouble(f"{self._source.host} answered: {words(IMAPClientError(data[0]))}")
            _, data = client._imap._untagged_response(kind, data, "LIST")
            parsed = parse_response([each for each in data if each])
            found = [_theirs(*parsed[at : at + 3]) for at in range(0, len(parsed), 3)]
            foreign = self._foreign()
        return [
            each for each in found if not (each.raw + each.separator.encode()).startswith(foreign)
        ]

    def _foreign(self) -> tuple[bytes, ...]:
        """What names begin with that belong to other people or to all (RFC 2342)."""
        if not self._client.has_capability("NAMESPACE"):
            return ()
        _, others, shared = self._client.namespace()
        prefixes = [prefix for prefix, _ in (*(others or ()), *(shared or ())) if prefix]
        return tuple(each if isinstance(each, bytes) else each.encode() for each in prefixes)

    def examine(self, folder: Theirs) -> int:
        """Open a folder, only to be read; its UIDVALIDITY.

        Raises:
            NotFound: the server does not open it.
        """
        if not folder.raw.isascii():
            raise NotFound("The name of this folder cannot be said to the server.")
        with ours(self._source):
            try:
                found = self._client.select_folder(folder.raw.decode("ascii"), readonly=True)
            except IMAPClientError as error:
                if type(error) is not IMAPClientError:
                    raise
                raise NotFound(f"{self._source.host} answered: {words(error)}") from None
        return int(found.get(b"UIDVALIDITY", 0))

    def uids(self) -> array[int]:
        """Messages of the open folder that are not marked as deleted, oldest first."""
        with ours(self._source):
            return array("I", sorted(self._client.search("UNDELETED")))

    def metas(self, uids: Sequence[int]) -> list[Meta]:
        """What is known of messages; those that are gone are missing."""
        items = ["RFC822.SIZE", "INTERNALDATE", "FLAGS"]
        if self._has_same:
            items.append("X-GM-MSGID")
        found = self._fetched(uids, items)
        return [_meta(uid, found[uid]) for uid in uids if b"RFC822.SIZE" in found.get(uid, {})]

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Whole messages, small ones. Raises Unreadable."""
        found = self._fetched(uids, ["BODY.PEEK[]"])
        read = {uid: each[b"BODY[]"] for uid, each in found.items() if each.get(b"BODY[]")}
        self.octets += sum(map(len, read.values()))
        return read

    def pieces(self, uid: int) -> Iterator[bytes]:
        """A message piece by piece, until there is no more of it. Raises Unreadable."""
        at = 0
        while True:
            found = self._fetched([uid], [f"BODY.PEEK[]<{at}.{PIECE}>"]).get(uid, {})
            piece = next((v for k, v in found.items() if k.startswith(b"BODY[]")), None)
            if not piece:
                if not at:
                    raise Unreadable("The server gives nothing of it.")
                return
            self.octets += len(piece)
            yield piece
            at += len(piece)
            if len(piece) < PIECE:
                return

    def about(self, uid: int) -> str:
        """Who wrote it and what about, so that people find it; empty when it cannot be read."""
        with contextlib.suppress(Unreadable):
            found = self._fetched([uid], [_ABOUT]).get(uid, {})
            text = next((v for k, v in found.items() if k.startswith(b"BODY[")), b"") or b""
            said = header.first_values(header.fields(text))
            values = (_shown(said.get(name, b"")) for name in (b"date", b"from", b"subject"))
            return " · ".join(each for each in values if each)[:_LONGEST_ABOUT]
        return ""

    def _fetched(self, uids: Sequence[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        with ours(self._source):
            try:
                found: dict[int, dict[bytes, Any]] = self._client.fetch(list(uids), items)
            except IMAPClientError as error:
                if type(error) is not IMAPClientError:  # the connection or its order is broken
                    raise
                said = f"{self._source.host} answered: {words(error)}"
                raise Trouble(said) if is_limited(said) else Unreadable(said) from None
        return found

    def interrupt(self) -> None:
        """Cut the connection, from another thread."""
        cut(self._client)

    def close(self) -> None:
        """LOGOUT."""
        with contextlib.suppress(OSError, IMAPClientError):
            self._client.logout()


def _theirs(marks: tuple[bytes, ...], separator: bytes | None, raw: bytes | int) -> Theirs:
    said = raw if isinstance(raw, bytes) else str(raw).encode()
    text = said.decode("utf-8", "replace")
    name = mutf7.decode(text)
    return Theirs(
        said,
        text if name is None else name,
        (separator or b"").decode("latin-1"),
        frozenset(each.decode("latin-1").lower() for each in marks),
    )


def _meta(uid: int, found: dict[bytes, Any]) -> Meta:
    date = found.get(b"INTERNALDATE")
    return Meta(
        uid,
        int(found[b"RFC822.SIZE"]),
        date.timestamp() if date is not None else 0.0,
        tuple(found.get(b"FLAGS", ())),
        str(found.get(b"X-GM-MSGID", "")),
    )


def _shown(value: bytes) -> str:
    text = decoded_header(header.unfold(value))
    return "".join(sign for sign in text if sign.isprintable()).strip()
