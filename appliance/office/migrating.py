"""Mail that moves in: what brings it, and what page and command line may ask of it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from appliance import files
from appliance.accounts.addresses import canonical
from appliance.errors import AlreadyExists, NotFound, PillarboxError, Refused, Temporary
from appliance.fetch.consents import Consents
from appliance.fetch.source import Consent, Security
from appliance.migration import lists, telling
from appliance.migration.ledger import Ledger
from appliance.migration.move import PORTS, Move, State
from appliance.migration.mover import Mover, World
from appliance.migration.registry import Registry, check
from appliance.office.letters import Letters
from appliance.parts import Parts
from appliance.store import names
from appliance.store.home import Home
from appliance.store.incoming import Incoming
from appliance.store.mailbox import Mailbox
from appliance.threads import Steps, flushed, in_thread

T = TypeVar("T")


class AccountHere:
    """The account that mail is brought to, for a thread. Everything blocks."""

    def __init__(
        self, parts: Parts, loop: asyncio.AbstractEventLoop, refusal: Callable[[], str], who: str
    ) -> None:
        self._parts = parts
        self._loop = loop
        self._refusal = refusal
        self._who = who
        self._boxes: dict[str, Mailbox] = {}

    def special(self) -> dict[str, str]:
        """The mailbox of each special use."""
        found = self.do(self._home.list())
        return {each.special_use.decode(): each.name for each in found if each.special_use}

    def ensure(self, name: str) -> None:
        """There is such a mailbox, and it is open; the one before is let go."""
        self.close()
        self._boxes[name] = self.do(_opened(self._home, name))

    def home(self) -> Path:
        """The directory of its mailboxes."""
        return self._parts.mail / "people" / names.account_directory(self._who)

    def path(self, name: str) -> Path:
        """The directory of a mailbox."""
        return self.home() / names.directory_name(name)

    def has_room(self, octets: int) -> bool:
        """Whether the account may keep so much more."""
        most = self._home.quota_octets
        if not most:
            return True
        used = self._home.cached_usage() or self.do(self._home.usage())
        return used.octets + octets <= most

    def upload(self, name: str) -> UploadHere:
        """Begin a message for a mailbox."""
        return UploadHere(self, self._boxes[name])

    def flush(self, name: str) -> None:
        """What was put into a mailbox is durable."""
        self.do(flushed(self._boxes[name].directory_flush))

    def close(self) -> None:
        """Let go of its mailboxes."""
        boxes = list(self._boxes.values())
        self._boxes.clear()
        for box in boxes:
            self._loop.call_soon_threadsafe(box.close)

    @property
    def _home(self) -> Home:
        return self._parts.store.home(self._who)

    def do(self, steps: Steps[T]) -> T:
        """Carry steps out in the event loop. Raises Temporary when no mail can be taken now."""

        async def unless_refused() -> T:
            if refusal := self._refusal():  # "452 4.3.1 words"
                raise Temporary(refusal.split(" ", 2)[-1])
            return await self._parts.threads.carry_out(steps)

        return asyncio.run_coroutine_threadsafe(unless_refused(), self._loop).result()


class UploadHere:
    """A message on its way into a mailbox: a file in the account's tmp/."""

    def __init__(self, account: AccountHere, box: Mailbox) -> None:
        self._account = account
        self._box = box
        self._incoming: Incoming | None = None

    def write(self, data: bytes) -> None:
        """Add octets."""
        self._account.do(self._write(data))

    def keep(self, unique: str, date: float, marks: int, keywords: Sequence[bytes]) -> None:
        """Put it into the mailbox. Raises OverQuota."""
        self._account.do(self._keep(unique, date, marks, keywords))

    def discard(self) -> None:
        """Give it up."""
        if self._incoming is not None:
            self._account.do(self._incoming.discard())

    def _write(self, data: bytes) -> Steps[None]:
        if self._incoming is None:
            self._incoming = self._box.incoming()
        yield from self._incoming.write(data)

    def _keep(self, unique: str, date: float, marks: int, keywords: Sequence[bytes]) -> Steps[None]:
        incoming = self._incoming
        if incoming is None:
            raise Refused("There is nothing to keep.")
        yield from in_thread(lambda: incoming.finish(date))
        try:
            yield from self._box.deliver(
                Path(os.fsdecode(incoming.path)),
                unique,
                size=incoming.size,
                date=date,
                flags=marks,
                keywords=keywords,
            )
        finally:
            yield from in_thread(lambda: files.unlink_if_there(incoming.path))


def _opened(home: Home, name: str) -> Steps[Mailbox]:
    try:
        return (yield from home.open(name))
    except NotFound:
        pass
    try:
        yield from home.create(name)
    except AlreadyExists:  # somebody made it in the same moment
        pass
    else:
        yield from home.subscribe(name)
    return (yield from home.open(name))


class Migrating:
    """One method an act; arguments and results are plain JSON values. Building it blocks."""

    def __init__(self, parts: Parts, refusal: Callable[[], str]) -> None:
        self._parts = parts
        self._registry = Registry(parts.database)
        self._ledger = Ledger(parts.database)
        context = ssl.create_default_context()
        if trusted := parts.settings.fetch.ca_file:
            context.load_verify_locations(trusted)
        self._consents = Consents(context)
        world = World(
            lambda loop, who: AccountHere(parts, loop, refusal, who),
            lambda who: who in parts.gate.directory.accounts,
            lambda: parts.settings.migration,
            Letters(parts).to_the_reader,
            parts.board,
            parts.clock,
            context,
        )
        self._mover = Mover(self._registry, self._ledger, world)

    async def begin(self) -> None:
        """Go on with what was under way when the box stopped."""
        await self._mover.reload()

    async def close(self) -> None:
        """End what is under way; it goes on at the next start."""
        await self._consents.close()
        await self._mover.close()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """All acts by name."""
        return {
            "moves": self.moves,
            "move_show": self.show,
            "move_add": self.add,
            "move_import": self.take_list,
            "move_pause": self.pause,
            "move_end": self.end,
            "move_remove": self.remove,
            "move_password": self.password,
            "move_consent": self.consent,
            "move_look": self.look,
        }

    async def moves(self) -> list[dict[str, Any]]:
        """All moves, and how each does."""
        found = await asyncio.to_thread(self._registry.moves)
        return [await self._told(each) for each in found]

    async def show(self, number: int) -> dict[str, Any]:
        """One move with its folders and what is left out."""
        move = await asyncio.to_thread(self._registry.move, number)
        left = await asyncio.to_thread(self._ledger.left, number)
        told = await self._told(move)
        return told | {"left_out": [dataclasses.asdict(each) for each in left]}

    async def _told(self, move: Move) -> dict[str, Any]:
        counts = await asyncio.to_thread(self._ledger.counts, move.number)
        standing = self._mover.standing.get(move.number)
        asked = self._consents.of(_consent_key(move.number))
        settings = self._parts.settings.migration
        return telling.told(move, standing, counts, asked, settings, self._parts.clock.wall())

    async def add(
        self, account: str, there: dict[str, Any], consent: dict[str, str] | None = None
    ) -> int:
        """Bring the mail of an account, which is tried first; the number of the move.

        `there`: host, user, password, port and security, all but the first two as need be.

        Raises:
            Refused: it cannot be. Trouble: the other server does not let us in.
        """
        move = self._move(account, there)
        if consent is not None:
            move = dataclasses.replace(
                move, secret="", consent=Consent(**consent), state=State.CONSENT
            )
        elif not move.secret:
            raise Refused("The password at the other server is missing.")
        check(move)
        if move.consent is None:
            await self._mover.try_out(move)
            move = dataclasses.replace(move, state=State.COPYING)
        added = await self._added(move)
        await self._mover.reload()
        if move.consent is not None:
            await self._first_consent(added.number)
        return added.number

    async def _first_consent(self, number: int) -> None:
        """Raises Trouble, and then there is no such move."""
        try:
            await self.consent(number)
        except PillarboxError:
            await self.end(number)
            await self.remove(number)
            raise

    def _move(self, account: str, there: dict[str, Any]) -> Move:
        kind = Security(there.get("security") or Security.TLS)
        return Move(
            0,
            self._known(account),
            str(there["host"]).lower(),
            int(there.get("port") or PORTS[kind]),
            str(there["user"]),
            str(there.get("password", "")),
            kind,
        )

    def _known(self, account: str) -> str:
        address = canonical(account)
        if address not in self._parts.gate.directory.accounts:
            raise Refused(f"There is no account {address} here; add it first.")
        return address

    async def _added(self, move: Move) -> Move:
        now = self._parts.clock.wall()
        return await asyncio.to_thread(self._registry.add, move, now)

    async def take_list(self, text: str) -> list[dict[str, Any]]:
        """Many at once, from a list (`migration/lists.py`); each row with what came of it.

        All are tried at once, and the list of moves says how that went. Raises Refused.
        """
        told = []
        for row in lists.rows_of(text):
            problem, number = "", 0
            try:
                lists.check(row)
                move = self._move(row.account, row.there)
                number = (await self._added(move)).number
            except Refused as error:
                problem = str(error)
            told.append({"row": row.number, "account": row.account, "number": number,
                         "problem": problem})  # fmt: skip
        await self._mover.reload()
        return told

    async def pause(self, number: int, *, is_paused: bool) -> None:
        """Bring nothing until it goes on; or go on."""
        await asyncio.to_thread(self._registry.pause, number, is_paused=is_paused)
        await self._mover.reload()

    async def end(self, number: int) -> None:
        """Bring nothing any more, and forget the password."""
        await self._consents.drop(_consent_key(number))
        await asyncio.to_thread(self._registry.end, number, self._parts.clock.wall())
        await self._mover.reload()

    async def remove(self, number: int) -> None:
        """Take one that has ended off the list."""
        await asyncio.to_thread(self._registry.remove, number)
        await self._mover.reload()

    async def password(self, number: int, password: str) -> None:
        """Another password for the other server, which is tried first. Raises Trouble."""
        move = await asyncio.to_thread(self._registry.move, number)
        if move.consent is not None:
            raise Refused("This move logs in by consent, not with a password.")
        await self._mover.try_out(dataclasses.replace(move, secret=password))
        await asyncio.to_thread(self._registry.set_secret, number, password)
        await self._mover.again(number)

    async def consent(self, number: int) -> dict[str, Any]:
        """Ask for consent; the provider's page and what is typed there. Raises Trouble."""
        move = await asyncio.to_thread(self._registry.move, number)
        if move.consent is None or not move.consent.device_url:
            raise Refused("This move logs in with a password.")

        async def keep(token: str) -> None:
            await asyncio.to_thread(self._registry.set_secret, number, token)
            await self._mover.again(number)

        asked = await self._consents.begin(_consent_key(number), move.consent, keep)
        return asked.told

    async def look(self, number: int) -> None:
        """Look for new mail there now."""
        await asyncio.to_thread(self._registry.move, number)
        self._mover.look_now(number)


def _consent_key(number: int) -> str:
    return f"move {number}"
