"""What the running daemon does for the command line: the acts behind the control socket."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from appliance import __version__
from appliance.accounts.directory import Directory
from appliance.errors import NotFound
from appliance.fetch.collector import Collector
from appliance.hardware import vitals
from appliance.log import RING
from appliance.parts import Parts
from appliance.post import outside
from appliance.queue import listing
from appliance.queue.dsn import Outcome
from appliance.relay.letter import Result
from appliance.relay.options import Smarthost
from appliance.store import check, names
from appliance.words import phrase

_COUNTING_SECONDS = 1.0

_TRIAL_SECONDS = 45.0
_UNDER_WAY: dict[str, Any] = {"is_over": False, "works": False, "words": ""}


class Requests:
    """One method an act; arguments and results are plain JSON values."""

    def __init__(
        self, parts: Parts, collector: Collector, change_people: Callable[[Directory], None]
    ) -> None:
        self._parts = parts
        self._collector = collector
        self._change_people = change_people
        self._trials: dict[Smarthost, dict[str, Any]] = {}
        self._trying: set[asyncio.Task[dict[str, Any]]] = set()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """All acts by name."""
        return {
            "people_changed": self.people_changed,
            "status": self.status,
            "queue_list": self.queue_list,
            "queue_show": self.queue_show,
            "queue_retry": self.queue_retry,
            "ways_changed": self.ways_changed,
            "relay_refusals": self.relay_refusals,
            "relay_try": self.relay_try,
            "relay_trials": self.relay_trials,
            "keys_changed": self._parts.outside.publishing.look,
            "senders_changed": self._parts.sending.reload,
            "reports_written": self._parts.reporting.write,
            "reports_send": self.reports_send,
            "trace_written": self._parts.recorder.write,
            "fetch_changed": self._collector.reload,
            "fetch_status": self.fetch_status,
            "fetch_now": self.fetch_now,
            "fetch_consent": self._collector.ask_consent,
            "fetch_consents": self.fetch_consents,
            "queue_hold": self.queue_hold,
            "queue_delete": self.queue_delete,
            "account_arrivals": self.account_arrivals,
            "account_keeps_mail": self.account_keeps_mail,
            "accounts_usage": self.accounts_usage,
            "services": self.services,
            "log": self.log,
            "index_check": self.index_check,
            "index_rebuild": self.index_rebuild,
        }

    async def people_changed(self) -> None:
        """Domains, accounts, aliases or passwords have changed in the database."""
        directory = await asyncio.to_thread(self._parts.database.directory)
        self._change_people(directory)

    async def ways_changed(self) -> None:
        """Relays or routes have changed in the database."""
        parts = self._parts
        base = outside.options(parts.settings, parts.host, simulate=parts.options.simulate)
        ways = await asyncio.to_thread(parts.outside.ways.options, base)
        parts.outside.relay.change(ways)
        parts.runner.look_again()

    async def relay_refusals(self) -> list[dict[str, Any]]:
        """Domains that refused our address; their mail goes through the fallback."""
        return [dataclasses.asdict(each) for each in self._parts.outside.relay.refusals()]

    async def relay_try(self, name: str, *, waits: bool = True) -> dict[str, Any] | None:
        """Connect and log in at a relay; what it said. `waits`: else it goes on by itself."""
        relay = self._parts.outside.relay.smarthosts.get(name)
        if relay is None:
            raise NotFound(f"There is no relay {name}.")
        if waits:
            return await self._try(relay)
        if self._trials.get(relay) is not _UNDER_WAY:  # else that trial will tell
            self._trials[relay] = _UNDER_WAY
            task = asyncio.create_task(self._try(relay))
            self._trying.add(task)
            task.add_done_callback(self._trying.discard)
        return None

    async def _try(self, relay: Smarthost) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_TRIAL_SECONDS):
                verdict = await self._parts.outside.relay.try_out(relay)
            works = verdict.result is Result.DONE
            words = " ".join(each for each in (verdict.reason, verdict.diagnostic) if each)
            told = {"is_over": True, "works": works, "words": words, "remote": verdict.remote}
        except TimeoutError:
            told = {"is_over": True, "works": False, "words": "It did not answer in time."}
        self._trials[relay] = told
        return told

    async def relay_trials(self) -> dict[str, dict[str, Any]]:
        """How the last trial of each relay went, since the start."""
        relays = self._parts.outside.relay.smarthosts
        self._trials = {each: self._trials[each] for each in relays.values()
                        if each in self._trials}  # fmt: skip
        return {name: self._trials[each] for name, each in relays.items() if each in self._trials}

    async def fetch_status(self) -> dict[str, dict[str, Any]]:
        """How each source does."""
        return {name: dataclasses.asdict(each) for name, each in self._collector.standing.items()}

    async def fetch_consents(self) -> dict[str, dict[str, Any]]:
        """Consents that are waited for, by source."""
        return self._collector.consents.told()

    async def fetch_now(self, name: str) -> None:
        """Visit a source at once."""
        self._collector.visit_now(name)

    async def reports_send(self) -> int:
        """Send the reports of today at once, for trying it out; how many letters."""
        await self._parts.reporting.write()
        return await self._parts.reporting.send("9999")

    async def status(self) -> dict[str, Any]:
        """How the box is."""
        parts = self._parts
        return {
            "version": __version__,
            "host": parts.host,
            "accounts": len(parts.gate.directory.accounts),
            "queued": len(listing.waiting(parts.queue.entries())),
            "memory_octets": vitals.own_memory_octets(),
            "conditions": [
                {
                    "key": each.key,
                    "severity": each.severity.name.lower(),
                    "sentence": each.sentence,
                    "remedy": each.remedy,
                    "since": each.since,
                }
                for each in parts.board.standing()
            ],
        }

    async def queue_list(self) -> list[dict[str, Any]]:
        """All messages that wait."""
        waiting = listing.waiting(self._parts.queue.entries())
        return [listing.summary(each, self._parts.runner.reason) for each in waiting]

    async def queue_show(self, identity: str) -> dict[str, Any]:
        """One message with all its recipients."""
        return listing.details(self._parts.queue.entry(identity), self._parts.runner.reason)

    async def queue_retry(self, identity: str = "") -> int:
        """Have one message, or all, tried now; how many."""
        queue = self._parts.queue
        entries = listing.waiting([queue.entry(identity)] if identity else queue.entries())
        for entry in entries:
            self._parts.runner.retry(entry)
        await self._parts.threads.carry_out(queue.durable())
        return len(entries)

    async def queue_hold(self, identity: str) -> None:
        """Let a message wait until it is retried by hand."""
        queue = self._parts.queue
        entry = queue.entry(identity)
        queue.hold(entry, "It is held by the administrator.")
        self._parts.recorder.noted(entry, "held")
        await self._parts.threads.carry_out(queue.durable())

    async def queue_delete(self, identity: str, *, bounce: bool = False) -> None:
        """Take a message out of the queue; with `bounce` its sender is told."""
        parts = self._parts
        entry = parts.queue.entry(identity)
        if bounce and entry.envelope.sender:
            outcomes = tuple(
                Outcome(recipient, "5.7.1", "It was taken out of the queue by the administrator.")
                for recipient, progress in zip(
                    entry.envelope.recipients, entry.progress, strict=True
                )
                if not progress.state.is_over
            )
            await parts.runner.bounce(entry, outcomes)
        parts.recorder.noted(entry, phrase("deleted"), "The sender was told." if bounce else "")
        await parts.threads.carry_out(parts.queue.finish([entry]))
        await parts.threads.carry_out(parts.queue.durable())

    async def account_arrivals(self, address: str, seconds: float) -> dict[str, Any]:
        """What programs of an account did lately."""
        parts = self._parts
        account = parts.gate.directory.find(address)
        if account is None:
            raise NotFound(f"There is no account {address}.")
        now = parts.clock.wall()
        story = parts.arrivals.story(account.address, now - seconds, now)
        return dataclasses.asdict(story) | {"summary": story.summary}

    async def account_keeps_mail(self, address: str) -> bool:
        """Whether there is mail of this address, of an account of now or of an earlier one."""
        home = self._parts.mail / "people" / names.account_directory(address)
        return await asyncio.to_thread(home.is_dir)

    async def accounts_usage(self, addresses: list[str]) -> dict[str, dict[str, int]]:
        """What accounts keep: octets and messages. Who takes long to count is left out for now."""
        parts, found = self._parts, {}
        end = asyncio.get_running_loop().time() + _COUNTING_SECONDS
        for address in addresses:
            home = parts.store.home(address)
            usage = home.cached_usage()
            if usage is None and asyncio.get_running_loop().time() < end:
                usage = await parts.threads.carry_out(home.usage())
            if usage is not None:
                found[address] = {"octets": usage.octets, "messages": usage.messages}
        return found

    async def services(self) -> dict[str, Any]:
        """What mail programs are told about this box."""
        return dataclasses.asdict(self._parts.services)

    async def log(self, level: str, words: str, most: int) -> list[dict[str, Any]]:
        """What was logged lately, from a level on and with all the words; newest first."""
        least = logging.getLevelNamesMapping()[level.upper()]
        found = await asyncio.to_thread(RING.newest, least, words, most)
        return [
            {"at": each.at, "level": logging.getLevelName(each.level).lower(), "text": each.text}
            for each in found
        ]

    async def index_check(self, address: str = "") -> list[dict[str, Any]]:
        """Hold indexes against the Maildirs; what is worth telling, faults and others."""
        parts = self._parts
        await parts.threads.carry_out(parts.store.settle())
        found = await asyncio.to_thread(check.check, parts.mail, address or None)
        return [dataclasses.asdict(each) for each in found]

    async def index_rebuild(self, address: str = "") -> None:
        """Make indexes anew from the Maildirs."""
        parts = self._parts
        if address and address not in parts.gate.directory.accounts:
            raise NotFound(f"There is no account {address}.")
        await parts.threads.carry_out(parts.store.rebuild(address or None))
