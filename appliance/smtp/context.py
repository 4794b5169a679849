"""What an SMTP door is given: whom to ask, where to put mail, and its limits."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.accounts.allowance import Allowance, Limits
from appliance.accounts.login import Gate
from appliance.clock import Clock
from appliance.filters.judge import Judge
from appliance.filters.signing import Signer
from appliance.net.doorkeeper import Doorkeeper
from appliance.net.tls import ServerContext
from appliance.queue.queue import Queue
from appliance.sections import Smtp
from appliance.store.store import Store
from appliance.threads import Threads


async def _ignore(_key: str) -> None:
    """For a server without an owner."""


@dataclass(slots=True)
class SmtpContext:
    """Shared by all SMTP connections; the settings in it may change while they run."""

    host: str  # our name
    settings: Smtp
    clock: Clock
    threads: Threads
    gate: Gate
    store: Store
    queue: Queue
    tls: ServerContext | None
    doorkeeper: Doorkeeper
    refusal: Callable[[], str]
    """Why no mail can be taken at the moment as a whole reply ("452 4.3.1 ..."), or ""."""
    allowance: Allowance = field(default_factory=lambda: Allowance(Limits()))
    on_frozen: Callable[[str], Awaitable[None]] = _ignore
    """Told of who has just gone over the limit."""
    on_refused: Callable[[str, str, str, str], None] = lambda *_: None
    """Told of what is not accepted: peer, sender, recipient, reply."""
    keeps_subjects: bool = False
    judge: Judge | None = None  # of mail from strangers
    judges_local_peers: bool = False
    signer: Signer | None = None  # of mail from our own people
    srs_secret: bytes = b""


@dataclass(frozen=True, slots=True)
class Door:
    """Which of the three doors a connection came through."""

    is_submission: bool
    implicit_tls: bool = False
    plain_login_allowed: bool = False  # only from loopback, in simulation


def starttls_context(context: SmtpContext, door: Door) -> ssl.SSLContext | None:
    """What STARTTLS takes at a door; None: it is not offered."""
    if door.implicit_tls or context.tls is None:
        return None
    return context.tls if door.is_submission else context.tls.quiet
