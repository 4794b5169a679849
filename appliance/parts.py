"""All parts of one appliance, built from the settings and wired."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from appliance import files
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.login import Attempt, Gate
from appliance.clock import Clock, SystemClock
from appliance.conditions import Board
from appliance.delivery.mda import Mda
from appliance.devices import service
from appliance.devices.arrivals import Arrivals
from appliance.devices.service import Services
from appliance.drives.mailplace import MailPlace
from appliance.front import Front
from appliance.hardware import vitals
from appliance.net import certificates, tls
from appliance.post import outside, postroom
from appliance.post.outside import Outside
from appliance.post.reporting import Means, Reporting
from appliance.post.sending import Sending
from appliance.queue.envelope import Entry, Recipient
from appliance.queue.queue import Queue
from appliance.queue.runner import Runner
from appliance.settings import Settings
from appliance.speech.voice import Voice
from appliance.store.store import Store
from appliance.threads import Threads
from appliance.trace.archive import Archive
from appliance.trace.recorder import Recorder

HAD_MAIL_DISK = "had-mail-disk"
"""A file in STATE with the identity of the mail disk: none, or another, is no normal state."""
NOTHING_KEPT = "nothing-is-kept"
"""A file in STATE: STATE is in memory alone, because the card cannot be used (image/initramfs)."""
TLS = "tls"  # the directory in STATE


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about a run."""

    state: Path
    simulate: bool = False
    port_base: int = 0
    bind: str = ""  # "": all addresses
    hold_button: bool = False  # simulated: the button is down while the box starts
    recover: bool = False  # bring everything back first, as if the button were held


@dataclass(slots=True)
class InForce:
    """The settings that hold now; `adapting.py` changes them while the box runs."""

    tree: Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the doors, the chores and the command line's requests work with."""

    options: Options
    in_force: InForce
    host: str
    place: MailPlace
    clock: Clock
    threads: Threads
    board: Board
    front: Front
    database: AccountsDatabase
    gate: Gate
    store: Store
    queue: Queue
    runner: Runner
    outside: Outside
    recorder: Recorder
    reporting: Reporting
    sending: Sending
    tls: tls.ServerContext
    voice: Voice
    arrivals: Arrivals = field(default_factory=Arrivals)

    @property
    def settings(self) -> Settings:
        """Those that hold now. Who keeps one of them is told of changes by `adapting.py`."""
        return self.in_force.tree

    @property
    def services(self) -> Services:
        """What mail programs are told about this box."""
        options, domains = self.options, self.gate.directory.domains
        return offered_here(
            self.settings, domains, simulate=options.simulate, port_base=options.port_base
        )

    @property
    def mail(self) -> Path:
        """Where the mail is now."""
        return self.place.mail


def build(options: Options, tree: Settings, front: Front) -> Parts:
    """Build everything; nothing runs yet. Blocks."""
    clock, threads, board = SystemClock(), Threads(), Board()
    host = host_of(tree)
    place, voice = MailPlace(options.state, tree), Voice(tree.server.language)
    database = AccountsDatabase(options.state)
    people, pepper = database.directory(), database.secret("login")
    gate = Gate(people, clock, note_use=database.note_use, pepper=pepper)
    store = _store(options.state / HAD_MAIL_DISK, place.mail, clock)
    queue = Queue(place.mail / "queue", clock)
    resolve = partial(_resolve, gate)
    runner = Runner(queue, threads, clock, host=host, resolve=resolve, say=voice.say)
    world = outside.build(tree, database, clock, host, simulate=options.simulate)
    means = Means(
        database, gate, queue, threads, clock, world.resolver, world.relay, world.signer, host
    )
    certificates.ensure(options.state / TLS, names(options, host), clock.wall())
    parts = Parts(
        options=options,
        in_force=InForce(tree),
        host=host,
        place=place,
        clock=clock,
        threads=threads,
        board=board,
        front=front,
        database=database,
        gate=gate,
        store=store,
        queue=queue,
        runner=runner,
        outside=world,
        recorder=_recorder(database, clock, tree),
        reporting=Reporting(means, sends=tree.reports.send),
        sending=Sending(database, tree.sending, queue, gate, board, clock),
        voice=voice,
        tls=tls.server_context(options.state / TLS),
    )
    _wire(parts)
    return parts


def offered_here(
    tree: Settings, domains: Iterable[str], *, simulate: bool = False, port_base: int = 0
) -> Services:
    """What mail programs are told: names that the certificate vouches for, as `names` has them."""
    host = tree.server.host_name
    if not host:  # what the machine calls itself means nothing to a phone; in a LAN .local does
        host = "localhost" if simulate else in_lan(socket.gethostname())
    return service.offered(tree.server.office or min(domains, default=""), host, port_base)


def _resolve(gate: Gate, sender: str) -> tuple[Recipient, ...]:
    """Where a report goes, by who is here at that time."""
    return postroom.reports_to(gate.directory, sender)


def host_of(tree: Settings) -> str:
    """What the box calls itself."""
    return tree.server.host_name or socket.gethostname()


def in_lan(host: str) -> str:
    """By multicast DNS (RFC 6762)."""
    return host.partition(".")[0] + ".local"


def _wire(parts: Parts) -> None:
    """Who tells whom."""
    queue, runner, world, gate = parts.queue, parts.runner, parts.outside, parts.gate
    arrivals, clock = parts.arrivals, parts.clock
    parts.tls.on_distrust = lambda: arrivals.note_distrust(clock.wall())
    gate.on_attempt = partial(_knocked, parts)
    mda = Mda(parts.store, lambda address: address in gate.directory.accounts)
    runner.local = postroom.LocalCarrier(queue, mda)
    runner.outside = postroom.OutsideCarrier(queue, world.relay, gate, world.srs_secret)
    runner.on_attempt = parts.recorder.attempted
    parts.sending.on_held = parts.recorder.noted
    parts.sending.say = parts.voice.say
    told = (runner.accepted, parts.recorder.accepted, parts.reporting.accepted)
    queue.on_accepted = partial(_each, told)
    queue.before_accepting = parts.sending.bounded
    world.relay.on_session = parts.reporting.session
    if world.judge is not None:
        world.judge.on_judged = parts.reporting.judged


def _knocked(parts: Parts, attempt: Attempt) -> None:
    parts.arrivals.note(attempt, parts.clock.wall())
    parts.recorder.tally.knocked(attempt)


def _recorder(database: AccountsDatabase, clock: Clock, tree: Settings) -> Recorder:
    kept = tree.trace
    return Recorder(Archive(database), clock, days=kept.days, most=kept.most_events)


def _each(told: Sequence[Callable[[Entry], None]], entry: Entry) -> None:
    for each in told:
        each(entry)


def _store(had: Path, mail: Path, clock: Clock) -> Store:
    identity = files.read(had) if had.exists() else b""
    return Store(mail, clock, expect_marker=had.exists(), identity=identity)


def names(options: Options, host: str) -> certificates.Names:
    """What the server certificate vouches for on this machine now."""
    hosts = [host, in_lan(host)]
    addresses = list(vitals.addresses())
    if options.simulate:
        hosts.append("localhost")
        addresses += ["127.0.0.1", "::1"]
    return certificates.Names(tuple(hosts), tuple(addresses))
