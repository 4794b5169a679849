"""The verdict on a message from outside, while its sender waits: SPF, DKIM, DMARC.

Each has its time; one that gets no answer in time is noted as such and refuses nothing. Checking
a large message costs seconds of computing, which another process does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from appliance.clock import Clock
from appliance.errors import PillarboxError
from appliance.filters import dmarc, signatures, spf
from appliance.filters.arrived import Action, Arrived, Finding, Verdict
from appliance.filters.blocklists import BlockLists
from appliance.filters.dmarc import Identity
from appliance.filters.greylist import Greylist
from appliance.filters.worker import Worker
from appliance.net.resolver import Outcome, Resolver
from appliance.threads import in_own_thread

log = logging.getLogger("pillarbox.filters")

LARGE = 256 * 1024  # octets from which on another process checks signatures
SECONDS = 20.0
_MOST_WAITING = 64  # SPF checks at once; each may wait for the DNS of somebody who is slow
_ALWAYS_HEARD = frozenset(("postmaster", "abuse"))  # RFC 5321 §4.5.1, RFC 2142
_TEMPORARY = "the DNS did not answer in time"


Judged = Callable[[Arrived, dmarc.Outcome, tuple[Finding, ...], Action], None]
"""Told of each message: what DMARC says, all findings, and what DMARC leads to."""


class Judge:
    """Judges messages from outside. Belongs to the event loop."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        *,
        enforce: bool = True,
        lists: BlockLists | None = None,
        greylist: Greylist | None = None,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._enforce = enforce
        self._lists = lists or BlockLists(resolver, (), clock)
        self._greylist = greylist
        self._worker = Worker()
        self._slots = asyncio.Semaphore(_MOST_WAITING)
        self.on_judged: Judged = lambda *_: None

    def change(self, lists: BlockLists, greylist: Greylist | None) -> None:
        """From now on these lists are asked, and strangers wait or do not."""
        self._lists, self._greylist = lists, greylist

    async def judge(self, arrived: Arrived) -> Verdict:
        """The verdict. Never raises."""
        if not arrived.peer:
            return await self._judge_unknown(arrived)
        spf_finding, dkim_findings, listing = await asyncio.gather(
            self._spf(arrived), self._dkim(arrived), self._lists.listing(arrived.peer)
        )
        outcome = await self._dmarc(arrived, spf_finding, dkim_findings)
        properties = (("header.from", outcome.author),)
        asked = f"p={outcome.policy}" if outcome.result == "fail" else ""
        found = (spf_finding, *dkim_findings, Finding("dmarc", outcome.result, properties, asked))
        facts = _facts(found)
        failed = outcome.result == "fail" and self._enforce
        verdict = _failed(outcome, found, facts) if failed else Verdict(findings=found, facts=facts)
        self.on_judged(arrived, outcome, found, verdict.action)
        if listing is not None:
            reason = f"{arrived.peer} is on the block list {listing.zone}. {listing.reason}".strip()
            facts["block list"] = listing.zone
            return Verdict(Action.REFUSE, found, 550, "5.7.1", reason, facts)
        if verdict.action is not Action.ACCEPT:
            return verdict
        seconds = await self._wait(arrived) if "pass" not in facts.values() else 0.0
        if seconds:
            reason = f"You are not known here yet; try again in {int(seconds // 60) + 1} minutes."
            facts["greylist"] = "wait"
            return Verdict(Action.REFUSE, found, 451, "4.7.1", reason, facts)
        return verdict

    async def _judge_unknown(self, arrived: Arrived) -> Verdict:
        """Nobody can say which host sent it: what is signed can be told all the same.

        That nothing is proven then means nothing, for SPF cannot be asked.
        """
        found: tuple[Finding, ...] = tuple(await self._dkim(arrived))
        if any(each.result == "pass" for each in found):
            outcome = await self._dmarc(arrived, Finding("spf", "none"), found)
            if outcome.result == "pass":
                found += (Finding("dmarc", "pass", (("header.from", outcome.author),)),)
        return Verdict(findings=found, facts=_facts(found))

    async def _wait(self, arrived: Arrived) -> float:
        """Seconds until this first contact is believed; nothing speaks for it."""
        local = arrived.recipient.partition("@")[0].lower()
        if self._greylist is None or not arrived.comes_again or local in _ALWAYS_HEARD:
            return 0.0
        try:
            return await asyncio.to_thread(
                self._greylist.wait,
                arrived.peer,
                arrived.sender,
                arrived.recipient,
                self._clock.wall(),
            )
        except (PillarboxError, ValueError) as error:
            log.warning("a first contact is let in: %s", error)
            return 0.0

    def close(self) -> None:
        """End what computes."""
        self._worker.close()

    async def _spf(self, arrived: Arrived) -> Finding:
        try:
            async with asyncio.timeout(SECONDS):
                return await self._spf_in_thread(arrived)
        except TimeoutError:
            return Finding("spf", "temperror", (("smtp.mailfrom", arrived.sender),), _TEMPORARY)

    async def _spf_in_thread(self, arrived: Arrived) -> Finding:
        loop = asyncio.get_running_loop()

        def check() -> Finding:
            try:
                return spf.check(self._resolver, arrived.peer, arrived.sender, arrived.helo)
            finally:  # also when nobody waits for it any more
                with contextlib.suppress(RuntimeError):  # the loop is gone
                    loop.call_soon_threadsafe(self._slots.release)

        await self._slots.acquire()
        return await in_own_thread(check)

    async def _dkim(self, arrived: Arrived) -> list[Finding]:
        found = signatures.signatures(signatures.own_header(arrived.header))
        if not found:
            return [Finding("dkim", "none")]
        keys: dict[str, bytes] = {}
        late: set[str] = set()
        names = {each.key_name.lower() for each in found if each is not None}
        await asyncio.gather(*(self._fetch_key(name, keys, late) for name in names))
        try:
            async with asyncio.timeout(SECONDS * 3):
                findings = await self._check(arrived, keys)
        except TimeoutError:
            return [Finding("dkim", "temperror", reason="checking took too long")]
        except OSError as error:
            log.warning("signatures could not be checked: %s", error)
            return [Finding("dkim", "temperror")]
        return [
            each.finding("temperror", _TEMPORARY)
            if each is not None and each.key_name.lower() in late
            else finding
            for each, finding in zip(found, findings, strict=True)
        ]

    async def _fetch_key(self, name: str, keys: dict[str, bytes], late: set[str]) -> None:
        answer = await self._resolver.ask(name, "TXT")
        if answer.outcome is Outcome.FAILED:
            late.add(name)
        for record in answer.records[:1]:
            keys[name] = record

    async def _check(self, arrived: Arrived, keys: dict[str, bytes]) -> list[Finding]:
        if arrived.body is not None and len(arrived.body) <= LARGE:
            return await asyncio.to_thread(signatures.check, arrived.header + arrived.body, keys)
        if arrived.body is not None:
            work = self._worker.run(signatures.check, arrived.header + arrived.body, keys)
        else:
            where = (str(arrived.path), arrived.body_at)
            work = self._worker.run(signatures.check_file, arrived.header, *where, keys)
        found: list[Finding] = await work
        return found

    async def _dmarc(
        self, arrived: Arrived, spf_finding: Finding, dkim_findings: Sequence[Finding]
    ) -> dmarc.Outcome:
        author = dmarc.author_domain(arrived.header)
        if not author:
            return dmarc.Outcome("permerror")
        identities = _identities(arrived, spf_finding, dkim_findings)
        try:
            async with asyncio.timeout(SECONDS):
                exists = await self._exists(author)
                walk = dmarc.evaluate(author, identities, exists=exists)
                return await self._walked(walk)
        except (TimeoutError, _NoAnswer):
            return dmarc.Outcome("temperror", author)

    async def _walked(self, walk: dmarc.Walk[dmarc.Outcome]) -> dmarc.Outcome:
        name = next(walk)
        while True:
            answer = await self._resolver.ask(name, "TXT")
            if answer.outcome is Outcome.FAILED:
                raise _NoAnswer
            try:
                name = walk.send(answer.records)
            except StopIteration as done:
                outcome: dmarc.Outcome = done.value
                return outcome

    async def _exists(self, domain: str) -> bool:
        kinds = ("MX", "A", "AAAA")
        answers = await asyncio.gather(*(self._resolver.ask(domain, kind) for kind in kinds))
        return any(each.outcome in {Outcome.FOUND, Outcome.FAILED} for each in answers)


def _facts(findings: Sequence[Finding]) -> dict[str, str]:
    """One result for each method: of several signatures a good one counts."""
    facts: dict[str, str] = {}
    for each in findings:
        if each.result == "pass" or each.method not in facts:
            facts[each.method] = each.result
    return facts


class _NoAnswer(Exception):
    """The DNS did not answer."""


def _identities(
    arrived: Arrived, spf_finding: Finding, dkim_findings: Sequence[Finding]
) -> list[Identity]:
    proven = []
    if spf_finding.result == "pass":
        whole = arrived.sender or f"postmaster@{arrived.helo}"
        proven.append(Identity(dmarc.domain_name(whole.rpartition("@")[2]), "spf"))
    for each in dkim_findings:
        if each.result == "pass":
            domain = dict(each.properties)["header.d"]
            proven.append(Identity(dmarc.domain_name(domain), "dkim"))
    return proven


def _failed(
    outcome: dmarc.Outcome, findings: tuple[Finding, ...], facts: dict[str, str]
) -> Verdict:
    if outcome.policy == "reject":
        reason = (
            f"{outcome.author} asks that mail which is not proven to be from it is refused (DMARC)."
        )
        return Verdict(Action.REFUSE, findings, 550, "5.7.26", reason, facts)  # RFC 7372 §3.3
    action = Action.JUNK if outcome.policy == "quarantine" else Action.ACCEPT
    return Verdict(action, findings, facts=facts)
