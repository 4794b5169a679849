"""Wires POP3 sessions to connections: ports 110 (STLS) and 995 (RFC 8314)."""

from __future__ import annotations

from appliance.accounts.login import Gate
from appliance.net.session import Link, SessionFactory
from appliance.pop3.authorization import Context
from appliance.pop3.replies import err
from appliance.pop3.session import Pop3Session
from appliance.store.store import Store


def pop3_sessions(gate: Gate, store: Store, *, plain_on_loopback: bool) -> SessionFactory:
    """What makes sessions. One for both ports: they share the locks on the maildrops."""
    context = Context(gate, store, plain_on_loopback)

    def session(link: Link) -> Pop3Session:
        return Pop3Session(context, link)

    return session


def turned_away(refusal: str) -> bytes:
    """What a connection hears that is not let in (RFC 3206)."""
    return err(f"[SYS/TEMP] {refusal}")
