"""Letters of the box to its owner: signed, put into its own queue, never answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.accounts.addresses import canonical
from appliance.errors import PillarboxError, Temporary
from appliance.filters.arrived import Arrived
from appliance.health import notice
from appliance.parts import Parts
from appliance.post import postroom
from appliance.queue.envelope import Envelope, Notify
from appliance.words import phrase

log = logging.getLogger("pillarbox.letters")

_RETURN_PATH = b"Return-Path: <>\r\n"
_TEST = "This is a test of the mail box of your office. It has arrived: all is well.\n"


class Letters:
    """Belongs to the event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def reader(self) -> str:
        """Who reads reports: the address that gets the alerts, else the owner; "" is nobody."""
        return self._parts.settings.alerts.mail_to or (self._parts.gate.directory.owner() or "")

    async def to_the_reader(self, subject: str, text: str) -> None:
        """The same for who reads reports; nobody need be there. Raises PillarboxError, OSError."""
        if reader := self.reader():
            await self.post(subject, text, reader)

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the page may ask."""
        return {"mail_test": self.test, "mail_tell": self.tell}

    async def tell(self, to: str, subject: str, text: str) -> None:
        """Tell somebody what was done to their account; failing to tell undoes nothing."""
        try:
            await self.post(subject, text, canonical(to), passes_on=False)
        except (PillarboxError, OSError) as error:
            log.warning("somebody is not told of a change of their account: %s", error)

    async def test(self, to: str) -> str:
        """Send a test to an address; its Message-ID, by which the trace finds it."""
        return await self.post(phrase("Test"), _TEST, canonical(to))

    async def post(self, subject: str, text: str, to: str, *, passes_on: bool = True) -> str:
        """Put one into the queue, in the language of the office; its Message-ID.

        Not `passes_on`: into the mailbox itself, wherever its mail is passed on to.

        Raises:
            PillarboxError, OSError: nobody has the address, or it could not be kept.
        """
        parts, people = self._parts, self._parts.gate.directory
        people = people if passes_on else people.without_forwards()
        if not parts.queue.is_started:
            raise Temporary("the mail disk is not available")
        recipients = tuple(
            replace(each, named=to, notify=(Notify.NEVER,))
            for each in postroom.reports_to(people, to)
        )
        if not recipients:
            raise Temporary("nobody has the address mail_to")
        domain = min(people.domains, default=parts.host)
        now = parts.clock.wall()
        say = parts.voice.say
        letter = notice.letter(
            f"[Pillarbox] {say(subject)}", say(text), f"postmaster@{domain}", to, now, say=say
        )
        content = bytes(letter)
        end = content.index(b"\r\n\r\n")
        arrived = Arrived("", "", "", content[: end + 2], Path(), 0, content[end + 2 :])
        signed = await parts.outside.signer.sign(arrived)
        incoming = await parts.threads.carry_out(parts.queue.incoming())
        await parts.threads.carry_out(incoming.write(_RETURN_PATH + signed + content))
        envelope = Envelope(
            "",
            recipients,
            now,
            size=incoming.size,
            return_path_octets=len(_RETURN_PATH),
            message_id=str(letter["Message-ID"]),
        )
        await parts.threads.carry_out(parts.queue.accept(incoming, envelope))
        return envelope.message_id
