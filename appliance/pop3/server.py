"""Wires POP3 sessions to connections: ports 110 (STLS) and 995 (RFC 8314)."""

from __future__ import annotations

from appliance.net.session import Link, SessionFactory
from appliance.pop3.authorization import Context
from appliance.pop3.replies import err
from appliance.pop3.session import Pop3Session


def pop3_sessions(context: Context) -> SessionFactory:
    """What makes sessions. One for both ports: they share the locks on the maildrops."""

    def session(link: Link) -> Pop3Session:
        return Pop3Session(context, link)

    return session


def turned_away(refusal: str) -> bytes:
    """What a connection hears that is not let in (RFC 3206)."""
    return err(f"[SYS/TEMP] {refusal}")
