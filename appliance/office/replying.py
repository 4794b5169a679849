"""Automatic answers: from mail that is durably in a mailbox to an answer in the queue.

Belongs to the event loop. The queue only hands over what may be answered; answers are made one
after the other in a chore of their own, so that no mail waits for them. What is in hand when the
box stops is not answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from appliance.accounts.addresses import canonical, without_detail
from appliance.accounts.directory import ROLE_NAMES, Directory
from appliance.accounts.login import Login
from appliance.answering import decision, letter
from appliance.answering.answer import Answer
from appliance.answering.decision import Came
from appliance.answering.letter import Author
from appliance.answering.registry import Registry
from appliance.errors import PillarboxError, Refused
from appliance.filters.arrived import Arrived
from appliance.parts import Parts
from appliance.post import postroom
from appliance.queue.envelope import Entry, Envelope, Notify, Recipient
from appliance.words import phrase

log = logging.getLogger("pillarbox.answers")

_MOST_READ = 256 * 1024  # octets of a header
_MOST_WAITING = 500


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Mail of somebody whose answers are on."""

    entry: Entry
    account: str
    came: Came
    is_inside: bool  # a colleague sent it, logged in


class Replying:
    """Answers for those who are away."""

    def __init__(self, parts: Parts) -> None:
        """Blocks."""
        self._parts = parts
        self._registry = Registry(parts.database)
        self._answers = self._registry.all_of_them()
        self._waiting: asyncio.Queue[_Arrival] = asyncio.Queue(_MOST_WAITING)
        parts.runner.on_durable = self.arrived

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {"answers_changed": self.reload}

    async def reload(self) -> None:
        """Answers have changed in the database."""
        self._answers = await asyncio.to_thread(self._registry.all_of_them)

    async def arrived(self, entry: Entry, number: int) -> None:
        """A message is in a mailbox for good. Never raises."""
        account = entry.envelope.recipients[number].address
        if not self._answer(account).holds(self._today()) or self._waiting.full():
            return
        envelope, parts = entry.envelope, self._parts
        try:
            path = parts.queue.spool.path(entry.id)
            header = await asyncio.to_thread(_header_of, path, envelope.return_path_octets)
        except OSError as error:
            log.warning("not answered: %s", error, extra={"queue_id": entry.id})
            return
        came = Came(envelope.sender, header, envelope.verdict, envelope.is_junk)
        is_inside = bool(envelope.account) and parts.gate.directory.is_here(envelope.sender.lower())
        if not self._waiting.full():
            self._waiting.put_nowait(_Arrival(entry, account, came, is_inside))

    async def run(self) -> None:
        """Answer, one after the other."""
        while True:
            arrival = await self._waiting.get()
            try:
                why = await self.answer(arrival)
            except (PillarboxError, OSError) as error:
                why = str(error)
            if why:
                fields = {"queue_id": arrival.entry.id, "recipient": arrival.account}
                log.info("not answered: %s", why, extra=fields)

    async def answer(self, arrival: _Arrival) -> str:
        """Answer a message, if it may be; why it was not, or empty.

        Raises:
            PillarboxError, OSError: who is answered cannot be written down, or the answer not kept.
        """
        parts, account, came = self._parts, arrival.account, arrival.came
        found, people, now = self._answer(account), parts.gate.directory, parts.clock.wall()
        why = decision.refusal(came, lambda address: is_own(people, account, address))
        if why or account not in people.accounts or not found.holds(self._today()):
            return why or "it is off"
        if parts.sending.allowance.refusal(Login(account)):
            return "this account may send nothing now"
        recipients = postroom.reports_to(people, came.sender)
        if not recipients:
            return "nobody has the address of its sender"
        key, mark = decision.sender_key(came.sender), found.mark(is_inside=arrival.is_inside)
        why = await asyncio.to_thread(self._registry.take, account, key, mark, now)
        if not why:
            await self._send(arrival, found, recipients)
            parts.recorder.noted(arrival.entry, phrase("answered automatically"), came.sender)
        return why

    def _answer(self, account: str) -> Answer:
        return self._answers.get(account, _NONE)

    async def _send(
        self, arrival: _Arrival, answer: Answer, recipients: tuple[Recipient, ...]
    ) -> None:
        parts, to = self._parts, arrival.came.sender
        author = Author(arrival.account, parts.gate.directory.accounts[arrival.account].name)
        now = parts.clock.wall()
        text = answer.words(is_inside=arrival.is_inside)
        made = letter.written(
            author, to, arrival.came.header, subject=answer.subject, text=text, now=now
        )
        plain = Arrived("", "", "", made.header, Path(), 0, made.body)
        signed = await parts.outside.signer.sign(plain)
        incoming = await parts.threads.carry_out(parts.queue.incoming())
        whole = letter.RETURN_PATH + signed + made.header + made.body
        await parts.threads.carry_out(incoming.write(whole))
        envelope = Envelope(
            "",  # RFC 3834 §3.3: nobody answers an answer
            tuple(_unreported(each) for each in recipients),
            now,
            size=incoming.size,
            return_path_octets=len(letter.RETURN_PATH),
            body="8BITMIME" if not made.header.isascii() else "7BIT",
            smtputf8=not made.header.isascii(),
            account=arrival.account,
            message_id=made.message_id,
        )
        await parts.threads.carry_out(parts.queue.accept(incoming, envelope))

    def _today(self) -> date:
        return datetime.fromtimestamp(self._parts.clock.wall()).date()  # noqa: DTZ006 - the office's own day


_NONE = Answer()


def is_own(people: Directory, account: str, text: str) -> bool:
    """Whether an address is this account's alone: neither a group's, nor a role's, nor what only a
    catch-all takes."""
    try:
        address = canonical(text)
    except Refused:
        return False
    local = without_detail(address.rpartition("@")[0])[0]
    if address == account:
        return True
    if local in ROLE_NAMES or not people.is_here(address):
        return False
    reached = people.without_forwards().without_catch_alls().resolve(address)
    return [each.address for each in reached] == [account] and reached[0].is_local


def _unreported(recipient: Recipient) -> Recipient:
    return Recipient(
        recipient.address, recipient.is_local, named=recipient.named, notify=(Notify.NEVER,)
    )


def _header_of(path: Path, skipped: int) -> bytes:
    """The header of a spooled message, without our Return-Path. Blocks."""
    with path.open("rb") as file:
        content = file.read(_MOST_READ)[skipped:]
    end = content.find(b"\r\n\r\n")
    return content[: end + 2 if end >= 0 else len(content)]
