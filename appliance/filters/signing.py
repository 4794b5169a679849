"""Signing what our people send (RFC 6376, RFC 8463), by dkimpy: both keys, one field each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import dkim

from appliance.filters import dmarc
from appliance.filters.arrived import Arrived
from appliance.filters.judge import LARGE
from appliance.filters.keys import Key
from appliance.filters.worker import Worker
from appliance.message.header import raw_fields

log = logging.getLogger("pillarbox.filters")

# RFC 6376 §5.4.1, and once more those of which nobody may add a second one (§8.15)
_SIGNED = (
    b"from to cc subject date message-id reply-to in-reply-to references mime-version "
    b"content-type content-transfer-encoding list-id list-unsubscribe list-unsubscribe-post"
).split()
_SEALED = frozenset((b"from", b"subject", b"date", b"message-id", b"to", b"cc", b"reply-to"))
_MOST_SECONDS = 120.0


class Signer:
    """Signs with the keys of our domains. Belongs to the event loop."""

    def __init__(self, keys: dict[str, tuple[Key, ...]]) -> None:
        self._keys = keys
        self._worker = Worker()

    def change(self, keys: dict[str, tuple[Key, ...]]) -> None:
        """From now on these keys are used."""
        self._keys = keys

    async def sign(self, message: Arrived) -> bytes:
        """Fields to put above the message; nothing when its author's domain is not ours."""
        keys = self._keys.get(dmarc.author_domain(message.header), ())
        if not keys:
            return b""
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                if message.body is not None and len(message.body) <= LARGE:
                    whole = message.header + message.body
                    return await asyncio.to_thread(fields, whole, keys)
                found: bytes = await self._worker.run(
                    fields_of_file, message.header, str(message.path), message.body_at, keys
                )
                return found
        except (TimeoutError, OSError) as error:
            log.warning("a message goes unsigned: %s", error)
            return b""

    def close(self) -> None:
        """End what computes."""
        self._worker.close()


def fields(message: bytes, keys: Sequence[Key]) -> bytes:
    """A DKIM-Signature field for each key. Computes."""
    made = b""
    for key in keys:
        try:
            made += dkim.DKIM(message).sign(
                key.selector.encode(),
                key.domain.encode(),
                key.private.encode(),
                key.algorithm.encode(),
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=_signed_names(message),
            )
        except (dkim.DKIMException, ValueError) as error:
            log.warning("a message goes without the signature of %s: %s", key.selector, error)
    return made


def fields_of_file(header: bytes, path: str, body_at: int, keys: Sequence[Key]) -> bytes:
    """The same for a message in a file; for another process. Blocks."""
    with Path(path).open("rb") as file:
        file.seek(body_at)
        return fields(header + file.read(), keys)


def _signed_names(message: bytes) -> list[bytes]:
    end = message.find(b"\r\n\r\n")
    there = [name for name, _ in raw_fields(message[: end + 2 if end >= 0 else len(message)])]
    names = []
    for name in _SIGNED:
        names += [name] * there.count(name)
        if name in _SEALED:
            names.append(name)
    return names
