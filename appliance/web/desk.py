"""What the page works with: the box's parts as the roof hands them over, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.login import Gate
from appliance.accounts.registry import Registry
from appliance.clock import Clock
from appliance.conditions import Board
from appliance.settings import Settings
from appliance.speech.voice import Voice
from appliance.threads import Threads
from appliance.web import audit, people
from appliance.web.backups import Backups
from appliance.web.grants import Grants
from appliance.web.imports import Importer
from appliance.web.passkeys import Ceremonies
from appliance.web.presence import Presence
from appliance.web.regaining import Regaining
from appliance.web.shelves import Shelves

Act = Callable[..., Awaitable[Any]]
T = TypeVar("T")


@dataclass(slots=True)
class Office:
    """What the owner calls it; kept in the database, and here for every page."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a page may ask of the box."""

    state: Path
    host: str
    version: str
    simulate: bool
    port_base: int
    settings: Settings
    database: AccountsDatabase
    gate: Gate
    board: Board
    clock: Clock
    threads: Threads
    backups: Backups
    voice: Voice
    acts: Mapping[str, Act]
    """What the running daemon does when asked; the command line asks for the same."""
    presence: Presence = field(default_factory=Presence)
    regaining: Regaining = field(default_factory=Regaining)
    office: Office = field(default_factory=Office)
    grants: Grants = field(default_factory=Grants)
    shelves: Shelves = field(default_factory=Shelves)
    ceremonies: Ceremonies = field(default_factory=Ceremonies)
    importer: Importer = field(default_factory=Importer)

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.wall()

    async def ask(self, act: str, **arguments: Any) -> Any:
        """Have the daemon do something. Raises its refusal."""
        return await self.acts[act](**arguments)

    async def blocking(self, run: Callable[..., T], *arguments: Any) -> T:
        """Do something that waits for the card, in a thread."""
        return await asyncio.to_thread(run, *arguments)

    async def registry(self, change: Callable[[Registry], T]) -> T:
        """Change who is here, and have every door know it."""
        result = await self.blocking(lambda: change(Registry(self.database, self.now)))
        await self.ask("people_changed")
        return result

    async def name_office(self, name: str) -> None:
        """Give the office a name."""
        await self.blocking(people.note, self.database, people.OFFICE, name)
        self.office.name = name

    async def choose_language(self, code: str) -> None:
        """Have the letters of the box in another language."""
        await self.blocking(people.note, self.database, people.LANGUAGE, code)
        self.voice.chosen = code
        await self.blocking(self.voice.prepare)

    async def note(self, deed: audit.Deed) -> None:
        """Write down who did what."""
        await self.blocking(audit.note, self.database, deed, self.now)
