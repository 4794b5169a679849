"""What goes wrong while collecting, in the owner's words."""

from __future__ import annotations

import socket
import ssl

from appliance.errors import PillarboxError
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Source
from appliance.fetch.visit import Count

_FIRST_SECONDS, _LONGEST_SECONDS, _LOGIN_SECONDS = 60.0, 1800.0, 3600.0


def explained(source: Source, error: Exception) -> Trouble:
    """Any failure as a sentence and a remedy."""
    if isinstance(error, Trouble):
        return error
    host = source.host
    if isinstance(error, PillarboxError):
        return Trouble(str(error), "Mail stays at the provider meanwhile.")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(
            f"{host} could not prove that it is {host}: {error.verify_message}.",
            "Check the name of the server; the password was not sent.",
        )
    if isinstance(error, ssl.SSLError):
        return Trouble(f"No encrypted connection to {host} came about ({error.reason}).",
                       "Check the port and the kind of encryption.")  # fmt: skip
    if isinstance(error, socket.gaierror):
        return Trouble(
            f"The name {host} was not found.",
            "Check the name of the server and the connection to the internet.",
        )
    if isinstance(error, TimeoutError):
        return Trouble(f"{host} did not answer in time.")
    if isinstance(error, ConnectionRefusedError):
        return Trouble(f"{host} does not answer on port {source.port}.", "Check name and port.")
    return Trouble(f"The connection to {host} broke ({error.__class__.__name__}: {error}).")


def waiting(source: Source, count: Count) -> tuple[str, str]:
    """What stays at the provider though all went well, and what to do."""
    if count.stuck:
        return (
            f"{count.stuck} of the messages at {source.host} cannot be collected.",
            "Move or delete them there with the provider's web page; the log says what is wrong.",
        )
    if count.without_room:
        return (
            f"{count.without_room} messages wait at {source.host}, for a mailbox here is full.",
            "Delete mail, or give the account more room; then they come.",
        )
    return "", ""


def pause(trouble: Trouble, failures: int) -> float:
    """Seconds until the next attempt, after so many failures in a row."""
    if trouble.is_login:
        return _LOGIN_SECONDS
    if trouble.is_of_one_message:
        return _FIRST_SECONDS
    return min(_FIRST_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_SECONDS)
