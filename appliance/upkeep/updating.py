"""Updates as the box makes them: offered by a stick or the page, installed, tried, kept or undone.

The system that runs fills the other one, makes a restore point and changes over. The new one proves
by real mail that it works; only then it is kept. Whatever keeps it from that, the one before comes
back and says why. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from appliance import __version__, files
from appliance.accounts import passwords
from appliance.accounts.directory import Account, Directory
from appliance.conditions import Condition, Severity
from appliance.errors import PillarboxError, Refused
from appliance.parts import Parts
from appliance.updates import decisions, proof, record, restorepoint, upload
from appliance.updates.decisions import Step, Verdict
from appliance.updates.record import Phase, Record
from appliance.updates.systems import Systems
from appliance.upkeep.offering import Offers

log = logging.getLogger("pillarbox.updates")

LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 10.0
_NO_DISK = "The mail disk was not there, so no mail could be sent and read."
BUSY, UNDONE = "update", "update-failed"


@dataclass(frozen=True, slots=True)
class Around:
    """What updating asks of the rest of the box."""

    drives: Callable[[], Awaitable[list[dict[str, Any]]]]
    refusal: Callable[[], str]  # why no mail can be taken now
    change_people: Callable[[Directory], None]


class Updating:
    """One box, two systems, at most one update under way."""

    def __init__(self, parts: Parts, systems: Systems, around: Around) -> None:
        self._parts, self._systems, self._around = parts, systems, around
        self._state = parts.options.state
        self._record = Record()
        self._found: dict[str, Any] | None = None  # the card, as it was looked at last
        self._offers = Offers(systems, around.drives, parts.board, parts.clock, self._state)
        self._task: asyncio.Task[None] | None = None
        self._began = parts.clock.monotonic()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {
            "update_status": self.status,
            "update_look": self.look,
            "update_install": self.install,
            "update_back": self.back,
            "update_read": self.read,
        }

    async def run(self) -> None:
        """Go on with what a start finds; then look for sticks."""
        if not await self._go_on():
            return
        while True:
            await self._offers.look(self._version, is_busy=self._is_busy)
            await asyncio.sleep(LOOK_SECONDS)

    # --- asked for

    async def status(self) -> dict[str, Any]:
        """What runs, what is under way, what came of it, what is offered."""
        found = self._found or {"version": __version__, "system": "", "state": "", "other": ""}
        return {name: found[name] for name in ("version", "system", "state", "other")} | {
            "is_ours": self._found is not None,
            "update": asdict(self._record) | {"phase": self._record.phase.value},
            "is_busy": self._is_busy,
            "percent": await asyncio.to_thread(self._systems.percent),
            "offers": self._offers.told(),
        }

    async def look(self, path: str) -> dict[str, Any]:
        """What an update in a file is. Raises Refused, Temporary."""
        return await asyncio.to_thread(self._systems.look, Path(path))

    async def install(self, path: str) -> None:
        """Begin; the box restarts by itself when it is written. Raises Refused, Temporary."""
        found = await self._free()
        told = await self.look(path)
        if told["refusal"]:
            raise Refused(told["refusal"])
        self._begin(Path(path), Record(
            Phase.WRITING, str(told["version"]), found["version"], found["system"],
            at=self._parts.clock.wall(),
        ))  # fmt: skip

    async def back(self) -> None:
        """Start the version before again. Raises Refused, Temporary."""
        found = await self._free()
        if not found["other"]:
            raise Refused("There is no other version on this box that it could start.")
        if not await asyncio.to_thread(restorepoint.is_same_schema, self._state):
            raise Refused(
                "The version before does not understand what was changed since. Bring everything "
                "back from a backup of that time instead."
            )
        self._begin(None, Record(
            Phase.WRITING, found["other"], found["version"], found["system"],
            at=self._parts.clock.wall(),
        ))  # fmt: skip

    async def read(self) -> None:
        """Somebody has read how the last update went."""
        if self._record.phase in {Phase.KEPT, Phase.FAILED}:
            await self._note(Record())
            self._parts.board.take_down(UNDONE)
            if (await self._look_at_card() or {}).get("state") == "undone":
                await asyncio.to_thread(self._systems.keep)
                await self._look_at_card()

    async def _free(self) -> dict[str, Any]:
        """What runs, where an update may begin. Raises Refused, Temporary."""
        found = await self._look_at_card()
        if found is None:
            raise Refused("This machine was not started from a card of Pillarbox.")
        if self._is_busy or found["state"] == "trial":
            raise Refused("An update is under way; wait until it is over.")
        return found

    async def _look_at_card(self) -> dict[str, Any] | None:
        self._found = await asyncio.to_thread(self._systems.status)
        return self._found

    @property
    def _version(self) -> str:
        return self._found["version"] if self._found else __version__

    @property
    def _is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _begin(self, path: Path | None, update: Record) -> None:
        if self._is_busy:  # somebody else was faster
            raise Refused("An update is under way; wait until it is over.")
        self._task = asyncio.create_task(self._install(path, update))

    async def _install(self, path: Path | None, update: Record) -> None:
        """Write, make the restore point, change over. `path`: None: it is written already."""
        board = self._parts.board
        board.take_down(UNDONE)
        self._put_up(
            BUSY, Severity.WORKING, f"An update to version {update.version} is being installed.",
            "The box restarts by itself; leave it plugged in.",
        )  # fmt: skip
        try:
            await self._note(update)
            if path is not None:
                await asyncio.to_thread(self._systems.install, path)
                await asyncio.to_thread(self._put_away, path)
            await asyncio.to_thread(restorepoint.make, self._state)
            await self._note(replace(update, phase=Phase.TRYING, at=self._parts.clock.wall()))
            log.info("the box restarts with version %s, on trial", update.version)
            await asyncio.to_thread(self._systems.change_over)
        except (PillarboxError, OSError) as error:
            log.warning("the update was not installed: %s", error)
            board.take_down(BUSY)
            await self._look_at_card()
            await self._fail(update, _sentence(error))

    def _put_away(self, path: Path) -> None:
        """What was brought over the page is on the other system now, and takes room."""
        if path == self._state / record.FOLDER / upload.NAME:
            upload.forget(self._state)

    # --- at a start

    async def _go_on(self) -> bool:
        """What a start finds; False: there is nothing to update here."""
        self._record = await asyncio.to_thread(record.load, self._state)
        found = await self._look_at_card()
        if found is None:
            return False
        start = decisions.at_start(found, self._record, self._parts.clock.wall())
        if start.step is Step.PROVE:
            await self._prove()
        elif start.step is Step.TELL:
            await self._note(start.record)
        if self._record.phase is Phase.FAILED:
            self._tell_failure()
        return True

    async def _prove(self) -> None:
        """This system is on trial: keep it if mail flows, else go back."""
        clock, tries = self._parts.clock, 0
        self._put_up(
            BUSY, Severity.WORKING,
            f"Version {__version__} is being tried: mail is sent and read to prove it.",
            "Leave the box plugged in.",
        )  # fmt: skip
        while True:
            is_ready = not self._around.refusal()
            trouble, counts = await self._proof() if is_ready else (_NO_DISK, False)
            tries += counts
            seconds = clock.monotonic() - self._began
            verdict = decisions.judged(trouble, tries=tries, seconds=seconds)
            if verdict is not Verdict.AGAIN:
                break
            log.warning("the proof of this version failed, and is tried again: %s", trouble)
            await asyncio.sleep(_AGAIN_SECONDS)
        if verdict is Verdict.GOOD:
            await asyncio.to_thread(self._systems.keep)
            await self._look_at_card()
            await self._note(replace(self._record, phase=Phase.KEPT, at=clock.wall()))
            log.info("mail flows with version %s: it is kept", __version__)
            self._parts.board.take_down(BUSY)
            return
        log.error("version %s did not prove itself, the one before starts: %s",
                  __version__, trouble)  # fmt: skip
        await self._note_if_possible(replace(self._record, why=trouble, at=clock.wall()))
        await asyncio.to_thread(self._systems.undo)
        await asyncio.sleep(3600)  # the machine restarts

    async def _proof(self) -> tuple[str, bool]:
        """What does not work, empty where mail flows; and whether that is more than "later"."""
        parts = self._parts
        password = secrets.token_urlsafe(18)
        account = Account(proof.ADDRESS, "", 0, passwords.argon2(password), None)
        people = await asyncio.to_thread(parts.database.directory)
        self._around.change_people(replace(
            people, domains=people.domains | {proof.DOMAIN},
            accounts={**people.accounts, proof.ADDRESS: account},
        ))  # fmt: skip
        base = parts.options.port_base
        ways = proof.Ways(parts.options.bind or "127.0.0.1", base + 25, base + 465, base + 993)
        try:
            await asyncio.to_thread(proof.prove, ways, password)
        except PillarboxError as error:
            return str(error), isinstance(error, Refused)
        else:
            return "", True
        finally:
            people = await asyncio.to_thread(parts.database.directory)
            self._around.change_people(people)
            await self._forget_mailbox()

    async def _forget_mailbox(self) -> None:
        """Nothing of the proof stays among the mail."""
        parts = self._parts
        home = parts.store.home(proof.ADDRESS)
        try:
            await parts.threads.carry_out(home.settle())
            home.end()
            for folder in ("people", "index"):
                await asyncio.to_thread(files.remove_tree, parts.mail / folder / proof.ADDRESS)
        except (PillarboxError, OSError) as error:
            log.warning("the mailbox of the proof could not be removed: %s", error)

    # --- what is said

    async def _note(self, update: Record) -> None:
        self._record = update
        await asyncio.to_thread(record.save, self._state, update)

    async def _fail(self, update: Record, why: str) -> None:
        await self._note_if_possible(decisions.failed(update, why, self._parts.clock.wall()))
        self._tell_failure()

    async def _note_if_possible(self, update: Record) -> None:
        """What is to be done next does not wait for a card that is full."""
        try:
            await self._note(update)
        except (PillarboxError, OSError) as error:
            log.warning("how the update went is not written down: %s", error)

    def _tell_failure(self) -> None:
        update = self._record
        self._put_up(
            UNDONE, Severity.ATTENTION,
            f"The update to version {update.version} did not work: {update.why}",
            f"Nothing is lost; the box runs with version {update.former} as before. Read more "
            "under Updates on the page.",
        )  # fmt: skip

    def _put_up(self, key: str, severity: Severity, sentence: str, remedy: str) -> None:
        now = self._parts.clock.wall()
        self._parts.board.put_up(Condition(key, severity, sentence, remedy, now))


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, PillarboxError) else f"{error}."
