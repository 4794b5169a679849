"""Who may send what to whom: the rules for strangers and for our own people.

`MxRules` has no way to say yes to an outside recipient: there is no relaying for strangers by
construction. `SubmissionRules` knows who logged in; a sender address must be one that this
person also receives (RFC 6409 §6.1).
"""

from __future__ import annotations

from typing import Protocol

from appliance.accounts.addresses import canonical
from appliance.accounts.directory import Directory
from appliance.accounts.directory import Recipient as Destination
from appliance.accounts.login import Login
from appliance.errors import Refused
from appliance.smtp.paths import Path
from appliance.smtp.replies import Reply
from appliance.smtp.trace import MOST_HOPS, Seen


class Rules(Protocol):
    """What a door allows. Every method raises Reply to refuse."""

    needs_login: bool

    def sender(self, path: Path, login: Login | None) -> None:
        """MAIL FROM."""

    def recipient(self, path: Path, people: Directory) -> tuple[Destination, ...]:
        """RCPT TO: where it leads."""

    def message(self, seen: Seen, people: Directory, login: Login | None) -> None:
        """The header of the message."""


class MxRules:
    """Port 25: anybody, to our own people only."""

    needs_login = False

    def sender(self, path: Path, login: Login | None) -> None:
        """Strangers may call themselves what they like; filters judge that later."""

    def recipient(self, path: Path, people: Directory) -> tuple[Destination, ...]:
        """Only addresses of our domains, and only those that somebody has."""
        address = _address(path, people)
        if not people.is_here(address):
            raise Reply(550, "5.7.1", "This server takes mail for its own people only.")
        return _somebody(address, people)

    def message(self, seen: Seen, people: Directory, login: Login | None) -> None:  # noqa: ARG002 - the interface
        """Only circles are refused."""
        refuse_circles(seen)


class SubmissionRules:
    """Ports 587 and 465: our own people, to anybody."""

    needs_login = True

    def __init__(self, people: Directory) -> None:
        self._people = people

    def sender(self, path: Path, login: Login | None) -> None:
        """The sender must belong to the login; the null sender is for receipts."""
        if login is None:
            raise Reply(530, "5.7.0", "Log in first.")
        if not path.is_null and not self._people.may_send_as(login.address, str(path)):
            raise Reply(553, "5.7.1", f"{login.address} may not send as {path}.")

    def recipient(self, path: Path, people: Directory) -> tuple[Destination, ...]:
        """Our own addresses must exist; everything outside is taken and queued."""
        if path.domain.startswith("["):
            raise Reply(550, "5.1.2", "An address needs a domain name behind the @.")
        if path.domain and not _is_here(path, people):
            return (Destination(str(path), is_local=False),)
        return _somebody(_address(path, people), people)

    def message(self, seen: Seen, people: Directory, login: Login | None) -> None:
        """Nobody writes in a colleague's name (From and Sender of our own domains)."""
        refuse_circles(seen)
        for sender in seen.senders:
            domain = sender.rpartition("@")[2].lower()
            ours = people.is_our_domain(domain) or people.is_here(sender.lower())
            if login is not None and ours and not people.may_send_as(login.address, sender):
                raise Reply(550, "5.7.1", f"{login.address} may not write as {sender}.")


def refuse_circles(seen: Seen) -> None:
    """RFC 5321 §6.3: a message that came through too many hosts goes in circles."""
    if seen.hops > MOST_HOPS:
        raise Reply(554, "5.4.6", "The message goes in circles (too many Received fields).")


def _somebody(address: str, people: Directory) -> tuple[Destination, ...]:
    destinations = people.resolve(address)
    if not destinations:
        raise Reply(550, "5.1.1", "Nobody here has this address.")
    taking = tuple(
        each
        for each in destinations
        if not each.is_local or not people.parting(each.address).refuses_mail
    )
    if not taking:  # RFC 3463 §3.3
        raise Reply(550, "5.2.1", "This person has left; the mailbox takes no mail any more.")
    return taking


def _is_here(path: Path, people: Directory) -> bool:
    """Whether it is for us to say if this address exists."""
    if people.is_our_domain(_domain_of(path)):
        return True
    try:
        return people.is_here(canonical(str(path)))
    except Refused:
        return False


def _domain_of(path: Path) -> str:
    try:
        return canonical(f"x@{path.domain}").rpartition("@")[2]
    except Refused:
        return path.domain.lower()


def _address(path: Path, people: Directory) -> str:
    """The canonical address; a bare postmaster belongs to any of our domains."""
    if not path.domain:
        domain = min(people.domains, default="")
        if not domain:
            raise Reply(550, "5.1.1", "Nobody here has this address.")
        return f"{path.local.lower()}@{domain}"
    try:
        return canonical(str(path))
    except Refused:
        if people.is_our_domain(_domain_of(path)):
            raise Reply(550, "5.1.1", "Nobody here has this address.") from None
        raise Reply(550, "5.7.1", "This server takes mail for its own people only.") from None
