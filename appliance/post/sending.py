"""When somebody sends far too much: stopped, held, and the owner told."""

from __future__ import annotations

import asyncio
import email.utils
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP

from appliance.accounts import passing
from appliance.accounts.allowance import Allowance, Device, Limits
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.login import Gate
from appliance.accounts.passing import PREFIX, Passing
from appliance.accounts.senders import Senders
from appliance.clock import Clock
from appliance.conditions import Board, Condition, Severity
from appliance.errors import PillarboxError
from appliance.queue.envelope import Entry, Envelope, Recipient
from appliance.queue.queue import Queue
from appliance.sections import Sending as SendingSettings
from appliance.threads import Threads
from appliance.words import Say, phrase

log = logging.getLogger("pillarbox.smtp")
_WRITE_SECONDS = 5.0
_HELD = "Its sender is stopped for having sent too much."
_TEXT = """\
{who} has sent to {reason}. That is far more than usual, so it may send nothing to
the outside any more. {held} messages that were waiting are held.

If somebody has learned the password, give a new one:

    pillarbox account password {account}

Then, or if all is as it should be, let it send again:

    pillarbox account thaw {thaw}

Held messages: pillarbox queue list, queue retry, queue delete.
"""


class Sending:
    """Who may send how much. Belongs to the event loop."""

    def __init__(
        self,
        database: AccountsDatabase,
        limits: SendingSettings,
        queue: Queue,
        gate: Gate,
        board: Board,
        clock: Clock,
    ) -> None:
        """Blocks."""
        self.say: Say = str  # a text in the language of the office
        self._senders = Senders(database)
        self.allowance = Allowance(Limits(limits.recipients_per_hour, limits.recipients_per_day))
        self._queue = queue
        self._gate = gate
        self._board = board
        self._clock = clock
        self.passing = Passing(limits.passed_on_per_hour)
        self._shown: set[str] = set()
        self.on_held: Callable[[Entry, str, str], None] = lambda *_: None
        counted = self._senders.counted()
        self.allowance.remember(each for each in counted if not each.key.startswith(PREFIX))
        self.passing.remember(counted)
        self._apply(self._senders.devices(), self._senders.frozen())

    async def run(self) -> None:
        """Write down every few seconds who sent how much."""
        while True:
            await self.write()
            for account in self.passing.eased(self._clock.wall()):
                self._board.take_down(passing.condition(account))
            await asyncio.sleep(_WRITE_SECONDS)

    async def write(self) -> None:
        """Write down what was counted until now."""
        counted = self.allowance.changed() + self.passing.changed()
        if not counted:
            return
        try:
            await asyncio.to_thread(self._senders.count, counted, self._clock.wall())
        except (PillarboxError, OSError) as error:
            log.warning("who sent how much is not kept: %s", error)

    async def reload(self) -> None:
        """Devices or the frozen have changed in the database."""
        devices = await asyncio.to_thread(self._senders.devices)
        self._apply(devices, await asyncio.to_thread(self._senders.frozen))

    async def freeze(self, key: str, threads: Threads, host: str) -> None:
        """Somebody has just gone over the limit."""
        reason = self.allowance.frozen.get(key, "")
        log.warning("frozen: %s", reason, extra={"account": key})
        held = 0
        for entry in self._queue.entries():
            if _is_from(entry, key):
                self._queue.hold(entry, _HELD)
                self.on_held(entry, "held", _HELD)
                held += 1
        self._show(key, reason)
        try:
            await asyncio.to_thread(self._senders.freeze, key, reason, self._clock.wall())
            await threads.carry_out(self._queue.durable())
            await self._tell(key, reason, held, threads, host)
        except (PillarboxError, OSError) as error:
            log.warning("the alert could not be written: %s", error)

    def change(self, limits: SendingSettings) -> None:
        """From now on these limits hold."""
        self.allowance.limits = Limits(limits.recipients_per_hour, limits.recipients_per_day)
        self.passing.per_hour = limits.passed_on_per_hour

    def bounded(self, envelope: Envelope) -> Envelope:
        """A message that is about to be accepted: what would be passed on beyond an account's
        limit stays in its mailbox instead."""
        passed = Counter(
            each.passed_on_by
            for each in envelope.recipients
            if each.passed_on_by and not each.is_local
        )
        now = self._clock.wall()
        over = {who for who, count in passed.items() if not self.passing.take(who, count, now)}
        for who in over:
            limit = self.passing.per_hour
            self._board.put_up(
                Condition(
                    passing.condition(who),
                    Severity.ATTENTION,
                    f"The mail of {who} was passed on {limit} times within an hour; more of it "
                    "stays in the mailbox.",
                    "See where it is passed on to: it may come back from there, or somebody floods "
                    "the address. It goes on by itself when less comes.",
                    now,
                )
            )
        return replace(envelope, recipients=kept(envelope.recipients, over)) if over else envelope

    def _apply(self, devices: list[Device], frozen: dict[str, str]) -> None:
        self.allowance.change(devices, frozen)
        for key in self._shown - frozen.keys():
            self._board.take_down(_condition(key))
            self._shown.discard(key)
        for key, reason in frozen.items():
            self._show(key, reason)

    def _show(self, key: str, reason: str) -> None:
        self._shown.add(key)
        self._board.put_up(
            Condition(
                _condition(key),
                Severity.ATTENTION,
                f"{_name(key)} may send nothing any more: {reason}.",
                f"Give a new password if it was stolen; then: pillarbox account thaw {_who(key)}",
                self._clock.wall(),
            )
        )

    async def _tell(self, key: str, reason: str, held: int, threads: Threads, host: str) -> None:
        """A letter to the owner."""
        owner = self._gate.directory.owner()
        if owner is None:
            return
        letter = EmailMessage(policy=SMTP)
        say = self.say
        sender = f"postmaster@{owner.rpartition('@')[2]}"
        letter["From"] = email.utils.formataddr((say(phrase("Mail server")), sender))
        letter["To"] = owner
        letter["Subject"] = say(phrase(f"{_name(key)} has been stopped"))
        letter["Date"] = email.utils.formatdate(self._clock.wall(), localtime=True)
        letter["Message-ID"] = email.utils.make_msgid(domain=host)
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
        account = _who(key)
        text = _TEXT.format(who=_name(key), reason=reason, held=held, account=account, thaw=account)
        letter.set_content(say(text))
        top = b"Return-Path: <>\r\n"
        incoming = await threads.carry_out(self._queue.incoming())
        await threads.carry_out(incoming.write(top + bytes(letter)))
        envelope = Envelope(
            "",
            (Recipient(owner, is_local=True, named=owner),),
            self._clock.wall(),
            size=incoming.size,
            return_path_octets=len(top),
            message_id=str(letter["Message-ID"]),
        )
        await threads.carry_out(self._queue.accept(incoming, envelope))


def kept(recipients: Sequence[Recipient], over: Collection[str]) -> tuple[Recipient, ...]:
    """The recipients when these accounts may pass nothing on: each has its mailbox. Pure."""
    found: dict[str, Recipient] = {}
    for each in recipients:
        if each.passed_on_by in over and not each.is_local:
            here = replace(each, address=each.passed_on_by, is_local=True)
            found[here.address] = here
        elif each.address not in found:
            found[each.address] = each
    return tuple(found.values())


def _is_from(entry: Entry, key: str) -> bool:
    if key.startswith("device:"):
        return False  # its mail cannot be told from its account's
    outside = any(not each.is_local for each in entry.envelope.recipients)
    return outside and entry.envelope.account == _who(key)


def _who(key: str) -> str:
    """The account, or the name of the office device."""
    return key.removeprefix("device:").partition("/")[0]


def _name(key: str) -> str:
    if key.startswith("device:"):
        return f"The device {_who(key)}"
    account, _, device = key.partition("/")
    return f"{account} ({device})" if device else account


def _condition(key: str) -> str:
    return f"frozen-{key}"
