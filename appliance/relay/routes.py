"""Which way a message goes: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.relay.options import DIRECT, NO_WAY, Options, Route, Smarthost


@dataclass(frozen=True, slots=True)
class Way:
    """Where to knock: a domain's own servers, or a smarthost."""

    domain: str = ""
    smarthost: Smarthost | None = None

    @property
    def key(self) -> str:
        """The name of the destination."""
        return self.smarthost.key if self.smarthost is not None else self.domain


def way_for(options: Options, sender: str, recipient: str, *, refused: bool = False) -> Way | None:
    """The way of a message; None where none is set up.

    `refused`: the domain's servers refused our address not long ago.
    """
    name = next(
        (route.way for route in options.routes if fits(route, sender, recipient)), options.default
    )
    if name == DIRECT and refused and options.fallback in options.smarthosts:
        name = options.fallback
    if name == DIRECT:
        return Way(domain=domain_of(recipient))
    if name == NO_WAY:
        return None
    smarthost = options.smarthosts.get(name)
    return None if smarthost is None else Way(smarthost=smarthost)


def fits(route: Route, sender: str, recipient: str) -> bool:
    """Whether a route is meant for this sender and this recipient."""
    sender, recipient = sender.lower(), recipient.lower()
    wanted_sender, wanted_recipient = route.sender.lower(), route.recipient.lower()
    sender_fits = wanted_sender.lstrip("@") in {"", sender, domain_of(sender)}
    return sender_fits and wanted_recipient.lstrip("@") in {"", recipient, domain_of(recipient)}


def domain_of(address: str) -> str:
    """The domain of an address in lower case."""
    return address.rpartition("@")[2].lower().rstrip(".")
