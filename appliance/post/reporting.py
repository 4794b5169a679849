"""Reports are counted, sent once a day, and those of others read."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.login import Gate
from appliance.clock import Clock
from appliance.errors import PillarboxError
from appliance.filters.arrived import Action, Arrived, Finding
from appliance.filters.dmarc import Outcome
from appliance.filters.signing import Signer
from appliance.net.resolver import Resolver
from appliance.queue.envelope import Entry, Envelope, Notify, Recipient
from appliance.queue.queue import Queue
from appliance.relay.attempt import NO_WAY_OUT, Relay
from appliance.reports import dmarc, letters, tls
from appliance.reports.archive import Archive, Tally, rows_of, sessions_of
from appliance.reports.dmarc import Published, Report, Row
from appliance.threads import Threads

log = logging.getLogger("pillarbox.reports")
_WRITE_SECONDS, _SEND_SECONDS = 60.0, 3600.0
_MOST_COUNTED = 20_000
_LARGEST_LETTER = 10 * 1024 * 1024
_READERS = frozenset(("postmaster", "dmarc", "dmarc-reports", "tlsrpt", "tls-reports"))
_RETURN_PATH = b"Return-Path: <>\r\n"


@dataclass(frozen=True, slots=True)
class Means:
    """What it works with."""

    database: AccountsDatabase
    gate: Gate
    queue: Queue
    threads: Threads
    clock: Clock
    resolver: Resolver
    relay: Relay
    signer: Signer
    host: str


class Reporting:
    """Belongs to the event loop."""

    def __init__(self, means: Means, *, sends: bool = True) -> None:
        """Blocks."""
        self._means = means
        self._archive = Archive(means.database)
        self.sends = sends
        self._tally: Tally = Counter()
        self._reading: set[asyncio.Task[None]] = set()

    # --- counting

    def session(self, domain: str, policy: str, host: str, failure: str) -> None:
        """A session with another server began, or could not be secured (RFC 8460 §4)."""
        self._count("tls", domain, {"policy": policy, "host": host, "failure": failure})

    def judged(
        self, arrived: Arrived, outcome: Outcome, findings: tuple[Finding, ...], action: Action
    ) -> None:
        """A message was judged (RFC 9990 §3)."""
        record = outcome.record
        if record is None or not record.reports_to:
            return
        row = Row(
            arrived.peer,
            0,
            _DISPOSITIONS[action] if outcome.result == "fail" else "none",
            "pass" if "dkim" in outcome.aligned else "fail",
            "pass" if "spf" in outcome.aligned else "fail",
            outcome.author,
            arrived.sender.rpartition("@")[2].lower(),
            tuple(_result(each) for each in findings if each.method != "dmarc"),
        )
        published = Published(
            record.domain, record.policy, record.subdomains, record.strict_dkim, record.strict_spf
        )
        what = {"row": asdict(row), "published": asdict(published), "to": record.reports_to}
        self._count("dmarc", record.domain, what)

    def _count(self, kind: str, domain: str, what: object) -> None:
        key = (kind, tls.day_of(self._means.clock.wall()), domain, json.dumps(what))
        if len(self._tally) < _MOST_COUNTED or key in self._tally:
            self._tally[key] += 1

    # --- reading

    def accepted(self, entry: Entry) -> None:
        """A letter came; it may carry a report for us."""
        named = {r.named.partition("@")[0].lower() for r in entry.envelope.recipients}
        if not named & _READERS or entry.envelope.size > _LARGEST_LETTER:
            return
        path = self._means.queue.spool.path(entry.id)
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._read, path))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    def _read(self, path: Path) -> None:
        now = self._means.clock.wall()
        try:
            attached = letters.attached(path.read_bytes())
        except (OSError, ValueError, LookupError, RecursionError, TypeError, AttributeError):
            return  # it is delivered all the same
        for content in attached:
            try:
                if content.lstrip()[:1] == b"{":
                    for each in tls.read(content):
                        self._archive.keep_tls(each, now)
                else:
                    self._archive.keep_dmarc(dmarc.read(content), now)
            except (ValueError, PillarboxError) as error:
                log.info("a report cannot be read: %s", error)

    # --- sending

    async def run(self) -> None:
        """Write what is counted every minute; send what is due every hour."""
        send_at = 0.0
        while True:
            await self.write()
            if self.sends and self._means.clock.monotonic() >= send_at:
                send_at = self._means.clock.monotonic() + _SEND_SECONDS
                await self.send()
            await asyncio.sleep(_WRITE_SECONDS)

    async def write(self) -> None:
        """Write what was counted until now."""
        tally, self._tally = self._tally, Counter()
        if tally:
            try:
                await asyncio.to_thread(self._archive.add, tally)
            except (PillarboxError, OSError) as error:
                log.warning("what was counted for reports is lost: %s", error)

    async def send(self, today: str = "") -> int:
        """Send the reports of all days before today; how many letters."""
        organization = min(self._means.gate.directory.domains, default="")
        if not organization or not self._means.queue.is_started:
            return 0
        today = today or tls.day_of(self._means.clock.wall())
        sent = 0
        for kind, day, domain in await asyncio.to_thread(self._archive.due, today):
            try:
                make = self._tls_letter if kind == "tls" else self._dmarc_letter
                letter, to = await make(day, domain, organization)
                for each in to:
                    sent += await self._post(letter, each)
            except (PillarboxError, OSError) as error:
                log.warning("a report could not be sent: %s", error)
                return sent
            await asyncio.to_thread(self._archive.done, kind, day, domain)
        return sent

    async def _tls_letter(
        self, day: str, domain: str, organization: str
    ) -> tuple[EmailMessage, list[str]]:
        counted = await asyncio.to_thread(self._archive.counted, "tls", day, domain)
        answer = await self._means.resolver.ask(f"_smtp._tls.{domain}", "TXT")
        contact = f"postmaster@{organization}"
        sessions = sessions_of(counted)
        identity, content = tls.written(domain, day, sessions, organization, contact)
        letter = letters.tls_letter(self._about(organization, domain, identity), content)
        return letter, tls.destinations(answer.records)

    def _about(self, organization: str, domain: str, identity: str) -> letters.About:
        now = self._means.clock.wall()
        return letters.About(self._means.host, organization, domain, identity, now)

    async def _dmarc_letter(
        self, day: str, domain: str, organization: str
    ) -> tuple[EmailMessage, list[str]]:
        counted = await asyncio.to_thread(self._archive.counted, "dmarc", day, domain)
        published, rows = rows_of(counted)
        begin, end = dmarc.span_of(day)
        identity = f"{day}.{domain}@{organization}"
        contact = f"postmaster@{organization}"
        report = Report(organization, contact, identity, begin, end, published, tuple(rows))
        about = self._about(organization, domain, identity)
        letter = letters.dmarc_letter(about, dmarc.written(report), (int(begin), int(end)))
        wanted = [str(each) for each in counted[-1][0]["to"]]
        return letter, [to for each in wanted if (to := await self._checked(domain, each))]

    async def _checked(self, domain: str, uri: str) -> str:
        """The address of a report URI, if its domain wants reports about the other (§4)."""
        if not uri.lower().startswith("mailto:"):
            return ""
        address = uri[7:].partition("!")[0].partition("?")[0]
        there = address.rpartition("@")[2].lower()
        if not there or there == domain or there.endswith("." + domain):
            return address
        answer = await self._means.resolver.ask(f"{domain}._report._dmarc.{there}", "TXT")
        says_yes = any(bytes(each).startswith(b"v=DMARC1") for each in answer.records)
        return address if says_yes else ""

    async def _post(self, letter: EmailMessage, to: str) -> int:
        """Sign a letter and put it into the queue; 1 if there is a way for it."""
        means = self._means
        if means.relay.destination("", to) == NO_WAY_OUT:
            return 0
        del letter["To"]
        letter["To"] = to
        content = bytes(letter)
        end = content.index(b"\r\n\r\n")
        arrived = Arrived("", "", "", content[: end + 2], Path(), 0, content[end + 2 :])
        signed = await means.signer.sign(arrived)
        incoming = await means.threads.carry_out(means.queue.incoming())
        await means.threads.carry_out(incoming.write(_RETURN_PATH + signed + content))
        envelope = Envelope(
            "",
            (Recipient(to, is_local=False, named=to, notify=(Notify.NEVER,)),),
            means.clock.wall(),
            size=incoming.size,
            return_path_octets=len(_RETURN_PATH),
            message_id=str(letter["Message-ID"]),
        )
        await means.threads.carry_out(means.queue.accept(incoming, envelope))
        return 1


_DISPOSITIONS = {Action.ACCEPT: "none", Action.JUNK: "quarantine", Action.REFUSE: "reject"}


def _result(finding: Finding) -> tuple[str, str, str, str]:
    values = dict(finding.properties)
    domain = values.get("header.d") or values.get("smtp.mailfrom") or values.get("smtp.helo", "")
    return (
        finding.method,
        domain.rpartition("@")[2].lower(),
        values.get("header.s", ""),
        finding.result,
    )
